"""After a restore: nothing is issued until the host, the stock and what lies outside agree with the books.

What was done after the backup happened in the world and is in no book: a card that was made then would be made again.
So each of these is open until it agrees: every job whose card might have been made since (the host is asked; where it
knows the card the job is cancelled), every question to the host without an answer, every stock (counted, equal to the
books), and the checkpoints that lie outside (the restored record is a prefix of what they bind, or equal). Card numbers
go on behind a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cardfab.audit import AuditEvent, Checkpoint, SignedNote
from cardfab.errors import CardfabError, StockFault, Text
from cardfab.production import INTERRUPTIBLE, Act, JobEvent, JobState, Place, StockMovement
from cardfab.station.desk import Desk
from cardfab.station.outside import Outside
from cardfab.station.people import second_person
from cardfab.station.record import check_record
from cardfab.store import Database, JobRow, Transaction
from cardfab.store.restores import RestoreCheck

GAP: Final = 1000
"""Numbers of every series that may have been given after the backup; they are not given again."""
_MAY_BE_MADE = (JobState.QUEUED, JobState.INSPECTED, JobState.IN_DOUBT, *INTERRUPTIBLE)
_FINAL = (JobState.DONE, JobState.SPOILED, JobState.CANCELLED)

HostKnows = Callable[[JobRow], bool]
"""Whether the issuer host knows the card of a job. Raises CardfabError where it cannot be asked."""


class RestoreUnsettled(StockFault):
    """The station was restored from a backup, and not everything agrees yet."""

    default_code = "CF-7372"


class Disagrees(StockFault):
    """What was said does not agree with the restored books."""

    default_code = "CF-7373"


def require_settled(tx: Transaction) -> None:
    """Raise :class:`RestoreUnsettled` while anything is open since a restore."""
    if tx.restores.blocked():
        raise RestoreUnsettled(
            Text(
                "The station was restored from a backup; no card is made until host, stock and record agree.",
                "本制卡点由备份恢复，主机、库存与记录核对一致前不得制卡。",
            ),
            do=Text("'cardfab restore --check' shows what is missing.", "cardfab restore --check 可查看待核对事项。"),
        )


_WORDS = {
    "job": ("job {0}: whether its card was made after the backup", "作业 {0}：备份之后是否已制卡"),
    "host": ("host message {0}: what became of it", "主机报文 {0}：处理结果"),
    "stock": ("stock {0}: a count that equals the books", "库存 {0}：清点数与账面一致"),
    "outside": ("the checkpoints kept outside", "外部保存的检查点"),
}


def blocked(desk: Desk) -> tuple[Text, ...]:
    """What has to be settled before a card is made again; empty where nothing was restored or all is settled."""
    with desk.database.reading() as tx:
        still = tx.restores.open()
    return tuple(Text(*(words.format(one.subject) for words in _WORDS[one.thing])) for one in still)


def begin(database: Database, event: Callable[[dict[str, str]], AuditEvent], *, at: str, size: int) -> None:
    """Block the station whose database was just restored, and say so in its record. ``size``: of the backup's head."""
    with database.transaction("restored") as tx:
        tx.restores.clear()
        found = [RestoreCheck("outside", "checkpoints", str(size), at)]
        found += [RestoreCheck("job", str(job.id), str(job.state), at) for job in tx.jobs.all(*_MAY_BE_MADE)]
        found += [RestoreCheck("host", row.request_id, row.outcome, at) for row in tx.host.open()]
        found += [RestoreCheck("stock", one.stock, str(one.remaining), at) for one in tx.stock.accounts()]
        for one in found:
            tx.restores.add(one)
        tx.jobs.skip_numbers(GAP)
        tx.audit.append(event({"size": str(size), "open": str(len(found)), "gap": str(GAP)}))


def check(desk: Desk, host: HostKnows | None, outside: Outside | None) -> tuple[Text, ...]:
    """Settle what agrees now, ask the host what it knows; what is still open. ``host`` None: there is none to ask."""
    desk.must(Act.RESOLVE)
    with desk.database.reading() as tx:
        still = tx.restores.open()
    for one in sorted(still, key=lambda one: _ORDER.index(one.thing)):
        found = _FIND[one.thing](desk, one, host, outside)
        if found is not None:
            _settle(desk, one, found)
    return blocked(desk)


def say_made(desk: Desk, job_id: int, made: bool, second: str) -> None:
    """Two people say whether the card of a job was made after the backup; one that was is not made again."""
    desk.must(Act.STOCK)
    witness = second_person(desk, second)
    with desk.database.reading() as tx:
        wanted = [one for one in tx.restores.open() if (one.thing, one.subject) == ("job", str(job_id))]
        job = tx.jobs.get(job_id)
    for one in wanted:
        if job.state is not JobState.QUEUED and job.state not in _FINAL:
            raise Disagrees(
                Text(
                    f"Job {job_id} is {job.state}; its card is looked at.",
                    f"作业 {job_id} 为 {job.state}，须核验卡片。",
                ),
                do=Text(
                    f"Settle it first: 'cardfab job resolve {job_id}'.", f"请先核实：cardfab job resolve {job_id}。"
                ),
            )
        if made:
            _made_since(desk, job)
        _settle(desk, one, f"{'made' if made else 'not made'}, second person {witness.login}")


def say_stock(desk: Desk, stock: str, counted: int, second: str) -> None:
    """Two people counted a stock. Raises :class:`Disagrees` where the books say otherwise."""
    desk.must(Act.STOCK)
    witness = second_person(desk, second)
    with desk.database.reading() as tx:
        held = tx.stock.account(stock).remaining
        wanted = [one for one in tx.restores.open() if (one.thing, one.subject) == ("stock", stock)]
    if counted != held:
        desk.database.note(desk.event("restore.count", desk.token(), "refused", {"stock": stock, "by": witness.login}))
        raise Disagrees(
            Text(f"The count of '{stock}' is not what the books say.", f"“{stock}”的清点数与账面不符。"),
            do=Text("Say which cards were made since (--made JOB), or close the day with a reason.",
                    "请说明备份后已制的卡（--made 作业号），或日结时说明原因。"),
        )  # fmt: skip
    for one in wanted:
        _settle(desk, one, f"{counted} counted, second person {witness.login}")


def _made_since(desk: Desk, job: JobRow) -> None:
    """The card is out there: its job ends here, its blank has left the stock."""
    with desk.database.transaction("made since") as tx:
        job = tx.jobs.move(job, JobEvent.CANCEL, desk.move("its card was made after the backup"))
        movement = StockMovement(job.stock, Place.STOCK, Place.ISSUED, 1, "made after the backup")
        tx.stock.move(movement, at=desk.at(), by=desk.person.login, job_id=job.id, station=desk.station)
        tx.audit.append(desk.event("stock.move", job.token, "done", movement.details()))
        tx.audit.append(desk.event("restore.made", job.token, "done", {"job": str(job.id)}))


def _settle(desk: Desk, one: RestoreCheck, found: str) -> None:
    with desk.database.transaction("restore settled") as tx:
        tx.restores.settle(one.thing, one.subject, found, at=desk.at(), by=desk.person.login)
        details = {"thing": one.thing, "subject": one.subject, "found": found}
        tx.audit.append(desk.event("restore.settle", desk.token(), "done", details))
        desk.checkpoint(tx)


def _job(desk: Desk, one: RestoreCheck, host: HostKnows | None, outside: Outside | None) -> str | None:
    with desk.database.reading() as tx:
        job = tx.jobs.get(int(one.subject))
    if job.state in _FINAL:
        return str(job.state)
    if job.state is not JobState.QUEUED or host is None:
        return None
    try:
        known = host(job)
    except CardfabError:  # it stays open; who asks sees that
        return None
    if not known:  # it hears of a card late: only a stock that is whole says that none was made
        return None if _stock_open(desk, job.stock) else "the host knows no such card, and no blank is missing"
    _made_since(desk, job)
    return "the host knows the card"


def _stock_open(desk: Desk, stock: str) -> bool:
    with desk.database.reading() as tx:
        return any((one.thing, one.subject) == ("stock", stock) for one in tx.restores.open())


def _host(desk: Desk, one: RestoreCheck, host: HostKnows | None, outside: Outside | None) -> str | None:
    with desk.database.reading() as tx:
        still = {row.request_id for row in tx.host.open()}
    return None if one.subject in still else "answered"


def _stock(desk: Desk, one: RestoreCheck, host: HostKnows | None, outside: Outside | None) -> str | None:
    """Counted since the restore, at every place, and equal; or a day was closed since, which counts too."""
    with desk.database.reading() as tx:
        closed, day = tx.stock.days.last_closed(), tx.stock.days.open()
        count = None if day is None else tx.stock.days.counts(day.id).get(one.subject)
    if closed is not None and closed.closed_at is not None and closed.closed_at > one.begun_at:
        return f"day {closed.name} closed"
    if count is not None and count.at > one.begun_at and count.counted == count.expected:
        return f"counted by {count.by}"
    return None


def _outside(desk: Desk, one: RestoreCheck, host: HostKnows | None, outside: Outside | None) -> str | None:
    """Every checkpoint up to the backup's end agrees; the later ones are of acts that the restored record has lost."""
    if outside is None:
        return "none is kept"
    size = int(one.expected)
    kept = outside.all()
    before = [note for note in kept if _size(note) <= size]
    with desk.database.reading() as tx:
        if check_record(tx, desk.audit_key(), before).alerts:
            return None
    lost = max((_size(note) for note in kept), default=0) - size
    if lost > 0:
        outside.restored(size, kept[-1])
        return f"agrees; {lost} later events are lost"
    return "agrees"


def _size(note: bytes) -> int:
    return Checkpoint.parse(SignedNote.parse(note).text).size


_ORDER = ("outside", "host", "stock", "job")
_FIND = {"job": _job, "host": _host, "stock": _stock, "outside": _outside}
