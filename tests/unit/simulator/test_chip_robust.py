"""Whatever a reader sends, the chip answers with a status word and keeps its word about what is written."""

from __future__ import annotations

import json
import pickle
import random
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.simulator.chip import TrainingChip, make_blank, scp02, serve_vpcd, tlv
from cardfab.simulator.chip.vpcd import Contacts

if TYPE_CHECKING:
    from conftest import Host

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
SELECTIONS = (SSSE, "00A4040006D15600000500", "00A4040008A000000151000000", "00A4040008A000000333010101", "00A4000000")
INSTRUCTIONS = tuple(bytes.fromhex("161E2024505E828488A4A8AEB0B2CAD6DCE2"))
BLANKS = {"3DES": make_blank(serial=1), "SM4": make_blank(serial=1, algorithm="SM4"), "debit": make_blank(serial=1)}
SAMPLE = json.loads((Path(__file__).resolve().parents[2] / "vectors/pboc-debit-products.json").read_text("utf-8"))
BLANKS["debit"].memory.write(
    {
        **{f"debit/dgi/{one['dgi']}": bytes.fromhex(one["plain"]) for one in SAMPLE["products"][0]["dgis"]},
        "debit/tag/9F36": bytes(2),
        "debit/tag/9F13": bytes(2),
        "debit/state": b"\x0f",
        "debit/pin/left": b"\x03",
        "debit/pin/limit": b"\x03",
    }
)


def fresh(kind: str) -> TrainingChip:
    """A powered copy of a blank."""
    chip: TrainingChip = pickle.loads(pickle.dumps(BLANKS[kind]))  # noqa: S301
    chip.power_on()
    return chip


apdus = st.one_of(
    st.binary(max_size=300),
    st.builds(
        lambda cla, ins, p1, p2, data, le: bytes((cla, ins, p1, p2, len(data))) + data + le,
        st.sampled_from((0x00, 0x04, 0x80, 0x84)),
        st.sampled_from(INSTRUCTIONS),
        st.integers(0, 255),
        st.integers(0, 255),
        st.binary(min_size=1, max_size=255),
        st.sampled_from((b"", b"\x00", b"\x08")),
    ),
    st.builds(
        lambda ins, p1, p2, le: bytes((0, ins, p1, p2, le)),
        st.sampled_from(INSTRUCTIONS),
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 255),
    ),
    st.sampled_from([bytes.fromhex(one) for one in SELECTIONS]),
)


@pytest.mark.proof
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(BLANKS)), st.lists(apdus, max_size=8))
def test_any_bytes_get_a_status_word(algorithm: str, commands: list[bytes]) -> None:
    chip = fresh(algorithm)
    before = chip.inspect()
    for command in commands:
        answer = chip.transmit(command)
        assert 2 <= len(answer) <= 258
        assert answer[-2] >> 4 in (6, 9)
        assert answer[-2:] != b"\x6f\x00", command.hex()
        assert answer[-2:] == b"\x90\x00" or len(answer) == 2
    assert chip.inspect() == before  # nothing was authorised


@pytest.mark.proof
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(BLANKS)), st.sampled_from((0xDDF1, 0xDF01)), st.lists(apdus, max_size=8))
def test_any_bytes_where_everything_is_authorised(kind: str, directory: int, commands: list[bytes]) -> None:
    chip = fresh(kind)
    chip._social._enter(chip._social.tree[directory])
    for command in commands:
        names = {key.name for one in chip._social.tree.values() for key in one.keys}
        chip._social.granted = frozenset({"PIN", *names})
        chip._social.challenge = bytes(8)
        answer = chip.transmit(command)
        assert answer[-2] >> 4 in (6, 9)
        assert answer[-2:] != b"\x6f\x00", command.hex()


@pytest.mark.proof
@settings(max_examples=200, deadline=None)
@given(st.lists(apdus, max_size=10))
def test_any_bytes_to_a_personalised_application(commands: list[bytes]) -> None:
    chip = fresh("debit")
    chip.transmit(bytes.fromhex(SELECTIONS[3]))
    chip.transmit(bytes.fromhex("80A800000C830A" + "00" * 10))
    for command in commands:
        answer = chip.transmit(command)
        assert answer[-2] >> 4 in (6, 9)
        assert answer[-2:] != b"\x6f\x00", command.hex()


@pytest.mark.proof
@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=250), st.integers(0, 255))
def test_any_grouping_gets_a_status_word(data: bytes, p1: int) -> None:
    chip = open_chip()
    answer = chip.transmit(bytes((0x80, 0xE2, p1, 0, len(data))) + data)
    assert answer[-2:] in (b"\x90\x00", b"\x6a\x80", b"\x6a\x86", b"\x6a\x88")
    assert chip.inspect()["debit"]["state"] == "SELECTABLE"


def open_chip() -> TrainingChip:
    """The debit application with a channel without protection."""
    chip = fresh("3DES")
    chip.transmit(bytes.fromhex("00A4040008A000000333010101"))
    chip._domain.channel = scp02.Channel(scp02.KeySet(bytes(16), bytes(16), bytes(range(16))), 0, bytes(8))
    return chip


@given(st.lists(st.tuples(st.sampled_from((0x50, 0x5A, 0x9F10, 0x9F38, 0xBF0C)), st.binary(max_size=300)), max_size=4))
def test_data_objects_go_round(elements: list[tuple[int, bytes]]) -> None:
    assert tlv.parse(b"".join(tlv.build(tag, value) for tag, value in elements)) == elements


@given(st.binary(max_size=64))
def test_any_bytes_parse_or_are_malformed(data: bytes) -> None:
    for reader in (tlv.parse, tlv.deep, tlv.list_of):
        try:
            reader(data)  # type: ignore[operator]
        except tlv.Malformed:
            continue


@pytest.mark.proof
def test_random_updates_agree_with_a_model(host: Host) -> None:
    """Every accepted UPDATE RECORD is read back, every refused one changes nothing."""
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    dice, model = random.Random(5), dict(host.chip.inspect()["DDF1/EF05"])
    for _ in range(400):
        number, tag, length = dice.randrange(9), dice.randrange(1, 9), dice.choice((1, 4, 9, 12, 16))
        tag = dice.choice((tag, number))
        record = bytes((tag, length)) + dice.randbytes(length)
        if host.sw(f"00DC{number:02X}2C{len(record):02X}" + record.hex()) == "9000":
            model[f"{number:02X}"] = record.hex().upper()
        assert host.chip.inspect()["DDF1/EF05"] == model
    assert sorted(model) == [f"{n:02X}" for n in range(1, 8)]


def _hear(connection: socket.socket) -> bytes:
    head = connection.recv(2, socket.MSG_WAITALL)
    return connection.recv(int.from_bytes(head), socket.MSG_WAITALL) if head else b""


def _say(connection: socket.socket, payload: bytes) -> None:
    connection.sendall(len(payload).to_bytes(2) + payload)


def test_vpcd_frames() -> None:
    chip, stop = make_blank(serial=1), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=serve_vpcd, args=(chip, "127.0.0.1", server.getsockname()[1], stop))
        thread.start()
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            _say(connection, b"\x04")
            assert _hear(connection) == chip.atr
            _say(connection, bytes.fromhex(SSSE))
            assert _hear(connection) == b""  # no power yet
            _say(connection, b"\x01")
            for byte in len(bytes.fromhex(SSSE)).to_bytes(2) + bytes.fromhex(SSSE):
                connection.sendall(bytes((byte,)))  # in pieces
            assert _hear(connection)[0] == 0x61  # T=0: the answer is fetched
            _say(connection, bytes.fromhex("00C0000000"))
            assert _hear(connection)[-2:] == b"\x90\x00"
            _say(connection, b"\x02")
            _say(connection, bytes.fromhex("00A4000002DF01"))
            assert _hear(connection) == b"\x6a\x82"  # reset: back at the MF
            _say(connection, b"\x00")
            _say(connection, bytes.fromhex(SSSE))
            assert _hear(connection) == b""
            stop.set()
            thread.join(5)
            assert not thread.is_alive()


def test_vpcd_ends_when_the_host_hangs_up() -> None:
    chip, stop = make_blank(serial=1), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=serve_vpcd, args=(chip, "127.0.0.1", server.getsockname()[1], stop))
        thread.start()
        connection, _ = server.accept()
        connection.sendall(b"\x00\x01")
        connection.close()
        thread.join(5)
        assert not thread.is_alive()
    assert Contacts(chip).respond(b"") is None
    assert Contacts(chip).respond(b"\x07") is None
