"""The codec of the key service: what goes in comes out, everything else is refused, and buffers can be wiped."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.crypto.purse import Load
from cardfab.crypto.rsa import RsaPublic
from cardfab.keys import KeyInfo, Level, Sealed, SoftKeyStore, Usage
from cardfab.keys.auditing import StationKeys
from cardfab.keys.service.client import RemoteKeyStore
from cardfab.keys.service.manyclient import RemoteMany
from cardfab.keys.service.schema import OBJECTS, fits, methods_of
from cardfab.keys.service.wire import HEAD, MOST, WireFault, frame, read, wipe

SEALED = st.builds(
    Sealed, st.binary(max_size=40), st.text(max_size=9), st.text(max_size=9), st.integers(0, 99),
    st.lists(st.binary(min_size=3, max_size=3), max_size=3).map(tuple),
)  # fmt: skip
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**120), 2**120), st.binary(max_size=300), st.text(max_size=99),
    st.sampled_from(Usage), st.sampled_from(Level), SEALED,
    st.builds(RsaPublic, st.binary(max_size=20), st.binary(max_size=3)),
    st.frozensets(st.sampled_from(Usage), max_size=4),
)  # fmt: skip
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=12)


@given(VALUES)
def test_what_goes_in_comes_out(value: Any) -> None:
    whole = frame(value)
    assert int.from_bytes(whole[:HEAD], "big") == len(whole) - HEAD
    found = read(whole[HEAD:])
    assert found == value
    assert type(found) is type(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(data: bytes) -> None:
    """And a value has one spelling."""
    try:
        value = read(data)
    except WireFault:
        return
    assert bytes(frame(value)[HEAD:]) == data


@given(VALUES, st.data())
def test_a_changed_frame_is_another_value_or_refused(value: Any, data: st.DataObject) -> None:
    body = frame(value)[HEAD:]
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    with suppress(WireFault):
        assert frame(read(body))[HEAD:] == body


@pytest.mark.parametrize("given", [1.5, [1], {}, object(), 2**130, "\ud800", ((((((((((1,),),),),),),),),),)])
def test_nothing_else_goes_over(given: Any) -> None:
    with pytest.raises(WireFault):
        frame(given)


@pytest.mark.parametrize(
    "spelling",
    [
        "", "0A", "0300", "03020001", "0311" + "01" * 17, "04FFFFFFFF", "0500000001FF", "06FFFF", "0709",
        "070103414243", "0809", "09000201010101", "090002020301", "0000", "0801" + "00" * 4,
    ],
)  # fmt: skip
def test_bytes_that_are_no_value(spelling: str) -> None:
    with pytest.raises(WireFault):
        read(bytes.fromhex(spelling))


def test_a_record_with_a_field_of_another_type() -> None:
    good = frame(Load(1, 2, 3, b"1234", b"123456"))[HEAD:]
    assert read(good) == Load(1, 2, 3, b"1234", b"123456")
    with pytest.raises(WireFault, match="balance"):
        read(good.replace(b"\x03\x01\x01", b"\x02", 1))


def test_every_key_of_a_station_goes_over(training: SoftKeyStore) -> None:
    infos = tuple(training.infos())
    assert read(frame(infos)[HEAD:]) == infos
    assert all(type(one) is KeyInfo for one in infos)


def test_a_frame_too_large() -> None:
    with pytest.raises(WireFault, match="large"):
        frame(bytes(MOST))


def test_a_secret_goes_into_one_buffer_that_is_wiped() -> None:
    page = bytearray(b"PIN 123456")
    whole = frame(("done", page))
    found = read(memoryview(whole)[HEAD:], bytearray)[1]
    assert found == page
    assert type(found) is bytearray
    wipe(whole)
    assert not any(whole)


def test_types_of_the_door() -> None:
    """The types that the service looks for: a bool is no number, a list no tuple, a name of the list no other."""
    assert fits(1, int)
    assert not fits(True, int)
    assert fits(("a",), methods_of("")["emv_card"].parameters[0][1])
    assert not fits("abc", methods_of("")["emv_card"].parameters[0][1])
    assert not fits((b"a",), methods_of("")["emv_card"].parameters[0][1])
    assert not fits("other", methods_of("")["icc_sm2"].parameters[0][1])


def test_the_stations_side_has_every_method() -> None:
    assert [name for name in methods_of("") if name not in {*vars(RemoteKeyStore), *vars(RemoteMany)}] == []
    assert "close" not in methods_of("")
    assert hasattr(StationKeys, "close")
    for kind in OBJECTS:
        assert methods_of(kind), kind


def test_a_random_frame_of_each_length() -> None:
    for length in range(1, 64):
        with pytest.raises(WireFault):
            read(b"\xff" + secrets.token_bytes(length))
