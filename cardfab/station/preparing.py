"""A request becomes a prepared card: numbers drawn once, records encoded, secrets sealed, the face proved drawable."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.face.render import render_side
from cardfab.plan import PersonalisationPlan, compile_plan
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.cardnumber import make_card_number
from cardfab.prepare.financial import FinancialData, build_groupings, make_pan
from cardfab.prepare.records import IssueData, build_records, expiry_date, holder_values, initialiser_number
from cardfab.prepare.request import IssuanceRequest
from cardfab.printer.raster import PrintSide
from cardfab.production import JobEvent
from cardfab.profile.product import Product
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.vault import number_index, open_request, seal_card
from cardfab.store import JobRow


def prepare(desk: Desk, job_id: int) -> JobRow:
    """Prepare the card of an approved job and queue it. What can be refused is refused here, before a blank."""
    with desk.database.transaction("numbers") as tx:
        job = tx.jobs.get(job_id)
        row = tx.requests.get(job.request_id)
        chosen = desk.product(row.product)
        serial = tx.jobs.next_number(f"card:{chosen.product.numbers.letter}", chosen.product.numbers.first)
        sequence = tx.jobs.next_number(f"pan:{chosen.financial.iin}", 1)
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
    pan = make_pan(financial, sequence)
    keys = (financial.keys.ac, financial.keys.smi, financial.keys.smc)
    udks = desk.keys.emv_keys(keys, pan, financial.psn, "UDK_AC, UDK_MAC, UDK_ENC")
    pin = desk.keys.random_pin(financial.pin.digits, "first PIN, format 2 block")
    return PreparedCard(
        request_id=request.request_id,
        product=product.name,
        region=request.region,
        card_number=issue.card_number,
        pan=pan,
        issue_date=today.isoformat(),
        expiry_date=expiry.isoformat(),
        records=build_records(chosen.files, holder_values(request, issue)),
        groupings=build_groupings(financial, FinancialData(pan, today, expiry), udks=udks, pin=pin),
        face=face_values(request, issue, product, pan),
        photo=request.photo,
    )


def face_values(request: IssuanceRequest, issue: IssueData, product: Product, pan: str) -> Mapping[str, str]:
    """What the face fields are filled with, by field name."""
    return {
        "name": request.name,
        "social_security_number": request.social_security_number,
        "card_number": issue.card_number,
        "issued_on": issue.issue_date.isoformat(),
        "bank_name": product.bank_name,
        "pan": pan,
    }


def plan_of(card: PreparedCard, chosen: ProductSet) -> PersonalisationPlan:
    """The plan of a prepared card."""
    return compile_plan(card, chosen.card, chosen.files, chosen.financial)


def faces_of(desk: Desk, card: PreparedCard, chosen: ProductSet) -> tuple[PrintSide, PrintSide]:
    """Both sides as they will be printed; raises FaceRefused for a character that no font draws."""
    specimen = chosen.product.training or desk.training
    front, back = (
        render_side(side, card.face, card.photo, desk.fonts, specimen=specimen)
        for side in (chosen.face.front, chosen.face.back)
    )
    return front, back
