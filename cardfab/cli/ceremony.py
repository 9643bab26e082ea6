"""``cardfab keys ceremony``: custodians led through generation, entry, export, transfer and destruction of a key."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.ceremonyguide import Guide
from cardfab.cli.ceremonyroom import CeremonyRunning, blind_printer, require_terminal_of, room_of, sole_ceremony
from cardfab.cli.dialog import Dialog, terminal_line
from cardfab.cli.keydesk import custody
from cardfab.cli.keys import usage_named
from cardfab.cli.options import spread
from cardfab.cli.output import Talk, talk_of
from cardfab.documents.ceremony import details_in, kind_words, step_words
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.keys import KeySpec, Level, Usage
from cardfab.keys.ceremony import CeremonyRecord, Kind, SignedRecord, require_room
from cardfab.keys.ceremony.rehearsal import RehearsalKeys
from cardfab.keys.label import STATION_KEYS, KeyInfo
from cardfab.keys.roots import ROOTS
from cardfab.settings import Located
from cardfab.station.access import prove
from cardfab.station.ceremony import Keys, Sitting, Wanted, kept_record, next_version, require_alone, settle_cut
from cardfab.station.ceremonyrecord import ceremony_paper, sign_ceremony
from cardfab.station.desk import Desk
from cardfab.station.signing import DOCUMENTS_KEY, NoDocumentsKey, documents_public

app = typer.Typer(help="Ceremonies of key custodians.", no_args_is_help=True)

FOLDER = "ceremonies"
_CLEAR = (Kind.ENTER, Kind.EXPORT)
"""Kinds in which a component is in clear on this machine."""
_HERE = (Kind.SEND, Kind.DESTROY)
"""Kinds about the version of the key that is here already."""
_COLUMN = (Text("version", "版本"), Text("check value", "校验值"), Text("began", "开始"), Text("outcome", "结果"))


@dataclass(frozen=True, slots=True)
class Told:
    """What every ceremony is told."""

    custodian: Annotated[
        list[str] | None, typer.Option("--custodian", metavar="LOGIN", help="Two or three; component 1, 2, 3 in order.")
    ] = None
    witness: Annotated[list[str] | None, typer.Option("--witness", metavar="LOGIN", help="No custodian of it.")] = None
    algorithm: Annotated[str, typer.Option("--algorithm", help="3DES, SM4, AES-256, ...; known for known labels.")] = ""
    usage: Annotated[str, typer.Option("--usage", help="Its one purpose; known for known labels.")] = ""
    level: Annotated[Level, typer.Option("--level", help="Whose key it is.")] = Level.BANK
    region: Annotated[str, typer.Option("--region", help="Of a root of a lower level: two or six digits.")] = ""
    group: Annotated[str, typer.Option("--group", help="Its custodians.")] = ""
    valid_from: Annotated[str, typer.Option("--valid-from", help="YYYY-MM-DD.")] = ""
    valid_until: Annotated[str, typer.Option("--valid-until", help="YYYY-MM-DD.")] = ""
    version: Annotated[int | None, typer.Option("--version-number", min=1, help="Its version.")] = None
    out: Annotated[Path | None, typer.Option("--out", help="The folder of the record; else 'ceremonies'.")] = None
    printer: Annotated[
        str | None, typer.Option("--printer", help="Of blind mailers: a device such as /dev/usb/lp0.")
    ] = None


Label = Annotated[str, typer.Argument(metavar="LABEL", help="The key.")]


@app.command()
@spread
def generate(context: typer.Context, label: Label, told: Told) -> None:
    """Make a key in the store."""
    hold(talk_of(context), Kind.GENERATE, label, told)


@app.command()
@spread
def enter(context: typer.Context, label: Label, told: Told) -> None:
    """Put a key together from components that custodians type, unseen."""
    hold(talk_of(context), Kind.ENTER, label, told)


@app.command()
@spread
def export(context: typer.Context, label: Label, told: Told) -> None:
    """Make a new key as components on blind mailers, one for each custodian."""
    hold(talk_of(context), Kind.EXPORT, label, told)


@app.command()
@spread
def transfer(
    context: typer.Context,
    label: Label,
    told: Told,
    receive: Annotated[bool, typer.Option("--receive/--send", help="Packages that came, or that go.")] = False,
) -> None:
    """Send packages with components by separate ways, or check those that came against the serials told."""
    hold(talk_of(context), Kind.RECEIVE if receive else Kind.SEND, label, told)


@app.command()
@spread
def destroy(context: typer.Context, label: Label, told: Told) -> None:
    """Destroy a key and what is left of its components before a witness."""
    hold(talk_of(context), Kind.DESTROY, label, told)


@app.command()
@spread
def rehearse(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="generate, enter, export, send, receive or destroy.")],
    told: Told,
    label: Annotated[str, typer.Option("--label", help="The key that it is about.")] = "bank/ZPK",
) -> None:
    """Hold a ceremony from the first step to the last at a training station; nothing of it is kept but a record."""
    hold(talk_of(context), kind, label, told, rehearsal=True)


@app.command()
def show(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(metavar="ID", help="One ceremony; without it all.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write its record here again.")] = None,
) -> None:
    """The ceremonies that were held here, or every step of one."""
    talk = talk_of(context)
    with talk.desk() as desk:
        settle(desk, talk.located(), desk.keys.infos())
        if id is not None:
            record = kept_record(desk, id)
            files = {} if out is None else write_record(talk, desk, record, out)
            talk.give(asdict(record) | files, lambda: print_record(talk, record))
            return
        with desk.database.reading() as tx:
            rows = tx.ceremonies.all()
    columns = (Text("ceremony", "仪式"), Text("kind", "类型"), Text("key", "密钥"), *_COLUMN)
    cells = [
        (row.id, talk.of(kind_words(row.kind)), row.label, str(row.version), row.kcv, row.began_at[:16], row.stage)
        for row in rows
    ]
    talk.give(
        [asdict(row) for row in rows],
        lambda: talk.table(columns, cells, empty=Text("No ceremony was held here.", "此处未举行过密钥仪式。"), wide=2),
    )


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, JSON or PDF.", exists=True, dir_okay=False)],
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="A file with trusted public keys in hex, one a line.")
    ] = None,
) -> None:
    """Check a record's signature with nothing but the file and the keys you trust."""
    talk = talk_of(context)
    data = file.read_bytes()
    trusted = None if trust is None else trusted_keys(trust)
    if data.startswith(b"%PDF"):
        from cardfab.documents.signedpdf import signed_by
        from cardfab.documents.signing import certified_key

        public = certified_key(signed_by(data))
        if trusted is not None and public not in trusted:
            raise InputRefused(
                Text("The paper is signed by a key that is not trusted.", "文书的签名密钥不在信任范围内。"),
                do=Text("Get the record from where it was made.", "请从原出处重新取得记录。"),
                code="CF-3915",
            )
        value = {"file": str(file), "public": public.hex(), "trusted": trusted is not None}
        words = Text("The paper is whole, and signed.", "文书完整，签名有效。")
        talk.give(value, lambda: talk.out.print(talk.of(words)))
    else:
        signed = SignedRecord.from_json_bytes(data)
        public = signed.public
        if trusted is not None:
            signed.require_trusted(trusted)
        value = {"file": str(file), "public": public.hex(), "trusted": trusted is not None}
        talk.give(value | asdict(signed.record), lambda: print_record(talk, signed.record))
    if trusted is None:
        talk.say(
            f"Taken on faith, name it with --trust: {public.hex()}",
            f"未经确认的公钥（请用 --trust 指定）：{public.hex()}",
        )


# -- holding one -------------------------------------------------------------------------------------------------------


def hold(talk: Talk, kind: Kind, label: str, told: Told, *, rehearsal: bool = False) -> None:
    """Lead people through a ceremony and write its record, also of one that was interrupted."""
    located = talk.located()
    require_terminal_of(located)
    if rehearsal or kind in _CLEAR:
        require_room(room_of(located), rehearsal=rehearsal)
    elif located.values.station.training:
        require_room(room_of(located), rehearsal=False)  # says to rehearse
    with ExitStack() as stack:
        stack.enter_context(sole_ceremony(located))
        desk, manager = stack.enter_context(custody(talk, changes=False))
        settle(desk, None, manager.infos())
        keys: Keys = manager
        if rehearsal:
            keys = _rehearsed(desk, kind, label)
        wanted = Wanted(
            kind, spec_of(kind, label, told, keys.infos()), tuple(told.custodian or ()), tuple(told.witness or ())
        )
        if kind in _CLEAR:
            require_alone(wanted.spec)
        if label != DOCUMENTS_KEY:
            documents_public(desk)  # the record could not be signed without it: said before anything is done
        send = None
        if kind is Kind.EXPORT:
            address = told.printer or located.values.devices.mailer
            send = stack.enter_context(blind_printer(talk, address, rehearsal=rehearsal))
        sitting = Sitting(desk, keys, wanted, lambda login: prove(desk.entrance(), login, purpose=f"ceremony {kind}"),
                          rehearsal=rehearsal)  # fmt: skip
        guide = Guide(sitting, open_dialog(talk, piped=rehearsal), send)
        _prepare(sitting, rehearsal)
        try:
            with sitting.held():
                guide.lead()
        finally:
            if sitting.machine.ended:
                _written(talk, desk, sitting.record(), told.out or located.path(FOLDER), label)


def open_dialog(talk: Talk, *, piped: bool) -> Dialog:
    """The talk with the people at this terminal."""
    return Dialog(talk, terminal_line(piped=piped))


def spec_of(kind: Kind, label: str, told: Told, infos: Sequence[KeyInfo]) -> KeySpec:
    """The key that is meant: as it is here, as a known label says, or as told."""
    there = next((info for info in infos if info.label == label), None)
    known = there or next((spec for spec in (*ROOTS, *STATION_KEYS) if spec.label == label), None)
    if known is None and not (told.algorithm and told.usage):
        raise UsageRefused(
            Text(f"'{label}' is no label that is known here.", f"“{label}”不是已知的密钥标签。"),
            do=Text("Say what it is: --algorithm and --usage.", "请用 --algorithm 和 --usage 说明。"),
            code="CF-2172",
        )
    here = next_version(infos, label)
    version = told.version or (max(here - 1, 1) if kind in _HERE else here)
    return KeySpec(
        label,
        known.algorithm if known else told.algorithm,
        known.usage if known else usage_named(told.usage),
        known.level if known else told.level,
        version,
        told.region or (known.region if known else ""),
        group=told.group or (known.group if known else ""),
        valid_from=told.valid_from,
        valid_until=told.valid_until,
    )


def settle(desk: Desk, located: Located | None, infos: Sequence[KeyInfo]) -> None:
    """Give ceremonies that were cut off their last step, unless one is being held now."""
    if located is None:
        settle_cut(desk, infos)
        return
    with suppress(CeremonyRunning), sole_ceremony(located):
        settle_cut(desk, infos)


def write_record(talk: Talk, desk: Desk, record: CeremonyRecord, folder: Path) -> dict[str, str]:
    """The record as a signed JSON file and a signed PDF; their paths."""
    signed = sign_ceremony(desk, record)
    language = "zh" if talk.language == "zh" else "en"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"json": folder / f"{record.id}.json", "pdf": folder / f"{record.id}.pdf"}
    files["json"].write_bytes(signed.to_json_bytes())
    files["pdf"].write_bytes(ceremony_paper(desk, signed, language))  # type: ignore[arg-type]
    return {name: str(file) for name, file in files.items()}


def print_record(talk: Talk, record: CeremonyRecord) -> None:
    """A record as people read it."""
    mark = {True: Text("REHEARSAL ", "演练 "), False: Text("", "")}[record.rehearsal]
    outcome = Text(record.outcome, {"closed": "完成"}.get(record.outcome, "已中断"))
    head = (
        f"{record.id} {talk.of(mark)}{talk.of(kind_words(record.kind))} {record.label} v{record.version} "
        f"{record.kcv} {talk.of(outcome)}"
    )
    talk.out.print(head, markup=False)
    language = "zh" if talk.language == "zh" else "en"
    for step in record.steps:
        said = details_in(step.details, language)  # type: ignore[arg-type]
        head = f"{step.number:>3}  {step.at[:19]}  {talk.of(step_words(step.event))}  ({', '.join(step.people)})"
        talk.out.print(f"{head}  {said}".rstrip(), markup=False)


def trusted_keys(files: Sequence[Path]) -> frozenset[bytes]:
    """Public keys in hex, one a line; raises InputRefused."""
    try:
        return frozenset(bytes.fromhex(word) for file in files for word in file.read_text(encoding="utf-8").split())
    except ValueError:
        raise InputRefused(
            Text("A trusted key is not hex.", "信任的公钥不是十六进制。"),
            do=Text("One public key a line, as 'ceremony verify' shows it.", "每行一个公钥，格式见 ceremony verify。"),
            code="CF-3916",
        ) from None


def _written(talk: Talk, desk: Desk, record: CeremonyRecord, folder: Path, label: str) -> None:
    """Write the record; with the documents key that this very ceremony made, by a desk that has it."""
    files: dict[str, str] = {}
    try:
        if label == DOCUMENTS_KEY and not record.rehearsal and record.outcome == "closed":
            with talk.desk() as fresh:
                files = write_record(talk, fresh, record, folder)
        else:
            files = write_record(talk, desk, record, folder)
    except NoDocumentsKey as unsigned:  # the ceremony that was to make it was interrupted
        sentence = unsigned.sentence
        talk.say(sentence("en"), sentence("zh"))
    value = {"ceremony": record.id, "outcome": record.outcome, "rehearsal": record.rehearsal, "kcv": record.kcv}

    def people() -> None:
        print_record(talk, record)
        for file in files.values():
            talk.out.print(file, markup=False)

    talk.give(value | files, people)


def _rehearsed(desk: Desk, kind: Kind, label: str) -> RehearsalKeys:
    """Keys of a rehearsal; the one to be destroyed or sent is there already."""
    keys = RehearsalKeys(desk.random)
    if kind in _HERE:
        keys.generate(KeySpec(label, "3DES", Usage.PIN_TRANSPORT, Level.BANK))
    return keys


def _prepare(sitting: Sitting, rehearsal: bool) -> None:
    """Packages that a rehearsal of sending pretends were printed."""
    if rehearsal and sitting.wanted.kind is Kind.SEND:
        for number, custodian in enumerate(sitting.wanted.custodians, 1):
            sitting.package(f"REHEARSAL-{number}", number, custodian, "printed")
