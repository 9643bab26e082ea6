"""A request becomes a prepared card: numbers drawn once, records encoded, secrets sealed, the face proved drawable."""

from __future__ import annotations

from cardfab.errors import InputRefused, Text
from cardfab.face.canvas import EVOLIS, Canvas
from cardfab.face.render import render_side
from cardfab.keys import Sealed
from cardfab.keys.auditing import about
from cardfab.keys.kinds import require_kind
from cardfab.plan import PersonalisationPlan, compile_plan
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import prepare_financial
from cardfab.prepare.financial.prepare import PIN_MEANING
from cardfab.prepare.financial.recipe import recipe_of
from cardfab.prepare.financial.signing import check_chain
from cardfab.prepare.request import IssuanceRequest
from cardfab.printer.raster import PrintSide
from cardfab.production import JobEvent
from cardfab.station.assembling import Making
from cardfab.station.custody import custody_of
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.vault import number_index, open_request, seal_card
from cardfab.store import JobRow


def prepare(desk: Desk, job_id: int) -> JobRow:
    """Prepare the card of an approved job and queue it. What can be refused is refused here, before a blank."""
    with desk.database.reading() as tx:
        job = tx.jobs.get(job_id)
        row = tx.requests.get(job.request_id)
    chosen = desk.product(row.product)
    _require_pad(desk, chosen)
    custody_of(desk, chosen)
    require_kind(desk.keys, labels_of(chosen), training=chosen.product.training, product=chosen.product.name)
    with desk.database.transaction("numbers") as tx:
        serial = tx.jobs.next_number(f"card:{chosen.product.numbers.letter}", chosen.product.numbers.first)
        sequence = tx.jobs.next_number(f"pan:{chosen.financial.iin}", 1)
    with about(job.token):
        card = make_card(desk, open_request(desk.keys, row), chosen, serial, sequence)
    plan_of(card, chosen)
    if chosen.product.print:
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
    making, financial = Making.of(desk, chosen, desk.now().date()), chosen.financial
    begun = making.begin(request, serial, sequence)
    check_chain(recipe_of(financial), begun.data, desk.keys)  # before the holder is asked for anything
    pin = _holders_pin(desk, chosen, begun.data.pan)
    custody = custody_of(desk, chosen)
    bank = prepare_financial(financial, begun.data, desk.keys, take_key=desk.chip_keys, pin=pin, custody=custody)
    making.judge(desk.keys, bank)
    return making.card(begun, bank)


def labels_of(chosen: ProductSet) -> tuple[str | None, ...]:
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
