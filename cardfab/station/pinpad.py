"""Where the holder enters a PIN: a pin pad, which gives it as a block under its transport key, never in clear.

The station's own line protocol, one line of JSON each way; a driver of a maker's pad speaks it on the other side::

    {"entry": "first", "pan": "...", "digits": 6}                          the first PIN of a bank application
    {"entry": "current", "pan": "...", "least": 4, "most": 12}             the PIN that the card has
    {"entry": "new", "pan": "...", "digits": 6, "again": true}             a new one; the pad asks twice and compares
    {"form": 0, "block": "16 hex digits"}    or    {"refused": "cancelled"}

Where a card has no account number of its own, ``pan`` is a number of sixteen digits drawn for this one entry: a block
that was kept from an earlier entry does not open under it. A PIN never stands in a line, and none is kept here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cardfab.errors import DeviceFault, Text
from cardfab.station.hostline import tcp_exchange

SECONDS = 60.0
"""How long a holder may take."""
_LONGEST = 4096

Entry = Literal["first", "current", "new"]
"""What the pad asks the holder for."""
Exchange = Callable[[bytes], bytes]


class PadFault(DeviceFault):
    """The pin pad gave no PIN."""

    default_code = "CF-5640"


@dataclass(frozen=True, slots=True)
class PadBlock:
    """A PIN as the pad gives it: a block of ISO 9564-1 format 0 or 3, ciphered, 8 bytes."""

    form: int
    ciphered: bytes


class PinPad(Protocol):
    """A pin pad."""

    @property
    def asking(self) -> Entry | None:
        """What the holder is asked for at this moment; None while nothing is."""
        ...

    def enter(self, pan: str, digits: int) -> PadBlock:
        """Have the holder enter a first PIN; raises :class:`PadFault`."""
        ...

    def enter_current(self, pan: str, least: int, most: int) -> PadBlock:
        """Have the holder enter the PIN that the card has; raises :class:`PadFault`."""
        ...

    def enter_new(self, pan: str, digits: int) -> PadBlock:
        """Have the holder enter a new PIN twice; raises :class:`PadFault` where the two differ."""
        ...


class Port(Protocol):
    """A serial line, opened. Errors are OSError."""

    def send(self, data: bytes, timeout: float) -> None:
        """All of it."""

    def receive(self, timeout: float) -> bytes:
        """At least one byte, or none when the time is over."""

    def close(self) -> None: ...


class LinePad:
    """A pad that is asked by lines, one entry at a time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._one = threading.Lock()
        self._asking: Entry | None = None

    @classmethod
    def at(cls, address: str) -> LinePad:
        """The pad at ``tcp://HOST:PORT``."""
        return cls(tcp_exchange(address, SECONDS))

    @property
    def asking(self) -> Entry | None:
        return self._asking

    def enter(self, pan: str, digits: int) -> PadBlock:
        return self._ask("first", {"pan": pan, "digits": digits})

    def enter_current(self, pan: str, least: int, most: int) -> PadBlock:
        return self._ask("current", {"pan": pan, "least": least, "most": most})

    def enter_new(self, pan: str, digits: int) -> PadBlock:
        return self._ask("new", {"pan": pan, "digits": digits, "again": True})

    def _ask(self, entry: Entry, asked: dict[str, object]) -> PadBlock:
        with self._one:
            self._asking = entry
            try:
                told = json.loads(self._exchange(json.dumps({"entry": entry, **asked}).encode() + b"\n"))
                if "refused" in told:
                    raise _refused(entry, str(told["refused"]))
                block = PadBlock(int(told["form"]), bytes.fromhex(told["block"]))
            except OSError:
                raise _no_pin(entry, _SILENT) from None
            except (ValueError, KeyError, TypeError):
                raise _no_pin(entry, _GARBLED) from None
            finally:
                self._asking = None
        if block.form not in (0, 3) or len(block.ciphered) != 8:
            raise _no_pin(entry, _NO_BLOCK)
        return block


def port_exchange(open_port: Callable[[], Port], seconds: float = SECONDS) -> Exchange:
    """Lines over a serial line that is opened for each of them, so that a pad that was unplugged comes back."""

    def exchange(line: bytes) -> bytes:
        port = open_port()
        try:
            while port.receive(0.0):
                pass  # what the pad said unasked
            port.send(line, seconds)
            got = b""
            while not got.endswith(b"\n"):
                portion = port.receive(seconds)
                if not portion or len(got) > _LONGEST:
                    raise TimeoutError
                got += portion
            return got
        finally:
            port.close()

    return exchange


_SILENT = Text("it does not answer", "设备无应答")
_GARBLED = Text("its answer is not understood", "应答格式错误")
_NO_BLOCK = Text("its block is neither of format 0 nor of format 3", "PIN 块格式错误")
_OTHER = Text("it refuses", "设备拒绝")
_REFUSALS = {
    "cancelled": Text("the holder cancelled", "持卡人已取消"),
    "timeout": Text("the holder entered none in time", "持卡人未在规定时间内输入"),
    "differ": Text("the two entries differ", "两次输入不一致"),
    "length": Text("the number of digits does not fit", "密码位数不符"),
}


def _refused(entry: Entry, word: str) -> PadFault:
    return _no_pin(entry, _REFUSALS.get(word, _OTHER))


def _no_pin(entry: Entry, why: Text) -> PadFault:
    again = (
        Text("See to the pad, then approve the request again.", "请检查密码键盘，然后重新审批。")
        if entry == "first"
        else Text("Nothing was changed: see to the pad and begin again.", "未作任何改动：请检查密码键盘后重新办理。")
    )
    return PadFault(Text(f"The pin pad gave no PIN: {why.en}.", f"密码键盘未给出密码：{why.zh}。"), do=again)
