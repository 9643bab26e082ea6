"""One card, from its queued job to the card in the tray.

Before every act that moves a card or changes a chip, the intent is committed with the job's state and the stock; after
it, the outcome. Whatever happens in between, the next start finds the job in a state from which it can be settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn

from cardfab.errors import CardRefused, DeviceFault, InDoubt, KeyFault, StockFault, Text
from cardfab.keys.auditing import about, foreseen
from cardfab.keys.away import KeysAway
from cardfab.plan import CARD_NUMBER, Comparison, PersonalisationPlan, Run, Step, carry_out, key_uses, require_equal
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.stripe import stripe_of
from cardfab.printer.driver import CardPosition, CardPrinter
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.production import INTERRUPTIBLE, Act, JobState
from cardfab.station.books import (
    begin_encoding,
    begin_printing,
    claim,
    doubt_job,
    encoded,
    finish,
    found_inside,
    printed,
    remake,
    require_unused,
    spoil,
    unclaim,
)
from cardfab.station.certificates import keeping_certificates
from cardfab.station.custody import custody_of
from cardfab.station.desk import Desk
from cardfab.station.devices import Chip, Devices
from cardfab.station.making import make_blank, makes_blanks, require_keys
from cardfab.station.pair import prove_pair
from cardfab.station.people import require_not_maker, second_person
from cardfab.station.vault import plan_digest
from cardfab.station.work import Work, current, open_work
from cardfab.store import JobRow

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, of): for a person who waits."""


class WrongCard(CardRefused):
    """The number on the chip is not the job's: this card is somebody else's."""

    default_code = "CF-4400"


class CardInside(DeviceFault):
    """A card lies in the printer that this job did not feed."""

    default_code = "CF-5300"


class RemakeUnauthorised(StockFault):
    """A spoiled card is made again only when a second person says so."""

    default_code = "CF-7311"


class BureauCard(StockFault):
    """A card of a bureau's batch is made again by the batch's own book, or its place would have two jobs."""

    default_code = "CF-7312"

    def __init__(self, job: JobRow, batch: int, place: int) -> None:
        ask, approve = f"cardfab bureau remake ask {batch} {place}", f"cardfab bureau remake approve {batch}"
        super().__init__(
            Text(
                f"The card of job {job.id} is of batch {batch}, place {place}: it is not made again one by one.",
                f"作业 {job.id} 的卡属于批次 {batch} 位置 {place}，不能单独重制。",
            ),
            do=Text(
                f"Ask for it with '{ask}'; two supervisors approve it with '{approve} --second LOGIN'.",
                f"请用 {ask} 申请，再由两名主管用 {approve} --second 登录名 批准。",
            ),
        )


class JobNotReady(StockFault):
    """The job cannot be issued from the state it is in."""

    default_code = "CF-7310"


@dataclass(frozen=True, slots=True)
class Issued:
    """What an issue ended with."""

    job: JobRow
    card: PreparedCard
    plan: PersonalisationPlan
    compared: tuple[Comparison, ...]


def silent(stage: str, done: int, of: int) -> None:
    """No progress wanted."""


def issue(
    desk: Desk,
    devices: Devices,
    name: str,
    progress: Progress = silent,
    *,
    second: str | None = None,
    readings: int = 1,
) -> Issued:
    """Make the card of a job or request. Raises CardfabError; the job then tells what became of the blank.

    ``second`` is the login of who authorises that a card is made again, asked for where there is one to make again.
    ``readings``: how often the finished chip is read back in full, each time freshly powered.
    """
    desk.must(Act.ISSUE)
    with desk.database.reading() as tx:
        tx.stock.days.require_open(desk.at())
    prints = devices.printer is not None and devices.prints
    work = open_work(desk, ready_job(desk, name, second), print_=prints, canvas=devices.canvas)
    custody_of(desk, work.chosen)  # refused before a blank is touched
    for label in work.plan.key_labels():
        desk.keys.info(label)  # a key that is missing is found before a blank is touched
    if makes_blanks(work.chosen):
        require_keys(desk, work.chosen)
    _require_ready(desk, devices, work.job.stock)
    _require_stripe(devices, work)
    with about(work.job.token):
        work = claim(desk, work, devices.cards_fed())
        return _after_claim(keeping_certificates(desk, work.job), devices, work, progress, readings)


def ready_job(desk: Desk, name: str, second: str | None = None) -> JobRow:
    """The queued job of a job or request; a spoiled one is made again where ``second`` authorises it.

    Raises :class:`JobNotReady`, :class:`RemakeUnauthorised`, :class:`BureauCard`, SamePerson, JobUnknown.
    """
    with desk.database.reading() as tx:
        job = tx.jobs.find(name)
    if not desk.training:  # who approved it, and became an operator since
        require_not_maker(desk, Act.ISSUE, job.approved_by)
    if job.state is JobState.SPOILED:
        job = remake(desk, job, authorised(desk, job, second))
    if job.state is JobState.QUEUED:
        return job
    advice = {
        JobState.REQUESTED: Text(
            f"Approve it: 'cardfab request approve {job.request_id}'.",
            f"请先审批：cardfab request approve {job.request_id}。",
        ),
        JobState.IN_DOUBT: Text(
            f"Settle it: 'cardfab job resolve {job.id}'.", f"请先核实：cardfab job resolve {job.id}。"
        ),
    }
    raise JobNotReady(
        Text(
            f"Job {job.id} of request {job.request_id} is {job.state}; a card is made from QUEUED.",
            f"申请 {job.request_id} 的作业 {job.id} 状态为 {job.state}，须为 QUEUED 才能制卡。",
        ),
        do=advice.get(job.state),
    )


def authorised(desk: Desk, job: JobRow, second: str | None) -> str | None:
    """Who lets a spoiled card be made again: not who makes it, nor who entered the request. Nobody in training.

    Raises :class:`BureauCard` for a card of a batch, :class:`RemakeUnauthorised`, SamePerson.
    """
    with desk.database.reading() as tx:
        place = tx.bureau_finish.place_of(job.request_id)
    if place is not None:
        raise BureauCard(job, *place)
    if second is not None:
        return second_person(desk, second, Act.APPROVE, job.made_by).login
    if desk.training:
        return None
    raise RemakeUnauthorised(
        Text(
            f"The card of job {job.id} was spoiled; that it is made again a second person authorises.",
            f"作业 {job.id} 的卡已作废，重制须由第二人授权。",
        ),
        do=Text("Look at the spoiled card together, then '--second LOGIN'.", "请共同查看废卡，再加 --second 登录名。"),
    )


def _require_ready(desk: Desk, devices: Devices, stock: str) -> None:
    """Reader and printer are there and nothing is known that would stop a card half-way; asked before a blank moves."""
    devices.find_reader()
    if devices.printer is None:
        return
    if devices.printer.prepare() is not CardPosition.NONE:
        _put_away(desk, devices.printer, stock)
    prove_pair(devices)
    # What the feeder can refuse it refuses itself, and the blank stays; the ribbon is looked at by nobody until print.
    ribbon = {Fault.RIBBON_MISSING, Fault.RIBBON_ENDED}
    for fault in ribbon.intersection(devices.printer.status().faults if devices.prints else ()):
        raise PrinterFault(fault)


def _require_stripe(devices: Devices, work: Work) -> None:
    """The product's stripe can be made of its data, and this printer writes it; asked before a blank moves."""
    stripe = work.chosen.product.stripe
    if stripe == "none" or devices.printer is None or work.faces is None:
        return
    stripe_of(work.card, stripe)
    if stripe not in devices.printer.stripes():
        raise PrinterFault(Fault.NO_STATION, Text("magnetic stripe", "磁条"))


def _put_away(desk: Desk, printer: CardPrinter, stock: str) -> None:
    """A card lies inside that this job did not feed: nobody's goes to the reject box and is counted."""
    with desk.database.reading() as tx:
        doubtful = tx.jobs.all(*INTERRUPTIBLE, JobState.IN_DOUBT)
    if any(job.is_of(desk.station) for job in doubtful):  # it may be the card of one of these
        raise CardInside(
            Text("A card lies in the printer already.", "打印机内已有一张卡。"),
            do=Text(
                "Settle the job in doubt with 'cardfab job resolve', or take the card out and count the blanks.",
                "请用 cardfab job resolve 核实存疑作业，或取出该卡并清点空白卡。",
            ),
        )
    printer.reject()
    found_inside(desk, stock)


def _after_claim(desk: Desk, devices: Devices, work: Work, progress: Progress, readings: int) -> Issued:
    """Everything after the blank left the books' stock."""
    with accounted(desk, devices, work):
        progress("feed", 0, 1)
        if devices.printer is not None and (fault := _feed(desk, devices, devices.printer, work)):
            raise Unfed(fault)
        if makes_blanks(work.chosen):  # a chip that was begun before this job is nobody's: it is begun again
            stages = work.chosen.card.stages
            make_blank(desk, devices, work.chosen, work.card.region, stages=stages, begun="erase", on_stage=progress)
        with devices.chip() as chip:
            require_unused(desk, chip.serial)
            _run(desk, work, chip, work.plan.inspect, "encode", silent)
            work = begin_encoding(desk, work, chip.serial, plan_digest(desk.keys, work.plan.content()))
            _run(desk, work, chip, work.plan.encode, "encode", progress)
        work = encoded(desk, work)
        compared: tuple[Comparison, ...] = ()
        for _ in range(readings):
            with devices.chip() as chip:
                run = _run(desk, work, chip, work.plan.verify, "verify", progress)
                require_equal(run.compared)
                compared = tuple(run.compared)
        work = finish_card(desk, devices, work, progress)
        return Issued(work.job, work.card, work.plan, compared)


@contextmanager
def accounted(desk: Desk, devices: Devices, work: Work) -> Iterator[None]:
    """Whatever breaks inside, the blank is accounted for: spoiled when the chip said no, in doubt when cut off."""
    try:
        yield
    except Unfed as unfed:
        raise unfed.fault from unfed
    except KeysAway as away:  # the chip said nothing, and nobody knows what it holds
        _interrupted(desk, devices, work, away)
    except (CardRefused, KeyFault) as refused:
        job = current(desk, work).job
        if job.state is JobState.CLAIMED and devices.printer is None:
            unclaim(desk, work, refused)  # what a hand put in was no blank of ours; the claimed one lies untouched
        elif job.state in INTERRUPTIBLE:
            spoil_blank(desk, devices, job, refused.code, str(refused))
        raise
    except DeviceFault as fault:
        _interrupted(desk, devices, work, fault)


def _interrupted(desk: Desk, devices: Devices, work: Work, fault: DeviceFault | KeysAway) -> NoReturn:
    """The work was cut off: in doubt where a blank was fed, as if nothing had been where none was."""
    job = current(desk, work).job
    if job.state is JobState.CLAIMED and devices.printer is None:
        unclaim(desk, work, fault)  # nothing was fed and nothing written
        raise fault
    if job.state in INTERRUPTIBLE:
        doubt_job(desk, job, f"{fault.code}: {fault}")
    raise InDoubt(
        Text(
            f"Job {job.id} was interrupted: {fault.what.en} A card may have been written.",
            f"作业 {job.id} 中断：{fault.what.zh}卡片可能已被写入。",
        ),
        do=Text(
            f"Mend the fault, then 'cardfab job resolve {job.id}'.",
            f"排除故障后执行 cardfab job resolve {job.id}。",
        ),
    ) from fault


class Unfed(Exception):
    """The feed failed and the blank provably stayed in the feeder; the books say so already."""

    def __init__(self, fault: DeviceFault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def _feed(desk: Desk, devices: Devices, printer: CardPrinter, work: Work) -> DeviceFault | None:
    """Feed the blank; the fault when it stayed in the feeder. Raises DeviceFault when it may have moved."""
    try:
        printer.feed_to_contact()
    except DeviceFault as fault:
        if not (stayed(devices, work.job) or _refused_at_feeder(devices, fault)):
            raise
        unclaim(desk, work, fault)
        return fault
    return None


_BEFORE_FEED: Final = frozenset({Fault.FEEDER_EMPTY, Fault.COVER_OPEN, Fault.WARMING})


def _refused_at_feeder(devices: Devices, fault: DeviceFault) -> bool:
    """A printer that does not count: it said itself why it took no card, and none is inside."""
    return (
        devices.cards_fed() is None
        and isinstance(fault, PrinterFault)
        and fault.fault in _BEFORE_FEED
        and devices.position() is CardPosition.NONE
    )


def stayed(devices: Devices, job: JobRow) -> bool:
    """Whether the printer's own sensors and count say that the job's blank never left the feeder."""
    fed = devices.cards_fed()
    nowhere = devices.position() is CardPosition.NONE
    return nowhere and fed is not None and job.feed_counter is not None and fed == job.feed_counter


def _run(desk: Desk, work: Work, chip: Chip, steps: tuple[Step, ...], stage: str, progress: Progress) -> Run:
    run = desk.run(chip.historical)
    with foreseen(desk.keys, key_uses(steps)):
        return carry_out(steps, chip.link, run, lambda number, _step: progress(stage, number, len(steps)))


def finish_card(desk: Desk, devices: Devices, work: Work, progress: Progress = silent) -> Work:
    """From a verified chip to the end: the number read once more, the face printed, the card given out, the books."""
    if work.faces is None or devices.printer is None:
        if devices.printer is not None:
            devices.printer.eject()
        return finish(desk, work)
    if (stripe := work.chosen.product.stripe) != "none":
        devices.printer.write_stripe(stripe_of(work.card, stripe))
    require_number(desk, devices, work)
    front, back = work.faces
    work = begin_printing(desk, work)
    progress("print", 0, 1)
    devices.printer.print_sides(front, back)
    devices.printer.eject()
    progress("print", 1, 1)
    work = printed(desk, work)
    return work if looks(desk, work) else finish(desk, work)


def looks(desk: Desk, work: Work) -> bool:
    """Whether a person looks at the card before it is issued."""
    return desk.looks or work.chosen.product.inspection != "assumed"


def require_number(desk: Desk, devices: Devices, work: Work) -> None:
    """The chip in the reader paired with this printer holds this job's card number; else :class:`WrongCard`."""
    with devices.chip() as chip:
        run = desk.run(chip.historical)
        carry_out(work.plan.identify, chip.link, run)
    on_chip = run.captured[CARD_NUMBER][2:]
    if on_chip != work.card.card_number.encode("ascii") or chip.serial != work.job.chip:
        raise WrongCard(
            Text(
                f"The chip in the printer does not hold the card of job {work.job.id}; nothing was printed.",
                f"打印机内的芯片不是作业 {work.job.id} 的卡，未打印。",
            ),
            do=Text("The card goes to the reject box; count it.", "该卡将进入废卡箱，请清点。"),
        )


def spoil_blank(desk: Desk, devices: Devices, job: JobRow, code: str, why: str) -> None:
    """Put the blank into the reject box, then book it; a printer that cannot leaves the job in doubt."""
    try:
        if devices.printer is not None:
            devices.printer.reject()
    except DeviceFault as fault:
        if job.state is not JobState.IN_DOUBT:
            doubt_job(desk, job, f"{fault.code}: {fault}")
        raise InDoubt(
            Text(
                f"The blank of job {job.id} is spoiled and could not be moved to the reject box.",
                f"作业 {job.id} 的卡已作废，但无法移入废卡箱。",
            ),
            do=Text(
                f"Mend the fault, then 'cardfab job resolve {job.id}'.",
                f"排除故障后执行 cardfab job resolve {job.id}。",
            ),
        ) from fault
    spoil(desk, job, code, why)


__all__ = [
    "BureauCard",
    "CardInside",
    "Issued",
    "JobNotReady",
    "Progress",
    "RemakeUnauthorised",
    "Unfed",
    "WrongCard",
    "accounted",
    "authorised",
    "finish_card",
    "issue",
    "looks",
    "ready_job",
    "require_number",
    "silent",
    "spoil_blank",
    "stayed",
]
