"""The wire to a printer: one opener for a serial line, a pty and TCP, replies that end with NUL, a watched write.

Addresses are those of pyserial: ``/dev/ttyUSB0`` (or the path of a pty) and ``socket://host:port``. TCP is done by the
standard library, not with pyserial's own ``socket://``: that one spins without waiting while the printer's window is
full, sleeps 0.3 s on every close, and leaves the socket open when the printer has already gone.
"""

from __future__ import annotations

import socket
import time
from typing import Final, Protocol
from urllib.parse import urlsplit

import serial

from cardfab.errors import Text
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.watch import Watch, unwatched

_NUL: Final = b"\x00"
_LONGEST_REPLY: Final = 4096
_CHUNK: Final = 4096


class Port(Protocol):
    """What a `Stream` needs of a line. Errors are `OSError` (pyserial's exceptions are)."""

    def send(self, data: bytes, timeout: float) -> None:
        """Send all of ``data`` or raise `TimeoutError` after ``timeout`` seconds."""

    def receive(self, timeout: float) -> bytes:
        """At least one byte, or nothing when ``timeout`` seconds pass. Raises when the other side has closed."""

    def close(self) -> None: ...


class Stream:
    """Commands out, replies in. Every write stands between ``before:printer:<name>`` and ``after:printer:<name>``."""

    def __init__(self, port: Port, *, write_timeout: float = 30.0, watch: Watch = unwatched) -> None:
        self._port = port
        self._write_timeout = write_timeout
        self._watch = watch
        self._pending = bytearray()

    def write(self, data: bytes, *, name: str) -> None:
        """Send one whole command. What the printer said unasked before it is dropped: it answers nothing.

        The write timeout holds for each 4 KiB, since a whole panel takes a minute on a slow line.
        Raises `PrinterFault` (link lost, or no answer when the printer stops taking bytes).
        """
        self._watch(f"before:printer:{name}")
        try:
            self.discard()
            for start in range(0, len(data), _CHUNK):
                self._port.send(data[start : start + _CHUNK], self._write_timeout)
        except TimeoutError as error:
            raise PrinterFault(Fault.NO_ANSWER, _about(name, "takes no data", "不接收数据")) from error
        except OSError as error:
            raise PrinterFault(Fault.LINK_LOST, _about(name, str(error), str(error))) from error
        self._watch(f"after:printer:{name}")

    def read_reply(self, timeout: float, *, name: str) -> bytes:
        """The next reply without its NUL. Raises `PrinterFault` when none is whole within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while _NUL not in self._pending:
            if len(self._pending) > _LONGEST_REPLY:
                raise PrinterFault(Fault.UNREADABLE, _about(name, "no end", "没有结束符"))
            self._more(deadline, timeout, name)
        reply, _, rest = bytes(self._pending).partition(_NUL)
        self._pending = bytearray(rest)
        return reply

    def read_exact(self, count: int, timeout: float, *, name: str) -> bytes:
        """The next ``count`` bytes. Raises `PrinterFault` when they are not there within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while len(self._pending) < count:
            self._more(deadline, timeout, name)
        got = bytes(self._pending[:count])
        del self._pending[:count]
        return got

    def _more(self, deadline: float, timeout: float, name: str) -> None:
        left = deadline - time.monotonic()
        try:
            got = self._port.receive(left) if left > 0 else b""
        except OSError as error:
            raise PrinterFault(Fault.LINK_LOST, _about(name, str(error), str(error))) from error
        if not got:
            raise PrinterFault(Fault.NO_ANSWER, _about(name, f"{timeout:g} s", f"{timeout:g}秒"))
        self._pending += got

    def discard(self, quiet: float = 0.0) -> int:
        """Drop what has arrived until nothing comes for ``quiet`` seconds; how many bytes were dropped."""
        dropped = len(self._pending)
        self._pending.clear()
        while got := self._port.receive(quiet):
            dropped += len(got)
        return dropped

    def settle(self, quiet: float) -> None:
        """Drop late answers of commands given up. Raises `PrinterFault` when the line is lost."""
        try:
            self.discard(quiet)
        except OSError as error:
            raise PrinterFault(Fault.LINK_LOST, Text(str(error), str(error))) from error

    def pause(self, seconds: float) -> None:
        """Wait before a query is repeated."""
        time.sleep(seconds)

    def close(self) -> None:
        self._port.close()


def open_stream(
    address: str,
    *,
    baudrate: int = 115200,
    rtscts: bool = False,
    connect_timeout: float = 5.0,
    write_timeout: float = 30.0,
    watch: Watch = unwatched,
) -> Stream:
    """Open ``socket://host:port`` or a serial device. Raises `PrinterFault` (link lost) when that fails."""
    try:
        port = open_port(address, baudrate=baudrate, rtscts=rtscts, connect_timeout=connect_timeout)
    except (OSError, ValueError) as error:
        raise PrinterFault(Fault.LINK_LOST, Text(f"{address}: {error}", f"{address}：{error}")) from error
    return Stream(port, write_timeout=write_timeout, watch=watch)


def open_port(address: str, *, baudrate: int = 115200, rtscts: bool = False, connect_timeout: float = 5.0) -> Port:
    """The line itself, for whatever speaks over one. Raises OSError, ValueError."""
    if address.startswith("socket://"):
        return _TcpPort(address, connect_timeout)
    return _SerialPort(address, baudrate, rtscts)


class _TcpPort:
    def __init__(self, address: str, timeout: float) -> None:
        parts = urlsplit(address)
        if not parts.hostname or not parts.port:
            raise ValueError("an address is socket://host:port")
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def send(self, data: bytes, timeout: float) -> None:
        self._socket.settimeout(timeout)
        self._socket.sendall(data)

    def receive(self, timeout: float) -> bytes:
        self._socket.settimeout(timeout)
        try:
            got = self._socket.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            return b""
        if not got:
            raise ConnectionError("closed by the printer")
        return got

    def close(self) -> None:
        self._socket.close()


class _SerialPort:
    def __init__(self, address: str, baudrate: int, rtscts: bool) -> None:
        self._line: serial.SerialBase = serial.serial_for_url(address, baudrate=baudrate, rtscts=rtscts, exclusive=True)

    def send(self, data: bytes, timeout: float) -> None:
        self._line.write_timeout = timeout
        try:
            self._line.write(data)
        except serial.SerialTimeoutException as error:
            raise TimeoutError(str(error)) from error

    def receive(self, timeout: float) -> bytes:
        self._line.timeout = timeout
        first = bytes(self._line.read(1))
        return first + bytes(self._line.read(self._line.in_waiting)) if first else b""

    def close(self) -> None:
        self._line.close()


def _about(name: str, en: str, zh: str) -> Text:
    return Text(f"{name}: {en}", f"{name}：{zh}")
