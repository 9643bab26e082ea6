"""The file application and the code tables as profiles: what they hold, and what they refuse."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CODED_FIELDS, CodeTables
from cardfab.profile.loader import ProfileRefused, load, parse
from cardfab.resources import ProfileFolders

# 人社信息函[2012]37号 tables 3, 4 and 9: file, then tag:type:length (hex, as printed), in the order of the records.
PRINTED = {
    ("SSSE", "EF05"): "01:cn:10 02:an:01 03:an:04 04:cn:0C 05:cn:04 06:cn:04 07:an:09",
    ("SSSE", "EF06"): "08:an:12 09:an:1E 4E:an:14 0A:an:01 0B:cn:01 0C:cn:03 0D:cn:04",
    ("DF01", "EF05"): "20:an:02 21:an:50 0E:cn:03",
    ("DF01", "EF06"): "23:an:50 24:cn:03 28:an:0F 2C:an:32 2D:an:0F",
    ("DF01", "EF07"): "29:an:01",
    ("DF01", "EF08"): "2B:an:01",
    ("DF01", "EF09"): "2E:an:46 30:an:09 32:an:02",
}
CONDITIONS = {
    ("SSSE", "EF05"): ("FREE", "UKSSSE"),
    ("SSSE", "EF06"): ("FREE", "UKSSSE"),
    ("DF01", "EF05"): ("PIN|RK1DF01", "UK1DF01"),
    ("DF01", "EF06"): ("PIN|RK1DF01", "UK4DF01"),
    ("DF01", "EF07"): ("PIN|RK1DF01", "UK2DF01"),
    ("DF01", "EF08"): ("PIN|RK1DF01", "UK3DF01"),
    ("DF01", "EF09"): ("PIN|RK1DF01", "UK2DF01"),
}


def test_the_files_are_those_printed(application: FileApplication) -> None:
    files = {
        (directory.name, file.fid.hex().upper()): file
        for directory in application.directories
        for file in directory.files
    }
    listed = {
        place: " ".join(f"{item.tag.hex().upper()}:{item.type}:{item.length:02X}" for item in file.items)
        for place, file in files.items()
    }
    assert listed == PRINTED
    assert {place: (file.read, file.write) for place, file in files.items()} == CONDITIONS
    assert all(file.sfi[0] == file.fid[1] for file in files.values())


def test_names_and_keys(application: FileApplication) -> None:
    ssse, df01 = application.directory("SSSE"), application.directory("DF01")
    assert ssse.aid == b"sx1.sh." + "社会保障".encode("gbk")
    assert df01.aid.hex().upper() == "D15600000500"
    assert (ssse.keys["UKSSSE"].id, ssse.keys["UKSSSE"].label) == (b"\x04", "ss/UKSSSE")
    assert {name: key.id.hex() for name, key in df01.keys.items() if name.startswith("UK")} == {
        "UK1DF01": "83",
        "UK2DF01": "84",
        "UK3DF01": "85",
        "UK4DF01": "86",
        "UK5DF01": "87",
    }
    with pytest.raises(KeyError):
        application.directory("DF02")


def _raw(profiles: ProfileFolders) -> tuple[str, dict[str, Any]]:
    text = profiles.text("applications", "ssc-v2") or ""
    return text, tomllib.loads(text)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('write = "UK4DF01"', 'write = "UK6DF01"', "unknown UK6DF01"),
        ('write = "UK4DF01"', 'write = "uk4"', "pattern"),
        ('tag = "2D"', 'tag = "2C"', "lists a tag twice"),
        ('tag = "2D"', 'tag = "2D00"', "expected 1"),
        ('tag = "2D"', 'tag = "zz"', "non-hexadecimal"),
        ('fid = "EF09"', 'fid = "EF08"', "lists a file twice"),
        ("length = 80, source", "length = 256, source", "less than or equal to 255"),
        ('type = "an", length = 80, source', 'type = "text", length = 80, source', "'cn', 'an' or 'b'"),
        ('length = 18, source = "social_security_number"', "length = 18", "neither a source nor"),
        ('structure = "variable"', 'structur = "variable"', "Extra inputs"),
    ],
)
def test_a_mistake_in_the_layout_is_refused(old: str, new: str, why: str, profiles: ProfileFolders) -> None:
    text, _ = _raw(profiles)
    assert old in text
    changed = text.replace(old, new, 1)
    with pytest.raises(ProfileRefused) as refused:
        parse(tomllib.loads(changed), FileApplication, "applications/ssc-v2.toml", changed)
    assert why in str(refused.value)


def test_the_schema_takes_the_profile_as_it_is_written() -> None:
    schema = FileApplication.model_json_schema()
    item = schema["$defs"]["Item"]["properties"]
    assert item["tag"] == {"type": "string", "pattern": "^[0-9A-Fa-f]{2}$", "title": "Tag"}


def test_the_standard_tables(codes: CodeTables) -> None:
    assert sorted(codes.ethnicity) == [f"{number:02d}" for number in range(1, 57)] + ["99"]
    assert list(codes.sex) == ["1", "2", "9"]
    assert codes.ethnicity["20"].text.zh == "傈僳族"
    assert codes.ethnicity["31"].text.en == "Daur"
    assert {field: len(codes.table(field)) for field in CODED_FIELDS} == {
        "sex": 3,
        "ethnicity": 57,
        "region": 6,
        "category": 8,
        "card_class": 4,
        "household_type": 17,
        "marital_status": 5,
        "employment_status": 8,
        "identity_category": 14,
        "bank_product": 1,
    }
    assert all(code.zh and code.en for field in CODED_FIELDS for code in codes.table(field).values())
    with pytest.raises(KeyError):
        codes.table("name")


def test_only_loss_replaces_a_card(codes: CodeTables) -> None:
    assert [code for code, category in codes.category.items() if category.replaces_card] == ["loss-reissue"]
    assert [code for code, category in codes.category.items() if category.photo_on_file] == ["loss-reissue"]


def test_training_regions_do_not_exist(codes: CodeTables) -> None:
    assert all(region.endswith("99") for region in codes.region)


def test_every_product_a_request_may_ask_for_has_its_profile(codes: CodeTables, profiles: ProfileFolders) -> None:
    assert set(codes.bank_product) <= set(profiles.names("products"))


def test_a_field_the_card_needs_may_not_be_made_blank(profiles: ProfileFolders) -> None:
    text = 'may_be_blank = ["name"]'
    with pytest.raises(ProfileRefused, match="may_be_blank"):
        parse(tomllib.loads(text), CodeTables, "codes/x.toml", text)


def test_the_national_tables_alone_accept_no_request(profiles: ProfileFolders) -> None:
    tables = load(profiles, "codes", "ssc-v2", CodeTables)
    assert not tables.region
    assert not tables.category
