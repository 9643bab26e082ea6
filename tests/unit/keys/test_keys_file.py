"""The sealed file: it comes back whole, and nothing but the word and the very same bytes opens it."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from cardfab.keys import SoftKeyStore, StoreLocked
from cardfab.keys.label import STATION_KEYS, training_root
from cardfab.keys.openings import WordSlot
from cardfab.keys.published import ISSUER_KEYS
from cardfab.keys.roots import ROOTS
from cardfab.keys.sealedfile import ways

WORD = "一把 training word".encode()
Random = Callable[[int], bytes]


def test_round_trip(training: SoftKeyStore, cheap: None, random: Random) -> None:
    opened = SoftKeyStore.from_file(training.to_file(WORD), WORD, random)
    assert opened.infos() == training.infos()
    assert {info.label for info in opened.infos()} == {spec.label for spec in (*ROOTS, *STATION_KEYS, *ISSUER_KEYS)}
    sealed = training.seal("station/seal", b"salt", b"what was sealed before", b"bound")
    assert opened.unseal("station/seal", b"salt", sealed, b"bound") == b"what was sealed before"
    assert opened.public("station/audit") == training.public("station/audit")
    assert opened.index("station/index", b"x") == training.index("station/index", b"x")
    historical = bytes.fromhex("0087BF10028649650100000001")
    for label in ("ss/UKSSSE", "ss/DF01/UK1"):
        assert repr(opened.card_key(label, "440199", historical)) == repr(
            training.card_key(label, "440199", historical)
        )


@pytest.mark.proof
def test_the_real_cost_is_the_second_recommendation_of_rfc_9106(training: SoftKeyStore, random: Random) -> None:
    data = training.to_file(WORD)
    (slot,) = ways(data)
    assert isinstance(slot, WordSlot)
    assert (slot.cost.passes, slot.cost.kib) == (3, 64 * 1024)
    assert len(slot.salt) == 16
    assert SoftKeyStore.from_file(data, WORD, random).infos() == training.infos()


def test_salt_and_nonces_are_new_each_time(training: SoftKeyStore, cheap: None) -> None:
    first, second = (training.to_file(WORD) for _ in range(2))
    for place, length in ((20, 16), (36, 12), (104, 12)):  # salt; nonce of the file's key; nonce of the body
        assert first[place : place + length] != second[place : place + length]


def test_the_file_shows_no_key(training: SoftKeyStore, cheap: None) -> None:
    data = training.to_file(WORD)
    assert b"station/seal" not in data
    for spec in ROOTS:
        key = training_root(spec.label)
        assert key not in data
        assert key.hex().encode() not in data.lower()
    assert WORD not in data


@pytest.mark.parametrize("word", [b"", WORD[:-1], WORD + b" ", WORD.upper()])
def test_another_word_does_not_open(training: SoftKeyStore, cheap: None, random: Random, word: bytes) -> None:
    data = training.to_file(WORD)
    with pytest.raises(StoreLocked) as refused:
        SoftKeyStore.from_file(data, word, random)
    assert refused.value.exit_status == 6
    assert refused.value.do is not None


@pytest.fixture
def short(training: SoftKeyStore, cheap: None, random: Random) -> bytes:
    """A file of few keys, so that each of its bytes can have its turn."""
    few = {info.label: training._held[info.label] for info in training.infos()[:3]}
    return SoftKeyStore(few, random).to_file(WORD)


def test_every_changed_byte_is_refused(short: bytes, random: Random) -> None:
    for place, byte in enumerate(short):
        changed = bytearray(short)
        changed[place] = byte ^ 0x80  # in a cost: more than is bearable, or another key
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(bytes(changed), WORD, random)


def test_every_cut_is_refused(short: bytes, random: Random) -> None:
    for length in range(len(short)):
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(short[:length], WORD, random)
    with pytest.raises(StoreLocked):
        SoftKeyStore.from_file(short + b"\0", WORD, random)


@pytest.mark.parametrize(
    "cost", [(0, 8, 1), (101, 8, 1), (1, 7, 1), (1, 2**20 + 1, 1), (1, 2**32 - 1, 1), (1, 8, 0), (1, 8, 65), (1, 8, 2)]
)
def test_a_cost_that_makes_no_sense_is_refused(short: bytes, random: Random, cost: tuple[int, int, int]) -> None:
    changed = short[:11] + struct.pack(">IIB", *cost) + short[20:]
    assert len(changed) == len(short)
    with pytest.raises(StoreLocked):
        SoftKeyStore.from_file(changed, WORD, random)


def test_the_head_is_bound_to_the_seal(training: SoftKeyStore, cheap: None, random: Random) -> None:
    data = training.to_file(WORD)
    assert data[6] == 1
    assert int.from_bytes(data[96:100], "big") == len(training.infos())
    for changed in (data[:6] + b"\0" + data[7:], data[:96] + (1).to_bytes(4, "big") + data[100:]):
        with pytest.raises(StoreLocked):
            SoftKeyStore.from_file(changed, WORD, random)
