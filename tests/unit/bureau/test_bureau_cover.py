"""Cover notes: read strictly, and compared with what a file holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.bureau.cover import MOST_BYTES, CoverNote, CoverRefused, Tally, parse_cover, read_cover

TOML = b"""\
issuer = "\xe7\xa4\xba\xe4\xbe\x8b\xe5\xb8\x82"
reference = "2026-11/07"
product = "bureau-sm2"
rows = 3
sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
[totals.region]
110199 = 2
440199 = 1
"""
NOTE = parse_cover(TOML, "note.toml")


def test_a_note_is_read_from_toml_and_from_json() -> None:
    assert (NOTE.issuer, NOTE.rows, NOTE.totals) == ("示例市", 3, {"region": {"110199": 2, "440199": 1}})
    assert parse_cover(NOTE.model_dump_json().encode(), "note.json") == NOTE


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"rows = ", "a.toml", "neither TOML nor JSON"),
        (b"\xff\xfe", "a.toml", "neither TOML nor JSON"),
        (b"[" * 100_000, "a.json", "neither TOML nor JSON"),
        (TOML.replace(b"rows = 3", b"rows = 0"), "a.toml", "rows"),
        (TOML.replace(b"aaaa", b"AAAA"), "a.toml", "sha256"),
        (TOML.replace(b"2026-11/07", b"../x"), "a.toml", "reference"),
        (TOML + b"[totals.name]\nx = 1\n", "a.toml", "totals.name"),
        (b"more = 1\n" + TOML, "a.toml", "more"),
    ],
)
def test_anything_else_is_refused(data: bytes, name: str, why: str) -> None:
    with pytest.raises(CoverRefused, match=why):
        parse_cover(data, name)


@pytest.mark.parametrize(
    ("data", "name", "line"),
    [
        (TOML.replace(b"rows = 3", b"rows = = 3"), "a.toml", 4),
        (TOML + b"[totals", "a.toml", 9),
        (b'{"issuer": "x",\n"rows" 3}', "a.json", 2),
        (TOML.replace(b"2026", b"\xff"), "a.toml", 2),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(data: bytes, name: str, line: int) -> None:
    with pytest.raises(CoverRefused) as refused:
        parse_cover(data, name)
    assert refused.value.what.en.endswith(f": line {line} cannot be read.")
    assert f"第 {line} 行" in refused.value.what.zh


def test_wrong_fields_are_told_in_both_languages() -> None:
    data = TOML.replace(b"rows = 3", b'rows = "x"').replace(b"aaaa", b"AAAA").replace(b"product", b"produkt")
    with pytest.raises(CoverRefused) as refused:
        parse_cover(data + b"[totals.name]\nx = 1\n", "a.toml")
    said = refused.value.what
    assert "product: Field required" in said.en
    assert "product：缺少该项" in said.zh
    assert "produkt：不允许有该项" in said.zh
    assert "rows：须为整数" in said.zh
    assert "sha256：格式须符合 ^[0-9a-f]{64}$" in said.zh
    assert not any(word in said.zh for word in ("Field", "should", "Input"))


def test_a_file_that_is_no_note_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CoverRefused, match="no cover note"):
        read_cover(tmp_path / "none.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(CoverRefused, match="too long"):
        read_cover(tmp_path / "long.toml")


def tally(*regions: str | None, note: CoverNote = NOTE) -> list[str]:
    one = Tally(note)
    for region in regions:
        one.add(None if region is None else {"region": region})
    return [text.en for text in one.differences()]


def test_what_agrees_has_no_difference() -> None:
    assert tally("110199", "440199", "110199") == []


def test_every_difference_is_named_and_no_value_of_the_file_is() -> None:
    assert tally("110199", "440199", "510199") == [
        "Rows whose region is 110199: 1, the cover note says 2.",
        "Rows whose region the cover note does not list: 1.",
    ]
    assert tally("110199", None) == [
        "The file has 2 rows, the cover note says 3.",
        "Rows whose region is 110199: 1, the cover note says 2.",
        "Rows whose region is 440199: 0, the cover note says 1.",
    ]


def test_rows_that_cannot_be_read_may_be_of_any_value() -> None:
    """A wrong row does not refuse the file: what is short of the totals may be in it, and no more than that."""
    assert tally("110199", None, "110199") == []
    assert tally(None, None, None) == []
    assert tally("110199", "110199", "110199", None, note=NOTE.model_copy(update={"rows": 4})) == [
        "Rows whose region is 110199: 3, the cover note says 2.",
    ]
    assert tally(None, "110199", "510199") == [
        "Rows whose region is 110199: 1, the cover note says 2.",
        "Rows whose region is 440199: 0, the cover note says 1.",
        "Rows whose region the cover note does not list: 1.",
    ]
