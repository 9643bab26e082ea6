"""A request becomes a prepared card: numbers drawn once, records encoded, secrets sealed, the face proved drawable."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.errors import InputRefused, Text
from cardfab.face.canvas import EVOLIS, Canvas
from cardfab.face.chipphoto import chip_photo
from cardfab.face.render import render_side
from cardfab.keys import Sealed
from cardfab.keys.auditing import about
from cardfab.keys.kinds import require_kind
from cardfab.plan import PersonalisationPlan, compile_plan
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.cardnumber import make_card_number
from cardfab.prepare.financial import FinancialData, make_pan, prepare_financial
from cardfab.prepare.financial.prepare import PIN_MEANING
from cardfab.prepare.financial.recipe import recipe_of
from cardfab.prepare.financial.signing import check_chain
from cardfab.prepare.items import ItemBook
from cardfab.prepare.lint.judge import require_faultless
from cardfab.prepare.records import (
    IssueData,
    build_binaries,
    build_records,
    expiry_date,
    holder_values,
    initialiser_number,
)
from cardfab.prepare.request import IssuanceRequest
from cardfab.printer.raster import PrintSide
from cardfab.production import JobEvent
from cardfab.profile.product import Product
from cardfab.station.custody import custody_of
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.vault import number_index, open_request, seal_card
from cardfab.store import JobRow

_CERTIFICATES = 4
"""ICC certificate serials that are set aside for each card."""


def prepare(desk: Desk, job_id: int) -> JobRow:
    """Prepare the card of an approved job and queue it. What can be refused is refused here, before a blank."""
    with desk.database.reading() as tx:
        job = tx.jobs.get(job_id)
        row = tx.requests.get(job.request_id)
    chosen = desk.product(row.product)
    _require_pad(desk, chosen)
    custody_of(desk, chosen)
    require_kind(desk.keys, _labels(chosen), training=chosen.product.training, product=chosen.product.name)
    with desk.database.transaction("numbers") as tx:
        serial = tx.jobs.next_number(f"card:{chosen.product.numbers.letter}", chosen.product.numbers.first)
        sequence = tx.jobs.next_number(f"pan:{chosen.financial.iin}", 1)
    with about(job.token):
        card = make_card(desk, open_request(desk.keys, row), chosen, serial, sequence)
    plan_of(card, chosen)
    faces_of(desk, card, chosen)
    with desk.database.transaction("prepare") as tx:
        columns = {
            "sealed_card": seal_card(desk.keys, card, row),
            "card_number_index": number_index(desk.keys, card.card_number),
        }
        job = tx.jobs.move(job, JobEvent.PREPARE, desk.move(), **columns)
        job = tx.jobs.move(job, JobEvent.QUEUE, desk.move())
        tx.audit.append(desk.event("card.prepare", job.token, "done", {"job": str(job.id), "product": row.product}))
    return job


def make_card(desk: Desk, request: IssuanceRequest, chosen: ProductSet, serial: int, sequence: int) -> PreparedCard:
    """The prepared card of a request, with the card number and account number drawn from their series."""
    product, financial = chosen.product, chosen.financial
    today = desk.now().date()
    expiry = expiry_date(today, product.validity_years)
    issue = IssueData(
        card_number=make_card_number(product.numbers.letter, serial),
        issue_date=today,
        expiry_date=expiry,
        initialiser=initialiser_number(request.region, product.initialiser_place, 1),
        version=chosen.files.version,
    )
    items = _items(desk, request, chosen)
    pan = make_pan(financial, sequence)
    data = FinancialData(pan, today, expiry, _chip_name(request, chosen), serial=_CERTIFICATES * sequence)
    check_chain(recipe_of(financial), data, desk.keys)  # before the holder is asked for anything
    pin = _holders_pin(desk, chosen, pan)
    custody = custody_of(desk, chosen)
    bank = prepare_financial(financial, data, desk.keys, take_key=desk.chip_keys, pin=pin, custody=custody)
    published = any(desk.keys.info(label).training for label in financial.keys.labels)
    require_faultless(financial, bank, desk.keys, training_keys=published)
    return PreparedCard(
        request_id=request.request_id,
        product=product.name,
        region=request.region,
        card_number=issue.card_number,
        pan=pan,
        issue_date=today.isoformat(),
        expiry_date=expiry.isoformat(),
        records=build_records(chosen.files, holder_values(request, issue), items),
        binaries=build_binaries(chosen.files, _contents(request, chosen), items),
        groupings=bank.groupings,
        environments={aid.hex().upper(): groupings for aid, groupings in bank.environments.items()},
        face=face_values(request, issue, product, pan),
        photo=request.photo,
    )


def _labels(chosen: ProductSet) -> tuple[str | None, ...]:
    """Every key of the store that the profiles of a product name for a card's bank side."""
    bank = chosen.financial
    sm4 = () if bank.keys_sm4 is None else bank.keys_sm4.labels
    pad = bank.pin.pad_key if bank.pin.first == "holder" else None
    return (*bank.keys.labels, *sm4, bank.issuer.rsa, bank.issuer.sm2, bank.cvn_key, bank.pvv_key, pad)


def _require_pad(desk: Desk, chosen: ProductSet) -> None:
    """A product whose holders choose the PIN needs a pad; said before a number is drawn."""
    if chosen.financial.pin.first == "holder" and desk.pin_pad is None:
        raise InputRefused(
            Text(
                f"Holders of '{chosen.product.name}' enter their PIN, and this station has no pin pad.",
                f"产品“{chosen.product.name}”由持卡人输入密码，但本制卡点没有密码键盘。",
            ),
            do=Text("Name it in the settings: [devices] pinpad.", "请在配置 [devices] pinpad 中指定。"),
            code="CF-3145",
        )


def _holders_pin(desk: Desk, chosen: ProductSet, pan: str) -> Sealed | None:
    """The PIN that the holder enters now, sealed; None where the key store makes it or the card has none."""
    policy = chosen.financial.pin
    if policy.first != "holder" or policy.pad_key is None or desk.pin_pad is None:
        return None
    given = desk.pin_pad.enter(pan, policy.digits)
    return desk.keys.pin_from_pad(policy.pad_key, given.form, given.ciphered, pan, PIN_MEANING)


def _chip_name(request: IssuanceRequest, chosen: ProductSet) -> bytes:
    """The holder's name as the bank application holds it, where its profile lets it."""
    return request.name.encode("gb18030") if chosen.financial.holder_name == "on chip" else b""


def _items(desk: Desk, request: IssuanceRequest, chosen: ProductSet) -> Mapping[str, str]:
    """The values by address, each judged again: a profile may have changed since the request came in."""
    items = {**chosen.product.items, **request.items}
    book = ItemBook(chosen.files, desk.codes())
    for address, value in items.items():
        book.check_input(address, value)
    return items


def _contents(request: IssuanceRequest, chosen: ProductSet) -> Mapping[str, bytes]:
    """The contents of transparent files by source name; raises FaceRefused when the portrait does not fit."""
    form = chosen.product.chip_photo
    room = [file.size or 0 for one in chosen.files.directories for file in one.files if file.source == "photo"]
    if form is None or request.photo is None or not room:
        return {}
    return {"photo": chip_photo(request.photo, form, room[0])}


def face_values(request: IssuanceRequest, issue: IssueData, product: Product, pan: str) -> Mapping[str, str]:
    """What the face fields are filled with, by field name."""
    return {
        "name": request.name,
        "social_security_number": request.social_security_number,
        "card_number": issue.card_number,
        "issued_on": issue.issue_date.isoformat(),
        "valid_until": issue.expiry_date.isoformat(),
        "sex": request.sex,
        "bank_name": product.bank_name,
        "pan": pan,
    }


def plan_of(card: PreparedCard, chosen: ProductSet) -> PersonalisationPlan:
    """The plan of a prepared card."""
    return compile_plan(card, chosen.card, chosen.files, chosen.financial)


def faces_of(
    desk: Desk, card: PreparedCard, chosen: ProductSet, canvas: Canvas = EVOLIS
) -> tuple[PrintSide, PrintSide]:
    """Both sides as they will be printed; raises FaceRefused for a character that no font draws."""
    specimen = chosen.product.training or desk.training
    front, back = (
        render_side(
            side,
            card.face,
            card.photo,
            desk.fonts,
            specimen=specimen,
            canvas=canvas,
            pictures=desk.pictures(chosen.face.name),
            language=chosen.face.language,
        )
        for side in (chosen.face.front, chosen.face.back)
    )
    return front, back
