"""The parts of a line that need neither chip nor database: gate, samples, faults, its description."""

from __future__ import annotations

import threading

import pytest

from cardfab.apdu.link import CardGone
from cardfab.bureau.faults import Concern, concern_of, holds_line
from cardfab.bureau.gate import Gate
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.sampling import readings_of, sample_of
from cardfab.cli.bureauslots import rules_of
from cardfab.errors import CardRefused, InDoubt, KeyFault, StockFault, Text
from cardfab.keys.away import KeysAway
from cardfab.production.states import StateRefused
from cardfab.profile.line import read_line
from cardfab.profile.loader import ProfileRefused
from cardfab.station.bureauorders import Order
from cardfab.store import CommitInDoubt, DatabaseAway, DatabaseFull, StockEmpty
from cardfab.store.stockdays import DayClosed

_WORDS = Text("words", "词")


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stop_is_not_taken_back_and_a_stop_after_the_box_lets_the_box_end() -> None:
    gate = Gate()
    assert gate.enter(new_box=True)
    assert gate.order(Order.STOP_AFTER_BOX)
    assert not gate.enter(new_box=True)
    assert gate.enter()
    assert not gate.order(Order.GO_ON)
    assert gate.order(Order.STOP)
    assert not gate.enter()
    assert not gate.order(Order.STOP_AFTER_BOX)
    assert gate.stopping
    assert not gate.rest(10)


def test_a_pause_holds_every_slot_until_it_ends() -> None:
    gate = Gate()
    gate.order(Order.PAUSE)
    waiting = threading.Thread(target=gate.enter)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.order(Order.GO_ON)
    waiting.join(5)
    assert not waiting.is_alive()


def test_while_the_line_is_held_one_slot_tries_for_all() -> None:
    clock = Clock()
    gate = Gate(5.0, clock)
    assert gate.hold(StockEmpty(_WORDS))
    assert not gate.hold(StockEmpty(_WORDS))
    clock.now = 5.0
    assert gate.enter()  # this one tries; the next waits for what comes of it
    waiting = threading.Thread(target=gate.enter)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    assert gate.release()
    waiting.join(5)
    assert not waiting.is_alive()
    assert not gate.release()


def test_samples_by_rate_are_one_in_every_so_many_and_the_same_after_a_cut() -> None:
    rules = LineRules(sample_every=10)

    def chosen(token: str) -> list[int]:
        places = range(1, 101)
        return [
            place for place in places
            if sample_of(rules, token, place, product="p", first_of_box=False, after_fault=False) == "rate"
        ]  # fmt: skip

    assert [(place - 1) // 10 for place in chosen("a")] == list(range(10))
    assert chosen("a") == chosen("a") != chosen("b")


def test_samples_by_rule_and_how_often_a_chip_is_read() -> None:
    rules = LineRules(sample_first=True, sample_after_fault=True, sample_products=frozenset({"new"}))

    def rule(product: str = "p", *, first: bool = False, fault: bool = False) -> str | None:
        return sample_of(rules, "t", 1, product=product, first_of_box=first, after_fault=fault)

    assert rule(first=True) == "first of the box"
    assert rule(first=True, fault=True) == "after a fault"
    assert rule("new") == "product"
    assert rule() is None
    assert [readings_of(LineRules(), one) for one in (None, "rate")] == [1, 2]
    assert [readings_of(LineRules(read_back="samples"), one) for one in (None, "rate")] == [0, 2]


def caused(error: InDoubt, by: Exception) -> InDoubt:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "concern"),
    [
        (StockEmpty(_WORDS), Concern.LINE),
        (DayClosed(_WORDS), Concern.LINE),
        (KeysAway(), Concern.LINE),
        (DatabaseFull(), Concern.LINE),
        (CommitInDoubt("done"), Concern.LINE),
        (caused(InDoubt(_WORDS), DatabaseAway()), Concern.LINE),
        (caused(InDoubt(_WORDS), CardGone()), Concern.SLOT),
        (CardRefused(_WORDS), Concern.SLOT),
        (StateRefused(_WORDS), Concern.OTHER),
        (KeyFault(_WORDS), Concern.JOB),
        (StockFault(_WORDS), Concern.JOB),
    ],
)
def test_whom_a_fault_concerns(error: InDoubt, concern: Concern) -> None:
    assert concern_of(error) is concern
    assert (holds_line(error) is not None) is (concern is Concern.LINE)


LINE = """\
name = "hall-2"
faults_in_a_row = 5
read_back = "samples"
box_order = "last"

[samples]
rate = "1 in 100"
first_of_box = true
after_fault = true
products = ["new"]

[[slots]]
name = "01"
reader = "pcsc:Reader 01"
printer = "socket://10.0.0.1:9100"
prints = false

[[slots]]
name = "02"
reader = "simulated"
"""


def test_the_description_of_a_line_gives_its_rules_and_slots() -> None:
    line = read_line(LINE, "hall-2.toml")
    assert rules_of(line) == LineRules(
        name="hall-2", faults_in_a_row=5, sample_every=100, sample_first=True, sample_after_fault=True,
        sample_products=frozenset({"new"}), read_back="samples", box_order="last",
    )  # fmt: skip
    assert [(one.name, one.reader, one.printer, one.prints) for one in line.slots] == [
        ("01", "pcsc:Reader 01", "socket://10.0.0.1:9100", False),
        ("02", "simulated", "none", True),
    ]


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        ('"1 in 100"', '"one percent"'),
        ('name = "02"', 'name = "01"'),
        ('"simulated"', '"usb:3"'),
        ('reader = "simulated"', 'reader = "pcsc:Reader 01"'),
        ('reader = "simulated"', 'reader = "simulated"\nprinter = "socket://10.0.0.2:9100"'),
        ("faults_in_a_row = 5", "faults_in_a_row = 0"),
        ("faults_in_a_row = 5", "speed_limit = 5"),
    ],
)
def test_a_wrong_description_is_refused_with_its_line(was: str, wrong: str) -> None:
    with pytest.raises(ProfileRefused, match=r"hall-2\.toml:") as refused:
        read_line(LINE.replace(was, wrong), "hall-2.toml")
    assert refused.value.do is not None
    assert "profile lint" not in refused.value.do.en, "it looks at no line"
    assert "docs/bureau.md" in refused.value.do.en
