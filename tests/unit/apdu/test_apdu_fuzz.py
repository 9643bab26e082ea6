"""Parsers under anything at all: only the documented exceptions. The long form runs in the proof tier."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardfab.apdu import (
    ApduMalformed,
    CommandApdu,
    ReplayConnection,
    ResponseApdu,
    TlvError,
    TraceMalformed,
    gp,
    historical_bytes,
    parse_atr,
    parse_trace,
    tlv,
)

pytestmark = pytest.mark.shows("fuzz of parsers: short form (test), long form (proof)")

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "globalplatform.json").read_text())
RAW = [bytes.fromhex(v["raw"]) for kind in ("cplc", "card_recognition")
       for v in VECTORS["card_production_life_cycle"][kind]]  # fmt: skip
RAW += [bytes.fromhex(v["init_update_rsp"]) for v in VECTORS["scp03_sessions"]]
RAW += [bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940"), bytes.fromhex("E006C00401FF8810")]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Something real with bytes changed, cut out or put in."""
    raw = bytearray(draw(st.sampled_from(RAW)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


BYTES = st.one_of(st.binary(max_size=300), damaged())


def everything_tagged(data: bytes, depth: int = 0) -> None:
    for item in tlv.parse(data):
        assert tlv.parse(item.to_bytes()) == (item,)
        if depth < 6:
            offset = 0
            try:
                everything_tagged(item.value, depth + 1)
            except TlvError as error:
                offset = error.offset
            assert 0 <= offset <= len(item.value)


def atr(data: bytes) -> None:
    found = parse_atr(data)
    assert found.raw == data
    assert historical_bytes(data) == found.historical
    assert found.words()
    assert found.capabilities in data


def response(data: bytes) -> None:
    found = ResponseApdu.from_bytes(data)
    assert found.to_bytes() == data
    assert str(found.sw)
    assert found.sw.advice.zh


def command(data: bytes) -> None:
    found = CommandApdu.from_bytes(data)
    assert CommandApdu.from_bytes(found.to_bytes()) == found
    assert found.shown()


def status(data: bytes) -> None:
    for kind in gp.Kind:
        for entry in gp.parse_status(data, kind):
            assert entry.state_name
            assert isinstance(entry.privilege_names, tuple)


TARGETS: dict[str, tuple[Callable[[bytes], object], tuple[type[Exception], ...]]] = {
    "response": (response, (ApduMalformed,)),
    "command": (command, (ApduMalformed,)),
    "tlv": (everything_tagged, (TlvError,)),
    "filler": (lambda data: tlv.parse(data, filler=True), (TlvError,)),
    "records": (tlv.parse_records, (TlvError,)),
    "dgis": (tlv.parse_dgis, (TlvError,)),
    "atr": (atr, (ApduMalformed,)),
    "cplc": (gp.parse_cplc, (TlvError,)),
    "keys": (lambda data: [key.words for key in gp.parse_key_information(data)], (TlvError,)),
    "recognition": (gp.parse_card_recognition, (TlvError,)),
    "status": (status, (TlvError,)),
    "cap": (gp.read_cap, (gp.CapMalformed,)),
}


def attempt(name: str, data: bytes) -> None:
    target, documented = TARGETS[name]
    with suppress(*documented):
        target(data)


LINE = st.one_of(
    st.text(alphabet="!<>x#; 0123456789ABCDEFabz*", max_size=40),
    st.builds(lambda kind, raw: f"{kind} {raw.hex().upper()}", st.sampled_from("!<>x"), st.binary(max_size=12)),
)


def trace(lines: list[str]) -> None:
    try:
        steps = parse_trace(lines)
    except TraceMalformed:
        return
    assert steps[0].kind == "!"
    assert ReplayConnection(steps).atr() == steps[0].filled()


QUICK = settings(max_examples=60, deadline=None)
LONG = settings(max_examples=1_200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", TARGETS)
def test_parsers(name: str) -> None:
    QUICK(given(BYTES)(lambda data: attempt(name, data)))()


@QUICK
@given(st.lists(LINE, max_size=12))
def test_trace_reader(lines: list[str]) -> None:
    trace(lines)


@pytest.mark.proof
@pytest.mark.parametrize("name", TARGETS)
def test_parsers_at_length(name: str) -> None:
    LONG(given(BYTES)(lambda data: attempt(name, data)))()


@pytest.mark.proof
@LONG
@given(st.lists(LINE, max_size=12))
def test_trace_reader_at_length(lines: list[str]) -> None:
    trace(lines)
