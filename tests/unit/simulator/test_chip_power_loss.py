"""The power is cut at every write of a command: the card is as before or as after it, never between."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import TrainingChip, make_blank, scp02, tlv, vault

pytestmark = pytest.mark.shows("power loss leaves the old or the new state: short form (test), every cut (proof)")

if TYPE_CHECKING:
    from conftest import Station

Maker = Callable[..., "Station"]
Cells = dict[str, bytes]
H = bytes.fromhex
NEW = vault.PACKAGE + b"\x0a"
VOLATILE = ("tries/", "isd/sequence/")
"""Counters move before the command that is cut: a login counts. They are no part of what must not mix."""
SCENES = ("put-key", "replace-keys", "install", "load", "delete", "store", "store-application", "lock", "record", "pin")


def kept(chip: TrainingChip) -> Cells:
    return {name: value for name, value in chip.memory.cells.items() if not name.startswith(VOLATILE)}


def scene(name: str, station: Maker) -> tuple[TrainingChip, list[Callable[[TrainingChip], None]]]:
    """A chip, and acts of which the last one is that which is cut; each act says what it sends."""
    if name in ("record", "pin"):
        return _social(name)
    card = station("gp-scp03-aes128-s8")
    key = bytes(range(16))
    acts: list[Callable[[TrainingChip], None]] = [lambda chip: _login(card, chip)]

    def send(header: str, data: Callable[[], bytes] | bytes) -> None:
        def act(chip: TrainingChip) -> None:
            card.chip = chip
            body = data if isinstance(data, bytes) else data()
            apdu = H(header) + bytes((len(body),)) + body
            chip.transmit(card.wrap(apdu))

        acts.append(act)

    code = bytes(200)
    if name == "put-key":
        send("80D80081", lambda: b"\x02" + card.key_field(key) * 3)
    elif name == "replace-keys":
        send("80D83081", lambda: b"\x31" + card.key_field(key) * 3)
    elif name == "install":
        send("80E60C00", H("08") + vault.PACKAGE + H("09") + vault.MODULE + H("09") + NEW + H("010002C90000"))
    elif name == "load":
        send("80E60200", H("06D27600012401") + H("00000000"))
        send("80E80000", b"\xc4\x81\xc8" + code[:100])
        send("80E88001", code[100:])
    elif name == "delete":
        card.chip.memory.write({f"app/{vault.INSTANCE.hex().upper()}/dgi/0101": b"a"})
        send("80E40080", tlv.build(0x4F, vault.INSTANCE))
    elif name == "store":
        send("80E21000", H("4203112233"))
        send("80E29001", H("4503445566"))
    elif name == "store-application":
        send("80E62000", H("000009") + vault.INSTANCE + H("000000"))
        send("80E20800", H("01010141") + H("0102"))
        send("80E28801", H("0142"))
    else:
        send("80F04080", vault.INSTANCE)
    return card.chip, acts


def _login(card: Station, chip: TrainingChip) -> None:
    card.chip = chip
    chip.transmit(H("00A4040000"))
    assert card.login(0x33) == 0x9000


def _social(name: str) -> tuple[TrainingChip, list[Callable[[TrainingChip], None]]]:
    chip = make_blank(serial=1)

    def authorise(chip: TrainingChip) -> None:
        chip.transmit(H("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        chip._social.granted = frozenset({"UKSSSE"})

    apdu = "00DC032C060304322E3031" if name == "record" else "805E010007123456FF654321"
    return chip, [authorise, lambda chip: chip.transmit(H(apdu)) and None]


def cuts(name: str, station: Maker) -> Iterator[tuple[Cells, Cells, Cells, TrainingChip]]:
    """For every write of the scene's last act, kept or not: (before, after, what is left, the chip)."""
    chip, acts = scene(name, station)
    frozen = pickle.dumps(chip)

    def prepared() -> TrainingChip:
        fresh: TrainingChip = pickle.loads(frozen)  # noqa: S301
        fresh.power_on()
        for act in acts[:-1]:
            act(fresh)
        return fresh

    whole = prepared()
    before = kept(whole)
    writes = _count(whole, acts[-1])
    after = kept(whole)
    assert before != after
    assert writes
    for write in range(1, writes + 1):
        for keeps in (False, True):
            torn = prepared()
            torn.memory.tear_keeps = keeps
            torn.tear_after = write
            acts[-1](torn)
            assert not torn.powered
            torn.power_on()
            yield before, after, kept(torn), torn


def _count(chip: TrainingChip, act: Callable[[TrainingChip], None]) -> int:
    """How many writes an act makes."""
    chip.tear_after = 1000
    act(chip)
    count = 1000 - (chip.tear_after or 0)
    chip.tear_after = None
    return count


@pytest.mark.parametrize("name", SCENES)
def test_a_cut_leaves_the_old_or_the_new_state(station: Maker, name: str) -> None:
    seen = []
    for before, after, left, _ in cuts(name, station):
        assert left in (before, after)
        seen.append(left == after)
    assert set(seen) == {False, True}


def test_one_write_for_each_change(station: Maker) -> None:
    """All that a command changes goes with one write, but for the tries that are taken down before a comparison."""
    for name in SCENES:
        chip, acts = scene(name, station)
        chip.power_on()
        for act in acts[:-1]:
            act(chip)
        assert _count(chip, acts[-1]) == (3 if name == "pin" else 1), name


def test_after_a_cut_the_old_or_the_new_keys_log_in(station: Maker) -> None:
    new = scp02.KeySet(*(bytes(range(16)),) * 3)
    for before, _, left, chip in cuts("replace-keys", station):
        card = station("gp-scp03-aes128-s8")
        card.chip = chip
        chip.transmit(H("00A4040000"))
        assert card.login(0x33, key=None if left == before else new) == 0x9000
        assert len(chip._domain.keys.sets()) == 1


def test_a_cut_within_a_login_costs_at_most_a_try(station: Maker) -> None:
    card = station("gp-scp03-aes128-s8")
    for _ in range(4):
        card.chip.tear_after = 2
        card.initialize()
        card.chip.transmit(H("8482330010") + bytes(16))
        card.chip.power_on()
    assert card.login(0x33) == 0x9000


@pytest.mark.proof
@pytest.mark.parametrize("name", SCENES)
def test_every_cut_and_what_the_card_does_then(station: Maker, name: str) -> None:
    """After each cut the same act is carried out again; the card ends as if nothing had happened."""
    _, acts = scene(name, station)
    for before, after, left, chip in cuts(name, station):
        if left == before:
            for act in acts:
                act(chip)
        assert kept(chip) == after
