"""A power cut inside a payment: balance, log, counters and PIN tries are the old or the new ones, together."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardfab.simulator.chip import TrainingChip, tlv
from cardfab.simulator.chip.memory import Memory
from tests.unit.simulator.acquirer import DEBIT, Acquirer, Entropy, ask, bcd, replayed

DUAL = "debit-dual-rsa"
TC, ARQC = 0x40, 0x80


class Cut(Exception):
    """No answer came."""


def state(chip: TrainingChip) -> tuple[str, ...]:
    """Balance, last ATC on line, tries, both logs, what is remembered."""
    ask(chip, DEBIT)
    shown = [ask(chip, "80CA" + tag) for tag in ("9F7900", "9F1300", "9F1700", "9F5800")]
    logs = [ask(chip, f"00B201{sfi << 3 | 4:02X}00") for sfi in (11, 12)]
    return (*shown, *logs, chip.memory.read("debit/history").hex())


def prepared() -> dict[str, bytes]:
    terminal = Acquirer(replayed(DUAL), DUAL)
    assert terminal.online(("04DA9F79", bcd(1000))) == TC
    return dict(terminal.chip.memory.cells)


def card(cells: dict[str, bytes], *, contactless: bool = False) -> Acquirer:
    chip = TrainingChip(Memory(dict(cells)), Entropy())
    chip.contactless = contactless
    chip.power_on()
    return Acquirer(chip, DUAL, contactless=contactless).set(t95="0000000000", t9F02=bcd(100).hex())


class Watched(Acquirer):
    """Raises where the card does not answer."""

    def send(self, apdu: str) -> tuple[bytes, str]:
        answer = self.chip.transmit(bytes.fromhex(apdu))
        if not answer:
            raise Cut
        return answer[:-2], answer[-2:].hex().upper()


def watched(terminal: Acquirer) -> Watched:
    other = Watched(terminal.chip, DUAL, contactless=terminal.contactless)
    other.values = terminal.values
    return other


def cash(terminal: Acquirer) -> None:
    terminal.set(t9F7A="01").start()
    assert terminal.generate(TC) == TC


def wave(terminal: Acquirer) -> None:
    answer = dict(tlv.deep(terminal.start()))
    assert 0x9F4B in answer
    terminal.ok("00B2012C00")


def load(terminal: Acquirer) -> None:
    terminal.start()
    assert terminal.generate(ARQC) == ARQC
    assert terminal.authenticate() == "9000"
    assert terminal.script("04DA9F79", bcd(2000)) == "9000"
    assert terminal.generate(TC) == TC


def limit(terminal: Acquirer) -> None:
    terminal.start()
    assert terminal.generate(ARQC) == ARQC
    assert terminal.script("04DA9F58", b"\x09") == "9000"


CASES: dict[str, tuple[Callable[[Acquirer], None], bool]] = {
    "e-cash purchase": (cash, False),
    "contactless purchase": (wave, True),
    "e-cash load": (load, False),
    "limit by script": (limit, False),
}


def milestones(act: Callable[[Acquirer], None], cells: dict[str, bytes], contactless: bool) -> list[tuple[str, ...]]:
    """The states between two commands of an undisturbed run."""
    terminal = card(cells, contactless=contactless)
    seen = [state(terminal.chip)]

    class Stepped(Acquirer):
        def send(self, apdu: str) -> tuple[bytes, str]:
            answer = super().send(apdu)
            seen.append(state(card(self.chip.memory.cells, contactless=contactless).chip))
            return answer

    stepped = Stepped(terminal.chip, DUAL, contactless=contactless)
    stepped.values = terminal.values
    act(stepped)
    return seen


@pytest.mark.parametrize("case", CASES)
def test_a_cut_at_every_write(case: str) -> None:
    act, contactless = CASES[case]
    cells = prepared()
    allowed = milestones(act, cells, contactless)
    assert len(set(allowed)) > 1
    for keeps in (False, True):
        for cut in range(1, 20):
            terminal = card(cells, contactless=contactless)
            terminal.chip.memory.tear_keeps = keeps
            terminal.chip.tear_after = cut
            try:
                act(watched(terminal))
            except Cut:
                terminal.chip.power_on()
                assert state(terminal.chip) in allowed, (keeps, cut)
            else:
                break
        assert cut > 1


@pytest.mark.parametrize("case", CASES)
def test_a_cut_before_many_a_byte(case: str) -> None:
    act, contactless = CASES[case]
    cells = prepared()
    allowed = milestones(act, cells, contactless)
    for cut in range(1, 2000, 37):
        terminal = card(cells, contactless=contactless)
        terminal.chip.tear_byte = cut
        try:
            act(watched(terminal))
        except Cut:
            terminal.chip.power_on()
            assert state(terminal.chip) in allowed, cut
        else:
            break


def test_pulling_the_card_out_gives_no_free_try() -> None:
    cells = prepared()
    for keeps in (False, True):
        terminal = card(cells)
        ask(terminal.chip, DEBIT)
        terminal.chip.memory.tear_keeps = keeps
        terminal.chip.tear_after = 1
        assert ask(terminal.chip, "002000800826000000FFFFFFFF") == ""
        terminal.chip.power_on()
        ask(terminal.chip, DEBIT)
        assert ask(terminal.chip, "80CA9F1700") == ("9F1701029000" if keeps else "9F1701039000")
