"""Whatever a reader sends to a card of any profile: a status word, never 6F00, and no state without authority."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.simulator.chip import TrainingChip, make_card, make_raw_chip, message, scp02, scp03, t514, vault
from cardfab.simulator.chip.word import Refused

pytestmark = pytest.mark.shows("fuzz of the chip's command decoder: short form (test), long form (proof)")

if TYPE_CHECKING:
    from conftest import Station

Maker = Callable[..., "Station"]
H = bytes.fromhex
DOMAIN = bytes.fromhex("50828486CACBD8E2E4E6E8F0F2A4C0")
SYSTEM = bytes.fromhex("0E141C20245E828488A4B0B2D2D4D6DCE0E1E2")
MANAGED = [
    make_card(name) for name in ("gp-scp02-i55", "gp-scp03-aes128-s8", "gp-scp03-initial", "gp-scp03-aes256-s16")
]
RAW = [make_raw_chip("t514"), make_raw_chip("t514", algorithm="SM4"), make_raw_chip("fmcos")]


def commands(instructions: bytes, data: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    def build(cla: int, ins: int, p1: int, p2: int, body: bytes, le: bytes, extended: bool) -> bytes:
        length = b"\x00" + len(body).to_bytes(2) if extended else bytes((len(body) & 0xFF,))
        return bytes((cla, ins, p1, p2)) + (length + body if body else b"") + le

    return st.builds(
        build,
        st.sampled_from((0x00, 0x04, 0x80, 0x84, 0x90, 0x94, 0x81)),
        st.sampled_from(instructions),
        st.one_of(st.sampled_from((0, 1, 2, 4, 8, 0x0C, 0x10, 0x20, 0x40, 0x80, 0x88, 0xE8)), st.integers(0, 255)),
        st.one_of(st.sampled_from((0, 1, 2, 3, 0x81)), st.integers(0, 255)),
        data,
        st.sampled_from((b"", b"\x00", b"\x08", b"\x00\x00")),
        st.booleans(),
    )


def lv(field: bytes) -> bytes:
    return bytes((len(field),)) + field


names = st.sampled_from((b"", vault.PACKAGE, vault.MODULE, vault.INSTANCE, H("A000000151000000"), b"\xf1" * 6))
fields = st.lists(st.one_of(names, st.sampled_from((b"\x00", b"\x04", H("C900"))), st.binary(max_size=8)), max_size=7)
objects = st.lists(
    st.tuples(st.sampled_from(H("4F5CC4D0D242457066A6E2C3C483C0")), st.one_of(names, st.binary(max_size=12))).map(
        lambda one: bytes((one[0],)) + lv(one[1])
    ),
    max_size=4,
).map(b"".join)
keys = st.builds(
    lambda version, kinds: bytes((version,)) + b"".join(kinds),
    st.integers(0, 255),
    st.lists(
        st.builds(
            lambda kind, value, check: bytes((kind,)) + lv(value) + lv(check),
            st.sampled_from((0x80, 0x88, 0xA1, 0xA0, 0xFF)),
            st.binary(max_size=40),
            st.sampled_from((b"", b"\x00" * 3)),
        ),
        max_size=4,
    ),
)
bodies = st.one_of(st.binary(max_size=300), fields.map(lambda all_: b"".join(map(lv, all_))), objects, keys)
managing = st.one_of(st.binary(max_size=40), commands(DOMAIN, bodies))


def fresh(chip: TrainingChip) -> TrainingChip:
    found: TrainingChip = pickle.loads(pickle.dumps(chip))  # noqa: S301
    found.power_on()
    return found


def asked(chip: TrainingChip, apdu: bytes) -> int:
    """The status word; asserts that it is one, and that the answer has a length that the command allows."""
    answer = chip.transmit(apdu)
    assert len(answer) >= 2
    sw = int.from_bytes(answer[-2:])
    assert sw >> 12 in (6, 9), apdu.hex()
    assert sw != 0x6F00, apdu.hex()
    return sw


def open_channel(chip: TrainingChip, level: int = 0) -> None:
    """A channel without protection, white box."""
    keys = scp02.KeySet(*(bytes(range(16)),) * 3)
    if chip.profile.scp == 2:
        chip._domain.channel = scp02.Channel(keys, level, bytes(8), response=bytes(16))
    else:
        session = scp03.Session(keys, bytes(8), bytes(8), chip.profile.size)
        chip._domain.channel = scp03.Channel(session, level, bytes(16))


def strangers(number: int, sent: list[bytes]) -> None:
    chip = fresh(MANAGED[number])
    before = {name: one for name, one in chip.memory.cells.items() if not name.startswith(("tries/", "isd/sequence"))}
    for apdu in sent:
        asked(chip, apdu)
    after = {name: one for name, one in chip.memory.cells.items() if not name.startswith(("tries/", "isd/sequence"))}
    assert after == before  # nothing was authorised


def managers(number: int, sent: list[bytes]) -> None:
    chip = fresh(MANAGED[number])
    for apdu in sent:
        if chip._domain.channel is None:
            chip.transmit(H("00A4040000"))
            open_channel(chip)
        asked(chip, apdu)
    again = fresh(chip)  # whatever was written can be lived with
    asked(again, H("00A4040000"))
    open_channel(again)
    for kind in ("80", "40", "20", "10"):
        assert asked(again, H(f"80F2{kind}02024F00")) in (0x9000, 0x6A88, 0x6310, 0x6985)
    asked(again, H("80CA00E000"))


def makers(number: int, sent: list[bytes]) -> None:
    chip = fresh(RAW[number])
    for apdu in sent:
        system = chip._social
        if isinstance(system, t514.T514):
            system._opened = True
        else:
            system.granted = frozenset(f"state {n}" for n in range(16))  # type: ignore[union-attr]
        asked(chip, apdu)
    asked(fresh(chip), H("00A40000023F00"))


creating = st.one_of(
    commands(SYSTEM, st.binary(max_size=40)),
    st.builds(
        lambda fid, kind, sfi, tail: H("80E0010010") + bytes(3) + H("0040") + fid + bytes((kind, 0, sfi)) + tail,
        st.sampled_from((H("3F00"), H("DDF1"), H("DF01"), H("EF05"))),
        st.sampled_from((0x01, 0x02, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xD6)),
        st.integers(0, 31),
        st.binary(min_size=6, max_size=6),
    ),
    st.builds(
        lambda fid, kind, tail: H("80E0") + fid + b"\x07" + bytes((kind,)) + tail,
        st.sampled_from((H("0000"), H("0015"), H("3F01"))),
        st.sampled_from((0x28, 0x2A, 0x2C, 0x2E, 0x2F, 0x3F, 0xA8, 0xE8)),
        st.binary(min_size=6, max_size=6),
    ),
    st.builds(
        lambda kind, kid, tail: H("80D401") + bytes((kid, 5 + len(tail), kind)) + H("F0F00133") + tail,
        st.sampled_from((0x39, 0x36, 0x34, 0x3A, 0x38, 0xF9)),
        st.integers(0, 3),
        st.sampled_from((bytes(8), bytes(16), H("123456"), b"")),
    ),
    st.builds(
        lambda kind, kid, tail: H("00D4000018") + bytes((kind, kid)) + tail,
        *([st.integers(0, 15)] * 2),
        st.just(H("0000060003") + b"\x10" + bytes(16)),
    ),
    st.sampled_from([H("00A40000023F00"), H("00A4000002DDF1"), H("80E03F01083801F0F0F095FFFF"), H("0084000008")]),
)
SHORT = settings(max_examples=60, deadline=None)
LONG = settings(max_examples=800, deadline=None)
managed_numbers, raw_numbers = st.integers(0, len(MANAGED) - 1), st.integers(0, len(RAW) - 1)

test_strangers_get_status_words = SHORT(given(managed_numbers, st.lists(managing, max_size=8))(strangers))
test_managers_get_status_words = SHORT(given(managed_numbers, st.lists(managing, max_size=10))(managers))
test_makers_get_status_words = SHORT(given(raw_numbers, st.lists(creating, max_size=10))(makers))
test_strangers_for_long = pytest.mark.proof(LONG(given(managed_numbers, st.lists(managing, max_size=12))(strangers)))
test_managers_for_long = pytest.mark.proof(LONG(given(managed_numbers, st.lists(managing, max_size=16))(managers)))
test_makers_for_long = pytest.mark.proof(LONG(given(raw_numbers, st.lists(creating, max_size=20))(makers)))


@SHORT
@given(st.binary(max_size=300), st.booleans())
def test_the_command_decoder(apdu: bytes, extended: bool) -> None:
    try:
        command = message.parse(apdu, extended=extended)
    except Refused:
        return
    assert bytes((command.cla, command.ins, command.p1, command.p2)) == apdu[:4]
    assert command.data in apdu
    assert command.le is None or 1 <= command.le <= 65536
    assert len(command.header(len(command.data))) in (5, 7)


@SHORT
@given(managed_numbers, st.sampled_from((0x01, 0x03, 0x11, 0x13)), st.binary(max_size=255), st.integers(0, 3))
def test_garbage_never_comes_through_a_channel(number: int, level: int, data: bytes, end: int) -> None:
    chip = fresh(MANAGED[number])
    chip.transmit(H("00A4040000"))
    open_channel(chip, level)
    sent = H("84E29000") + (bytes((len(data),)) + data if data else b"") + bytes(end > 2)
    assert asked(chip, sent) in (0x6988, 0x6700)
    assert asked(chip, H("80F28002024F00")) in (0x6982, 0x6985)
