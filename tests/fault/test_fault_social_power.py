"""The power goes at every APDU of a load and of a purchase, and before every byte that the chip writes in between.

The terminal is the station's; what the card then holds is read a third time (``tests/social.py``): balance, totals,
log, proof and counter are all of before or all of after, and what the terminal concludes is the one that is true. It
goes on from there: what was not done is done again, once. A record update that is torn leaves each record old or new.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TypeVar

import pytest

from cardfab.apdu.link import CardGone, Exchange, drive, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.keys import SoftKeyStore, terminal_store
from cardfab.prepare.items import ItemBook
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load as load_profile
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.chip.memory import Memory
from cardfab.terminal.account import Done, load, purchase
from cardfab.terminal.card import PresentedCard, verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.orders import LoadOrder, Pending, PurchaseOrder, Settlement
from cardfab.terminal.read import read_card
from cardfab.terminal.recover import Happened, recover
from cardfab.terminal.update import add_entry, update_items
from tests.social import OK, CipherName, Examined, made_rows, row

PIN, REGION, TERMINAL = "123456", "440199", "440199000007"
BILL = Settlement("440199001", "S2026112200001")
STEP = 29  # of the byte cuts in the short form
FULL_STEP = 211  # where the log is full and every record moves
State = tuple[object, ...]
T = TypeVar("T")


def entropy(count: int) -> bytes:
    """The chip's challenges: always the same, so that two runs answer the same bytes."""
    return bytes(range(0x40, 0x40 + count))


@cache
def book() -> ItemBook:
    source = ProfileFolders((data_folder("profiles"),))
    files = load_profile(source, "applications", "ssc-v2", FileApplication)
    return ItemBook(files, load_profile(source, "codes", "ssc-v2", CodeTables))


@cache
def terminal() -> SoftKeyStore:
    return terminal_store(REGION, secrets.token_bytes)


@cache
def issuer() -> SoftKeyStore:
    return SoftKeyStore.training(secrets.token_bytes)


@dataclass
class Session:
    """One card in the terminal, from reset on. ``cut_at``: gone at that command, before or after it was carried out."""

    chip: TrainingChip
    cut_at: int | None = None
    carried_out: bool = False
    keys: SoftKeyStore = field(default_factory=terminal)
    sent: int = 0

    def __post_init__(self) -> None:
        self.card = PresentedCard(book(), self.keys, historical_bytes(self.chip.power_on()), secrets.token_bytes)

    def atr(self) -> bytes:
        return self.chip.atr

    def transmit(self, apdu: bytes, /) -> bytes:
        number, self.sent = self.sent, self.sent + 1
        if number == self.cut_at and not self.carried_out:
            raise CardGone
        answer = self.chip.transmit(apdu)
        if not answer or number == self.cut_at:
            raise CardGone
        return answer

    def reset(self) -> bytes:
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()

    def run(self, exchange: Exchange[T]) -> T:
        return drive(exchange, link_to(self))

    def ready(self) -> Session:
        self.run(identify(self.card))
        self.run(verify_pin(self.card, PIN))
        return self

    def act(self, kind: str, intend: Callable[[Pending], None] = lambda _: None) -> Done:
        if kind == "load":
            directory = self.card.application.directory("DF04")
            label = self.card.label(directory.keys["DLKDF04"])
            host = issuer().purse_load(label, REGION, self.card.historical)
            order = LoadOrder(4000, TERMINAL, datetime(2027, 1, 2, 3, 4, 5))
            return self.run(load(self.card, order, host, intend=intend))
        paid = PurchaseOrder(1500, 20, 300, BILL, TERMINAL, 9, datetime(2027, 1, 2, 3, 4, 6))
        return self.run(purchase(self.card, paid, count=0, intend=intend))

    def settled(self, pending: Pending, *, tac: bool) -> Happened:
        key = self.card.label(self.card.application.directory("DF04").keys["DTKDF04"])
        check = issuer().purse_tac(key, REGION, self.card.historical) if tac else None
        return self.run(recover(self.card, pending, tac_key=check)).happened


@dataclass
class Scene:
    """A card with a history, by its cells, and a transaction that will be cut."""

    cipher: CipherName
    kind: str
    cells: dict[str, bytes]

    def chip(self) -> TrainingChip:
        return TrainingChip(Memory(dict(self.cells)), entropy)

    def before(self) -> State:
        return state(self.chip(), self.cipher)

    def after(self) -> State:
        chip = self.chip()
        Session(chip).ready().act(self.kind)
        return state(chip, self.cipher)

    def written(self) -> int:
        """Bytes that the chip writes in the whole session."""
        chip = self.chip()
        session = Session(chip)
        chip.tear_byte = 1_000_000
        session.ready().act(self.kind)
        return 1_000_000 - (chip.tear_byte or 0)


def state(chip: TrainingChip, cipher: CipherName) -> State:
    """Balance, totals, log, proofs and the two counters, by raw APDUs after a reset."""
    card = Examined(chip.transmit, chip.power_on, cipher, REGION)
    card.reset()
    card.enter("DF04")
    assert card.verify() == OK
    log = tuple(record.hex() for record in card.records(row("DF04/EF08")))
    number = {"31": card.ok(bytes.fromhex("B02800010B01") + bytes(4) + card.TERMINAL)[4:6]}
    card.enter("DF04")
    number["32"] = card.begin_purchase(0, 0, 0)[14:16]
    card.enter("DF04")
    proofs = []
    for kind, counter in number.items():
        for seq in {counter, (int.from_bytes(counter) - 1 & 0xFFFF).to_bytes(2)}:
            data, sw = card.exchange(bytes.fromhex(f"B02E00{kind}02") + seq)
            proofs.append((kind, seq.hex(), data.hex(), sw))
    return card.balance(), card.totals(), log, tuple(sorted(proofs)), tuple(number.values())


@cache
def scene(cipher: CipherName, kind: str, entries: int = 3) -> Scene:
    chip = TrainingChip(Memory(dict(make_blank(serial=1, version="2.0", algorithm=cipher).memory.cells)), entropy)
    card = Examined(chip.transmit, chip.power_on, cipher, REGION)
    card.reset()
    card.enter("DF04")
    assert card.verify() == OK
    card.load(90000, "20260101080000")
    for number in range(entries - 1):
        card.purchase(5, 6, 7, f"202602010900{number % 60:02d}")
    return Scene(cipher, kind, dict(chip.memory.cells))


KINDS = pytest.mark.parametrize("kind", ["load", "purchase"])
CIPHERS = pytest.mark.parametrize("cipher", ["3DES", "SM4"])


def go_on(of: Scene, chip: TrainingChip, kept: list[Pending], truths: tuple[State, State], *, tac: bool) -> Happened:
    """After the cut: the card's truth, the terminal's conclusion, and the transaction made good, once."""
    before, after = truths
    found = state(chip, of.cipher)
    assert found in truths
    happened = Happened.DONE if found == after else Happened.NOT_DONE
    if kept:
        assert Session(chip).ready().settled(kept[0], tac=tac) is happened
    else:
        assert found == before
    assert state(chip, of.cipher) == found  # looking changed nothing
    if happened is Happened.NOT_DONE:
        Session(chip).ready().act(of.kind)
        assert state(chip, of.cipher) == after
    return happened


@pytest.mark.shows("a power cut at every APDU of a load and of a purchase: balance, log, proof, conclusion (test)")
@CIPHERS
@KINDS
@pytest.mark.parametrize("carried_out", [False, True])
def test_a_cut_at_every_apdu(cipher: CipherName, kind: str, carried_out: bool) -> None:
    of = scene(cipher, kind)
    truths = of.before(), of.after()
    assert truths[0] != truths[1]
    verdicts = []
    for number in range(100):
        chip, kept = of.chip(), list[Pending]()
        session = Session(chip, number, carried_out)
        try:
            session.ready().act(kind, kept.append)
        except CardGone:
            verdicts.append(go_on(of, chip, kept, truths, tac=number % 2 == 0))
        else:
            break
    assert len(verdicts) > 10
    assert verdicts[:-1] == [Happened.NOT_DONE] * (len(verdicts) - 1)
    assert verdicts[-1] is (Happened.DONE if carried_out else Happened.NOT_DONE)


def cut_before_bytes(of: Scene, numbers: Iterable[int]) -> set[Happened]:
    truths, seen = (of.before(), of.after()), set[Happened]()
    for number in numbers:
        chip, kept = of.chip(), list[Pending]()
        session = Session(chip)
        chip.tear_byte = number
        with pytest.raises(CardGone):
            session.ready().act(of.kind, kept.append)
        chip.tear_byte = None
        seen.add(go_on(of, chip, kept, truths, tac=number % 2 == 0))
    return seen


@pytest.mark.shows("a power cut at byte-writes of the chip inside a load or purchase: a sample (test)")
@CIPHERS
@KINDS
def test_a_cut_before_some_bytes(cipher: CipherName, kind: str) -> None:
    of = scene(cipher, kind)
    count = of.written()
    assert cut_before_bytes(of, {*range(1, count, STEP), count}) == set(Happened) - {Happened.UNKNOWN}


@pytest.mark.proof
@pytest.mark.shows("a power cut at every byte-write of the chip inside a load or purchase (proof)")
@CIPHERS
@KINDS
def test_a_cut_before_every_byte(cipher: CipherName, kind: str) -> None:
    of = scene(cipher, kind)
    assert cut_before_bytes(of, range(1, of.written() + 1)) == set(Happened) - {Happened.UNKNOWN}


@pytest.mark.proof
@pytest.mark.shows("a power cut inside a load or purchase where the log is full and its oldest record goes (proof)")
@CIPHERS
@KINDS
def test_a_cut_where_the_log_goes_round(cipher: CipherName, kind: str) -> None:
    of = scene(cipher, kind, 60)
    count = of.written()
    assert cut_before_bytes(of, {*range(1, count, FULL_STEP), count}) == set(Happened) - {Happened.UNKNOWN}


# Records

OLD = {"DF04/EF05/83": "D2143569X", "DF04/EF05/84": "440199", "DF01/EF15/40:2/57": "103"}
NEW = {"DF04/EF05/83": "000000000", "DF04/EF05/84": "650199", "DF01/EF15/40:2/57": "205"}
ENTRIES = [{"start": f"202{n}0101", "end": f"202{n}1231"} for n in range(6)]


def records(chip: TrainingChip, cipher: CipherName) -> dict[str, tuple[str, ...]]:
    """Every record of the files that are written here."""
    card = Examined(chip.transmit, chip.power_on, cipher, REGION)
    found = {}
    for one in made_rows():
        if one.name in ("DF04/EF05", "DF01/EF15", "DF02/EF07"):
            card.reset()
            card.enter(one.df)
            card.satisfy(one, one.ways[-1])
            found[one.name] = tuple(card.read(one, number)[0].hex() for number in range(1, one.count + 1))
    return found


def writing(chip: TrainingChip, values: dict[str, str], entry: dict[str, str]) -> None:
    session = Session(chip)
    session.run(identify(session.card))
    session.run(update_items(session.card, values))
    session.run(add_entry(session.card, "DF02/EF07", entry))


def torn_update(cipher: CipherName, step: int) -> tuple[int, int]:
    chip = TrainingChip(Memory(dict(make_blank(serial=1, version="2.0", algorithm=cipher).memory.cells)), entropy)
    for entry in ENTRIES[:5]:  # one more than the file keeps
        writing(chip, OLD, entry)
    cells, old = dict(chip.memory.cells), records(chip, cipher)
    chip.tear_byte = 1_000_000
    writing(chip, NEW, ENTRIES[5])
    count, new = 1_000_000 - (chip.tear_byte or 0), records(chip, cipher)
    assert old["DF02/EF07"][:3] == new["DF02/EF07"][1:]
    kinds = set()
    for number in {*range(1, count, step), count}:
        chip = TrainingChip(Memory(dict(cells)), entropy)
        chip.tear_byte = number
        with pytest.raises(CardGone):
            writing(chip, NEW, ENTRIES[5])
        found = records(chip, cipher)
        assert found["DF02/EF07"] in (old["DF02/EF07"], new["DF02/EF07"])
        for name in ("DF04/EF05", "DF01/EF15"):
            assert len(found[name]) == len(old[name])
            for record, was, becomes in zip(found[name], old[name], new[name], strict=True):
                assert record in (was, becomes), f"{name}, byte {number}"
        kinds.add(sum(one != two for name in old for one, two in zip(old[name], found[name], strict=True)))
        if number % 5 != 1:
            continue
        again = Session(chip)
        reading = again.run(read_card(again.card, only=list(old)))
        assert not any(file.problems or file.denied for file in reading.files)
        writing(chip, NEW, ENTRIES[5])
        after = records(chip, cipher)
        assert {**after, "DF02/EF07": after["DF02/EF07"][0]} == {**new, "DF02/EF07": new["DF02/EF07"][0]}
    return count, len(kinds)


@pytest.mark.shows("a torn record update leaves each record old or new: a sample (test)")
@CIPHERS
def test_a_torn_record_update(cipher: CipherName) -> None:
    count, kinds = torn_update(cipher, STEP)
    assert count > 200
    assert kinds > 2


@pytest.mark.proof
@pytest.mark.shows("a torn record update leaves each record old or new, before every byte (proof)")
@CIPHERS
def test_a_record_update_torn_before_every_byte(cipher: CipherName) -> None:
    torn_update(cipher, 1)
