"""One issued card in three terminals: of its city, of another city of its province, of another province.

What each holds is that of a PSAM (``terminal_store``): IRK and the reading keys of the ministry serve the whole
country, provincial keys the province, the other national keys the city. What must come of it is reckoned here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar

import pytest

from cardfab.apdu.link import CardGone, Exchange, drive, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.keys import SoftKeyStore, terminal_store
from cardfab.prepare.items import ItemBook
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load as load_profile
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip
from cardfab.simulator.chip.memory import Memory
from cardfab.terminal.account import purchase, set_start_day
from cardfab.terminal.card import PresentedCard, verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.orders import PurchaseOrder, Settlement
from cardfab.terminal.read import CardReading, read_card
from cardfab.terminal.reason import Denied, RightMissing
from cardfab.terminal.services import block_application, block_card, reload_pin, unblock_pin
from cardfab.terminal.update import add_entry, update_items
from cardfab.terminal.voucher import voucher
from tests.issued import Papers, of_blank, of_third_generation
from tests.social import KEYS, PIN, Examined, Key, Row, rows

T = TypeVar("T")
CITY, PROVINCE, COUNTRY = "110199", "110198", "650199"
PLACES = {"same city": CITY, "another city": PROVINCE, "another province": COUNTRY}
LOG = "DF04/EF08"
ORDER = PurchaseOrder(
    0, 100, 200, Settlement("110199001", "S1"), "110199000001", 3, datetime(2026, 11, 22, 9, 0, 0)
)  # fmt: skip


def held(key: Key, where: str) -> bool:
    """Whether the terminal has it for this card. Part 9, B1: reading keys, IRK as first roots; IF B.2: provincial."""
    if key.name == "IRK" or key.name.startswith("RK"):
        return True
    if not key.national:
        return where != "another province"
    return where == "same city"


@dataclass
class Wire:
    """The card, and the status words it gave."""

    chip: TrainingChip
    answers: list[tuple[bytes, int]] = field(default_factory=list)

    def atr(self) -> bytes:
        return self.chip.atr

    def transmit(self, apdu: bytes, /) -> bytes:
        answer = self.chip.transmit(apdu)
        if not answer:
            raise CardGone
        self.answers.append((apdu, int.from_bytes(answer[-2:])))
        return answer

    def reset(self) -> bytes:
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()


@dataclass
class Seat:
    """The card in one terminal, identified."""

    chip: TrainingChip
    book: ItemBook
    keys: SoftKeyStore
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.chip)
        self.card = PresentedCard(self.book, self.keys, historical_bytes(self.wire.reset()), secrets.token_bytes)
        self.run(identify(self.card))

    def run(self, exchange: Exchange[T]) -> T:
        return drive(exchange, link_to(self.wire))

    @property
    def sent(self) -> int:
        return len(self.wire.answers)

    def counters(self) -> dict[str, bytes]:
        """Every error counter in the chip."""
        return {name: value for name, value in self.chip.memory.cells.items() if name.startswith("tries/")}


MADE: dict[str, Callable[..., Papers]] = {
    "3DES": lambda folder: of_blank(folder, "3DES"),
    "SM4": lambda folder: of_blank(folder, "SM4"),
    "3.0": of_third_generation,
}


@pytest.fixture(scope="module", params=MADE)
def papers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return MADE[request.param](tmp_path_factory.mktemp("terminals") / "station")


@pytest.fixture(params=PLACES)
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def seat(papers: Papers, where: str) -> Seat:
    return seated(papers, where)


@cache
def book(version: str) -> ItemBook:
    source = ProfileFolders((data_folder("profiles"),))
    files = load_profile(source, "applications", f"ssc-v{version[0]}", FileApplication)
    return ItemBook(files, load_profile(source, "codes", "ssc-v2", CodeTables))


@cache
def keys_of(region: str) -> SoftKeyStore:
    return terminal_store(region, secrets.token_bytes)


def seated(papers: Papers, where: str) -> Seat:
    chip = TrainingChip(Memory(dict(papers.chip.memory.cells)))
    return Seat(chip, book(papers.version), keys_of(PLACES[where]))


def readable(of: Row, where: str, *, pin: bool) -> bool:
    return any(all(pin if right == PIN else held(of.key(right), where) for right in way) for way in of.ways)


def writable(of: Row, where: str) -> bool:
    return of.written_by is not None and held(of.written_by, where)


@pytest.mark.proof
@pytest.mark.shows("reading with three terminals: what each file gives, no key try burned (proof)")
@pytest.mark.parametrize("pin", [False, True], ids=["no PIN", "PIN"])
def test_every_file_in_three_terminals(papers: Papers, seat: Seat, where: str, pin: bool) -> None:
    before = seat.counters()
    reading = seat.run(read_card(seat.card, pin="123456" if pin else None))
    for of in rows(papers.version):
        found = reading.file(of.name)
        if of.reserved:
            assert found.denied is Denied.ABSENT
            continue
        assert (found.denied is None) == readable(of, where, pin=pin), of.name
        assert not found.problems, of.name
        assert (of.name in reading.writable) == writable(of, where), of.name
        if found.denied is None:
            given = {address: value for address, value in papers.values.items() if address.startswith(of.name + "/")}
            assert {address: reading.values.get(address) for address in given if ":2/" not in address[:12]} == {
                address: value for address, value in given.items() if ":2/" not in address[:12]
            }
    assert seat.counters() == before
    tried = [(apdu, sw) for apdu, sw in seat.wire.answers if sw >> 4 == 0x63C]
    assert [apdu.hex() for apdu, _ in tried] in (["0020000000"], ["00200000"])  # how many tries the PIN has: no try
    assert all(sw == 0x9000 for apdu, sw in seat.wire.answers if apdu[1] == 0x82)


@pytest.mark.proof
def test_the_three_answers_differ(papers: Papers) -> None:
    """All read the same; what may be written grows smaller, to nothing."""
    found: dict[str, CardReading] = {}
    for where in PLACES:
        seat = seated(papers, where)
        found[where] = seat.run(read_card(seat.card, pin="123456"))
    same, city, province = (found[where] for where in PLACES)
    assert same.values == city.values == province.values
    assert same.writable > city.writable > province.writable == frozenset()
    assert (len(same.writable), len(city.writable)) == (31, 13)
    for of in rows(papers.version):
        if of.reserved or of.written_by is None:
            continue
        assert same.file(of.name).write is None
        assert city.file(of.name).write in (None, Denied.OTHER_CITY)
        far = Denied.OTHER_CITY if of.written_by.national else Denied.OTHER_PROVINCE
        assert province.file(of.name).write is far, of.name


@pytest.mark.proof
@pytest.mark.parametrize("of", [one for one in rows() if one.written_by and not one.reserved], ids=lambda one: one.name)
def test_what_may_not_be_written_is_not_tried(papers: Papers, where: str, of: Row) -> None:
    seat = seated(papers, where)
    seat.run(verify_pin(seat.card, "123456"))
    before, sent = seat.counters(), seat.sent
    exchange: Callable[[], Exchange[Any]]
    if of.cyclic:
        fields = {one.split("/")[2]: value for one, value in papers.values.items() if one.startswith(of.name + "/")}
        exchange = lambda: add_entry(seat.card, of.name, fields)  # noqa: E731
    else:
        given = {one: value for one, value in papers.values.items() if one.startswith(of.name + "/")}
        values = {of.name: "FFD8"} if of.transparent else given
        assert values
        exchange = lambda: update_items(seat.card, values)  # noqa: E731
    if writable(of, where):
        seat.run(exchange())
    else:
        with pytest.raises(RightMissing):
            seat.run(exchange())
        assert seat.sent == sent, "the card was asked"
    assert seat.counters() == before


SERVICES: dict[str, tuple[tuple[str, ...], Callable[[Seat], Exchange[Any]]]] = {
    "purchase": (("DF04/DPK",), lambda seat: purchase(seat.card, ORDER, count=0)),
    "starting day": (("DF04/DSK",), lambda seat: set_start_day(seat.card, "0401")),
    "PIN unblock": (("SSSE/PUK", "SSSE/STK"), lambda seat: unblock_pin(seat.card)),
    "PIN reload": (("SSSE/PUK", "SSSE/STK"), lambda seat: reload_pin(seat.card, "8642")),
    "block the account": (("DF04/LK", "DF04/STK"), lambda seat: block_application(seat.card, "DF04")),
    "block another application": (("SSSE/BK", "DF02/STK"), lambda seat: block_application(seat.card, "DF02")),
    "block the card": (("SSSE/BK", "SSSE/STK"), lambda seat: block_card(seat.card)),
}


@pytest.mark.proof
@pytest.mark.parametrize("service", SERVICES)
def test_what_else_each_terminal_may_do(papers: Papers, where: str, service: str) -> None:
    seat = seated(papers, where)
    seat.run(verify_pin(seat.card, "123456"))
    names, exchange = SERVICES[service]
    allowed = all(held(KEYS[df][name], where) for df, name in (one.split("/") for one in names))
    before, sent = seat.counters(), seat.sent
    if allowed:
        seat.run(exchange(seat))
    else:
        with pytest.raises(RightMissing) as refused:
            seat.run(exchange(seat))
        assert refused.value.why in (Denied.OTHER_CITY, Denied.OTHER_PROVINCE)
        assert not [apdu for apdu, _ in seat.wire.answers[sent:] if apdu[1] not in (0xA4, 0x20)]
    assert seat.counters() == before
    assert allowed == (where == "same city" or (service == "starting day" and where == "another city"))


@pytest.mark.proof
def test_the_voucher_is_good_in_every_place(papers: Papers, where: str) -> None:
    seat = seated(papers, where)
    found = seat.run(voucher(seat.card, today=date(2026, 11, 22), black_list=lambda _: False))
    assert found.good
    assert found.identity.card_number
    raw = Examined(seat.chip.transmit, seat.chip.power_on, papers.cipher, papers.region, papers.version)
    raw.reset()
    raw.enter("SSSE")
    assert raw.records(rows()[0])[6][2:].decode() == found.identity.card_number
