"""What became of a card when the work on it was cut off: found at the next start, settled by reading the card back.

A job that may have touched a card is never repeated: it goes on from what the chip itself shows, or its blank is
spoiled and counted. A card that may have been printed is never printed again; a person looks at it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from cardfab.errors import CardRefused, InDoubt, KeyFault, StockFault, Text
from cardfab.keys.auditing import about
from cardfab.keys.away import KeysAway
from cardfab.plan import carry_out, require_equal
from cardfab.printer.driver import CardPosition
from cardfab.production import INTERRUPTIBLE, Act, JobState
from cardfab.station.books import doubt_job, finish, intact, seen_good, spoil, untouched
from cardfab.station.counter.cutoff import end_cut_off
from cardfab.station.desk import Desk
from cardfab.station.devices import BY_HAND, Devices
from cardfab.station.issue import Progress, WrongCard, accounted, finish_card, looks, silent, spoil_blank, stayed
from cardfab.station.work import open_work
from cardfab.store import JobRow


class Eye(enum.Enum):
    """What a person saw on the card that lies in the tray."""

    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Settled:
    """A job after settlement, and how it was settled."""

    job: JobRow
    how: Text


def find_interrupted(desk: Desk) -> tuple[JobRow, ...]:
    """Put every job in doubt that only a living process of this station may hold. Call it while none works here.

    The services of the counter that were cut off are ended along with it; of those it is known who holds them.
    """
    end_cut_off(desk)
    with desk.database.reading() as tx:
        held = [job for job in tx.jobs.all(*INTERRUPTIBLE) if job.is_of(desk.station)]
    return tuple(doubt_job(desk, job, "found at start: the program was cut off") for job in held)


def settle_all(desk: Desk, devices: Devices, progress: Progress | None = None) -> Iterator[Settled]:
    """Settle what a machine can settle; what needs an eye stays in doubt and is yielded too."""
    find_interrupted(desk)
    with desk.database.reading() as tx:
        waiting = tx.jobs.all(JobState.IN_DOUBT, JobState.INSPECTED)
    for job in (one for one in waiting if one.is_of(desk.station)):
        try:
            yield settle(desk, devices, job, progress=progress)
        except InDoubt as needs:
            yield Settled(job, needs.what)


def settle(
    desk: Desk, devices: Devices, job: JobRow, eye: Eye | None = None, *, progress: Progress | None = None
) -> Settled:
    """Settle one job; ``eye`` is needed for a card that may have been printed. Raises CardfabError."""
    desk.must(Act.RESOLVE)
    if not job.is_of(desk.station):
        return _elsewhere(desk, job, eye)
    if job.state is JobState.INSPECTED:
        return _inspected(desk, devices, job, eye)
    if job.state is not JobState.IN_DOUBT:
        return Settled(
            job, Text(f"Job {job.id} is {job.state}; nothing is in doubt.", f"作业 {job.id} 为 {job.state}，无存疑。")
        )
    if devices.printer is not None:
        devices.printer.prepare()
    if job.doubt_from is JobState.CLAIMED:
        return _claimed(desk, devices, job, eye)
    if job.doubt_from is JobState.PRINTING:
        return _printing(desk, devices, job, eye)
    with about(job.token):
        return _encoding(desk, devices, job, eye, progress or silent)


def _elsewhere(desk: Desk, job: JobRow, eye: Eye | None) -> Settled:
    """The card lies at another station: what this one's reader and printer say is not about it."""
    if eye is not Eye.BAD or job.state is not JobState.IN_DOUBT:
        raise StockFault(
            Text(f"Job {job.id} is of station {job.station}; its card is settled there.",
                 f"作业 {job.id} 属于制卡点 {job.station}，须在该处核实。"),
            do=Text(f"Where that station is gone: 'cardfab job resolve {job.id} --spoil', and count its blanks.",
                    f"如该制卡点已不可用：cardfab job resolve {job.id} --spoil，并清点其空白卡。"),
            code="CF-7370",
        )  # fmt: skip
    desk.must(Act.STOCK)
    spoil(desk, job, "CF-9115", f"given up: station {job.station} is gone")
    return _spoiled(desk, job, Text("The card is counted as spoiled.", "按废卡计。"))


def _claimed(desk: Desk, devices: Devices, job: JobRow, eye: Eye | None) -> Settled:
    """No chip was written. Either the blank never left the feeder, or it did and is put aside."""
    uncounted = devices.printer is not None and job.feed_counter is None and devices.position() is CardPosition.NONE
    if uncounted and eye is None:  # fed and taken out by hand, or never fed: only the feeder tells
        raise InDoubt(
            Text(f"Job {job.id} was cut off while feeding, and this printer does not count the cards it takes.",
                 f"作业 {job.id} 在送卡时中断，而该打印机不对进卡计数。"),
            do=Text(f"Count the blanks in the feeder: 'cardfab job resolve {job.id} --accept' if none is missing, "
                    "else '--spoil'.",
                    f"清点发卡箱内空白卡：不缺卡用 cardfab job resolve {job.id} --accept，否则用 --spoil。"),
        )  # fmt: skip
    if job.feed_counter == BY_HAND or stayed(devices, job) or (uncounted and eye is Eye.GOOD):
        with desk.database.transaction("untouched") as tx:
            job = untouched(desk, tx, job, "the blank never left the feeder")
        return Settled(job, Text("The blank was never taken; the job waits again.", "空白卡未被取用，作业重新排队。"))
    spoil_blank(desk, devices, job, "CF-9100", "cut off while feeding; the blank was put aside")
    return _spoiled(desk, job, Text("The blank was put aside as spoiled.", "该空白卡已作废单独存放。"))


def _encoding(desk: Desk, devices: Devices, job: JobRow, eye: Eye | None, progress: Progress) -> Settled:
    """The chip shows whether the card is whole: then the work goes on from there; else the blank is spoiled."""
    if devices.printer is not None and devices.position() is not CardPosition.CONTACT:
        spoil_blank(desk, devices, job, "CF-9101", "cut off while encoding; the card is not in the contact station")
        return _spoiled(desk, job, Text("The card was not in the chip station; it is counted as spoiled.",
                                        "卡片不在芯片位，按废卡计。"))  # fmt: skip
    if eye is Eye.BAD:  # gone, or a chip that answers no more
        spoil_blank(desk, devices, job, "CF-9104", "cut off while encoding; the card is gone or bad, as seen")
        return _spoiled(desk, job, Text("The card is counted as spoiled.", "按废卡计。"))
    work = open_work(desk, job, print_=devices.printer is not None and devices.prints, canvas=devices.canvas)
    try:
        with devices.chip() as chip:
            if chip.serial != job.chip:
                raise WrongCard(
                    Text(
                        f"The chip in the reader is not the one of job {job.id}.",
                        f"读卡器中的芯片不属于作业 {job.id}。",
                    ),
                    do=Text(
                        "Put that card into the reader, or settle with --spoil.",
                        "请放入该作业的卡，或用 --spoil 作废。",
                    ),
                )
            run = desk.run(chip.historical)
            carry_out(work.plan.verify, chip.link, run)
            require_equal(run.compared)
    except WrongCard:
        if devices.printer is None:
            raise
        spoil_blank(desk, devices, job, WrongCard.default_code, "another chip lies in the contact station")
        return _spoiled(
            desk,
            job,
            Text("Another card lay in the printer; both are put aside.", "打印机内是另一张卡，均按废卡处理。"),
        )
    except KeysAway:  # the chip said nothing against itself
        raise
    except (CardRefused, KeyFault) as wrong:
        spoil_blank(desk, devices, job, wrong.code, str(wrong))
        return _spoiled(
            desk, job, Text("The chip was written in part; the blank is spoiled.", "芯片未写完整，该卡作废。")
        )
    work = intact(desk, work)
    with accounted(desk, devices, work):
        work = finish_card(desk, devices, work, progress)
    return Settled(
        work.job, Text("The chip holds the whole card; the work was finished.", "芯片数据完整，制卡已完成。")
    )


def _printing(desk: Desk, devices: Devices, job: JobRow, eye: Eye | None) -> Settled:
    """Never printed again: the card is given out if it is still inside, and a person says what it looks like."""
    if devices.printer is not None and devices.position() is not CardPosition.NONE:
        if eye is Eye.BAD:
            devices.printer.reject()
        else:
            devices.printer.eject()
            eye = None  # nobody has seen a card that was still inside
    if eye is None:
        raise InDoubt(
            Text(f"Job {job.id} was cut off while printing; look at the card in the tray.",
                 f"作业 {job.id} 在打印时中断，请查看出卡口的卡片。"),
            do=Text(f"'cardfab job resolve {job.id} --accept' if the print is whole, else '--spoil'.",
                    f"打印完整用 cardfab job resolve {job.id} --accept，否则用 --spoil。"),
        )  # fmt: skip
    if eye is Eye.BAD:
        spoil(desk, job, "CF-9102", "cut off while printing; seen: the print is not whole")
        return _spoiled(desk, job, Text("The card was seen to be bad; it is spoiled.", "经目检不合格，该卡作废。"))
    work = seen_good(desk, open_work(desk, job, print_=True))
    return Settled(finish(desk, work).job, Text("The card was seen to be good; it is issued.", "经目检合格，已制成。"))


def _inspected(desk: Desk, devices: Devices, job: JobRow, eye: Eye | None) -> Settled:
    """Printed and given out; what is missing is the look at it, or only the booking of it."""
    work = open_work(desk, job, print_=True)
    if eye is Eye.BAD:
        spoil(desk, job, "CF-9103", "seen: the print is not good")
        return _spoiled(desk, job, Text("The card was seen to be bad; it is spoiled.", "经目检不合格，该卡作废。"))
    if eye is None and looks(desk, work):
        return Settled(
            job,
            Text(f"waits for a look: 'cardfab job resolve {job.id} --accept' or '--spoil'",
                 f"作业 {job.id} 待目检：cardfab job resolve {job.id} --accept 或 --spoil。"),
        )  # fmt: skip
    return Settled(finish(desk, work).job, Text("The card is issued.", "已制成。"))


def _spoiled(desk: Desk, job: JobRow, how: Text) -> Settled:
    with desk.database.reading() as tx:
        return Settled(tx.jobs.get(job.id), how)


__all__ = ["Eye", "Settled", "find_interrupted", "settle", "settle_all"]
