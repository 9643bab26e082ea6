"""``cardfab keys``: keys by label, their life, their shares and copies. No command prints a key."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.cli.keydesk import custody, info_in
from cardfab.cli.keyshares import backup, shares_app
from cardfab.cli.options import spread
from cardfab.cli.output import Talk, talk_of
from cardfab.errors import InputRefused, Text
from cardfab.keys.keyblock import Header, usage_of
from cardfab.keys.label import KeyInfo, KeySpec, Level, State, Usage, modes_of
from cardfab.production import Act
from cardfab.station.keychange import key_change, require_ceremony

keys_app = typer.Typer(help="Keys by label; no command prints a key.", no_args_is_help=True)
keys_app.add_typer(shares_app, name="shares")
keys_app.command()(backup)

Label = Annotated[str, typer.Argument(metavar="LABEL", help="A key; 'cardfab keys list' shows them.")]


@dataclass(frozen=True, slots=True)
class Change:
    """What every change of a key takes."""

    second: Annotated[
        str | None, typer.Option("--second", metavar="LOGIN", help="The second custodian; needed outside training.")
    ] = None
    ceremony: Annotated[
        str,
        typer.Option("--ceremony", metavar="ID", help="The ceremony that this is part of; needed outside training."),
    ] = ""


@dataclass(frozen=True, slots=True)
class Attributes(Change):
    """A new key's attributes, and what every change takes."""

    level: Annotated[Level, typer.Option("--level", help="Whose key it is.")] = Level.BANK
    modes: Annotated[
        str,
        typer.Option("--modes", help="Less than its purpose does: encrypt, decrypt, mac, derive, wrap, unwrap, sign."),
    ] = ""
    version: Annotated[int, typer.Option("--version-number", min=1, help="Its version.")] = 1
    region: Annotated[str, typer.Option("--region", help="Of a root of a lower level: two or six digits.")] = ""
    group: Annotated[str, typer.Option("--group", help="Its custodians.")] = ""
    valid_from: Annotated[str, typer.Option("--valid-from", help="YYYY-MM-DD, that day included.")] = ""
    valid_until: Annotated[str, typer.Option("--valid-until", help="YYYY-MM-DD, that day included.")] = ""

    def spec(self, label: str, algorithm: str, usage: Usage) -> KeySpec:
        """The key to be."""
        modes = modes_of(self.modes.replace(",", " ").split())
        return KeySpec(
            label, algorithm, usage, self.level, self.version, self.region, modes, self.group, self.valid_from,
            self.valid_until,
        )  # fmt: skip


def values_of(info: KeyInfo) -> dict[str, Any]:
    """Every attribute, as JSON."""
    return asdict(info) | {"usage": info.usage.name, "modes": sorted(info.modes)}


def told(talk: Talk, info: KeyInfo) -> None:
    """The line about a key that was changed."""
    state = "" if info.state is State.ACTIVE else f" {talk.of(Text(info.state.value, info.state.zh))}"
    kind = " TRAINING" if info.training else ""
    line = f"{info.label} {info.algorithm} {info.kcv}{kind}{state}"
    talk.give(values_of(info), lambda: talk.out.print(line, markup=False))


@keys_app.command("list")
def list_(context: typer.Context) -> None:
    """Every key with its purpose, state and check value; with -v every attribute."""
    talk = talk_of(context)
    with talk.desk() as desk:
        desk.must(Act.KEYS)
        infos = desk.keys.infos()
    kinds = {True: Text("TRAINING", "训练"), False: Text("production", "生产")}

    def kind(i: KeyInfo) -> str:
        states = () if i.state is State.ACTIVE else (Text(i.state.value, i.state.zh),)
        return " ".join(talk.of(word) for word in (kinds[i.training], *states))

    columns: list[tuple[Text, list[str]]] = [
        (Text("label", "标签"), [i.label for i in infos]),
        (Text("algorithm", "算法"), [i.algorithm for i in infos]),
        (Text("use", "用途"), [i.usage.name if talk.language == "en" else i.usage.zh for i in infos]),
        (Text("check value", "校验值"), [i.kcv for i in infos]),
        (Text("kind", "类型"), [kind(i) for i in infos]),
    ]
    if talk.verbose:
        columns += [
            (Text("level", "层级"), [" ".join((i.level, i.region)) for i in infos]),
            (Text("version", "版本"), [str(i.version) for i in infos]),
            (Text("modes", "使用方式"), [" ".join(sorted(i.modes)) for i in infos]),
            (Text("valid", "有效期"), [f"{i.valid_from}..{i.valid_until}".strip(".") for i in infos]),
            (Text("group", "保管组"), [i.group for i in infos]),
            (Text("under", "上级密钥"), [i.parent for i in infos]),
            (Text("ceremony", "仪式"), [i.ceremony for i in infos]),
        ]
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    empty = Text("There are no keys.", "没有密钥。")
    talk.give(
        [values_of(i) for i in infos], lambda: talk.table([name for name, _ in columns], rows, empty=empty, wide=2)
    )


@keys_app.command()
def kcv(context: typer.Context, label: Label) -> None:
    """The check value of one key."""
    talk = talk_of(context)
    with talk.desk() as desk:
        desk.must(Act.KEYS)
        info = desk.keys.info(label)
    talk.give({"label": label, "kcv": info.kcv}, lambda: talk.out.print(info.kcv))


@keys_app.command()
@spread
def generate(
    context: typer.Context,
    label: Label,
    algorithm: Annotated[str, typer.Option("--algorithm", help="3DES, AES-256, SM4, RSA-1408, SM2, Ed25519, ...")],
    usage: Annotated[str, typer.Option("--usage", help="Its one purpose, CARD_ROOT for instance.")],
    attributes: Attributes,
) -> None:
    """Make a key at random."""
    talk = talk_of(context)
    spec = attributes.spec(label, algorithm, usage_named(usage))
    with (
        custody(talk, attributes.second) as (desk, manager),
        key_change(desk, "make", label=label, algorithm=algorithm, **of_change(attributes)) as record,
    ):
        require_ceremony(desk, label, attributes.ceremony)
        info = manager.generate(spec, ceremony=attributes.ceremony)
        record["kcv"] = info.kcv
    told(talk, info)


@keys_app.command("import")
@spread
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A key block.", exists=True, dir_okay=False)],
    under: Annotated[str, typer.Option("--under", metavar="LABEL", help="The key block protection key.")],
    attributes: Attributes,
    label: Annotated[str, typer.Option("--label", help="Its label; else that of the block.")] = "",
    algorithm: Annotated[str, typer.Option("--algorithm", help="What it has to be; else what the block says.")] = "",
    usage: Annotated[str, typer.Option("--usage", help="What it has to be for; else what the block says.")] = "",
) -> None:
    """Take a key out of a key block (X9.143)."""
    talk = talk_of(context)
    block = file.read_text(encoding="ascii", errors="replace").strip()
    header, _ = Header.read(block)
    label = label or header.get("LB") or ""
    purpose = usage_of(header, usage_named(usage) if usage else None)
    spec = attributes.spec(label, algorithm, purpose)
    with (
        custody(talk, attributes.second) as (desk, manager),
        key_change(desk, "import", label=label, under=under, **of_change(attributes)) as record,
    ):
        info = manager.import_block(spec, block, under, ceremony=attributes.ceremony)
        record["kcv"] = info.kcv
    told(talk, info)


@keys_app.command()
def export(
    context: typer.Context,
    label: Label,
    under: Annotated[str, typer.Option("--under", metavar="LABEL", help="The key block protection key.")],
    out: Annotated[Path, typer.Option("--out", help="The key block's file.")],
    second: Annotated[str | None, typer.Option("--second", metavar="LOGIN", help="The second custodian.")] = None,
) -> None:
    """Write a key as a key block (X9.143) under another key."""
    talk = talk_of(context)
    details = {"label": label, "under": under} | ({"approved_by": second} if second else {})
    with custody(talk, second) as (desk, manager), key_change(desk, "export", **details) as record:
        block = manager.export_block(label, under)
        record["kcv"] = info_in(manager, label).kcv
        out.write_text(block + "\n", encoding="ascii")
    talk.give({"label": label, "under": under, "file": str(out)}, lambda: talk.out.print(str(out), markup=False))


@keys_app.command()
@spread
def rotate(context: typer.Context, label: Label, change: Change) -> None:
    """Make a new version of a key; the old one stays as LABEL@VERSION and serves what was made with it."""
    talk = talk_of(context)
    with (
        custody(talk, change.second) as (desk, manager),
        key_change(desk, "rotate", label=label, before=info_in(manager, label).kcv, **of_change(change)) as record,
    ):
        require_ceremony(desk, label, change.ceremony)
        info = manager.rotate(label, ceremony=change.ceremony)
        record["kcv"] = info.kcv
    told(talk, info)


@keys_app.command()
@spread
def retire(context: typer.Context, label: Label, change: Change) -> None:
    """Let a key make nothing new; it serves what was made with it until it ends."""
    talk = talk_of(context)
    with (
        custody(talk, change.second) as (desk, manager),
        key_change(desk, "retire", label=label, kcv=info_in(manager, label).kcv, **of_change(change)),
    ):
        info = manager.retire(label)
    told(talk, info)


@keys_app.command()
@spread
def destroy(
    context: typer.Context,
    label: Label,
    check: Annotated[str, typer.Option("--kcv", help="Its check value, so that no other is meant.")],
    change: Change,
) -> None:
    """Destroy a key's value, here and in the generation before. What only it opens is lost."""
    talk = talk_of(context)
    with custody(talk, change.second) as (desk, manager):
        there = info_in(manager, label).kcv
        if check.upper() != there:
            raise InputRefused(
                Text(
                    f"The check value of '{label}' is {there}, not {check.upper()}.",
                    f"“{label}”的校验值为 {there}，而非 {check.upper()}。",
                ),
                do=Text("Nothing was destroyed. Look which key is meant.", "未销毁任何密钥，请核对。"),
                code="CF-3360",
            )
        with key_change(desk, "destroy", label=label, kcv=there, **of_change(change)):
            info = manager.destroy(label)
    told(talk, info)


def usage_named(name: str) -> Usage:
    """A purpose by its name in the key file."""
    try:
        return Usage[name.upper().replace("-", "_")]
    except KeyError:
        names = ", ".join(usage.name for usage in Usage)
        raise InputRefused(
            Text(f"There is no purpose {name}.", f"没有用途 {name}。"),
            do=Text(f"One of {names}.", f"可用：{names}。"),
            code="CF-3361",
        ) from None


def of_change(change: Change | Attributes) -> dict[str, str]:
    """What the record says of a change beside the key."""
    second = {"approved_by": change.second} if change.second else {}
    return second | ({"ceremony": change.ceremony} if change.ceremony else {})
