"""The home page: one tile an act that the person's roles allow, and the work that waits for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text
from cardfab.production import Act, JobState, Person
from cardfab.station.counter.doubts import doubts
from cardfab.station.desk import Desk
from cardfab.station.stockbook.moving import unclosed
from cardfab.store import Transaction

_Count = Callable[[Desk, Transaction], int]
_LATELY = 5000
"""Among so many services the page looks for those in doubt; the list of them looks through all."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An act as the home page offers it. ``acts``: any of them is enough."""

    path: str
    title: Text
    what: Text
    acts: frozenset[Act]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Tiles under one heading."""

    title: Text
    tiles: tuple[Tile, ...]


_MAKE = Group(
    Text("Make a card", "制卡"),
    (
        Tile(
            "/issue", Text("Issue a card", "即时制卡"),
            Text("The next request, or one by ID number", "办理下一份申请，或按身份证号查找"),
            frozenset({Act.ISSUE}), "F2",
        ),
        Tile(
            "/jobs", Text("Jobs", "作业"), Text("What was made, what is in doubt", "已制成与存疑的作业"),
            frozenset({Act.ISSUE, Act.RESOLVE}), "F3",
        ),
        Tile(
            "/approvals", Text("Approvals", "审批"), Text("Requests that others brought in", "他人受理的申请"),
            frozenset({Act.APPROVE}), "Alt+V",
        ),
        Tile(
            "/temporary", Text("Temporary card", "临时卡"), Text("On paper, for an urgent case", "急用，纸质"),
            frozenset({Act.TEMPORARY}), "F4",
        ),
    ),
)  # fmt: skip
_SERVE = Group(
    Text("Serve a holder", "柜面服务"),
    (
        Tile(
            "/counter", Text("Counter services", "柜面业务"),
            Text("Loss, replacement, PIN, statement, read, block", "挂失、补换卡、密码、对账单、读卡、锁定"),
            frozenset({Act.READ, Act.LOSS, Act.PIN}), "F6",
        ),
        Tile(
            "/queue", Text("Waiting for the host", "待发主机"),
            Text("Queued while off line, or not known", "离线排队与结果未知的业务"),
            frozenset({Act.RESOLVE}), "F7",
        ),
    ),
)  # fmt: skip
_BOOKS = Group(
    Text("Cards and the day", "卡片与日结"),
    (
        Tile(
            "/stock", Text("Stock book", "库存台账"),
            Text("Receive, draw, spoil, return, destroy", "入库、领用、作废、退回、销毁"),
            frozenset({Act.STOCK, Act.COUNT, Act.EXPORT_AUDIT}), "F8",
        ),
        Tile(
            "/day", Text("Close the day", "日结"), Text("Count, compare, sign", "清点、核对、签字"),
            frozenset({Act.STOCK}), "F10",
        ),
    ),
)  # fmt: skip
_STATION = Group(
    Text("The station", "制卡点"),
    (
        Tile(
            "/people", Text("People", "人员"), Text("Roles, passwords, who was here", "角色、口令与登录情况"),
            frozenset({Act.STAFF, Act.REVIEW}), "Alt+P",
        ),
    ),
)  # fmt: skip
_BUREAU = Group(
    Text("The bureau", "批量制卡"),
    (
        Tile(
            "/bureau", Text("Batches", "批次"), Text("Progress, slots, faults, boxes", "进度、工位、故障与卡盒"),
            frozenset({Act.BATCH, Act.APPROVE, Act.EXPORT_AUDIT}), "Alt+B",
        ),
    ),
)  # fmt: skip
GROUPS = (_MAKE, _SERVE, _BOOKS, _BUREAU, _STATION)


def groups_for(person: Person, *, batches: bool = True) -> tuple[Group, ...]:
    """What the person may do, group by group; a group without a tile is left out. ``batches``: the station has some."""
    found = []
    for group in GROUPS:
        if group is _BUREAU and not batches:
            continue
        tiles = tuple(tile for tile in group.tiles if any(person.may(act) for act in tile.acts))
        if tiles:
            found.append(Group(group.title, tiles))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Open:
    """Work that waits: how much of it, and where it is done."""

    path: str
    title: Text
    count: int
    state: Literal["wait", "doubt", "stop"] = "wait"


def open_work(desk: Desk, tx: Transaction) -> tuple[Open, ...]:
    """What waits for this person; nothing that they may not do."""
    found = []
    for act, path, title, state, count in _OPEN:
        if desk.person.may(act) and (waiting := count(desk, tx)):
            found.append(Open(path, title, waiting, state))
    return tuple(found)


def _jobs(state: JobState) -> _Count:
    return lambda desk, tx: tx.jobs.count(state)


def _to_hand_over(desk: Desk, tx: Transaction) -> int:
    return tx.outlet.waiting_at_counter()


def _unclosed(desk: Desk, tx: Transaction) -> int:
    return int(unclosed(desk, tx) is not None)


def _services_in_doubt(desk: Desk, tx: Transaction) -> int:
    return len(doubts(tx, newest=_LATELY))


def _for_host(desk: Desk, tx: Transaction) -> int:
    return len(tx.host_outbox.open())


_OPEN: tuple[tuple[Act, str, Text, Literal["wait", "doubt", "stop"], _Count], ...] = (
    (
        Act.RESOLVE, "/jobs?state=IN_DOUBT", Text("In doubt: the card is read back", "存疑作业：须回读卡片"),
        "doubt", _jobs(JobState.IN_DOUBT),
    ),
    (
        Act.READ, "/counter/doubt", Text("Counter services in doubt: read the card", "存疑柜面业务：须读卡核对"),
        "doubt", _services_in_doubt,
    ),
    (
        Act.ISSUE, "/jobs?state=INSPECTED", Text("Made: look at the card", "已制成：待目检验收"),
        "wait", _jobs(JobState.INSPECTED),
    ),
    (
        Act.ISSUE, "/jobs?state=DONE", Text("Good: to be handed over", "已验收：待交持卡人"),
        "wait", _to_hand_over,
    ),
    (
        Act.APPROVE, "/approvals", Text("Requests that wait for approval", "待审批申请"),
        "wait", _jobs(JobState.REQUESTED),
    ),
    (Act.RESOLVE, "/queue", Text("Messages that wait for the host", "待发主机的消息"), "wait", _for_host),
    (Act.STOCK, "/day", Text("An earlier day is not closed", "前一营业日尚未日结"), "wait", _unclosed),
)  # fmt: skip
