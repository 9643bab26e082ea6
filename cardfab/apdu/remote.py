"""A reader at the end of a TCP connection (``tcp://host:port``): the training rig, or another machine's.

Frames as vpcd has them, the station being the client: 2 bytes of length, then one byte 00 power off, 01 power on,
02 reset, 04 ATR, or an APDU. Only 04 and an APDU are answered; an empty answer says that there is no card.
"""

from __future__ import annotations

import socket
import struct
import sys
from contextlib import suppress
from urllib.parse import urlsplit

from cardfab.apdu.link import CardGone, ReaderFault

_PORTION = 0x10002
POWER_OFF, POWER_ON, RESET, GET_ATR = (bytes([value]) for value in (0x00, 0x01, 0x02, 0x04))


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not url.startswith("tcp://") or not host or not port or parts.path not in ("", "/"):
        raise ReaderFault(f"{url!r} is not tcp://host:port", f"{url!r} 不是 tcp://主机:端口")
    return host, port


def _let_kernel_wait(one: socket.socket, seconds: float) -> None:
    """The same time limit, held by the kernel: Python's own asks it twice for every call, and lets go of its lock."""
    if sys.platform == "linux":
        limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        one.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            one.setsockopt(socket.SOL_SOCKET, option, limit)


class RemoteConnection:
    """Connects, powers the card that lies in the contact station, and reads its ATR.

    ``timeout`` in seconds holds for the connection and for each answer. Raises :class:`ReaderFault` when nobody
    listens, :class:`CardGone` when there is no card.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        address = _address(url)
        self._came = b""
        try:
            self._socket = socket.create_connection(address, timeout=timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _let_kernel_wait(self._socket, timeout)
        except OSError as error:
            raise ReaderFault(f"{url} does not answer", f"{url} 无应答") from error
        try:
            self._atr = self._started(POWER_ON)
        except CardGone:
            self._socket.close()
            raise

    def _send(self, payload: bytes) -> None:
        """Length and data in one write: two would wait for each other's acknowledgement."""
        if len(payload) > 0xFFFF:
            raise ReaderFault("a command is too long for the frame", "命令超出帧长")
        try:
            self._socket.sendall(len(payload).to_bytes(2, "big") + payload)
        except OSError as error:
            raise CardGone("the connection to the reader broke", "与读卡器的连接中断") from error

    def _receive(self) -> bytes:
        """One frame: length and data come together mostly, and are taken together."""
        data = self._came
        while len(data) < 2 or len(data) < (end := 2 + int.from_bytes(data[:2], "big")):
            data += self._more(in_parts=bool(data))
        answer, self._came = data[2:end], data[end:]
        if not answer:
            raise CardGone("the contact station is empty", "读卡位置没有卡")
        return answer

    def _more(self, *, in_parts: bool) -> bytes:
        try:
            if in_parts and hasattr(socket, "TCP_QUICKACK"):  # who sends so may wait for our acknowledgement
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._socket.recv(_PORTION)
        except OSError as error:
            raise CardGone("the connection to the reader broke", "与读卡器的连接中断") from error
        if not part:
            raise CardGone("the reader closed the connection", "读卡器关闭了连接")
        return part

    def _started(self, order: bytes) -> bytes:
        self._send(order)
        self._send(GET_ATR)
        return self._receive()

    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        if len(apdu) < 4:  # would read as an order to the reader
            raise ReaderFault("a command has at least four bytes", "命令至少四字节")
        self._send(apdu)
        return self._receive()

    def reset(self) -> bytes:
        self._atr = self._started(RESET)
        return self._atr

    def close(self) -> None:
        with suppress(CardGone):
            self._send(POWER_OFF)
        with suppress(OSError):
            self._socket.close()
