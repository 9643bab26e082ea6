"""``cardfab temporary``: paper for who cannot wait for the card, its register, and how others check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.counterdesk import DocumentKind, Secrets
from cardfab.cli.output import Talk, talk_of
from cardfab.documents.checking import UNSEEN, Checked, Compared, check_temporary, ended_early
from cardfab.documents.claim import TrustedKey
from cardfab.documents.revoked import read_list
from cardfab.documents.temporary import Size
from cardfab.errors import InputRefused, Text
from cardfab.production import Document, identity
from cardfab.production.temporary import TemporaryState
from cardfab.station.counter.clock import CHINA
from cardfab.station.counter.service import Shown
from cardfab.station.temporary import (
    applied,
    extension_of,
    issue_temporary,
    revocation_list,
    revoke,
    take_back,
    trusted_keys,
)

app = typer.Typer(help="Temporary cards on paper.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="The folder for the PDF.")]
PaperSize = Annotated[Size, typer.Option("--size", help="A page, or the roll of 80 mm.")]
ActingFor = Annotated[str, typer.Option("--acting-for", help="Who acts for the holder: mother, son, agent ...")]
Second = Annotated[str | None, typer.Option("--second", help="Login of the second person who approves.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Of the temporary card: LS...")]


@app.command()
def issue(
    context: typer.Context,
    request_id: Annotated[str, typer.Argument(metavar="ID")],
    out: Out = Path("."),
    size: PaperSize = "a4",
    document: DocumentKind = Document.ID_CARD,
    acting_for: ActingFor = "",
    second: Second = None,
) -> None:
    """Make the temporary card of an urgent request, as signed PDF. The number of the holder's document is asked for."""
    talk = talk_of(context)
    out.mkdir(parents=True, exist_ok=True)  # before anything is booked
    with talk.desk() as desk:
        wanted = applied(desk, request_id)
        made = issue_temporary(desk, wanted, _shown(talk, document, acting_for, second), size=size)
    _give(talk, made.number, made.pdf, out, {"valid_until": made.valid_until.isoformat()})


@app.command()
def extend(
    context: typer.Context,
    number: Number,
    out: Out = Path("."),
    size: PaperSize = "a4",
    document: DocumentKind = Document.ID_CARD,
    acting_for: ActingFor = "",
    second: Second = None,
) -> None:
    """Extend a temporary card: a new paper with a new number; the old one ends."""
    talk = talk_of(context)
    out.mkdir(parents=True, exist_ok=True)
    with talk.desk() as desk:
        wanted = extension_of(desk, number)
        made = issue_temporary(desk, wanted, _shown(talk, document, acting_for, second), size=size)
    _give(talk, made.number, made.pdf, out, {"valid_until": made.valid_until.isoformat(), "extends": number})


@app.command("return")
def take(context: typer.Context, number: Number) -> None:
    """Book that a temporary card came back."""
    talk = talk_of(context)
    with talk.desk() as desk:
        take_back(desk, number)
    _moved(talk, number, TemporaryState.RETURNED)


@app.command("revoke")
def revoke_one(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Why: lost, issued wrongly, misused ...")],
    second: Second = None,
) -> None:
    """Revoke a temporary card; another person approves with --second."""
    talk = talk_of(context)
    with talk.desk() as desk:
        revoke(desk, number, reason, second)
    _moved(talk, number, TemporaryState.REVOKED)


@app.command("list")
def list_all(
    context: typer.Context,
    all_states: Annotated[bool, typer.Option("--all", help="Also those that are good no more.")] = False,
) -> None:
    """The register of temporary cards."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        rows = tx.temporary_cards.all(*([] if all_states else [TemporaryState.ISSUED]))
    value = [
        {
            "number": one.number, "request": one.request_id, "state": str(one.state), "valid_from": one.valid_from,
            "valid_until": one.valid_until, "extends": one.extends, "issued_by": one.issued_by,
            "document": one.document, "reason": one.reason,
        }
        for one in rows
    ]  # fmt: skip
    columns = (
        Text("number", "编号"),
        Text("request", "申请"),
        Text("valid until", "有效期至"),
        Text("issued by", "签发人"),
        Text("state", "状态"),
    )
    lines = [(one.number, one.request_id, one.valid_until, one.issued_by, talk.of(one.state.text)) for one in rows]
    talk.give(value, lambda: talk.table(columns, lines, empty=Text("No temporary card.", "没有临时卡。")))


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PDF, or the scanned text of its code.")],
    revoked: Annotated[Path | None, typer.Option("--list", help="A list of 'temporary revocations'.")] = None,
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="Keys to trust, of 'temporary key', instead of this station's.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="As it stands on the identity card, to be compared.")] = "",
    last: Annotated[str, typer.Option("--number", help="The last four places of the number, to be compared.")] = "",
) -> None:
    """Check a temporary card: signature, file, person, days, revocation. For a picture of the code use the page."""
    talk = talk_of(context)
    data = _read(file)
    keys = _trusted(trust)
    if trust:
        from datetime import UTC, datetime

        now = datetime.now(UTC).astimezone(CHINA)
    else:
        with talk.desk() as desk:
            keys = list(trusted_keys(desk))
            now = desk.now().astimezone(CHINA)
    known = None if revoked is None else read_list(_read(revoked), keys)
    checked = check_temporary(data, keys, now, known, Compared(name, last))
    listed = checked.listed
    if not trust:
        with talk.desk() as desk, desk.database.reading() as tx:
            row = tx.temporary_cards.find(checked.claim.number)
        if row is not None and row.state is not TemporaryState.ISSUED:
            words = Text(f"is {row.state.text.en}", row.state.text.zh)
            raise ended_early(row.number, words)
        listed = row is not None
    _say_checked(talk, checked, listed)


@app.command()
def key(context: typer.Context) -> None:
    """The line by which others check this station's temporary cards; one more for each key it used before."""
    talk = talk_of(context)
    with talk.desk() as desk:
        one, *earlier = trusted_keys(desk)
    value = {
        "key": str(one),
        "key_id": one.key_id.hex(),
        "earlier": [{"key": str(each), "key_id": each.key_id.hex()} for each in earlier],
    }
    talk.give(value, lambda: talk.out.print("\n".join(map(str, (one, *earlier))), markup=False))


@app.command()
def certificate(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Write the certificate in use here, PEM.")] = None,
    request: Annotated[Path | None, typer.Option("--request", help="Write a request for an authority, PEM.")] = None,
    use: Annotated[Path | None, typer.Option("--use", help="Use this certificate of an authority.")] = None,
) -> None:
    """The certificate of the key that signs papers: self-signed until an authority's is brought in."""
    from cardfab.documents.signing import certificate_request, described, from_pem, to_pem
    from cardfab.station.signing import document_signer, documents_public, use_certificate

    talk = talk_of(context)
    with talk.desk() as desk:
        if use is not None:
            use_certificate(desk, from_pem(_read(use)))
        signer = document_signer(desk)
        if out is not None:
            out.write_bytes(to_pem("CERTIFICATE", signer.certificate))
        if request is not None:
            name = f"cardfab/{desk.station}/documents"
            made = certificate_request(name, documents_public(desk), signer.sign)
            request.write_bytes(to_pem("CERTIFICATE REQUEST", made))
    value = described(signer.certificate)
    talk.give(value, lambda: talk.out.print("\n".join(f"{each}: {value[each]}" for each in value), markup=False))


@app.command()
def revocations(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="The file.")],
    days: Annotated[int, typer.Option("--days", min=1, max=31, help="How long the list is good.")] = 2,
) -> None:
    """The signed, dated list of temporary cards that ended early, for who checks without a network."""
    talk = talk_of(context)
    with talk.desk() as desk:
        text = revocation_list(desk, days=days)
    out.write_text(text, encoding="utf-8", newline="\n")
    talk.give({"file": str(out)}, lambda: talk.out.print(str(out), markup=False))


@app.command()
def page(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="The HTML file.")],
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="Also trust these stations' keys, of 'temporary key'.")
    ] = None,
) -> None:
    """The page that checks temporary cards on a phone without a network; this station's key is in it."""
    from cardfab.documents.verifypage import verify_page
    from cardfab.resources import page_part

    talk = talk_of(context)
    others = _trusted(trust)
    with talk.desk() as desk:
        keys = [*trusted_keys(desk), *others]
        regions = {code: one.text for code, one in desk.codes().region.items()}
        made = desk.now().astimezone(CHINA).date()
    out.write_text(verify_page(keys, regions, made, page_part), encoding="utf-8", newline="\n")
    value = {"file": str(out), "keys": [one.key_id.hex() for one in keys]}
    talk.give(value, lambda: talk.out.print(str(out), markup=False))


def _shown(talk: Talk, document: Document, acting_for: str, second: str | None) -> Shown:
    number = Secrets(talk).line(f"number of the {document.text.en}", f"{document.text.zh}号码")
    return Shown(identity(document, number, acting_for), second)


def _give(talk: Talk, number: str, pdf: bytes, out: Path, more: dict[str, str]) -> None:
    file = out / f"{number}.pdf"
    file.write_bytes(pdf)
    talk.give({"number": number, "file": str(file), **more}, lambda: talk.out.print(str(file), markup=False))


def _moved(talk: Talk, number: str, state: TemporaryState) -> None:
    value = {"number": number, "state": str(state)}
    talk.give(value, lambda: talk.out.print(f"{number}: {talk.of(state.text)}", markup=False))


def _trusted(files: list[Path] | None) -> list[TrustedKey]:
    lines = [line for file in files or [] for line in _read(file).decode("utf-8", "replace").splitlines()]
    return [TrustedKey.read(line) for line in lines if line.strip()]


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise InputRefused(
            Text(f"There is no file {file}.", f"没有文件 {file}。"),
            do=Text("Check the path.", "请检查路径。"),
            code="CF-3300",
        )
    return file.read_bytes()


def _say_checked(talk: Talk, checked: Checked, listed: bool) -> None:
    claim = checked.claim
    value = {
        "number": claim.number,
        "name": claim.name,
        "social_security_number": claim.social_security_number,
        "region": claim.region,
        "valid_until": claim.valid_until.isoformat(),
        "specimen": checked.specimen,
        "station": checked.station,
        "revocation": "checked" if listed else "not checked",
        "compared": checked.compared,
    }
    en = f"{claim.number}: genuine, valid until {claim.valid_until}" + (" - SPECIMEN" if checked.specimen else "")
    zh = f"{claim.number}：真实有效，有效期至 {claim.valid_until}" + ("（样卡）" if checked.specimen else "")
    list_en = "checked" if listed else "not checked: no list, or one that is too old"
    list_zh = "已查" if listed else "未查（没有名单，或名单已过期）"

    def show() -> None:
        talk.out.print(talk.of(Text(en, zh)))
        talk.out.print(f"{claim.name}  {claim.social_security_number}", markup=False)
        talk.out.print(talk.of(Text(f"revocation: {list_en}", f"作废名单：{list_zh}")))
        talk.say(UNSEEN.en, UNSEEN.zh)

    talk.give(value, show)
