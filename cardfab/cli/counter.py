"""``cardfab temporary``: paper for who cannot wait for the card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.crypto import ed25519_verify
from cardfab.documents import read_claim
from cardfab.errors import InputRefused, KeyFault, Text
from cardfab.station.temporary import issue_temporary, temporary_key

app = typer.Typer(help="Temporary cards on paper.", no_args_is_help=True)


@app.command()
def issue(
    context: typer.Context,
    request_id: Annotated[str, typer.Argument(metavar="ID")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the PDF.")] = Path("."),
) -> None:
    """Make the temporary card of an urgent request, as PDF."""
    talk = talk_of(context)
    with talk.desk() as desk:
        made = issue_temporary(desk, request_id)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{made.number}.pdf"
    file.write_bytes(made.pdf)
    talk.give({"number": made.number, "file": str(file)}, lambda: talk.out.print(str(file), markup=False))


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PDF, or the scanned text of its code.")],
) -> None:
    """Check a temporary card of this station: signature and last day."""
    talk = talk_of(context)
    if not file.is_file():
        raise InputRefused(
            Text(f"There is no file {file}.", f"没有文件 {file}。"),
            do=Text("Check the path.", "请检查路径。"),
            code="CF-3300",
        )
    claim, signature = read_claim(file.read_bytes())
    with talk.desk() as desk:
        key = temporary_key(desk)
        today = desk.now().date()
    if claim.key_name != key.name or not ed25519_verify(key.public, claim.signed_bytes(), signature):
        raise KeyFault(
            Text(
                "The signature is not this station's, or the paper was changed.", "签名不属于本制卡点，或内容被改动。"
            ),
            do=Text("Do not accept the paper; call the issuing station.", "请勿受理，并联系签发网点。"),
            code="CF-6500",
        )
    if not claim.valid_from <= today <= claim.valid_until:
        raise InputRefused(
            Text(
                f"The temporary card {claim.number} ended on {claim.valid_until}.",
                f"临时卡 {claim.number} 已于 {claim.valid_until} 到期。",
            ),
            do=Text("Do not accept the paper.", "请勿受理。"),
            code="CF-3560",
        )
    value = {
        "number": claim.number,
        "name": claim.name,
        "valid_until": claim.valid_until.isoformat(),
        "specimen": claim.specimen,
    }
    en = f"{claim.number}: genuine, valid until {claim.valid_until}" + (" - SPECIMEN" if claim.specimen else "")
    zh = f"{claim.number}：真实有效，有效期至 {claim.valid_until}" + ("（样卡）" if claim.specimen else "")
    talk.give(value, lambda: talk.out.print(talk.of(Text(en, zh))))
