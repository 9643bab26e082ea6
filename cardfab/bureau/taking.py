"""An issuer's file is taken in as a batch: whole, or nothing of it.

The file is read twice. The first pass believes nothing: it opens, verifies, counts and compares with the cover note,
and writes nothing. The second judges each row and puts it sealed into the database, a few thousand a transaction, so
that others of the database go on; until the last one the batch is RECEIVING. Who dies on the way leaves a batch that
:func:`remove_half_taken` removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cardfab.bureau.cover import CoverNote, Tally
from cardfab.bureau.deciding import approve, refuse
from cardfab.bureau.doubles import find_doubles
from cardfab.bureau.issuers import ANYBODY, Issuers, require_signer
from cardfab.bureau.removing import remove_batch, remove_half_taken
from cardfab.errors import InDoubt, InputRefused, Text
from cardfab.face.photo import judge_photo
from cardfab.prepare.finding import WrongRow, hidden
from cardfab.prepare.gb11643 import masked
from cardfab.prepare.importer import RowJudge
from cardfab.prepare.request import IssuanceRequest
from cardfab.prepare.rules import has_id_form
from cardfab.prepare.table import COLUMNS, Row
from cardfab.production import Act
from cardfab.production.batches import BatchState
from cardfab.station.alive import alive
from cardfab.station.desk import Desk
from cardfab.station.intake import photo_on_file, rules_of
from cardfab.station.vault import holder_indexes, seal_requests
from cardfab.store import CommitInDoubt, DatabaseAway, Transaction
from cardfab.store.batches import WRONG, BureauBatchRow, BureauRowRow, Finding

if TYPE_CHECKING:
    from cardfab.bureau.files import Signer

SHARD, BOX = 10_000, 200
_AT_ONCE, _BYTES_AT_ONCE = 2000, 8 << 20

Tell = Callable[[str, int, int], None]


class BatchSource(Protocol):
    """An issuer's file as rows, read afresh by each :meth:`rows`; digest and signer are known after a whole pass."""

    @property
    def path(self) -> Path:
        """Where the file is."""
        ...

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content in clear."""
        ...

    @property
    def signer(self) -> Signer | None:
        """Who signed it, None where it is not signed."""
        ...

    def rows(self) -> Iterator[Row | WrongRow]:
        """Its rows in their order, each once and with its number; of one that cannot be read what is wrong with it."""
        ...


class BatchUnsure(InDoubt):
    """The database was lost while the whole batch was being kept."""

    default_code = "CF-9710"


class BatchRefused(InputRefused):
    """The file is refused whole, and nothing of it was kept."""

    default_code = "CF-3481"


def take_in(
    desk: Desk,
    source: BatchSource,
    cover: CoverNote,
    *,
    photos: Callable[[str], bytes | None] = lambda _: None,
    shard_size: int = SHARD,
    box_size: int = BOX,
    issuers: Issuers = ANYBODY,
    tell: Tell = lambda _step, _done, _of: None,
) -> BureauBatchRow:
    """Take a file in; the batch, which is WAITING.

    ``photos`` gives a photo by its name in the file, ``issuers`` say whose signature counts for whom. ``tell`` hears of
    progress: "check", "take in" or "compare", the rows done and those of the note. One at a time at a station. Raises
    :class:`BatchRefused`, SignerRefused, what the source raises, and NotAllowed; nothing is kept then.
    """
    desk.must(Act.BATCH)
    judge = _judge(desk, cover, photos)
    with desk.database.reading() as tx:
        _require_new(tx, cover)
    _check(source, cover, tell)
    require_signer(issuers, cover.issuer, source.signer)
    salt, token = desk.random(32), desk.token()
    with _nothing_kept(), desk.database.transaction("batch") as tx:
        _require_new(tx, cover)  # again, where nobody else can come between
        batch_id = tx.requests.add_batch(source.path.name, cover.rows, salt, at=desk.at(), by=desk.person.login)
        alive(desk, tx)
        values = {
            "token": token, "issuer": cover.issuer, "reference": cover.reference, "product": cover.product,
            "station": desk.station, "rows": cover.rows, "file_digest": cover.sha256,
            "cover": cover.told(source.signer),
            "box_size": box_size, "shard_size": shard_size, "received_by": desk.person.login, "changed_at": desk.at(),
        }  # fmt: skip
        tx.batches.open(batch_id, values)
    try:
        with _nothing_kept():
            _put(desk, judge, batch_id, salt, source, cover, tell)
            find_doubles(desk, batch_id, lambda done: tell("compare", done, cover.rows))
    except BaseException:
        with suppress(Exception):  # what stopped it is what must be heard of; the next start removes what is left
            remove_batch(desk, batch_id)
        raise
    with _perhaps_kept(cover), desk.database.transaction("batch taken in") as tx:
        wrong = tx.batches.wrong(batch_id)
        done = tx.batches.move(tx.batches.get(batch_id), BatchState.WAITING, at=desk.at(), wrong=wrong)
        details = {"batch": str(batch_id), "rows": str(cover.rows), "wrong": str(wrong), "digest": cover.sha256}
        if (by := source.signer) is not None:
            details |= {"signer": by.subject, "certificate": by.fingerprint}
        tx.audit.append(desk.event("batch.import", token, "done", details))
    return done


@contextmanager
def _nothing_kept() -> Iterator[None]:
    """Until the last commit of a take-in nothing is taken in, whatever became of the one whose answer was lost."""
    try:
        yield
    except CommitInDoubt as doubt:
        raise DatabaseAway from doubt


@contextmanager
def _perhaps_kept(cover: CoverNote) -> Iterator[None]:
    try:
        yield
    except CommitInDoubt as doubt:
        raise BatchUnsure(
            Text(
                f"The database broke off while batch {cover.reference} was being kept; whether it was, is not known.",
                f"保存批次 {cover.reference} 时与数据库的连接中断，结果未知。",
            ),
            do=Text(
                "Bring the database back; 'cardfab bureau list' says whether the batch waits for approval. If not, "
                "import again: it is never taken in twice.",
                "请恢复数据库，再用 cardfab bureau list 查看该批次是否待审核；若否，请重新接收，同一批次不会重复接收。",
            ),
        ) from doubt


# -- pass one ----------------------------------------------------------------------------------------------------------


def _require_new(tx: Transaction, cover: CoverNote) -> None:
    """Neither the file nor its reference was here, and the batch before it was."""
    known = tx.batches.same(cover.issuer, cover.reference, cover.sha256)
    before = not cover.previous or tx.batches.has_file(cover.issuer, cover.previous)
    if known is not None and (known.issuer, known.reference) == (cover.issuer, cover.reference):
        if known.file_digest == cover.sha256:
            raise _the_same(known)
        raise BatchRefused(
            Text(
                f"The batch {cover.reference} of {cover.issuer} is here already, as batch {known.id}.",
                f"{cover.issuer} 的批次 {cover.reference} 已接收，本地编号为 {known.id}。",
            ),
            do=Text("Ask the issuer for a reference of its own.", "请发卡机构另编批次号。"),
            code="CF-3484",
        )
    if known is not None:
        raise BatchRefused(
            Text(
                f"The file was taken in before, as batch {known.id} ({known.reference}).",
                f"该文件此前已接收，本地批次编号为 {known.id}（{known.reference}）。",
            ),
            do=Text("No card is made of a file twice. Ask the issuer.", "同一文件不得重复制卡，请与发卡机构核实。"),
            code="CF-3483",
        )
    if not before:
        raise BatchRefused(
            Text(
                f"The batch that {cover.issuer} sent before this one is not here.",
                f"{cover.issuer} 在此之前发送的批次尚未接收。",
            ),
            do=Text("Take that one in first.", "请先接收前一批次。"),
            code="CF-3485",
        )


def _the_same(known: BureauBatchRow) -> BatchRefused:
    """File and reference are those of a batch: nothing is amiss but that somebody imports it again."""
    state = known.state.text
    named = f"{known.reference} of {known.issuer}"
    return BatchRefused(
        Text(
            f"This very file, {named}, is batch {known.id} already; it is {state.en}.",
            f"该文件（{known.issuer} {known.reference}）已接收，即本地批次 {known.id}，状态为“{state.zh}”。",
        ),
        do=Text(
            f"'cardfab bureau status {known.id}' shows it. To send a file again after it was refused, the issuer gives "
            "it another reference.",
            f"可用 cardfab bureau status {known.id} 查看。拒收后重新发送，须由发卡机构另编批次号。",
        ),
        code="CF-3484",
    )


def _check(source: BatchSource, cover: CoverNote, tell: Tell) -> None:
    tally = Tally(cover)
    for one in source.rows():
        tally.add(None if isinstance(one, WrongRow) else one[1])
        if tally.rows % _AT_ONCE == 0:
            tell("check", tally.rows, cover.rows)
    tell("check", tally.rows, cover.rows)
    if source.digest.hex() != cover.sha256:
        raise BatchRefused(
            Text(
                f"{source.path.name} is not the file of its cover note: its SHA-256 is {source.digest.hex()}.",
                f"{source.path.name} 与封面单不符：其 SHA-256 为 {source.digest.hex()}。",
            ),
            do=Text("Have it sent again.", "请重新传送。"),
        )
    if found := tally.differences():
        en, zh = " ".join(one.en for one in found[:20]), "".join(one.zh for one in found[:20])
        raise BatchRefused(
            Text(
                f"{source.path.name} does not agree with its cover note. {en}", f"{source.path.name} 与封面单不符。{zh}"
            ),
            do=Text("Ask the issuer which of them is right.", "请与发卡机构核实。"),
            code="CF-3482",
        )


# -- pass two ----------------------------------------------------------------------------------------------------------


def _judge(desk: Desk, cover: CoverNote, photos: Callable[[str], bytes | None]) -> RowJudge:
    codes = desk.codes()
    if cover.product not in codes.bank_product:
        raise BatchRefused(
            Text(f"This station makes no cards of '{cover.product}'.", f"本制卡点不制作产品“{cover.product}”。"),
            do=Text("Correct the product in the cover note.", "请更正封面单中的产品。"),
            code="CF-3486",
        )
    chosen = desk.product(cover.product)
    rules, photo_rules = rules_of(chosen, codes), chosen.face.photo_rules
    return RowJudge(
        codes=codes,
        today=desk.now().date(),
        rules=lambda _other: rules,  # a row of another product is wrong for that, and judged as one of this
        photos=photos,
        judge_photo=lambda jpeg: judge_photo(jpeg, photo_rules).findings,
        photo_on_file=lambda number: photo_on_file(desk, number),
        show=hidden,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row that was read. ``request`` is None of a wrong one, of which the id is kept where it has the form of one."""

    place: int
    row: int
    request: IssuanceRequest | None
    request_id: str


@dataclass(slots=True)
class _Some:
    """Rows that wait for their transaction, and what is wrong with them."""

    rows: list[_Judged] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    size: int = 0

    def add(self, place: int, one: Row | WrongRow, judge: RowJudge, product: str) -> None:
        """Judge a row and put it beside those that wait."""
        if isinstance(one, WrongRow):
            self.findings += (Finding(place, one.row, "", each.field, each.reason) for each in one.findings)
            self.rows.append(_Judged(place, one.row, None, ""))
            return
        row, given = one
        others = () if given["bank_product"] in ("", product) else (("bank_product", _OTHER_PRODUCT),)
        request, faults = judge(given, others)
        request_id = given["request_id"] if has_id_form(given["request_id"]) else ""
        self.rows.append(_Judged(place, row, request, request_id if request else masked(request_id)))
        self.size += 0 if request is None else len(request.photo or b"")
        for where, why in faults:
            told = why if where in _FIELDS else _veiled(why, given.get(where, ""))
            self.findings.append(Finding(place, row, masked(request_id), where, told))

    def sealed(self, desk: Desk, batch_id: int, salt: bytes) -> Iterator[BureauRowRow]:
        """The rows as they are kept; of a wrong one nothing of its holder is."""
        sound = [one.request for one in self.rows if one.request is not None]
        tokens = [desk.token() for _ in sound]
        sealed = iter(seal_requests(desk.keys, sound, tokens, salt))
        holders = iter(holder_indexes(desk.keys, [one.social_security_number for one in sound]))
        named = iter(tokens)
        for one in self.rows:
            request = one.request
            yield BureauRowRow(
                batch_id=batch_id,
                place=one.place,
                row=one.row,
                request_id=one.request_id,
                token=next(named) if request else desk.token(),
                holder_index=next(holders) if request else b"",
                product=request.bank_product if request else "",
                category=request.category if request else "",
                urgent=request.urgent if request else False,
                sealed=next(sealed) if request else None,
                job_id=None,
                left_out=None if request else WRONG,
                salt=salt,
            )


_FIELDS = frozenset(COLUMNS)
_OTHER_PRODUCT = Text("It is not the product of the cover note.", "与封面单所列产品不一致。")


def _veiled(reason: Text, value: str) -> Text:
    """A reason without the value of the item that it is about."""
    return Text(reason.en.replace(value, "***"), reason.zh.replace(value, "***")) if value else reason


def _put(
    desk: Desk, judge: RowJudge, batch_id: int, salt: bytes, source: BatchSource, cover: CoverNote, tell: Tell
) -> None:
    some, place = _Some(), 0

    def flush() -> None:
        rows = tuple(some.sealed(desk, batch_id, salt))
        with desk.database.transaction("batch rows") as tx:
            alive(desk, tx)
            tx.batches.put_rows(rows)
            tx.batches.put_findings(batch_id, some.findings)
        tell("take in", place, cover.rows)

    for place, one in enumerate(source.rows(), 1):
        some.add(place, one, judge, cover.product)
        if len(some.rows) == _AT_ONCE or some.size > _BYTES_AT_ONCE:
            flush()
            some = _Some()
    if some.rows:
        flush()


__all__ = [
    "BOX",
    "SHARD",
    "BatchRefused",
    "BatchSource",
    "BatchUnsure",
    "Tell",
    "approve",
    "refuse",
    "remove_half_taken",
    "take_in",
]
