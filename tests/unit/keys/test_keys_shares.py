"""Operator shares: the field and the published vector, any m of n, fewer say nothing, wrong ones are named."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.crypto import CipherRefused
from cardfab.crypto.shamir import combine, split, times
from cardfab.keys import StoreLocked
from cardfab.keys.openings import ShareSlot, decode_slots, encode_slots
from cardfab.keys.sealedfile import Opened, new_file, open_file
from cardfab.keys.secret import Secret
from cardfab.keys.shares import Share, ShareRefused, make_shares, open_slot, read_label, read_share, write_share
from tests.unit.keys.conftest import CHEAP

HOLDERS = ("custodian-1", "custodian-2", "保管员三", "custodian-4", "custodian-5")
Random = Callable[[int], bytes]


def test_the_products_of_fips_197() -> None:
    """FIPS 197, 4.2 and 4.2.1."""
    assert times(0x57, 0x83) == 0xC1
    assert [times(0x57, power) for power in (0x02, 0x04, 0x08, 0x10, 0x13)] == [0xAE, 0x47, 0x8E, 0x07, 0xFE]
    for value in range(1, 256):
        assert [times(value, other) for other in range(256)].count(1) == 1


def test_the_published_vector() -> None:
    """draft-mcgrew-tss-03, section 9."""
    shares = {1: bytes.fromhex("B9FA07E185"), 2: bytes.fromhex("F5409B4511")}
    assert combine(shares) == bytes.fromhex("7465737400")


@pytest.mark.proof
@given(secret=st.binary(min_size=1, max_size=32), of=st.integers(2, 6), more=st.integers(0, 3))
def test_any_threshold_of_them_give_the_secret(secret: bytes, of: int, more: int) -> None:
    shares = dict(enumerate(split(secret, of, of + more, secrets.token_bytes), 1))
    for some in combinations(shares, of):
        assert combine({index: shares[index] for index in some}) == secret
    assert combine(shares) == secret


def test_one_of_two_is_consistent_with_every_secret() -> None:
    """For one share's byte and each of the 256 secrets there is exactly one polynomial: nothing is ruled out."""
    for index, byte in ((1, 0x00), (2, 0x53), (255, 0xFF)):
        terms = [[term for term in range(256) if times(term, index) ^ secret == byte] for secret in range(256)]
        assert all(len(fitting) == 1 for fitting in terms)
        assert len({fitting[0] for fitting in terms}) == 256


def test_two_of_three_leave_the_secret_even() -> None:
    """Whatever the secret, each choice of the two random terms gives two shares another pair of values."""
    for secret in (0x00, 0x9C):
        seen = set()
        for first in range(0, 256, 15):
            for second in range(256):
                terms = iter((bytes((first,)), bytes((second,))))
                one, two, _ = split(bytes((secret,)), 3, 3, lambda _, terms=terms: next(terms))  # type: ignore[misc]
                seen.add((one[0], two[0]))
        assert len(seen) == 256 * 18


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (0, 3), (4, 3), (2, 256)])
def test_no_choice(threshold: int, count: int) -> None:
    with pytest.raises(CipherRefused):
        split(b"secret", threshold, count, secrets.token_bytes)


def test_shares_of_one_length() -> None:
    for shares in ({}, {0: b"a", 1: b"b"}, {1: b"a", 2: b"bc"}, {1: b"a", 256: b"b"}):
        with pytest.raises(CipherRefused):
            combine(shares)


# The file


@pytest.fixture
def sealed(random: Random) -> tuple[Opened, tuple[Share, ...]]:
    """A store that opens by three of five shares and by nothing else."""
    made = new_file(b"a word that is given up", random, training=True, cost=CHEAP)
    slot, shares = make_shares(made.key, 3, HOLDERS, random)
    made.slots = (slot,)
    return made, shares


def test_three_of_five_open_the_store(sealed: tuple[Opened, tuple[Share, ...]], random: Random) -> None:
    data = sealed[0].to_bytes(random)
    for some in combinations(sealed[1], 3):
        assert open_file(data, random, shares=some).training is True
    assert open_file(data, random, shares=sealed[1]).slots == sealed[0].slots
    with pytest.raises(StoreLocked):
        open_file(data, random, word=b"a word that is given up")


def refused(slot: ShareSlot, *shares: Share) -> ShareRefused:
    with pytest.raises(ShareRefused) as found:
        open_slot(slot, shares)
    return found.value


def test_wrong_shares_are_named(sealed: tuple[Opened, tuple[Share, ...]], random: Random) -> None:
    (slot,), (one, two, three, *_) = sealed[0].slots, sealed[1]
    assert isinstance(slot, ShareSlot)
    few = refused(slot, one, two)
    assert few.code == "CF-6316"
    assert "2" in few.what.en
    assert "3" in few.what.en
    twice = refused(slot, one, two, two)
    assert (twice.code, "custodian-2" in twice.what.en) == ("CF-6314", True)
    foreign = make_shares(sealed[0].key, 3, HOLDERS, random)[1][2]
    other = refused(slot, one, two, foreign)
    assert (other.code, "保管员三" in other.what.zh) == ("CF-6313", True)
    value = bytearray(three.value.view())
    value[-1] ^= 1
    forged = refused(slot, one, two, Share(three.label, Secret(value)))
    assert (forged.code, "保管员三" in forged.what.en) == ("CF-6315", True)
    elsewhere = refused(slot, one, two, Share(replace(three.label, index=4), three.value))
    assert elsewhere.code == "CF-6315"
    beyond = refused(slot, one, two, Share(replace(three.label, index=6), three.value))
    assert beyond.code == "CF-6315"


def test_checks_that_were_forged_too_open_nothing(sealed: tuple[Opened, tuple[Share, ...]], random: Random) -> None:
    (slot,), shares = sealed[0].slots, sealed[1]
    assert isinstance(slot, ShareSlot)
    forged = replace(slot, checks=(*slot.checks[:4], bytes(8)))
    assert refused(forged, *shares[:3]).code == "CF-6317"
    data = sealed[0].to_bytes(random)
    place = data.index(slot.checks[4])
    changed = data[:place] + bytes(8) + data[place + 8 :]
    with pytest.raises(ShareRefused) as found:
        open_file(changed, random, shares=shares[:3])
    assert found.value.code == "CF-6317"


@pytest.mark.parametrize(("threshold", "holders"), [(1, HOLDERS), (3, HOLDERS[:2]), (2, ("one", "one"))])
def test_no_set(random: Random, threshold: int, holders: tuple[str, ...]) -> None:
    with pytest.raises(ShareRefused):
        make_shares(Secret(bytes(32)), threshold, holders, random)


def test_a_share_file_comes_back_and_no_changed_one(sealed: tuple[Opened, tuple[Share, ...]], random: Random) -> None:
    share = sealed[1][2]
    data = write_share(share, b"own word", random, CHEAP)
    assert read_label(data) == share.label
    again = read_share(data, b"own word")
    assert again.label == share.label
    assert again.value.view() == share.value.view()
    assert bytes(share.value.view()) not in data
    with pytest.raises(ShareRefused) as wrong:
        read_share(data, b"another's word")
    assert wrong.value.code == "CF-6311"
    assert "保管员三" in wrong.value.what.en
    for place, byte in enumerate(data):
        changed = bytearray(data)
        changed[place] = byte ^ 0x80
        with pytest.raises(ShareRefused):
            read_share(bytes(changed), b"own word")
        with pytest.raises(ShareRefused):
            read_share(data[:place], b"own word")


def test_a_slot_comes_back(sealed: tuple[Opened, tuple[Share, ...]]) -> None:
    data = encode_slots(sealed[0].slots)
    assert decode_slots(data) == (sealed[0].slots, len(data))
    assert len(data) == 1 + 3 + 16 + 1 + 1 + 5 * 8 + 60


def test_a_share_does_not_print(sealed: tuple[Opened, tuple[Share, ...]]) -> None:
    for share in sealed[1]:
        assert bytes(share.value.view()).hex() not in repr(share)
