"""Requests come in, whole files or none, and a person with that duty approves them."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Literal

from cardfab.errors import StockFault, Text
from cardfab.face.photo import judge_photo
from cardfab.prepare.importer import ProductRules, read_requests
from cardfab.prepare.items import ItemBook
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import Act, JobEvent, JobState
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.people import require_not_maker
from cardfab.station.preparing import prepare
from cardfab.station.vault import holder_index, open_request, seal_request
from cardfab.store import JobRow, RequestRow


class ApprovalRefused(StockFault):
    """The request cannot be approved by this person, or not now."""

    default_code = "CF-7300"


def import_requests(
    desk: Desk,
    data: bytes,
    *,
    source: str,
    form: Literal["csv", "jsonl"],
    photos: Callable[[str], bytes | None],
) -> tuple[str, ...]:
    """Take in a whole file as one batch of requests; their ids. Raises RequestFileRefused and takes nothing."""
    desk.must(Act.IMPORT)
    codes = desk.codes()
    # One portrait serves any product of the station, so the first product's face says what it must be.
    photo_rules = desk.product(min(codes.bank_product)).face.photo_rules
    requests = read_requests(
        data,
        form=form,
        photos=photos,
        judge_photo=lambda jpeg: judge_photo(jpeg, photo_rules).findings,
        codes=codes,
        known_ids=_Taken(desk),
        photo_on_file=lambda number: photo_on_file(desk, number),
        rules=_rules(desk, codes),
        today=desk.now().date(),
    )
    stocks = {name: load(desk.profiles, "products", name, Product).stock for name in {r.bank_product for r in requests}}
    salt = desk.random(32)
    with desk.database.transaction("import") as tx:
        move = desk.move(f"imported from {source}")
        batch = tx.requests.add_batch(source, len(requests), salt, at=move.at, by=move.by)
        rows = [_row(desk, request, batch, salt) for request in requests]
        tx.requests.add(rows)
        for row in rows:
            tx.jobs.create(desk.token(), row.id, stocks[row.product], move)
        details = {"batch": str(batch), "requests": str(len(rows))}
        tx.audit.append(desk.event("request.import", desk.token(), "done", details))
    return tuple(request.request_id for request in requests)


class _Taken(Container[str]):
    """The request ids that are taken, by a request of a station or by a row of a bureau's batch."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __contains__(self, request_id: object) -> bool:
        with self._desk.database.reading() as tx:
            return tx.batches.id_taken(str(request_id))


def approve(desk: Desk, request_ids: Sequence[str]) -> tuple[JobRow, ...]:
    """Approve requests and prepare their cards; every one is a transaction of its own."""
    desk.must(Act.APPROVE)
    return tuple(_approve(desk, request_id) for request_id in request_ids)


def _approve(desk: Desk, request_id: str) -> JobRow:
    with desk.database.transaction("approve") as tx:
        job = tx.jobs.of_request(request_id)
        row = tx.requests.get(request_id)
        second = load(desk.profiles, "products", row.product, Product).approval == "second person"
        if second or not desk.training:
            require_not_maker(desk, Act.APPROVE, job.made_by)
        # APPROVED: approved before, and the preparation was refused or interrupted; only that is done again.
        if job.state not in (JobState.REQUESTED, JobState.APPROVED):
            raise ApprovalRefused(
                Text(
                    f"Request {request_id} waits for no approval; its job is {job.state}.",
                    f"申请 {request_id} 无待审批事项，作业状态为 {job.state}。",
                ),
            )
        if job.state is JobState.REQUESTED:
            job = tx.jobs.move(job, JobEvent.APPROVE, desk.move(), approved_by=desk.person.login)
            tx.audit.append(desk.event("request.approve", job.token, "done", {"job": str(job.id)}))
    return prepare(desk, job.id)


def _rules(desk: Desk, codes: CodeTables) -> Callable[[str], ProductRules | None]:
    """Of each product a request may ask for."""
    products = {name: desk.product(name) for name in codes.bank_product}
    return {name: rules_of(one, codes) for name, one in products.items()}.get


def rules_of(one: ProductSet, codes: CodeTables) -> ProductRules:
    """What a product asks of its requests."""
    return ProductRules(ItemBook(one.files, codes), one.product.regions, one.product.portrait)


def photo_on_file(desk: Desk, social_security_number: str) -> bytes | None:
    """The newest photo kept of a holder, for a re-issue after loss that brings none."""
    with desk.database.reading() as tx:
        kept = [row for row in tx.requests.of_holder(holder_index(desk.keys, social_security_number)) if row.salt]
    return open_request(desk.keys, max(kept, key=lambda row: row.id)).photo if kept else None


def _row(desk: Desk, request: IssuanceRequest, batch: int, salt: bytes) -> RequestRow:
    token = desk.token()
    return RequestRow(
        id=request.request_id,
        token=token,
        batch_id=batch,
        holder_index=holder_index(desk.keys, request.social_security_number),
        product=request.bank_product,
        category=request.category,
        urgent=request.urgent,
        sealed=seal_request(desk.keys, request, token, salt),
        salt=salt,
    )
