"""Every profile in the package loads as its model, fits the others, and is described by a JSON Schema."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cardfab.keys.label import Usage
from cardfab.keys.roots import ROOTS, rooted
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.face import FaceTemplate
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.host import HostProfile
from cardfab.profile.layout import Layout
from cardfab.profile.loader import load
from cardfab.profile.policy import OutletPolicy
from cardfab.profile.printer import Family, PrinterProfile
from cardfab.profile.product import Product
from cardfab.profile.returning import ReturnProfile
from cardfab.profile.shares import ShareRules
from cardfab.resources import ProfileFolders, data_folder

MODELS: dict[str, type[BaseModel]] = {
    "products": Product,
    "cards": CardProfile,
    "faces": FaceTemplate,
    "printers": PrinterProfile,
    "codes": CodeTables,
    "dialects": DialectProfile,
    "shares": ShareRules,
    "hosts": HostProfile,
    "policies": OutletPolicy,
    "layouts": Layout,
    "returns": ReturnProfile,
}
FAMILIES = {model.__name__.removesuffix("Profile").lower(): model for model in get_args(Family)}
ALL_MODELS = [
    *(model for kind, model in MODELS.items() if kind != "printers"),
    *FAMILIES.values(),
    FileApplication,
    FinancialApplication,
]
PROFILES = sorted((file.parent.name, file.stem) for file in data_folder("profiles").glob("*/*.toml"))
PRODUCTS = [name for kind, name in PROFILES if kind == "products"]
_USAGES = {"load": Usage.LOAD_ROOT, "purchase": Usage.PURCHASE_ROOT, "tac": Usage.TAC_ROOT}


def _model(kind: str, text: str) -> type[BaseModel]:
    if kind == "printers":
        given = tomllib.loads(text)
        return FAMILIES[given.get("family") or given["extends"].partition("-")[0]]
    if kind != "applications":
        return MODELS[kind]
    return FileApplication if tomllib.loads(text).get("kind") == "file-system" else FinancialApplication


@pytest.mark.parametrize(("kind", "name"), PROFILES)
def test_it_loads(packaged: ProfileFolders, kind: str, name: str) -> None:
    model = _model(kind, packaged.text(kind, name) or "")
    profile = load(packaged, kind, name, model)
    assert getattr(profile, "name", name) == name


def test_there_is_one_of_each_kind(packaged: ProfileFolders) -> None:
    assert {kind for kind, _ in PROFILES} == {*MODELS, "applications"}
    assert set(PRODUCTS) == {
        "bureau-rsa", "bureau-sm2", "debit", "debit-bureau", "debit-dual", "debit-dual-sm2", "debit-scp03", "debit-v3",
    }  # fmt: skip
    assert packaged.names("nothing") == ()


@pytest.mark.proof
def test_no_key_is_written_twice_or_left_over(packaged: ProfileFolders) -> None:
    """A value of the file is a value of the model: nothing is dropped on the way."""
    for kind, name in PROFILES:
        text = packaged.text(kind, name) or ""
        given = set(tomllib.loads(text)) - {"extends"}
        assert given <= set(_model(kind, text).model_fields)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_names_what_is_there(packaged: ProfileFolders, name: str) -> None:
    product = load(packaged, "products", name, Product)
    card = load(packaged, "cards", product.card, CardProfile)
    files = load(packaged, "applications", product.files, FileApplication)
    financial = load(packaged, "applications", product.financial, FinancialApplication)
    load(packaged, "faces", product.face, FaceTemplate)
    roots = {spec.label: spec for spec in ROOTS}
    assert roots[card.channel.root].usage is Usage.CHANNEL_ROOT
    for label in (financial.keys.ac, financial.keys.smi, financial.keys.smc):
        assert roots[label].usage is Usage.EMV_ROOT
    for directory in files.directories:
        for key in directory.keys.values():
            for version in range(1, key.versions + 1):
                root = roots[rooted(key.label, card.algorithm, version)]
                assert root.usage is _USAGES.get(key.use, Usage.CARD_ROOT)
                assert root.algorithm == card.algorithm
    assert product.training is card.training is financial.training is True


def test_training_data_cannot_be_taken_for_real(packaged: ProfileFolders) -> None:
    for name in packaged.names("products"):
        product = load(packaged, "products", name, Product)
        assert "SAMPLE" in product.bank_name
        assert "训练" in product.title_zh
        assert load(packaged, "applications", product.financial, FinancialApplication).iin == "629999"


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.__name__)
def test_its_json_schema(model: type[BaseModel]) -> None:
    schema = json.loads(json.dumps(model.model_json_schema()))
    objects = [schema, *schema.get("$defs", {}).values()]
    for one in objects:
        if one.get("type") == "object":
            assert one["additionalProperties"] is False, one.get("title")
            assert set(one.get("required", ())) <= set(one["properties"])
    assert schema["title"] == model.__name__


@pytest.mark.parametrize(("kind", "name"), PROFILES)
def test_the_json_schema_has_every_key_of_the_file(packaged: ProfileFolders, kind: str, name: str) -> None:
    """An editor that follows the schema underlines nothing in a packaged file."""
    text = packaged.text(kind, name) or ""
    schema = _model(kind, text).model_json_schema()
    values = {key: value for key, value in tomllib.loads(text).items() if key != "extends"}
    assert list(_strangers(values, schema, schema.get("$defs", {}))) == []


def _strangers(value: Any, schema: dict[str, Any], defs: dict[str, Any], at: str = "") -> Any:
    schema = defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "anyOf" in schema:
        options = [list(_strangers(value, option, defs, at)) for option in schema["anyOf"]]
        yield from min(options, key=len)
    elif isinstance(value, dict):
        if schema.get("type") != "object":
            yield at
        for key, inner in value.items():
            known = schema.get("properties", {}).get(key)
            for pattern, more in schema.get("patternProperties", {}).items():
                known = more if known is None and re.search(pattern, key) else known
            if known is None:
                known = schema.get("additionalProperties")
            if not isinstance(known, dict):
                yield f"{at}.{key}"
            else:
                yield from _strangers(inner, known, defs, f"{at}.{key}")
    elif isinstance(value, list):
        if schema.get("type") != "array":
            yield at
        for place, inner in enumerate(value):
            yield from _strangers(inner, schema.get("items", {}), defs, f"{at}[{place}]")
    elif "type" in schema:
        names = {str: "string", bool: "boolean", int: "integer", float: "number"}
        fits = {names[type(value)], "number" if isinstance(value, int) else ""}
        if schema["type"] not in fits:
            yield f"{at} is no {schema['type']}"
