"""``cardfab keys issuer``, ``pool``: certificates of issuer keys, and chip keys made ahead. No command prints a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cardfab.cli.keydesk import custody, token_of
from cardfab.cli.output import talk_of
from cardfab.cli.wiring import chip_pool
from cardfab.errors import InputRefused, Text
from cardfab.keys.certificates import CertificateFault, IssuerCertificate, IssuerRequest, last_day
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.label import KeySpec, Level, Usage
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.store import KeyStore
from cardfab.production import Act
from cardfab.station.keychange import key_change, require_ceremony

if TYPE_CHECKING:
    from cardfab.keys.auditing import AuditedKeyStore

issuer_app = typer.Typer(help="Issuer keys and the scheme authority's certificates.", no_args_is_help=True)

Label = Annotated[str, typer.Argument(metavar="LABEL", help="An issuer key.")]
Second = Annotated[
    str | None, typer.Option("--second", metavar="LOGIN", help="The second custodian; needed outside training.")
]
RID = "A000000333"


@issuer_app.command("list")
def list_(context: typer.Context) -> None:
    """Issuer keys, and to which day their certificates are good."""
    talk = talk_of(context)
    with talk.desk() as desk:
        desk.must(Act.KEYS)
        labels = [info.label for info in desk.keys.infos() if info.usage is Usage.ISSUER]
        values = [{"label": label, **_certificate(desk.keys, label)} for label in labels]
    columns = (Text("label", "标签"), Text("IIN", "发卡行标识"), Text("index", "索引"), Text("good to", "有效至"))
    rows = [(one["label"], one["iin"], one["index"], one["until"]) for one in values]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("There are no issuer keys.", "没有发卡行密钥。")))


@issuer_app.command()
def make(
    context: typer.Context,
    label: Label,
    bits: Annotated[int | None, typer.Option("--bits", help="1024 to 1984; without it the key is SM2.")] = None,
    exponent: Annotated[int, typer.Option("--exponent", help="3 or 65537.")] = 65537,
    second: Second = None,
    ceremony: Annotated[str, typer.Option("--ceremony", metavar="ID", help="Needed outside training.")] = "",
) -> None:
    """Make an issuer key."""
    talk = talk_of(context)
    spec = KeySpec(label, "SM2" if bits is None else f"RSA-{bits}", Usage.ISSUER, Level.BANK)
    with (
        custody(talk, second) as (desk, manager),
        key_change(desk, "make", label=label, algorithm=spec.algorithm) as record,
    ):
        require_ceremony(desk, label, ceremony)
        if isinstance(manager, SoftKeyManager):
            info = manager.generate(spec, ceremony=ceremony, exponent=exponent)
        else:  # a token's RSA keys have the exponent 3
            info = manager.generate(spec, ceremony=ceremony)
        record["kcv"] = info.kcv
    talk.give({"label": label, "kcv": info.kcv}, lambda: talk.out.print(f"{label} {info.algorithm} {info.kcv}"))


@issuer_app.command()
def request(
    context: typer.Context,
    label: Label,
    iin: Annotated[str, typer.Option("--iin", help="3 to 8 digits.")],
    expiry: Annotated[str, typer.Option("--expiry", help="The last month that is asked for, MMYY.")],
    out: Annotated[Path, typer.Option("--out", help="The request file.")],
    tracking: Annotated[int, typer.Option("--tracking", min=0, max=0xFFFFFF, help="Tracking number.")] = 1,
    rid: Annotated[str, typer.Option("--rid", help="The scheme, 10 hex digits.")] = RID,
) -> None:
    """Write a certificate request for the scheme authority, proved with the key itself."""
    talk = talk_of(context)
    if not (iin.isascii() and iin.isdigit() and 3 <= len(iin) <= 8 and len(expiry) == 4 and expiry.isdigit()):
        raise InputRefused(
            Text("An IIN has 3 to 8 digits, an expiry is MMYY.", "发卡行标识为 3 至 8 位数字，有效期为 MMYY。"),
            code="CF-3225",
        )
    last_day(bytes.fromhex(expiry))
    with (
        custody(talk, changes=False) as (desk, manager),
        key_change(desk, "request", label=label, iin=iin, expiry=expiry) as record,
    ):
        keys: VaultKeyStore = manager.store if isinstance(manager, SoftKeyManager) else token_of(desk)
        made = keys.issuer_request(
            label, bytes.fromhex(rid), bytes.fromhex(iin.ljust(8, "F")), bytes.fromhex(expiry),
            tracking.to_bytes(3, "big"),
        )  # fmt: skip
        out.write_bytes(made.to_json_bytes())
        record["kcv"] = keys.info(label).kcv
    talk.give({"label": label, "file": str(out)}, lambda: talk.out.print(str(out), markup=False))


@issuer_app.command("import")
def import_(
    context: typer.Context,
    label: Label,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The authority's answer.", exists=True)],
    second: Second = None,
) -> None:
    """Verify the authority's answer and keep it with the key."""
    talk = talk_of(context)
    answer = IssuerCertificate.from_json_bytes(file.read_bytes())
    with custody(talk, second) as (desk, manager), key_change(desk, "certificate", label=label) as record:
        keys: VaultKeyStore
        if isinstance(manager, SoftKeyManager):
            manager.import_certificate(label, answer)
            keys = manager.store
        else:
            keys = token_of(desk)
            keys.import_certificate(label, answer)
        shown = _certificate(keys, label)
        record.update(shown)
    talk.give({"label": label, **shown}, lambda: talk.out.print(f"{label} {shown['iin']} {shown['until']}"))


def pool(
    context: typer.Context,
    fill: Annotated[int | None, typer.Option("--fill", min=1, help="Make keys until so many are there.")] = None,
    bits: Annotated[int, typer.Option("--bits", help="1024 to 1984.")] = 1024,
    exponent: Annotated[int, typer.Option("--exponent", help="3 or 65537.")] = 65537,
) -> None:
    """How many chip keys of a size are there, made ahead for payment applications."""
    talk = talk_of(context)
    located = talk.located()
    with talk.desk() as desk:
        desk.must(Act.KEYS if desk.person.may(Act.KEYS) else Act.ISSUE)
        kept = chip_pool(located, cast("AuditedKeyStore", desk.keys))  # of open_desk, on record
        made = 0 if fill is None else kept.fill(bits, exponent, fill)
        left = kept.count(bits, exponent)
    words = Text(f"{left} keys of {bits} bits, {made} made now.", f"{bits} 位密钥 {left} 个，本次生成 {made} 个。")
    talk.give({"bits": bits, "exponent": exponent, "keys": left, "made": made}, lambda: talk.out.print(talk.of(words)))


def _certificate(keys: KeyStore, label: str) -> dict[str, str]:
    try:
        kept = keys.issuer_certificate(label)
    except CertificateFault:
        return {"iin": "", "index": "", "until": ""}
    found = kept.open()
    return {
        "iin": found.subject.hex().upper().rstrip("F"),
        "index": kept.index.hex().upper(),
        "until": last_day(found.expiry).isoformat(),
    }


def authority(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate request.", exists=True)],
    out: Annotated[Path, typer.Option("--out", help="The answer.")],
) -> None:
    """Answer a certificate request as the training authority does; its keys are published, so it proves nothing."""
    from cardfab.simulator import authority as training

    talk = talk_of(context)
    asked = IssuerRequest.from_json_bytes(file.read_bytes())
    try:
        made = training.answer(asked.public, asked.proof)
    except training.RequestRefused as refused:
        raise InputRefused(
            Text(f"The training authority refuses: {refused}.", f"培训认证机构拒绝申请：{refused}。"), code="CF-3226"
        ) from None
    kept = IssuerCertificate(training.RID, made.index, made.authority, made.certificate, made.remainder, made.exponent)
    out.write_bytes(kept.to_json_bytes())
    talk.give({"file": str(out)}, lambda: talk.out.print(str(out), markup=False))
