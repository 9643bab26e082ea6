"""The close of a day: counts agree, or each difference has a reason and a second name; then the figures are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from cardfab.errors import StockFault, Text
from cardfab.production import IN_WORK, Act, JobState, Place, StockMovement
from cardfab.production.day import Difference
from cardfab.production.serials import SerialRange, cards
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.station.stockbook.counting import NotCounted, compare, compared, require_counted
from cardfab.station.stockbook.moving import TwoNeeded, Untold, book, reason_of
from cardfab.store import Transaction
from cardfab.store.stockdays import Closing, DayJob, DayRow

Where = tuple[str, Place]


class DayOpen(StockFault):
    """A day is open already."""

    default_code = "CF-7137"


class Unbalanced(StockFault):
    """The figures of the day do not add up: the books were changed by hand."""

    default_code = "CF-7138"


def close_day(
    desk: Desk,
    reasons: Mapping[Where, str] | None = None,
    second: str | None = None,
    numbers: Mapping[Where, tuple[SerialRange, ...]] | None = None,
) -> DayRow:
    """Close the open day. ``reasons`` and ``numbers`` of the cards are for what differs, by stock and place.

    Raises NothingOpen, NotCounted; where a count differs :class:`Untold` and :class:`TwoNeeded`, SamePerson.
    """
    desk.must(Act.STOCK)
    found = compared(desk)
    require_counted(found)
    why = _reasons(found.differences, reasons or {})
    witness = _witness(desk, found.differences, second)
    with desk.database.transaction("close day") as tx:
        again = compare(tx)
        if again != found:
            raise NotCounted(
                Text("A card was moved while the day was being closed.", "日结过程中库存有变动。"),
                do=Text("Count again.", "请重新清点。"),
            )
        counts = tx.stock.days.counts(found.day.id)
        for one in found.differences:
            _settle(
                desk, tx, one, why[one.stock, one.place], witness or "", (numbers or {}).get((one.stock, one.place))
            )
        lines = tuple(tx.stock.days.line(stock, found.day.id) for stock in tx.stock.names())
        _require_balanced(tuple(one.stock for one in lines if not one.balanced))
        kept = Closing(
            paper=f"RJ{found.day.day:%Y%m%d}-{found.day.run}",
            lines=lines,
            counted={stock: one.counted for stock, one in counts.items()},
            jobs=tuple(DayJob(job.id, job.stock, job.state) for job in tx.jobs.all(*IN_WORK)),
            differences=tuple((one, why[one.stock, one.place]) for one in found.differences),
            second=witness,
        )
        tx.stock.days.close(found.day.id, kept, at=desk.at(), by=desk.person.login)
        for line in lines:
            figures = {name: str(value) for name, value in asdict(line).items()}
            tx.audit.append(desk.event("stock.day", kept.paper, "done", figures | {"day": found.day.name}))
        said = {"day": found.day.name, "differences": str(len(found.differences)), "second": witness or ""}
        said["in_doubt"] = ",".join(str(job.job_id) for job in kept.jobs)
        tx.audit.append(desk.event("day.close", kept.paper, "done", said))
        desk.checkpoint(tx)
        return tx.stock.days.get(kept.paper)


def open_new(desk: Desk, reason: str) -> DayRow:
    """Begin another day although that of this date is closed, with a reason."""
    desk.must(Act.STOCK)
    why = reason_of(reason)
    with desk.database.transaction("open day") as tx:
        if (there := tx.stock.days.open()) is not None:
            raise DayOpen(
                Text(f"The day {there.name} is open.", f"营业日 {there.name} 已开启。"),
                do=Text("Close it first, or go on with it.", "请先日结，或继续办理。"),
            )
        tx.stock.days.begin(here_and_now(desk).date(), at=desk.at(), by=desk.person.login)
        day = tx.stock.days.open()
        name = "" if day is None else day.name
        tx.audit.append(desk.event("day.open", desk.token(), "done", {"day": name, "reason": why}))
    if day is None:
        raise LookupError("the day that was begun is not there")
    return day


def jobs_at_stake(desk: Desk) -> tuple[tuple[int, str, JobState], ...]:
    """Jobs whose blank is neither issued nor spoiled: number, request, state."""
    with desk.database.reading() as tx:
        return tuple((job.id, job.request_id, job.state) for job in tx.jobs.all(*IN_WORK))


def _reasons(found: tuple[Difference, ...], given: Mapping[Where, str]) -> dict[Where, str]:
    return {(one.stock, one.place): reason_of(given.get((one.stock, one.place), "")) for one in found}


def _witness(desk: Desk, found: tuple[Difference, ...], second: str | None) -> str | None:
    if second is not None:
        return second_person(desk, second, Act.COUNT).login
    if found:
        raise TwoNeeded(
            Text(
                "The counts differ from the books; a second person looks too.", "清点与台账不符，须由第二人共同核实。"
            ),
            do=Text(
                "They give their login and password: '--second LOGIN'.", "请第二人提供登录名和口令：--second 登录名。"
            ),
        )
    return None


def _settle(
    desk: Desk, tx: Transaction, one: Difference, reason: str, second: str, numbers: tuple[SerialRange, ...] | None
) -> None:
    """Book what is missing as missing, and what is too many as found; first what was missing before."""
    many = abs(one.by)
    _require_numbers(tx, one, numbers or ())
    if one.by < 0:
        moves = [(one.place, Place.MISSING, many, numbers or ())]
    else:
        known = tx.stock.serials.where(one.stock, numbers or ()).get(Place.MISSING, ())
        back = cards(known) if numbers else min(many, tx.stock.held(one.stock)[Place.MISSING])
        rest = tuple(left for number in numbers or () for left in _without(number, known))
        moves = [(Place.MISSING, one.place, back, known), (Place.FOUND, one.place, many - back, rest)]
    for source, target, number, serials in moves:
        if number:
            moved = StockMovement(one.stock, source, target, number, reason, serials, bare=not serials)
            book(desk, tx, moved, second=second)


def _without(one: SerialRange, cut: tuple[SerialRange, ...]) -> tuple[SerialRange, ...]:
    left: tuple[SerialRange, ...] = (one,)
    for part in cut:
        left = tuple(rest for each in left for rest in each.without(part))
    return left


def _require_numbers(tx: Transaction, one: Difference, numbers: tuple[SerialRange, ...]) -> None:
    """Which cards are missing nobody guesses: where they have numbers, those are named."""
    numbered = cards(tx.stock.serials.at(one.stock, one.place))
    bare = tx.stock.held(one.stock)[one.place] - numbered
    short = -one.by
    if (numbers and cards(numbers) != abs(one.by)) or (not numbers and short > bare):
        raise Untold(
            Text(
                f"'{one.stock}', {one.place.text.en}: the numbers of the {abs(one.by)} cards were not said.",
                f"“{one.stock}”{one.place.text.zh}：未说明这 {abs(one.by)} 张卡的号码。",
            ),
            do=Text("Read which printed numbers are missing, or too many.", "请核对缺少或多出的印刷号码。"),
        )


def _require_balanced(stocks: tuple[str, ...]) -> None:
    if stocks:
        raise Unbalanced(
            Text(f"The figures of {', '.join(stocks)} do not add up.", f"{'、'.join(stocks)} 的数据不平。"),
            do=Text("Stop issuing, count the cards, and call the auditor.", "请停止制卡，清点卡片并通知审计员。"),
        )


__all__ = ["DayOpen", "Unbalanced", "Where", "close_day", "jobs_at_stake", "open_new"]
