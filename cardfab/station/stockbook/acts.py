"""The movements that people make. What the vault gives or takes, two people count; the machine's own one may book."""

from __future__ import annotations

from cardfab.errors import StockFault, Text
from cardfab.production import Act, Place, StockMovement
from cardfab.production.serials import SerialRange, cards, listed, lowest
from cardfab.production.stock import is_premade
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.station.stockbook.moving import (
    Counts,
    Goods,
    TwoNeeded,
    Untold,
    move,
    reason_of,
    require_day,
    two,
)


class NotLowest(StockFault):
    """Cards leave the vault by their numbers, the lowest first."""

    default_code = "CF-7103"


def receive_goods(desk: Desk, wanted: Goods, counts: Counts, note: str, *, to: Place = Place.VAULT) -> StockMovement:
    """A delivery comes in; ``note`` is the number of its paper."""
    desk.must(Act.STOCK)
    require_day(desk)
    if not note.strip():
        raise Untold(
            Text("The number of the delivery note was not said.", "未填写送货单号。"),
            do=Text("It stands on the paper that came with the cards.", "见随卡送达的单据。"),
        )
    second = two(desk, wanted, counts)
    return move(desk, "receive", wanted, Place.OUTSIDE, to, "received", second=second.login, note=note.strip()[:40])


def draw(desk: Desk, wanted: Goods, counts: Counts) -> StockMovement:
    """From the vault to the machine, the lowest numbers first."""
    desk.must(Act.STOCK)
    require_day(desk)
    with desk.database.reading() as tx:
        there = tx.stock.serials.at(wanted.stock, Place.VAULT)
    first = lowest(there, wanted.count)
    if wanted.serials and first != wanted.serials and cards(first) == wanted.count:
        raise NotLowest(
            Text(
                f"Lower numbers of '{wanted.stock}' lie in the vault: {listed(first)}.",
                f"“{wanted.stock}”库房内有更小的号码：{listed(first)}。",
            ),
            do=Text("Draw those first.", "请先领用小号。"),
        )
    second = two(desk, wanted, counts)
    return move(desk, "draw", wanted, Place.VAULT, Place.STOCK, "drawn", second=second.login)


def put_back(desk: Desk, wanted: Goods, counts: Counts) -> StockMovement:
    """From the machine to the vault."""
    desk.must(Act.STOCK)
    require_day(desk)
    second = two(desk, wanted, counts)
    return move(desk, "put back", wanted, Place.STOCK, Place.VAULT, "put back", second=second.login)


def send_back(desk: Desk, wanted: Goods, counts: Counts, reason: str, note: str = "") -> StockMovement:
    """From the vault to the supplier, with a reason."""
    desk.must(Act.STOCK)
    require_day(desk)
    why = reason_of(reason)
    second = two(desk, wanted, counts)
    return move(desk, "send back", wanted, Place.VAULT, Place.OUTSIDE, why, second=second.login, note=note[:40])


def find(desk: Desk, wanted: Goods, counts: Counts, reason: str) -> StockMovement:
    """Cards that are in no book were found: they come to the machine's."""
    desk.must(Act.STOCK)
    require_day(desk)
    why = reason_of(reason)
    second = two(desk, wanted, counts)
    return move(desk, "find", wanted, Place.FOUND, Place.STOCK, why, second=second.login)


def spoil(desk: Desk, wanted: Goods, reason: str) -> StockMovement:
    """Cards at the machine are no good, without a job: bent, soiled, wrong print."""
    desk.must(Act.COUNT)
    return move(desk, "spoil", wanted, Place.STOCK, Place.SPOILED, reason_of(reason))


def use_up(desk: Desk, wanted: Goods, reason: str) -> StockMovement:
    """Cards at the machine are used up by a test; they count as used."""
    desk.must(Act.COUNT)
    return move(desk, "test", wanted, Place.STOCK, Place.TESTED, reason_of(reason))


def hand_out(desk: Desk, wanted: Goods, reason: str) -> StockMovement:
    """A card that was made ahead goes to its holder; a blank becomes an issued card by its job alone."""
    desk.must(Act.COUNT)
    if not is_premade(wanted.stock):
        raise StockFault(
            Text("A blank becomes an issued card by its job.", "空白卡只能通过制卡作业发出。"),
            do=Text("Issue it: 'cardfab issue ID'.", "请制卡：cardfab issue 申请编号。"),
            code="CF-7122",
        )
    return move(desk, "hand out", wanted, Place.STOCK, Place.ISSUED, reason_of(reason))


def destroy(desk: Desk, wanted: Goods, counts: Counts, how: str, *, source: Place = Place.SPOILED) -> str:
    """Spoiled or test cards are destroyed before a witness; the number of the paper that both sign."""
    desk.must(Act.DESTROY)
    require_day(desk)
    if source not in (Place.SPOILED, Place.TESTED):
        raise StockFault(
            Text("Only spoiled and test cards are destroyed.", "只可销毁废卡和测试卡。"),
            do=Text("Book the cards as spoiled first, with the reason.", "请先登记作废并说明原因。"),
            code="CF-7123",
        )
    why = reason_of(how)
    witness = two(desk, wanted, counts)
    with desk.database.transaction("destruction number") as tx:
        number = tx.jobs.next_number("destruction", 1)
    paper = f"XH{desk.now().year}{number:06d}"
    move(desk, "destroy", wanted, source, Place.DESTROYED, why, second=witness.login, note=paper)
    return paper


def correct(desk: Desk, stock: str, booked: SerialRange, seen: SerialRange, second: str | None, reason: str) -> None:
    """Two numbers change places: the card booked by order as ``booked`` bears ``seen``. No card moves.

    Raises SerialElsewhere where one of them is not in the books, :class:`TwoNeeded`.
    """
    desk.must(Act.STOCK)
    why = reason_of(reason)
    if second is None:
        raise TwoNeeded(
            Text("A second person reads the number too.", "须由第二人同时核对号码。"),
            do=Text(
                "They give their login and password: '--second LOGIN'.", "请第二人提供登录名和口令：--second 登录名。"
            ),
        )
    other = second_person(desk, second, Act.COUNT)
    with desk.database.transaction("correct") as tx:
        tx.stock.serials.exchange(stock, booked, seen)
        said = {"in": stock, "booked": str(booked), "seen": str(seen), "second": other.login, "reason": why}
        tx.audit.append(desk.event("stock.serial", desk.token(), "done", said))
