"""The file application and the code tables as profiles: what they hold, and what they refuse."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CODED_FIELDS, CodeTables
from cardfab.profile.loader import ProfileRefused, load, parse
from cardfab.resources import ProfileFolders


def test_names_and_keys(application: FileApplication) -> None:
    ssse, df01 = application.directory("SSSE"), application.directory("DF01")
    assert ssse.aid == b"sx1.sh." + "社会保障".encode("gbk")
    assert df01.aid.hex().upper() == "D15600000500"
    assert (ssse.keys["UKSSSE"].id, ssse.keys["UKSSSE"].label) == (b"\x04", "ss/UKSSSE")
    sourced = {name: key.id.hex() for name, key in df01.keys.items() if not key.unverified}
    assert sourced == {
        "STKDF01": "82",
        "UK1DF01": "83",
        "UK2DF01": "84",
        "UK3DF01": "85",
        "UK4DF01": "86",
        "UK5DF01": "87",
    }
    with pytest.raises(KeyError):
        application.directory("DF0A")


def _raw(profiles: ProfileFolders) -> tuple[str, dict[str, Any]]:
    text = profiles.text("applications", "ssc-v2") or ""
    return text, tomllib.loads(text)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('write = "UK4DF01"', 'write = "UK6DF02"', "unknown UK6DF02"),
        ('write = "UK4DF01"', 'write = "uk4"', "pattern"),
        ("2D = { name_zh", '"2D:2" = { name_zh', "2D:2 out of turn"),
        ("2D = { name_zh", "2D00 = { name_zh", "expected 1"),
        ("2D = { name_zh", "zz = { name_zh", "non-hexadecimal"),
        ('like = "40"', 'like = "41"', "which the file does not describe"),
        ("length = 52", "length = 51", "the inner items of 40 take 52 bytes, its length says 51"),
        ('type = "btlv"', 'type = "an"', "must be of type btlv"),
        ("length = 80, source", "length = 256, source", "less than or equal to 255"),
        ('type = "an", length = 80, source', 'type = "text", length = 80, source', "'cn', 'an', 'b' or 'btlv'"),
        ("size = 768", "records = 7", "it takes a size, nothing else"),
        ("records = 4", "size = 4", "it takes fields and records"),
        ("last = 32", "last = 33", "does not lie in the value"),
        ('id = "0A", label', 'id = "06", label', "gives two keys one id"),
        ('log = "EF08"', 'log = "EF06"', "needs the cyclic file EF06"),
        ('tac = "DTKDF04"', 'tac = "DPKDF04"', 'a key DPKDF04 with use = "tac"'),
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
    directories = schema["properties"]["directories"]
    assert directories["type"] == "object"
    assert directories["additionalProperties"] == {"$ref": "#/$defs/DedicatedFile"}


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
        "bank_product": 7,
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
