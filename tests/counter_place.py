"""A counter of a training station with one card, in this process. Shared by the tests of the counter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cardfab.apdu import pki
from cardfab.apdu.link import CardAnswered, CardGone, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.audit import AuditEvent, account
from cardfab.cli import wiring
from cardfab.prepare.cardnumber import make_card_number
from cardfab.production import CardState, Document, identity
from cardfab.settings import read_settings
from cardfab.simulator.cardfile import load_chip, save_chip
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.host import TrainingHost
from cardfab.station.counter import medical
from cardfab.station.counter.activation import activate
from cardfab.station.counter.medical import Bill
from cardfab.station.counter.presented import Presented, present
from cardfab.station.counter.service import Counter, Shown
from cardfab.station.desk import Desk
from cardfab.station.devices import Chip
from cardfab.station.hostdesk import HostDesk
from cardfab.station.hostline import LineHost

TODAY = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PIN, NEW = "123456", "8642097531"
HOSPITAL, CLINIC = "440199001", "440199017"
PKI_DDF, PKI_ADF = bytes.fromhex("504B492EC9E7BBE1B1A3D5CF"), b"SS.CERT.ADF1"
KIND, INSTITUTION = "DF04/EF05/81", "DF04/EF05/83"


@dataclass
class Wire:
    """A card in a reader of this process. ``cut_before`` and ``cut_after`` take it away at a command, by its INS or the
    bytes it begins with.
    """

    chip: TrainingChip
    cut_before: int | bytes | None = None
    cut_after: int | bytes | None = None
    sent: list[bytes] = field(default_factory=list)

    def atr(self) -> bytes:
        return self.chip.atr

    def transmit(self, apdu: bytes, /) -> bytes:
        self.sent.append(apdu[:4])
        if _is(apdu, self.cut_before):
            raise CardGone
        answer = self.chip.transmit(apdu)
        if _is(apdu, self.cut_after):
            raise CardGone
        return answer

    def reset(self) -> bytes:
        self.chip.power_off()
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()


def _is(apdu: bytes, cut: int | bytes | None) -> bool:
    return apdu.startswith(cut) if isinstance(cut, bytes) else apdu[1] == cut


@dataclass
class Place:
    """One counter with one card; the clock stands."""

    folder: Path
    file: Path
    host: TrainingHost | None
    number: str
    now: datetime = TODAY
    wire: Wire | None = None
    """The reader of the card that was presented last."""

    @contextmanager
    def counter(self, login: str = "operator") -> Iterator[Counter]:
        located = read_settings((self.folder / "cardfab.toml",))
        with wiring.open_desk(located, now=lambda: self.now, login=login) as desk:
            line = None if self.host is None else HostDesk(desk, LineHost("training", self._exchange))
            yield Counter(desk, line)

    def _exchange(self, line: bytes) -> bytes:
        assert self.host is not None
        answer = self.host.receive(line)
        if answer is None:
            raise TimeoutError
        return answer

    @contextmanager
    def card(self, login: str = "operator", **cuts: int | bytes) -> Iterator[Presented]:
        self.wire = wire = Wire(load_chip(self.file), **cuts)
        wire.chip.power_on()
        with self.counter(login) as counter:
            yield present(counter, Chip(link_to(wire), historical_bytes(wire.atr())))
        wire.close()

    @property
    def sent(self) -> int:
        """How many commands the card that was presented last has got."""
        assert self.wire is not None
        return len(self.wire.sent)

    def holder(self, second: str | None = None) -> Shown:
        return Shown(identity(Document.ID_CARD, self.number), second)

    def events(self, *actions: str) -> list[AuditEvent]:
        with self.counter() as counter, counter.desk.database.reading() as tx:
            found = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
        assert not account(found).in_doubt, "an intent without an outcome"
        return [event for event in found if event.action in actions]

    def services(self) -> list[tuple[str, str, str | None]]:
        with self.counter() as counter, counter.desk.database.reading() as tx:
            return [(row.service, row.outcome, row.reason) for row in reversed(tx.services.all())]

    def state(self, job: int | None = None) -> CardState:
        with self.counter() as counter, counter.desk.database.reading() as tx:
            return (tx.cards.get(job) if job else tx.cards.all()[0]).state

    def activated(self) -> Place:
        with self.card() as here:
            activate(here, self.holder(), PIN)
        return self

    def balance(self) -> int:
        with self.card() as here:
            return medical.account(here, PIN).balance.account

    def pay(self, fen: int, **cuts: int | bytes) -> dict[str, object]:
        with self.card(**cuts) as here:
            return medical.purchase(here, self.holder(), PIN, Bill(fen, 0, 0, HOSPITAL, "S1")).values


def another(desk: Desk) -> Shown:
    """A document of somebody else: the number of another example."""
    row = (Path(__file__).parents[1] / "examples" / "requests.csv").read_text(encoding="utf-8").splitlines()[1]
    return Shown(identity(Document.ID_CARD, row.split(",")[1]))


def other_card(place: Place, **kind: Any) -> Place:
    """The place with a card of another station instead: the same holder, made by ``make_blank`` as ``kind`` says.

    The certificate application of a 3.0 card has the manager's PIN of after issue.
    """
    chip = make_blank(serial=8, **kind)
    number = make_card_number("T", 4_000_000).encode()
    held = {"ef/DDF1/EF05/07": b"\x07\x09" + number, "ef/DDF1/EF06/01": b"\x08\x12" + place.number.encode()}
    chip.memory.cells = chip.memory.cells | held
    place.file = place.folder / "other.card"
    place.host = None
    save_chip(chip, place.file)
    if kind.get("version") == "3.0":
        with place.card() as here:
            where, keys = (here.card.region, here.card.historical), here.counter.desk.keys
            before, after = "ss/PKI/MANAGER-TRANSPORT", "ss/PKI/MANAGER"
            here.run(pki.enter(PKI_DDF, PKI_ADF))
            here.run(pki.verify(keys.pki_pin(before, *where), pki.MANAGER))
            here.run(pki.change_manager_pin(keys.pki_pin(before, *where, new=after)))
    return place


def pki_pin_is(place: Place, pin: str) -> bool:
    """Whether the certificate application of the card takes this PIN; a wrong one costs it a try."""
    with place.card() as here:
        assert here.run(pki.enter(PKI_DDF, PKI_ADF))
        try:
            here.run(pki.verify(here.counter.desk.keys.holder_pin(pin), pki.USER))
        except CardAnswered:
            return False
    return True
