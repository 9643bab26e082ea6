"""The return file: every row of a batch, card or reason, in the issuer's form; streamed, signed, on record.

The station's key for papers signs it. In clear, the file is readable by its owner alone and a detached CMS signature
lies beside it (``.p7s``); encrypted for the issuer's certificate, the signature is inside, and nothing of the content
is on the disk in clear at any time. How a file gets to the issuer is the issuer's agreement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cardfab.bureau.books.handing import hand_over, new_file, require_state
from cardfab.bureau.books.remakes import made_if_all
from cardfab.bureau.books.returnlines import Told, head, line
from cardfab.bureau.files import Addressee
from cardfab.bureau.files.sealing import enveloped, signed
from cardfab.documents.signing import sign_detached
from cardfab.errors import Text
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import Act, JobState
from cardfab.production.batches import BatchState
from cardfab.profile.loader import load
from cardfab.profile.returning import ReturnProfile
from cardfab.station.desk import Desk
from cardfab.station.signing import document_signer
from cardfab.station.vault import Erased, open_cards, open_requests
from cardfab.store.batches import BureauBatchRow
from cardfab.store.bureaufinish import ReturnRow

RETURNED: Final = "return"
SIGNATURE: Final = ".p7s"
_CODE = re.compile(r"^(CF-[0-9]{4}): ")
_CHIP_ID = ("SSSE", b"\xef\x05", b"\x01")
"""Where the chip's identification code lies (SSSE/EF05, item 01)."""


def return_file(
    desk: Desk,
    name: str,
    out: Path,
    layout: str = "json",
    to: Addressee | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> tuple[BureauBatchRow, int, int]:
    """Write the return file, signed: the batch, its rows with a card, those without one.

    ``to`` is whom it is encrypted for; None: in clear, its signature beside it. ``tell`` hears how many rows were
    written. Raises BatchUnfit while the batch is not made, Untellable, Erased; then no file is left.
    """
    desk.must(Act.HAND_OVER)
    profile = load(desk.profiles, "returns", layout, ReturnProfile)
    with desk.database.transaction("made") as tx:  # its last doubt may have been settled outside a run
        batch = made_if_all(desk, tx, tx.batches.find(name))
    require_state(batch, BatchState.MADE, BatchState.CLOSED)
    bank = desk.product(batch.product).product.bank_name
    counts = {"success": 0, "failure": 0}
    with _in_clear(desk, out) if to is None else _sealed(desk, out, to) as (write, digest):
        about = {"reference": batch.reference, "count": str(batch.rows), "issuer": batch.issuer}
        write(head(profile, about))
        for told in rows_of(desk, batch, profile, bank):
            write(line(profile, told))
            counts[told["result"]] += 1
            if not sum(counts.values()) % 1000:
                tell(sum(counts.values()))
        whole = digest()
    with desk.database.transaction("return file") as tx:
        said = {"good": str(counts["success"]), "failed": str(counts["failure"]), "layout": layout}
        recipient = None if to is None else to.fingerprint
        hand_over(desk, tx, batch, RETURNED, out.name, sum(counts.values()), whole, recipient=recipient, **said)
        desk.checkpoint(tx)
    return batch, counts["success"], counts["failure"]


Pen = tuple[Callable[[bytes], None], Callable[[], str]]
"""What writes clear content, and its SHA-256 so far."""


@contextmanager
def _in_clear(desk: Desk, out: Path) -> Iterator[Pen]:
    sign = _signature(desk)
    with new_file(out) as (write, digest):
        yield write, digest
        with new_file(out.with_name(out.name + SIGNATURE)) as (beside, _):
            beside(sign(bytes.fromhex(digest())))


@contextmanager
def _sealed(desk: Desk, out: Path, to: Addressee) -> Iterator[Pen]:
    sign = _signature(desk)
    with new_file(out) as (write, _), enveloped(write, to, desk.random) as inside, signed(inside, sign) as pen:
        yield pen


def _signature(desk: Desk) -> Callable[[bytes], bytes]:
    signer = document_signer(desk)
    return lambda digest: sign_detached(digest, signer, when=desk.now())


def rows_of(desk: Desk, batch: BureauBatchRow, profile: ReturnProfile, bank: str) -> Iterator[Told]:
    """What is told of every place, in order; some hundred rows are held at a time."""
    last = box = position = 0
    while True:
        with desk.database.reading() as tx:
            rows = tx.bureau_finish.returned(batch.id, last)
        for row, request, card in _opened(desk, batch, rows):
            box, position = row.box, position if row.box == box else 0
            position += row.left_out is None or row.given_up  # as it was laid out at the approval
            yield _told(batch, profile, bank, row, position, request, card)
        if not rows:
            return
        last = rows[-1].place


def _told(
    batch: BureauBatchRow,
    profile: ReturnProfile,
    bank: str,
    row: ReturnRow,
    position: int,
    request: IssuanceRequest | None,
    card: PreparedCard | None,
) -> Told:
    told = {"sequence": str(row.place), "request": row.request_id}
    if request is not None:
        told |= {"number": request.social_security_number, "name": request.name}
    if card is not None:
        told |= {"card_number": card.card_number}
    if row.state != JobState.DONE or card is None:
        wrong = row.wrong.of(profile.language) if row.wrong else ""
        why = wrong or _CODE.sub(r"\1 ", row.left_out or row.reason or "")
        return told | {"result": "failure", "stage": "make", "reason": why}
    case = (row.box - 1) // profile.boxes_in_case + 1
    return told | {
        "result": "success",
        "issued_on": card.issue_date,
        "expires_on": card.expiry_date,
        "made_at": row.made_at or "",
        "chip": row.chip or "",
        "chip_id": next(
            (one.value.hex().upper() for one in card.records if (one.df, one.fid, one.tag) == _CHIP_ID), ""
        ),
        "bank": bank,
        "bank_number": card.pan,
        "packing": f"{batch.reference}-{case}-{row.box}-{position}",
    }


def _opened(
    desk: Desk, batch: BureauBatchRow, rows: Sequence[ReturnRow]
) -> Iterator[tuple[ReturnRow, IssuanceRequest | None, PreparedCard | None]]:
    """Whom places are about, and what was prepared: two calls of the key store for all of them.

    Of a row that was wrong when it came nothing is kept but that it was.
    """
    if not rows:
        return
    salt = rows[0].salt
    if salt is None:
        raise Erased(Text(f"The personal data of batch {batch.reference} has been erased.",
                          f"批次 {batch.reference} 的个人数据已清除。"))  # fmt: skip
    there = [(row, row.request_token or row.row_token, row.sealed or row.row_sealed or b"") for row in rows]
    asked = [(row.place, token, sealed) for row, token, sealed in there if sealed]
    prepared = [(row.place, token, row.sealed_card) for row, token, _ in there if row.sealed_card]
    opened = open_requests(desk.keys, [one[2] for one in asked], [one[1] for one in asked], salt)
    made = open_cards(desk.keys, [one[2] for one in prepared], [one[1] for one in prepared], salt)
    requests = dict(zip((one[0] for one in asked), opened, strict=True))
    cards = dict(zip((one[0] for one in prepared), made, strict=True))
    for row in rows:
        yield row, requests.get(row.place), cards.get(row.place)


__all__ = ["RETURNED", "SIGNATURE", "Pen", "return_file", "rows_of"]
