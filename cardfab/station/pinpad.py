"""Where the holder enters the first PIN: a pin pad, which gives it as a block under its transport key, never in clear.

The station's own line protocol, one line of JSON each way; a driver of a maker's pad speaks it on the other side::

    {"pan": "...", "digits": 6}
    {"form": 0, "block": "16 hex digits"}    or    {"refused": "cancelled"}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cardfab.errors import DeviceFault, Text
from cardfab.station.hostline import tcp_exchange

SECONDS = 60.0
"""How long a holder may take."""


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

    def enter(self, pan: str, digits: int) -> PadBlock:
        """Have the holder enter a new PIN; raises :class:`PadFault`."""
        ...


@dataclass(frozen=True, slots=True)
class LinePad:
    """A pad that is asked by lines."""

    exchange: Callable[[bytes], bytes]

    @classmethod
    def at(cls, address: str) -> LinePad:
        """The pad at ``tcp://HOST:PORT``."""
        return cls(tcp_exchange(address, SECONDS))

    def enter(self, pan: str, digits: int) -> PadBlock:
        """Ask for a PIN of that account number."""
        try:
            told = json.loads(self.exchange(json.dumps({"pan": pan, "digits": digits}).encode() + b"\n"))
            if "refused" in told:
                raise _no_pin(f"it says: {told['refused']}", "持卡人取消或超时")
            block = PadBlock(int(told["form"]), bytes.fromhex(told["block"]))
        except OSError:
            raise _no_pin("it does not answer", "设备无应答") from None
        except (ValueError, KeyError, TypeError):
            raise _no_pin("its answer is not understood", "应答格式错误") from None
        if block.form not in (0, 3) or len(block.ciphered) != 8:
            raise _no_pin("its block is neither of format 0 nor of format 3", "PIN 块格式错误")
        return block


def _no_pin(en: str, zh: str) -> PadFault:
    return PadFault(
        Text(f"The pin pad gave no PIN: {en}.", f"密码键盘未给出密码：{zh}。"),
        do=Text("See to the pad, then approve the request again.", "请检查密码键盘，然后重新审批。"),
    )
