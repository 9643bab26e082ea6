"""XML rows: paths, attributes and children by name, the document's own count; no document type, no entity."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from cardfab.bureau.files import FileRefused
from cardfab.prepare.table import COLUMNS
from tests.issuer_files import holders, layout, refused, source, taken

EXAMPLE = layout("example-xml")
_HOLDER = tuple(name for name in COLUMNS if name not in ("request_id", "social_security_number", "birth_date"))


def holder(row: dict[str, str], more: str = "") -> str:
    row = row | {"urgent": "false"}
    values = "".join(f"<{name}>{escape(row[name])}</{name}>" for name in _HOLDER)
    number, born = row["social_security_number"], "1985-03-06"
    return f'<holder id="{row["request_id"]}"><number>{number}</number><born>{born}</born>{values}{more}</holder>'


def batch(*rows: str, count: int | None = None, head: str = '<?xml version="1.0"?>', more: str = "") -> bytes:
    total = len(rows) if count is None else count
    return f"{head}<batch>{more}<count> {total}</count>\n<holders>{'  '.join(rows)}</holders></batch>".encode()


GOOD = [holder(row) for row in holders(200)]


def test_rows_by_path_children_and_attributes(tmp_path: Path) -> None:
    one = source(tmp_path, batch(*GOOD, more="<remark>a<b>c</b></remark>"), EXAMPLE)
    rows, wrong = taken(one)
    assert not wrong
    assert [(row, made["request_id"], made["birth_date"], made["urgent"]) for row, made in rows] == [
        (number, f"R{number:07}", "19850306", "no") for number in range(1, 201)
    ]
    assert one.counted.closing == {"rows": "200"}


def test_a_document_in_gb18030(tmp_path: Path) -> None:
    content = batch(*GOOD, head='<?xml version="1.0" encoding="GB18030"?>').decode().encode("gb18030")
    rows, _ = taken(source(tmp_path, content, EXAMPLE.model_copy(update={"encoding": "gb18030"})))
    assert rows[0][1]["name"] == "张示例"


def test_children_missing_unknown_and_twice(tmp_path: Path) -> None:
    rows = [GOOD[0].replace("<sex>1</sex>", ""), holder(next(holders(1)), "<sex>2</sex>"), GOOD[2]]
    found, wrong = taken(source(tmp_path, batch(*rows), EXAMPLE))
    assert [row for row, _ in found] == [3]
    assert [(each.row, each.field) for each in wrong] == [(1, "sex"), (2, "sex")]
    _, wrong = taken(source(tmp_path, batch(holder(next(holders(1)), "<x/>")), EXAMPLE))
    assert [(each.row, each.field) for each in wrong] == [(1, "'x'")]


@pytest.mark.parametrize(
    "content",
    [
        batch(*GOOD[:2], more="<other/>"),
        batch(*GOOD[:2], more="text"),
        batch(GOOD[0].replace("<sex>", "<sex code='1'>")),
        batch(GOOD[0].replace("<sex>1", "<sex>1<x/>")),
        batch(GOOD[0].replace("<sex>", "words<sex>")),
        batch(*GOOD[:2], more="<remark>" + "<a>" * 40 + "</a>" * 40 + "</remark>"),
        batch(*GOOD[:2], count=3),
        batch(*GOOD[:2]).replace(b"<count> 2</count>", b""),
        batch(*GOOD[:2], more="<count>2</count>"),
        batch(),
        b"<other/>",
    ],
)
def test_a_document_that_is_not_of_the_layout(tmp_path: Path, content: bytes) -> None:
    ((_, field, _),) = refused(source(tmp_path, content, EXAMPLE))
    assert field == "file"


@pytest.mark.parametrize(
    "head",
    [
        "<!DOCTYPE batch>",
        '<!DOCTYPE batch [<!ENTITY a "aaaa">]>',
        '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        '<!DOCTYPE batch SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE batch [<!ENTITY % a SYSTEM "http://127.0.0.1/x"> %a;]>',
    ],
)
def test_document_types_and_entities(tmp_path: Path, head: str) -> None:
    with pytest.raises(FileRefused) as why:
        source(tmp_path, batch(*GOOD[:2], head=head), EXAMPLE).check()
    assert why.value.code == "CF-3474"
    assert "entity" in why.value.what.en


def test_cut_anywhere(tmp_path: Path) -> None:
    whole = batch(*GOOD[:2]).decode()
    for length in range(1, len(whole), 37):
        with pytest.raises(FileRefused, match="cut off") as why:
            source(tmp_path, whole[:length].encode(), EXAMPLE).check()
        assert why.value.code == "CF-3474"


@pytest.mark.parametrize("filler", ["<!--{}-->", "<remark>{}</remark>", "<?pi {}?>", "<count>{}</count>"])
def test_a_megabyte_without_an_element(tmp_path: Path, filler: str) -> None:
    """It would be held until its end; signs of greater-than in it do not make it pieces."""
    content = batch(*GOOD[:2], more=filler.format("x" * 9000 + "> " * (1 << 19)))
    ((_, _, why),) = refused(source(tmp_path, content, EXAMPLE))
    assert "longer than" in why
