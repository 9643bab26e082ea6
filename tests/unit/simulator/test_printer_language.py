"""Framing: any portions give the same commands, bitmaps are counted, padding is skipped, broken lines are forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.simulator.printer import Command, Parser

TEXTS = st.builds(
    Command,
    st.sampled_from(["Rtp", "Rlr", "Pem", "Sis", "Ss", "Se", "Pneab", "Rrt"]),
    st.lists(st.text("pfkEFA0123456789=", max_size=4), max_size=4).map(tuple),
)
BITMAPS = st.builds(
    lambda panel, levels, data: Command("Dbc", (panel, levels, str(len(data))), data),
    st.sampled_from("ymcko"),
    st.sampled_from(["2", "32", "64", "128"]),
    st.one_of(st.binary(min_size=1, max_size=60), st.text("\r\x1b\x00;S", min_size=1, max_size=60).map(str.encode)),
)


def spell(command: Command) -> bytes:
    head = ";".join((command.name, *command.parameters)).encode()
    return head + (b"" if command.data is None else b";" + command.data) + b"\r"


@pytest.mark.proof
@settings(max_examples=80)
@given(st.data())
def test_any_portions_give_the_same_commands(data: st.DataObject) -> None:
    commands = data.draw(st.lists(st.one_of(TEXTS, BITMAPS), min_size=1, max_size=8))
    stream = b""
    for index, command in enumerate(commands):
        padding = bytes(data.draw(st.integers(0, 70)))
        escape = b"\x1b" if index == 0 or data.draw(st.booleans()) else b""  # optional after a CR
        stream += padding + escape + spell(command)
    parser, found = Parser(), []
    while stream:
        size = data.draw(st.integers(1, max(1, len(stream))))
        found += parser.feed(stream[:size])
        stream = stream[size:]
    assert found == commands
    assert not parser.incomplete


def test_a_bitmap_is_counted_and_never_split_on_cr_or_esc() -> None:
    data = b"\r\x1bSe\r\x00;;\x1bRtp\r"
    stream = b"\x1bDbc;k;2;%d;" % len(data) + data + b"\r" + bytes(47) + b"\x1bSe\r" + bytes(32)
    assert list(Parser().feed(stream)) == [Command("Dbc", ("k", "2", str(len(data))), data), Command("Se")]


def test_raw_bitmaps_have_the_size_of_648_by_1016() -> None:
    sizes = {2: 82296, 32: 411480, 64: 493776, 128: 576072}
    for levels, size in sizes.items():
        (command,) = Parser().feed(b"\x1bDb;y;%d;" % levels + b"\r" * size + b"\r")
        assert command == Command("Db", ("y", str(levels)), b"\r" * size)


def test_a_wrong_count_spoils_the_command_and_the_next_is_found() -> None:
    found = list(Parser().feed(b"\x1bDbc;k;2;3;12345\r\x1bSe\r"))
    assert [command.sound for command in found] == [False, True]
    assert found[1].name == "Se"


def test_nobody_counts_a_bitmap_of_unknown_levels() -> None:
    for head in (b"\x1bDb;y;17;", b"\x1bDbc;y;128;0;", b"\x1bDbc;y;128;99999999;", b"\x1bDbc;y;128;-4;"):
        (command,) = Parser().feed(head + b"junk\r")
        assert not command.sound


def test_without_an_escape_nothing_begins() -> None:
    parser = Parser()
    assert list(parser.feed(b"noise \x00 Se\x00")) == []
    assert list(parser.feed(b"\x1bRtp\rRfv\r\r\rRsn\r")) == [Command("Rtp"), Command("Rfv"), Command("Rsn")]


def test_a_broken_line_forgets_the_half_command_only() -> None:
    parser = Parser()
    assert list(parser.feed(b"\x1bDbc;k;2;100;" + b"x" * 40)) == []
    assert parser.incomplete
    parser.drop()
    assert list(parser.feed(b"\x1bSe\r")) == [Command("Se")]


def test_an_escape_or_a_nul_within_a_command_is_no_command() -> None:
    assert [c.sound for c in Parser().feed(b"\x1bRl\x1bRtp\r")] == [False, True]
    assert [c.sound for c in Parser().feed(b"\x1bRl\x00r;p\r\x1bRtp\r")] == [False, True]
    assert [c.sound for c in Parser().feed(b"\x1bR" + b"l" * 600 + b"\r\x1bRtp\r")] == [False, True]


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(noise: bytes) -> None:
    parser = Parser()
    list(parser.feed(noise))
    parser.drop()
    assert list(parser.feed(b"\x1bRtp\r")) == [Command("Rtp")]
