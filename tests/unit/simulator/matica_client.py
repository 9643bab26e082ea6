"""Frames as the published dumps show them, written by hand: no code of the driver is used here."""

from __future__ import annotations

import struct

from cardfab.simulator.printer import LineCut, MaticaPrinter

W, H = 1036, 664


def frame(kind: int, data: bytes = b"", parameter: int = 0, sequence: int = 0) -> bytes:
    return struct.pack(">4I", kind, 2 + len(data) // 4, parameter, sequence) + data


def ask(printer: MaticaPrinter, sent: bytes) -> tuple[int, int, int, bytes]:
    """Kind, status, sequence, data of the one answer."""
    answer = printer.receive(sent)
    kind, words, status, sequence = struct.unpack_from(">4I", answer)
    assert len(answer) == 8 + 4 * words
    return kind, status, sequence, answer[16:]


def do(printer: MaticaPrinter, text: str) -> int:
    """A command in hex, filled up to words; its status."""
    data = bytes.fromhex(text)
    return ask(printer, frame(0xF0000100, data + bytes(-len(data) % 4)))[1]


def position(printer: MaticaPrinter) -> str:
    return ask(printer, frame(0xF0000100, bytes.fromhex("02020000")))[3].hex()


def panel(bit: int, dots: bytes) -> bytes:
    return frame(0xF0000200, struct.pack(">3I", bit << 24, len(dots) + 4, len(dots)) + dots)


def meet(printer: MaticaPrinter) -> MaticaPrinter:
    printer.greet()
    assert ask(printer, frame(0xF2000300, bytes(108), 0, 0x99999999))[:3] == (0xF3000400, 0, 0x99999999)
    return printer


__all__ = ["H", "LineCut", "W", "ask", "do", "frame", "meet", "panel", "position"]
