"""One holder at the counter, from the new card to its replacement, by the commands of the program alone.

The card lies in a reader on a TCP port (as ``cardfab simulate card --port`` serves one), the issuer host keeps its
books in the station, and the clock is the test's. What the card holds is read by raw APDUs (``tests/social.py``).
"""

from __future__ import annotations

import io
import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli import output, wiring
from cardfab.resources import data_folder
from cardfab.simulator.cardfile import load_chip, save_chip
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.servers import Server
from cardfab.simulator.rig.slot import CardSlot
from tests.integration.conftest import PLAIN, World, cardfab
from tests.social import Examined, row

PIN, NEW, THIRD = "123456", "8642097531", "975310"
DESIGNATED, ELSEWHERE = "440199009", "650199007"  # with the check digit of GB 11714
ISSUED = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
RULES = data_folder("profiles") / "shares" / "training.toml"


@dataclass
class Cutting:
    """A chip that is pulled out at a command of that INS, before or after it carried it out."""

    chip: TrainingChip
    at: int | None = None
    carried_out: bool = False
    gone: bool = False

    @property
    def atr(self) -> bytes:
        return self.chip.atr

    def power_on(self) -> bytes:
        return self.chip.power_on()

    def power_off(self) -> None:
        self.chip.power_off()

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[1] != self.at:
            return b"" if self.gone else self.chip.transmit(apdu)
        self.gone = True
        if self.carried_out:
            self.chip.transmit(apdu)
        self.chip.power_off()
        return b""

    def cut(self, at: int | None, *, carried_out: bool = False) -> None:
        """Pull it out at that command from now; None: put it back."""
        self.at, self.carried_out, self.gone = at, carried_out, False


@dataclass
class Counter:
    """The station; ``put`` puts a card into its reader, ``ask`` runs a command with what is typed."""

    folder: Path
    patch: pytest.MonkeyPatch
    now: datetime = ISSUED
    number: str = ""
    reader: list[str] = field(default_factory=list)
    chip: TrainingChip | None = None
    hand: Cutting | None = None

    @contextmanager
    def put(self, file: Path) -> Iterator[None]:
        self.chip = load_chip(file)
        self.hand = Cutting(self.chip)
        server = Server("reader", CardSlot(self.hand))
        server.start()
        self.reader = ["--reader", f"tcp://127.0.0.1:{server.port}"]
        try:
            yield
        finally:
            server.stop()
            self.reader, self.chip = [], None

    def said(self, lines: str, *words: str) -> tuple[int, Any]:
        """Exit status and the one JSON object of a command about the card in the reader, or about none."""
        self.patch.setattr("sys.stdin", io.StringIO(lines))
        self.patch.setattr(output, "open_desk", partial(wiring.open_desk, now=lambda: self.now))
        said = cardfab("--config", self.folder / "cardfab.toml", "--json", "card", *words)
        return said.exit, said.json()

    def ask(self, *words: str, pins: tuple[str, ...] = (), person: bool = True) -> tuple[int, Any]:
        lines = [self.number] * person + list(pins)
        return self.said("".join(f"{line}\n" for line in lines), *words, *self.reader)

    def ok(self, *words: str, pins: tuple[str, ...] = (), person: bool = True) -> Any:
        status, value = self.ask(*words, pins=pins, person=person)
        assert status == 0, value
        return value

    def refused(self, code: str, *words: str, pins: tuple[str, ...] = (), person: bool = True) -> int:
        status, value = self.ask(*words, pins=pins, person=person)
        assert (value["error"], status != 0) == (code, True), value
        return status

    def raw(self) -> Examined:
        """The card by itself: no station, no terminal."""
        assert self.chip is not None
        card = Examined(self.chip.transmit, self.chip.power_on)
        card.reset()
        return card

    def later(self, **more: float) -> None:
        self.now += timedelta(**more)

    def user(self, login: str) -> None:
        assert cardfab("--config", self.folder / "cardfab.toml", "user", "login", login).exit == 0


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station that has made one card for the holder of a request."""
    folder = tmp_path_factory.mktemp("story") / "station"
    shutil.copytree(template, folder)
    chip = make_blank(serial=5151)
    with pytest.MonkeyPatch.context() as patch, Rig([chip]) as rig:
        patch.setattr("cardfab.cli.issuing.open_desk", partial(wiring.open_desk, now=lambda: ISSUED))
        world = World(folder, rig)
        said = world.cli("issue", PLAIN, *world.devices())
        assert said.exit == 0, said.text
    save_chip(chip, folder / "one.card")
    return folder


@pytest.fixture
def counter(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    folder = tmp_path / "station"
    shutil.copytree(made, folder)
    here = Counter(folder, monkeypatch)
    card = Examined((chip := load_chip(folder / "one.card")).transmit, chip.power_on)
    card.reset()
    card.enter("SSSE")
    here.number = card.records(row("SSSE/EF06"))[0][2:].decode("ascii")
    return here


@pytest.fixture
def card(counter: Counter) -> Iterator[Counter]:
    """The counter with the holder's new card in its reader."""
    with counter.put(counter.folder / "one.card"):
        yield counter


def activated(card: Counter) -> Counter:
    card.ok("activate", pins=(PIN,))
    return card


@pytest.mark.proof
@pytest.mark.shows("counter services end to end: read, verify, PIN changed, blocked and reset, activated (proof)")
def test_the_first_day(card: Counter) -> None:
    found = card.ok("verify", person=False)
    assert (found["good"], found["state"]) == (True, "MADE")
    assert card.ok("read", person=False)["items"]["SSSE/EF06/08"] == card.number
    card.refused("CF-7644", "load", "1.00", pins=(PIN,))
    card.ok("pin-change", pins=(PIN, NEW))
    raw = card.raw()
    raw.enter("SSSE")
    assert raw.verify(bytes.fromhex(NEW)) == 0x9000
    for left in (5, 4, 3, 2, 1, 0):
        status, value = card.ask("pin-change", pins=("999999", PIN))
        assert status == 4
        assert value["error"] == ("CF-4510" if left else "CF-4511")
        raw = card.raw()
        raw.enter("SSSE")
        assert raw.tries() == left
    assert card.refused("CF-4511", "pin-change", pins=(NEW, PIN)) == 4
    card.ok("pin-reset", pins=(THIRD,))
    done = card.ok("activate", pins=(THIRD,))
    assert done["balance"] == done["amount"] == 12_345  # the old account's
    assert card.ok("balance", pins=(THIRD,), person=False)["balance"] == 12_345
    raw = card.raw()
    raw.enter("DF04")
    assert raw.verify(bytes.fromhex(THIRD)) == 0x9000
    assert raw.balance() == 12_345


@pytest.mark.proof
@pytest.mark.shows("counter services end to end: due, restricted, released by a named person, activated (proof)")
def test_a_card_that_came_late(card: Counter) -> None:
    assert card.said("", "due")[1]["cards"] == []
    card.later(days=160)
    (coming,) = card.said("", "due")[1]["cards"]
    assert (coming["state"], coming["until"]) == ("MADE", "2027-05-22")
    card.later(days=100)
    (late,) = card.said("", "due")[1]["cards"]
    assert (late["state"], late["days"] < 0) == ("RESTRICTED", True)
    assert card.refused("CF-7620", "activate", pins=(PIN,)) == 7
    card.refused("CF-7643", "pin-change", pins=(PIN, NEW))
    card.user("operator")
    assert card.said(f"{card.number}\n", "release", "--reason", "was abroad")[0] != 0
    card.user("supervisor")
    released = card.said(f"{card.number}\n", "release", "--reason", "was abroad")
    assert released[0] == 0, released
    card.user("trainee")
    assert card.ok("activate", pins=(PIN,))["balance"] == 12_345
    assert card.ok("read", person=False)["state"] == "ACTIVATED"


@pytest.mark.proof
@pytest.mark.shows("counter services end to end: off-site approval written, honoured by the reader, withdrawn (proof)")
def test_treatment_elsewhere(card: Counter) -> None:
    """The bill of another province: the rules of the region give it 50 percent, with the approval 90."""
    activated(card)
    items = {"81": "31000000", "84": "440199", "8C": "11", "83": DESIGNATED}
    card.ok("update", *(part for tag, value in items.items() for part in ("--item", f"DF04/EF05/{tag}={value}")))

    def settled(institution: str, region: str) -> tuple[Any, Any]:
        bill = ("--bill", "20000", "--institution", institution, "--at", region)
        read = card.ok("read", "--settlement", "--rules", str(RULES), *bill, "--pin", pins=(PIN,), person=False)
        return read["settlement"], read["bill"]

    view, at_home = settled(DESIGNATED, "440199")
    assert (view["off_site"], view["category"], view["insured_region"]) == (False, "11", "440199")
    assert view["institutions"] == [DESIGNATED]
    # 20 000.00 covered, the first 800.00 are the holder's: 80 % to 10 000.00, 85 % of the rest.
    full = (1_000_000 - 80_000) * 80 // 100 + 1_000_000 * 85 // 100
    assert at_home["pooled"] == full
    _, before = settled(ELSEWHERE, "650199")
    assert before["pooled"] == full * 500 // 1000
    card.ok("offsite", "approve", "--institution", ELSEWHERE)
    raw = card.raw()
    raw.enter("DF04")
    raw.prove(row("DF04/EF05").key("RK1DF04"))
    assert raw.records(row("DF04/EF05"))[0] == bytes.fromhex("8108") + b"31010000"
    view, after = settled(ELSEWHERE, "650199")
    assert view["off_site"] is True
    assert ELSEWHERE in view["institutions"]
    assert after["pooled"] == full * 900 // 1000
    assert {one["pooled"] + one["own"] for one in (at_home, before, after)} == {2_000_000}
    card.ok("offsite", "withdraw", "--institution", ELSEWHERE)
    view, again = settled(ELSEWHERE, "650199")
    assert (view["off_site"], view["institutions"]) == (False, [DESIGNATED])
    assert again == before


@pytest.mark.proof
@pytest.mark.shows("counter services end to end: load, purchase to the log limit, statement, allowed again (proof)")
def test_sixty_transactions(card: Counter, tmp_path: Path) -> None:
    activated(card)
    card.ok("load", "100.00", pins=(PIN,))
    bill = ("purchase", "--institution", DESIGNATED, "--settlement", "S1", "--account", "0.01", "--own", "0.10")
    first = card.ok(*bill, pins=(PIN,))
    assert (first["counted"], first["limit"], first["balance"]) == (3, 60, 22_344)
    raw = card.raw()
    raw.enter("DF04")
    assert raw.verify() == 0x9000
    for number in range(57):  # at other terminals, which this station hears of by the card's log alone
        raw.purchase(1, 10, 0, f"202611221000{number:02d}")
    refused = card.ask(*bill, pins=(PIN,))
    assert (refused[0], refused[1]["error"]) == (3, "CF-3812")
    assert card.ok("balance", pins=(PIN,), person=False)["balance"] == 22_344 - 57
    card.ok("load", "1.00", pins=(PIN,))  # money may still come
    paper = tmp_path / "statement.pdf"
    printed = card.ok("statement", str(paper), pins=(PIN,))
    assert printed["cleared"] is True
    text = _text(paper)
    assert "0.01" in text
    paid = card.ok(*bill, pins=(PIN,))
    assert (paid["counted"], paid["balance"]) == (1, 22_344 - 57 + 100 - 1)
    raw = card.raw()
    raw.enter("DF04")
    assert raw.verify() == 0x9000
    assert len(raw.records(row("DF04/EF08"))) == 60
    card.refused("CF-3811", "purchase", "--account", "1.00", pins=(PIN,))  # no cash
    raw = card.raw()
    raw.enter("DF04")
    assert raw.verify() == 0x9000
    assert raw.balance() == paid["balance"]


@pytest.mark.proof
@pytest.mark.shows(
    "a purchase and a load at the counter, the card pulled out: settled by the card, never twice (proof)"
)
@pytest.mark.parametrize("service", ["load", "purchase"])
def test_the_card_is_pulled_out(card: Counter, service: str) -> None:
    activated(card)
    bill = ("--institution", DESIGNATED, "--settlement", "S1", "--account", "1.00")
    words, moved = (("load", "1.00"), 100) if service == "load" else (("purchase", *bill), -100)
    assert card.hand is not None
    balance, last = 12_345, 0x2A if service == "load" else 0x2C
    verdicts = []
    for at, carried_out in itertools.product((0xA4, 0x20, 0x28, last), (False, True)):
        card.later(minutes=1)
        card.hand.cut(at, carried_out=carried_out)
        status, value = card.ask(*words, pins=(PIN,))
        card.hand.cut(None)
        assert status in (5, 9), value
        happened = at == last and carried_out
        balance += moved * happened
        raw = card.raw()
        raw.enter("DF04")
        assert raw.verify() == 0x9000
        assert raw.balance() == balance
        if status == 9:
            assert card.ask(*words, pins=(PIN,))[1]["error"] == "CF-7650"
            (settled,) = card.ok("recover", pins=(PIN,))["transactions"]
            verdicts.append(settled["happened"])
            assert settled["happened"] == ("done" if happened else "not done")
        assert card.ok("balance", pins=(PIN,), person=False)["balance"] == balance
    assert verdicts == ["not done", "done"]
    assert card.ok(*words, pins=(PIN,))["balance"] == balance + moved


def _text(paper: Path) -> str:
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(paper).pages)


@pytest.mark.proof
@pytest.mark.shows("counter services end to end: lost, the old card blocked when presented, replaced in time (proof)")
def test_lost_found_and_replaced(counter: Counter, tmp_path: Path) -> None:
    with counter.put(counter.folder / "one.card"):
        activated(counter)
        paid = counter.ok(
            "purchase", "--institution", DESIGNATED, "--settlement", "S1", "--account", "23.45", pins=(PIN,)
        )
        assert paid["balance"] == 10_000
        last_four = str(counter.ok("read", person=False)["card_number"])[-4:]
    status, lost = counter.said(f"{counter.number}\nyes\n{last_four}\n", "lost")
    assert (status, lost["black_list"], lost["host"]) == (0, True, "done")
    assert len(counter.said("", "black-list")[1]) == 1
    counter.later(days=1)
    status, ordered = counter.said(f"{counter.number}\n", "replace", "--reason", "loss")
    assert status == 0, ordered
    assert ordered["due"] == "2026-11-30"  # seven days, counted from the order
    assert ordered["account"]["balance"] == 10_000
    (waiting,) = counter.said("", "due")[1]["replacements"]
    assert waiting["request"] == ordered["request"]
    # The finder brings the old card: it is listed, serves nobody, and is blocked for good.
    with counter.put(counter.folder / "one.card"):
        found = counter.ok("read", person=False)
        assert (found["listed"], found["state"]) == (True, "LOST")
        assert counter.ask("verify", person=False)[0] == 4
        for words in (
            ("load", "1.00"),
            ("purchase", "--institution", DESIGNATED, "--settlement", "S", "--account", "1"),
        ):
            assert counter.refused("CF-7640", *words, pins=(PIN,)) == 7
        counter.ok("block", "--application", "DF04", "--reason", "reported lost", "--second", "supervisor")
        raw = counter.raw()
        assert raw.sw("00A4040006D15600000503") == 0x9303
        raw.enter("DF01")
        counter.ok("block", "--reason", "reported lost", "--second", "supervisor")
        raw = counter.raw()
        for apdu in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A4040006D15600000500", "0084000008"):
            assert raw.sw(apdu) == 0x6A81
        assert counter.refused("CF-4610", "read", person=False) == 4
    # The new card takes the host's balance.
    new = make_blank(serial=5252)
    request = ["--config", str(counter.folder / "cardfab.toml"), "request", "approve", ordered["request"]]
    assert cardfab(*request).exit == 0
    with Rig([new]) as rig:
        counter.patch.setattr("cardfab.cli.issuing.open_desk", partial(wiring.open_desk, now=lambda: counter.now))
        world = World(counter.folder, rig)
        said = world.cli("issue", ordered["request"], *world.devices())
        assert said.exit == 0, said.text
    save_chip(new, tmp_path / "two.card")
    counter.later(days=5)
    with counter.put(tmp_path / "two.card"):
        done = counter.ok("activate", pins=(PIN,))
        assert (done["replaces"], done["balance"]) == (True, 10_000)
        assert counter.ok("verify", person=False)["good"] is True
        new_number = counter.ok("read", person=False)["card_number"]
        assert str(new_number)[-4:] != last_four
    assert counter.said("", "due")[1] == {"cards": [], "replacements": []}


@pytest.mark.proof
def test_each_service_is_in_the_audit(card: Counter) -> None:
    """The identity check is recorded without the number, the receipt has a number of its own."""
    activated(card)
    card.ok("pin-change", pins=(PIN, NEW))
    said = cardfab("--config", card.folder / "cardfab.toml", "--json", "audit", "show")
    assert said.exit == 0, said.text
    text = json.dumps(said.json(), ensure_ascii=False)
    assert "counter.activate" in text
    assert "counter.pin-change" in text
    assert "id-card" in text
    assert card.number not in text
    assert NEW not in text
