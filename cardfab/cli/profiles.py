"""``cardfab profile``: products and what they are made of, checked before they are used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import BaseModel

from cardfab.bureau.files.columns import faults_of
from cardfab.cli.banking import lint_financial
from cardfab.cli.output import talk_of
from cardfab.cli.wiring import font_book, profile_source
from cardfab.errors import CardfabError, InputRefused, Text
from cardfab.face.fonts import FontBook
from cardfab.face.lint import lint_face
from cardfab.prepare.items import ItemBook
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.face import FaceTemplate
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.host import HostProfile
from cardfab.profile.layout import Layout
from cardfab.profile.lint import lint_files
from cardfab.profile.loader import Finding, ProfileRefused, ProfileSource, found_at, kind_of_application, line_of, load
from cardfab.profile.policy import OutletPolicy
from cardfab.profile.printer import Family, PrinterProfile
from cardfab.profile.product import Product
from cardfab.profile.returning import ReturnProfile
from cardfab.profile.shares import ShareRules
from cardfab.resources import ProfileFolders
from cardfab.settings import FontsSection

app = typer.Typer(help="Card products and their profiles.", no_args_is_help=True)

_ITEM_CODES = "ssc-v2"
"""The code tables of the items; a station's own add regions and categories to them, which no item is judged by."""

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


def model_of(source: ProfileSource, kind: str, name: str) -> type[BaseModel]:
    """The model of a profile; an application says by ``kind`` which of the two it is."""
    if kind != "applications":
        return MODELS[kind]
    return FileApplication if kind_of_application(source, name) == "file-system" else FinancialApplication


def kinds() -> tuple[str, ...]:
    """Every kind of profile, which is also the folder it lies in."""
    return (
        "products",
        "cards",
        "applications",
        "faces",
        "printers",
        "codes",
        "dialects",
        "policies",
        "hosts",
        "layouts",
        "returns",
    )


@app.command("list")
def list_(context: typer.Context) -> None:
    """Every profile of every kind; the station's own come before the packaged ones."""
    talk = talk_of(context)
    source = _source(talk.located().folder) if _has_station(talk.located) else profile_source(None)
    found = [(kind, name) for kind in kinds() for name in source.names(kind)]
    columns = (Text("kind", "种类"), Text("name", "名称"))
    values = [{"kind": kind, "name": name} for kind, name in found]
    talk.give(values, lambda: talk.table(columns, found, empty=Text("none", "无")))


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="KIND/NAME, or the name of a product.")],
) -> None:
    """One profile as it is used, with what it extends merged in."""
    talk = talk_of(context)
    kind, _, bare = name.rpartition("/")
    source = _source(talk.located().folder) if _has_station(talk.located) else profile_source(None)
    kind = kind or "products"
    if kind not in kinds():
        raise InputRefused(Text(f"There is no kind of profile '{kind}'.", f"没有配置种类“{kind}”。"), code="CF-3220")
    value = load(source, kind, bare, model_of(source, kind, bare)).model_dump(mode="json")
    talk.give(value, lambda: talk.out.print(json.dumps(value, ensure_ascii=False, indent=2), markup=False))


@app.command()
def lint(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Profile files; without any, all that are known."),
    ] = None,
) -> None:
    """Check profiles; each fault as file:line: reason (exit 3)."""
    talk = talk_of(context)
    fonts = font_book(FontsSection().dirs)
    findings: list[Finding] = []
    checked = 0
    known = _source(talk.located().folder) if _has_station(talk.located) else profile_source(None)
    for source, kind, name, shown in _wanted(files, known):
        checked += 1
        found = lint_profile(source, kind, name, fonts)
        own = f"{kind}/{name}.toml"  # a fault may be written in a profile that this one extends
        findings += [
            Finding(shown if one.file == own else one.file, one.line, one.reason, one.warning) for one in found
        ]
    faults = [one for one in findings if not one.warning]
    values = [{"file": f.file, "line": f.line, "reason": f.reason} for f in findings]
    words = "\n".join(map(str, findings))
    if faults:
        talk.give(values, lambda: talk.out.print(words, markup=False))
        raise InputRefused(
            Text(f"{len(faults)} faults in {checked} profiles.", f"{checked} 个配置中有 {len(faults)} 处错误。"),
            code="CF-3221",
        )
    end = talk.of(Text(f"{checked} profiles, no fault.", f"{checked} 个配置，无错误。"))
    talk.give(values, lambda: talk.out.print(f"{words}\n{end}" if words else end, markup=False))


@app.command()
def schema(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Write KIND.schema.json files into this folder.")] = None,
) -> None:
    """JSON Schema of every kind of profile, for editors that complete TOML."""
    talk = talk_of(context)
    schemas = {kind: schema_of(kind) for kind in kinds()}
    if out is None:
        talk.out.print(json.dumps(schemas, ensure_ascii=False, indent=2), markup=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    for kind, value in schemas.items():
        (out / f"{kind}.schema.json").write_text(
            json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    talk.give(sorted(schemas), lambda: talk.out.print("\n".join(f"{out}/{kind}.schema.json" for kind in schemas)))


def schema_of(kind: str) -> dict[str, object]:
    """The JSON Schema of a kind; of a profile that extends another nothing is required."""
    several: dict[str, tuple[type[BaseModel], ...]] = {
        "applications": (FileApplication, FinancialApplication),
        "printers": get_args(Family),
    }
    models = several.get(kind) or (MODELS[kind],)
    whole = [_with_extends(model.model_json_schema()) for model in models]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **(whole[0] if len(whole) == 1 else {"anyOf": whole}),
    }


def _with_extends(value: dict[str, object]) -> dict[str, object]:
    properties = value.get("properties")
    if isinstance(properties, dict):
        properties["extends"] = {"type": "string", "description": "The profile this one is laid over."}
    required = value.pop("required", [])
    return {**value, "if": {"not": {"required": ["extends"]}}, "then": {"required": required}}


def lint_profile(source: ProfileSource, kind: str, name: str, fonts: FontBook) -> Iterator[Finding]:
    """Everything wrong with one profile: its form, what it names, what it would look like."""
    file, text = f"{kind}/{name}.toml", source.text(kind, name) or ""
    try:
        model = load(source, kind, name, model_of(source, kind, name))
    except ProfileRefused as refused:
        yield from refused.findings
        return
    if isinstance(model, Product):
        named = {"card": "cards", "files": "applications", "financial": "applications", "face": "faces"}
        for field, where in named.items():
            if getattr(model, field) not in source.names(where):
                yield Finding(file, line_of(text, [field]), f"{field}: there is no {where}/{getattr(model, field)}")
        yield from _lint_items(source, model, file, text)
    if isinstance(model, FinancialApplication):
        yield from lint_financial(model, file, text)
    if isinstance(model, FileApplication):
        yield from lint_files(source, name, profile_source(None))
    if isinstance(model, Layout):
        for place, why in faults_of(model):
            yield found_at(source, kind, name, place, why)
    if isinstance(model, OutletPolicy):
        yield from _lint_policy(source, model, file, text)
    if isinstance(model, FaceTemplate):
        for found in lint_face(model, fonts):
            yield found_at(source, kind, name, _path(found.where), f"{found.where}: {found.what.en}")


def _lint_items(source: ProfileSource, product: Product, file: str, text: str) -> Iterator[Finding]:
    """What a product writes on every card must be a value of its item; a portrait needs a file."""
    if product.files not in source.names("applications"):
        return
    try:
        files = load(source, "applications", product.files, FileApplication)
        book = ItemBook(files, load(source, "codes", _ITEM_CODES, CodeTables))
    except ProfileRefused:
        return  # they have findings of their own
    for address, value in product.items.items():
        try:
            book.check_input(address, value)
        except InputRefused as refused:
            yield Finding(file, line_of(text, ["items", address]), refused.what.en)
    if product.chip_photo and not any(one.source == "photo" for df in files.directories for one in df.files):
        yield Finding(file, line_of(text, ["chip_photo"]), f"{product.files} has no file for the portrait")


def _lint_policy(source: ProfileSource, policy: OutletPolicy, file: str, text: str) -> Iterator[Finding]:
    """A category that may be chosen must be one that some code tables take; every paper is one that somebody brings."""
    known: set[str] = set()
    for name in source.names("codes"):
        try:
            known.update(load(source, "codes", name, CodeTables).category)
        except ProfileRefused:
            continue  # they have findings of their own
    for key in policy.categories:
        if key not in known and key not in policy.names:
            yield Finding(file, line_of(text, ["categories", key]), f"no code tables have the category {key}")
        elif key not in known and policy.categories[key].closed is None:
            yield Finding(file, line_of(text, ["categories", key]), f"{key} is open, and no code tables have it")
    used = {key for _, key in policy.paper_keys()}
    for key in policy.papers:
        if key not in used:
            yield Finding(file, line_of(text, ["papers", key]), f"nobody brings the paper {key}", warning=True)


def _path(where: str) -> Sequence[str | int]:
    return [int(part) if part.isdecimal() else part for part in where.split(".")]


def _wanted(files: Sequence[Path] | None, known: ProfileSource) -> Iterator[tuple[ProfileSource, str, str, str]]:
    if not files:
        for kind in kinds():
            for name in known.names(kind):
                yield known, kind, name, f"{kind}/{name}.toml"
    for file in files or ():
        kind = file.resolve().parent.name
        if kind not in kinds() or not file.is_file():
            raise InputRefused(
                Text(
                    f"{file}: a profile lies in a folder named {', '.join(kinds())}.",
                    f"{file}：配置文件须位于 {'、'.join(kinds())} 目录。",
                ),
                code="CF-3222",
            )
        yield _source(file.resolve().parent.parent, own=True), kind, file.stem, str(file)


def _source(folder: Path, *, own: bool = False) -> ProfileFolders:
    """The packaged profiles behind those of a folder (a station's folder, or a folder of profiles itself)."""
    packaged = profile_source(None)
    return ProfileFolders((folder, *packaged.folders)) if own else profile_source(folder)


def _has_station(located: object) -> bool:
    try:
        if callable(located):
            located()
    except CardfabError:
        return False
    return True
