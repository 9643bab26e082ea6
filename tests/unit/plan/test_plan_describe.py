"""A plan in words and bytes is what is sent, command by command, and shows no key and no PIN."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from cardfab.apdu.message import CommandApdu
from cardfab.keys import SoftKeyStore
from cardfab.keys.label import training_root
from cardfab.keys.roots import ROOTS
from cardfab.plan import PersonalisationPlan, Run, Step, carry_out, describe
from cardfab.plan.steps import OpenChannel, StoreData
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import DataGrouping

Bench = Any
TOKEN = re.compile(r"<([^<>]*)>|([0-9A-F]+)|( )")


def _pieces(shown: str) -> Iterator[bytes | int]:
    """Bytes that are shown, and the number of those that are only named."""
    at = 0
    while at < len(shown):
        token = TOKEN.match(shown, at)
        assert token, shown[at:]
        at = token.end()
        if token[1]:
            yield int(re.findall(r"(\d+) bytes", token[1])[-1])
        elif token[2]:
            yield bytes.fromhex(token[2])


def _fits(shown: str, command: CommandApdu) -> bool:
    """Whether what is shown is this command: equal where shown, as long where named."""
    raw, at = command.to_bytes(), 0
    for piece in _pieces(shown):
        if isinstance(piece, bytes) and raw[at : at + len(piece)] != piece:
            return False
        at += piece if isinstance(piece, int) else len(piece)
    return at == len(raw)


def _same(steps: tuple[Step, ...], bench: Bench, run: Run) -> None:
    bench.sent.clear()
    carry_out(steps, bench, run)
    told = list(describe(steps))
    assert len(told) == len(bench.sent)
    assert [one.number for one in told] == list(range(1, len(told) + 1))
    for one, command in zip(told, bench.sent, strict=True):
        assert one.shown.startswith(command.header.hex().upper())
        assert _fits(one.shown, command), f"{one.shown} is not {command!r}"
        assert one.command == command.title


@pytest.mark.parametrize(
    "channel",
    [{}, {"level": 0}, {"level": 3}, {"chunk": 16}, {"level": 3, "chunk": 255}, {"level": 0, "chunk": 255}],
    ids=str,
)
def test_what_is_described_is_what_is_sent(
    compiled: Callable[..., PersonalisationPlan],
    card: PreparedCard,
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
    channel: dict[str, int],
) -> None:
    plan = compiled(card, **channel)
    blank = bench(region=card.region)
    run = run_on(blank)
    _same(plan.inspect, blank, run)
    _same(plan.encode, blank, run)
    blank.power_on()
    _same(plan.verify, blank, run_on(blank))
    _same(plan.identify, blank, run_on(blank))


def test_the_comparison_sees_a_difference(plan: PersonalisationPlan) -> None:
    """The test above would see one byte shown wrongly, and one byte named too few."""
    one = next(one for one in describe(plan.identify))
    command = CommandApdu.from_bytes(b"".join(piece for piece in _pieces(one.shown) if isinstance(piece, bytes)))
    assert _fits(one.shown, command)
    assert not _fits(one.shown.replace("00A4", "00A5"), command)
    assert not _fits(one.shown + "00", command)
    assert not _fits(one.shown[:-3] + " <Le, 2 bytes>", command)


@pytest.mark.parametrize("level", [0, 1, 3])
def test_no_key_and_no_pin_is_shown(
    compiled: Callable[..., PersonalisationPlan], card: PreparedCard, keys: SoftKeyStore, level: int
) -> None:
    told = " ".join(f"{one.command} {one.shown}" for one in describe(compiled(card, level=level).encode)).upper()
    for spec in ROOTS:
        assert training_root(spec.label).hex().upper() not in told
    secrets = [one.value for one in card.groupings if one.secret]
    assert len(secrets) == 2
    for sealed in secrets:
        with keys._open_transport(sealed) as plain:  # type: ignore[arg-type]
            raw = bytes(plain.view())
        for at in range(0, len(raw), 8):
            assert raw[at : at + 8].hex().upper() not in told
        assert raw[:4].hex().upper() not in told
    assert "UDK_AC, UDK_MAC, UDK_ENC" in told or level == 3
    assert "FIRST PIN" in told or level == 3


def test_proofs_and_challenges_are_named(plan: PersonalisationPlan) -> None:
    told = list(describe(plan.encode))
    proofs = [one.shown for one in told if one.shown.startswith("0082")]
    assert proofs[0] == "00820004 10 <proof of ss/UKSSSE, 8 bytes> <challenge of the chip, 8 bytes>"
    assert len(proofs) == 5
    (initialise,) = [one.shown for one in told if one.shown.startswith("8050")]
    assert initialise == "80500000 08 <host challenge, 8 bytes> 00"
    (authenticate,) = [one.shown for one in told if one.shown.startswith("8482")]
    assert authenticate == "84820100 10 <host cryptogram, 8 bytes> <C-MAC, 8 bytes>"


def test_a_secret_grouping_is_named_with_its_length(plan: PersonalisationPlan) -> None:
    told = [one.shown for one in describe(plan.encode)]
    assert "84E26009 3B 800030 <UDK_AC, UDK_MAC, UDK_ENC, 48 bytes under S-DEK> <C-MAC, 8 bytes>" in told
    assert "84E2600B 13 801008 <first PIN, format 2 block, 8 bytes under S-DEK> <C-MAC, 8 bytes>" in told


def test_under_encryption_only_lengths_are_shown(
    compiled: Callable[..., PersonalisationPlan], card: PreparedCard
) -> None:
    stored = [one for one in describe(compiled(card, level=3).encode) if one.shown.startswith("84E2")]
    assert len(stored) == 13
    for one in stored:
        body = one.shown[12:]
        assert re.fullmatch(r"<\d+ bytes under S-ENC: STORE DATA [0-9A-F]{4}[^<>]*> <C-MAC, 8 bytes>", body), body


@pytest.mark.parametrize(("level", "lengths"), [(0, [254]), (1, [247 + 8, 7 + 8]), (3, [240 + 8, 16 + 8])])
def test_blocks_have_room_in_the_channel(plan: PersonalisationPlan, level: int, lengths: list[int]) -> None:
    """A grouping of 254 bytes and a chunk of 255: a block takes its C-MAC and its padding within one short command."""
    _, channel, store = plan.encode[-3:]
    assert isinstance(channel, OpenChannel)
    assert isinstance(store, StoreData)
    long = DataGrouping("0201", bytes(251), "certificate")
    steps = (replace(channel, level=level), replace(store, groupings=(long,), chunk=255))
    stored = [one.shown for one in describe(steps) if one.shown[2:4] == "E2"]
    assert [int(shown.split()[1], 16) for shown in stored] == lengths


def test_it_needs_neither_chip_nor_keys_and_leaves_no_trace(plan: PersonalisationPlan) -> None:
    before = plan.content()
    assert list(describe(plan.encode)) == list(describe(plan.encode))
    assert plan.content() == before
    assert list(describe(())) == []


def test_every_line_has_words_in_both_languages(plan: PersonalisationPlan) -> None:
    for steps in (plan.inspect, plan.encode, plan.verify, plan.identify):
        for one in describe(steps):
            assert one.step.en
            assert one.step.zh
            assert one.command
