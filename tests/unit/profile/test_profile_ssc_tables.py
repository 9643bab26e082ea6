"""The packaged applications of the social security card against every row of the specification's tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cardfab.profile.access import FORBIDDEN, alternatives, rights
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.items import Valued
from cardfab.profile.loader import digest, load
from cardfab.resources import ProfileFolders

VECTORS = Path(__file__).parents[2] / "vectors"
FILES: dict[str, Any] = json.loads((VECTORS / "ssc-files-v2.json").read_text(encoding="utf-8"))
CODES: dict[str, Any] = json.loads((VECTORS / "ssc-code-tables.json").read_text(encoding="utf-8"))["items"]
CATEGORY = {"启用": "enabled", "预设": "predefined", "预留": "reserved", "informative": "predefined"}
FIELDS = {
    "DF02/EF07": ("occupation", "start", "end", "employer"),
    "DF02/EF16": ("policy", "approved", "start", "end", "region"),
    "DF04/EF08": ("sequence", "type", "terminal", "time", "account", "own", "pooled"),
    "DF04/EF15": ("sequence", "category"),
}


def _printed() -> Iterator[tuple[str, dict[str, Any]]]:
    for directory in ({"fid": "SSSE", **FILES["ssse"]}, *FILES["adfs"], *FILES["adfs_appendix_b"]):
        for file in directory["efs"]:
            yield f"{directory['fid']}/{file['fid']}", file


PRINTED = dict(_printed())


@pytest.fixture(scope="module")
def whole(packaged: ProfileFolders) -> FileApplication:
    return load(packaged, "applications", "ssc-v2-appendix-b", FileApplication)


@pytest.fixture(scope="module")
def national(packaged: ProfileFolders) -> CodeTables:
    return load(packaged, "codes", "ssc-v2", CodeTables)


def test_no_file_is_missing_and_none_is_more(whole: FileApplication) -> None:
    ours = [f"{directory.name}/{file.name}" for directory in whole.directories for file in directory.files]
    assert ours == list(PRINTED)


@pytest.mark.parametrize("where", PRINTED)
def test_a_file_is_as_printed(whole: FileApplication, where: str) -> None:
    printed, file = PRINTED[where], whole.file(*where.split("/"))
    assert file.sfi.hex().upper() == printed["sfi"]
    assert file.name_zh == printed["name"]
    assert file.structure == printed["structure"]
    assert file.category == CATEGORY[printed["category"]]
    assert file.read == printed["read"]
    assert file.write == printed["write"].replace("NEVER(COS only)", FORBIDDEN)
    assert file.size == (int(printed["size_hex"], 16) if "size_hex" in printed else None)
    assert file.at_least == printed.get("min_records")
    assert file.records is None or file.records >= printed["min_records"]
    if "record_len_hex" in printed:
        assert file.record_length == int(printed["record_len_hex"], 16)


@pytest.mark.parametrize("where", PRINTED)
def test_its_items_are_as_printed(whole: FileApplication, where: str) -> None:
    """In the order of the records. Tag 60 is printed in two files, of which a card has one."""
    file = whole.file(*where.split("/"))
    rows = [row for row in PRINTED[where]["items"] if (where, row["tag"]) != ("DF02/EF06", "60")]
    if file.structure == "cyclic":
        assert [(field.name_zh, field.type, field.length) for field in file.fields] == [
            (row["name"], row["type"], row["len"]) for row in rows
        ]
        assert tuple(field.key for field in file.fields) == FIELDS[where]
        return
    kinds = {"B-TLV": "btlv"}
    assert [(item.tag.hex().upper(), item.name_zh, item.type, item.length) for item in file.items] == [
        (row["tag"], row["name"], kinds.get(row["type"], row["type"]), row["len"]) for row in rows
    ]
    for item, row in zip(file.items, rows, strict=True):
        assert [(one.key, one.name_zh, one.type, one.length) for one in item.items] == [
            (one["tag"], one["name"], one["type"], one["len"]) for one in row.get("sub", ())
        ]


def test_names_of_applications(whole: FileApplication) -> None:
    for printed in FILES["adfs"]:
        directory = whole.directory(printed["fid"])
        assert directory.aid.hex().upper() == printed["aid"]
        assert directory.name_zh == printed["label"]
    assert whole.directory("SSSE").aid.hex().upper() == FILES["ssse"]["aid"]
    assert {one.name for one in whole.directories if one.unverified} == {"DF05", "DF06"}


def test_every_sourced_key_id(whole: FileApplication) -> None:
    """Ids that no document gives are marked, and only those."""
    sourced = {df: ids for df, ids in FILES["keys_on_card_sourced"].items() if df != "_source"}
    for directory in whole.directories:
        named = {
            name if name.endswith(directory.name) else f"{name}{directory.name}"
            for name in sourced.get(directory.name, ())
        }
        named = set(sourced["SSSE"]) if directory.name == "SSSE" else named
        assert {name for name, key in directory.keys.items() if not key.unverified} == named
        for name, value in sourced.get(directory.name, {}).items():
            own = name if name in directory.keys else f"{name}{directory.name}"
            assert directory.keys[own].id.hex().upper() == value


def test_every_key_that_a_condition_names_has_one_use(whole: FileApplication) -> None:
    for directory in whole.directories:
        for file in directory.files:
            for name in (rights(file.read) | rights(file.write)) - {"PIN"}:
                assert directory.keys[name].use == "external"
            assert not (rights(file.read) & rights(file.write)) - {"PIN"}


def _values(whole: FileApplication) -> Iterator[tuple[str, Valued]]:
    for directory in whole.directories:
        for file in directory.files:
            where = f"{directory.name}/{file.name}"
            yield from ((f"{where}/{field.name_zh}", field) for field in file.fields)
            for item in file.items:
                yield item.tag.hex().upper(), item
                yield from ((inner.key, inner) for inner in item.items)


def test_every_item_has_its_codes(whole: FileApplication, national: CodeTables) -> None:
    """The codes that are printed, corrected where the document is misprinted; none forgotten, none invented."""
    seen = set()
    for key, item in _values(whole):
        printed = CODES[key]["codes"]
        seen.add(key)
        if not isinstance(printed, dict):
            assert item.codes is None, key
            continue
        assert item.codes is not None, key
        ours = {code: text.zh for code, text in national.list_of(item.codes).items()}
        expected = {**printed, **CODES[key].get("corrections", {})}
        more = {f"0{code}": text for code, text in printed.items()} if key == "76" else {}
        plain = str.maketrans("（）", "()")
        assert {k: v.translate(plain) for k, v in ours.items()} == {
            k: v.translate(plain) for k, v in {**expected, **more}.items()
        }, key
    files = {key for key in CODES if key.count("/") == 1}
    assert seen == set(CODES) - files


def test_every_part_of_a_value_has_its_codes(whole: FileApplication, national: CodeTables) -> None:
    for key, item in _values(whole):
        rules = CODES[key].get("position_rules", ())
        if key == "07":
            continue  # its check character has a rule of its own
        assert len(item.parts) == len(rules), key
        for part, rule in zip(item.parts, rules, strict=True):
            assert rule.get("name") in (part.name_zh, None) or key in ("04", "DF04/EF08/终端机编号")
            if "codes" in rule:
                assert part.codes is not None
                assert {code: text.zh for code, text in national.list_of(part.codes).items()} == rule["codes"]


def test_every_code_has_its_words(national: CodeTables) -> None:
    for codes in national.lists.values():
        assert all(code.zh and code.en and "?" not in code.en for code in codes.values())


def test_third_generation_hides_the_holder_and_nothing_else(packaged: ProfileFolders) -> None:
    second, third = (load(packaged, "applications", name, FileApplication) for name in ("ssc-v2", "ssc-v3"))
    assert third.version == "3.0"
    assert third.file("SSSE", "EF06").read == PRINTED["SSSE/EF06"]["v3_read"]
    assert third.file("SSSE", "EF05").read == "FREE"
    plain = third.model_copy(update={"name": second.name, "version": second.version}).model_dump()
    plain["directories"][0]["files"][1]["read"] = "FREE"
    # Both applications of a third-generation card have the PIN: a reader changes one of them only.
    assert (third.pin_entry.change, third.pin_entry.reset) == (("pad",), ("pad",))
    plain["pin_entry"] = second.pin_entry.model_dump()
    assert plain == second.model_dump()


def test_first_generation_is_what_appendix_c_says(packaged: ProfileFolders) -> None:
    first = load(packaged, "applications", "ssc-v1", FileApplication)
    assert {one.name: [file.name for file in one.files] for one in first.directories} == {
        "SSSE": ["EF05", "EF06", "EF07"],
        "DF01": ["EF05", "EF06", "EF07", "EF08", "EF09", "EF0A"],
        "DF02": ["EF05", "EF06", "EF07", "EF09"],
        "DF03": ["EF05", "EF06", "EF07"],
        "DF04": ["EF05", "EF06", "EF08"],
    }
    with pytest.raises(KeyError):
        first.item("SSSE", b"\xef\x06", b"\x4e")
    # Appendix C: tag, type and length of the old specification.
    old = {
        ("DF01", "EF09", "32"): ("an", 3),
        ("DF01", "EF0A", "37"): ("cn", 4),
        ("DF01", "EF0A", "38"): ("cn", 4),
        ("DF02", "EF06", "4B"): ("cn", 4),
        ("DF02", "EF06", "4D"): ("cn", 4),
        ("DF02", "EF06", "4F"): ("cn", 4),
        ("DF02", "EF06", "50"): ("cn", 4),
        ("DF02", "EF09", "55"): ("cn", 10),
        ("DF02", "EF09", "97"): ("cn", 4),
        ("DF03", "EF05", "61"): ("cn", 4),
        ("DF03", "EF07", "71"): ("cn", 4),
        ("DF04", "EF05", "81"): ("an", 70),
        ("DF04", "EF05", "84"): ("an", 70),
        ("DF04", "EF05", "87"): ("an", 70),
        ("DF04", "EF06", "90"): ("cn", 4),
        ("DF04", "EF06", "93"): ("cn", 4),
    }
    for (df, ef, tag), form in old.items():
        item = first.item(df, bytes.fromhex(ef), bytes.fromhex(tag))
        assert (item.type, item.length) == form
        assert item.codes is None
        assert item.parts == ()


def test_a_region_enlarges_without_touching_what_is_there(packaged: ProfileFolders) -> None:
    region = load(packaged, "applications", "ssc-v2-sample-region", FileApplication)
    assert region.directories[-1].name == "DF0A"
    assert region.file("DF02", "EF07").records == 8
    assert [item.key for item in region.file("DF02", "EF06").items][3] == "60"
    assert all(item.key != "60" for item in region.file("DF03", "EF05").items)
    assert region.file("DF03", "EF07").items[-1].key == "FC"


def test_the_order_of_items_is_part_of_the_digest(packaged: ProfileFolders) -> None:
    text = packaged.text("applications", "ssc-v2") or ""
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("23 = "))
    turned = [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]

    class Turned:
        def names(self, kind: str) -> tuple[str, ...]:
            return ("ssc-v2",)

        def text(self, kind: str, name: str) -> str:
            return "\n".join(turned)

    assert digest(Turned(), "applications", "ssc-v2") != digest(packaged, "applications", "ssc-v2")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("FREE", ((),)),
        ("FORBIDDEN", ()),
        ("PIN", (("PIN",),)),
        ("PIN|RK1DF01", (("PIN",), ("RK1DF01",))),
        ("PIN&RK1DF04", (("PIN", "RK1DF04"),)),
        ("PIN&A|B&C|D", (("PIN", "A"), ("B", "C"), ("D",))),
    ],
)
def test_alternatives(condition: str, expected: tuple[tuple[str, ...], ...]) -> None:
    assert alternatives(condition) == tuple(frozenset(one) for one in expected)
