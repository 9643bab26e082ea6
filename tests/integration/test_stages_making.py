"""All three stages at a station: a chip of the factory becomes a blank, and the blank a card; and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from cardfab.apdu.link import CardConnection, CardGone
from cardfab.audit import AuditEvent
from cardfab.errors import CardfabError
from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.plan import BlankNotBlank, compile_plan, require_equal
from cardfab.plan.plan import carry_out
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.loader import load
from cardfab.simulator.chip import TrainingChip, make_blank, make_raw_chip
from cardfab.station import making
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.devices import Devices
from cardfab.station.making import ChipState, HalfMade, MadeBlank
from tests.integration.conftest import PLAIN, World

REGION = "440199"
KINDS = [("t514", "3DES"), ("t514", "SM4"), ("fmcos", "3DES"), ("fmcos", "SM4")]


@dataclass
class InReader:
    """A chip that lies in a reader; its power fails before command ``cut``, counted over all connections."""

    chip: TrainingChip
    cut: int = 0
    sent: int = 0

    def connect(self) -> CardConnection:
        self.chip.power_off()
        self.chip.power_on()
        return self

    def transmit(self, apdu: bytes, /) -> bytes:
        self.sent += 1
        if self.sent == self.cut:
            raise CardGone
        answer = self.chip.transmit(apdu)
        if not answer:
            raise CardGone
        return answer

    def atr(self) -> bytes:
        return self.chip.atr

    def reset(self) -> bytes:
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()


def _product(desk: Desk, name: str, algorithm: str) -> ProductSet:
    """The bureau's product on another chip: a card profile of two changed lines."""
    chosen = desk.product("debit-bureau")
    dialect = load(desk.profiles, "dialects", f"cos-{name}", DialectProfile).dialect()
    changed = {"algorithm": algorithm, "dialect": f"cos-{name}"}
    if name == "fmcos" and chosen.card.activation is not None:
        changed["activation"] = chosen.card.activation.model_copy(update={"transport": "transport/FMCOS"})  # type: ignore[assignment]
    return replace(chosen, card=chosen.card.model_copy(update=changed), dialect=dialect)


def _new(name: str, algorithm: str, **more: Any) -> InReader:
    return InReader(make_raw_chip(name, serial=3, algorithm=algorithm, **{"activated": False, **more}))  # type: ignore[arg-type]


def _make(desk: Desk, reader: InReader, chosen: ProductSet, **more: Any) -> MadeBlank:
    settings: dict[str, Any] = {"stages": ("activation", "pre-personalisation"), **more}
    return making.make_blank(desk, Devices(reader.connect, None), chosen, REGION, **settings)


@pytest.mark.proof
@pytest.mark.shows("All three stages on both dialects and ciphers, then the card personalised and verified (proof)")
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_from_the_foundry_to_the_finished_card(station: World, name: str, algorithm: str) -> None:
    with station.desk() as desk:
        chosen = _product(desk, name, algorithm)
        reader = _new(name, algorithm)
        made = _make(desk, reader, chosen)
        assert (made.found, made.state) == (ChipState.NEVER_ACTIVATED, ChipState.BLANK)
        assert made.done == ("activation", "pre-personalisation")
        assert made.serial == "8649440100000001"
        card = station.prepared(PLAIN)[1]
        plan = compile_plan(card, chosen.card, chosen.files, chosen.financial)
        for steps in (plan.inspect, plan.encode, plan.verify):
            with Devices(reader.connect, None).chip() as chip:
                run = carry_out(steps, chip.link, desk.run(chip.historical))
        require_equal(run.compared)
        with pytest.raises(BlankNotBlank):
            _make(desk, reader, chosen, begun="erase")
        with Devices(reader.connect, None).chip() as chip:
            assert making.look(desk, chosen, chip).state is ChipState.PERSONALISED


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_stage_by_stage(station: World, name: str, algorithm: str) -> None:
    with station.desk() as desk:
        chosen = _product(desk, name, algorithm)
        reader = _new(name, algorithm)
        first = _make(desk, reader, chosen, stages=("activation",))
        assert (first.state, first.done) == (ChipState.ACTIVATED, ("activation",))
        untouched = dict(reader.chip.memory.cells)
        again = _make(desk, reader, chosen, stages=("activation",))
        assert (again.found, again.state, again.done) == (ChipState.ACTIVATED, ChipState.ACTIVATED, ())
        assert reader.chip.memory.cells == untouched
        second = _make(desk, reader, chosen, stages=("pre-personalisation",))
        assert (second.found, second.state) == (ChipState.ACTIVATED, ChipState.BLANK)
        third = _make(desk, reader, chosen)
        assert (third.found, third.done) == (ChipState.BLANK, ())


def test_a_chip_that_is_only_activated_elsewhere_waits_for_its_stage(station: World) -> None:
    with station.desk() as desk:
        chosen = _product(desk, "t514", "3DES")
        made = _make(desk, _new("t514", "3DES"), chosen, stages=("pre-personalisation",))
        assert (made.found, made.state, made.done) == (ChipState.NEVER_ACTIVATED, ChipState.NEVER_ACTIVATED, ())


@pytest.mark.proof
@pytest.mark.parametrize("how", ["resume", "erase"])
@pytest.mark.parametrize("cut", [2, 4, 5, 8, 60, 300, 447])
def test_cut_off_and_gone_on_with_at_the_station(station: World, cut: int, how: str) -> None:
    """The chip says how far it is; nothing happens to it until somebody says what; then it is a blank."""
    with station.desk() as desk:
        chosen = _product(desk, "t514", "3DES")
        reader = _new("t514", "3DES")
        reader.cut = cut
        with pytest.raises(CardGone):
            _make(desk, reader, chosen)
        with Devices(reader.connect, None).chip() as chip:
            state = making.look(desk, chosen, chip).state
        if state is ChipState.BEGUN:
            before = dict(reader.chip.memory.cells)
            with pytest.raises(HalfMade, match="begun") as refused:
                _make(desk, reader, chosen)
            assert (refused.value.exit_status, refused.value.code) == (4, "CF-4240")
            assert reader.chip.memory.cells == before
        made = _make(desk, reader, chosen, begun=how)
        assert made.state is ChipState.BLANK
        assert made.erased is (how == "erase" and state is ChipState.BEGUN)
        with desk.database.reading() as tx:
            said = [event.outcome for event in map(AuditEvent.decode, tx.audit.leaves()) if event.action == "chip.make"]
        assert said.count("intent") == 2
        assert said.count("failed") == said.count("done") == 1


def test_a_chip_with_another_transport_key_is_left_alone(station: World) -> None:
    with station.desk() as desk:
        chosen = _product(desk, "t514", "3DES")
        reader = InReader(make_raw_chip("t514", serial=3, transport=bytes(range(16))))
        files = {name for name in reader.chip.memory.cells if name.startswith("ef/")}
        with pytest.raises(CardfabError, match="transport key"):
            _make(desk, reader, chosen)
        assert {name for name in reader.chip.memory.cells if name.startswith("ef/")} == files


def test_a_key_that_is_missing_is_found_before_the_chip_is_touched(station: World) -> None:
    """The new master key of a chip is in the store before it is on the chip."""
    with station.desk() as desk:
        chosen = _product(desk, "t514", "3DES")
        assert isinstance(desk.keys, AuditedKeyStore)
        whole = desk.keys.inner
        assert isinstance(whole, SoftKeyStore)
        poorer = SoftKeyStore({k: v for k, v in whole._held.items() if k != "ss/MK/DF07"}, desk.random)
        reader = _new("t514", "3DES")
        with pytest.raises(CardfabError, match="ss/MK/DF07"):
            _make(replace(desk, keys=poorer), reader, chosen)
        assert reader.sent == 0


def test_blanks_that_come_made_are_not_made(station: World) -> None:
    with station.desk() as desk:
        chosen = desk.product("debit")
        with pytest.raises(CardfabError, match="names no dialect"):
            _make(desk, InReader(make_blank(serial=1)), chosen)


# The command line


@pytest.fixture
def chip_file(station: World) -> Callable[[str], str]:
    """A chip of the factory in a file, as ``--reader`` names it."""
    from cardfab.simulator.cardfile import save_chip
    from cardfab.simulator.chip import make_card

    def make(name: str) -> str:
        chip = make_card(name, 1)
        save_chip(chip, station.folder / "chip.card")
        return f"file:{station.folder / 'chip.card'}"

    return make


@pytest.mark.proof
def test_card_make_and_state(station: World, chip_file: Callable[[str], str]) -> None:
    reader = chip_file("new-t514")
    asked = ("--product", "debit-bureau", "--reader", reader)
    assert station.cli("--json", "card", "state", *asked).json()["state"] == "never activated"
    said = station.cli("--json", "card", "make", "--region", REGION, "--stage", "activation", *asked)
    assert (said.exit, said.json()["stages"], said.json()["state"]) == (0, ["activation"], "activated")
    said = station.cli("--json", "card", "make", "--region", REGION, *asked)
    assert said.json()["stages"] == ["pre-personalisation"]
    assert station.cli("--lang", "zh", "card", "state", *asked).out.strip() == "空白卡"


def test_a_dry_run_sends_nothing_and_says_so(station: World, chip_file: Callable[[str], str]) -> None:
    reader = chip_file("new-t514")
    before = (station.folder / "chip.card").read_bytes()
    said = station.cli("card", "make", "--product", "debit-bureau", "--region", REGION, "--reader", reader, "--dry-run")
    assert said.exit == 0
    assert said.out.count("DRY RUN") == 2
    assert "Nothing was sent" in said.out
    assert "<the key transport/T514 in clear, 16 bytes>" in said.out
    assert "80E00200" in said.out
    assert (station.folder / "chip.card").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "exit_", "says"),
    [
        (("--product", "debit"), 2, "does not do"),
        (("--product", "debit-bureau", "--stage", "personalisation"), 2, "--stage"),
        (("--product", "debit-bureau", "--resume", "--erase"), 2, "Either"),
    ],
)
def test_what_card_make_does_not_do(station: World, words: tuple[str, ...], exit_: int, says: str) -> None:
    said = station.cli("card", "make", "--region", REGION, *words)
    assert said.exit == exit_
    assert says in said.text


def test_a_region_is_six_digits(station: World) -> None:
    said = station.cli("card", "make", "--product", "debit-bureau", "--region", "4401")
    assert (said.exit, "six digits" in said.text) == (2, True)
