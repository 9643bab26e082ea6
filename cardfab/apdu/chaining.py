"""Long commands for cards that take short ones: command chaining and ENVELOPE. Both are layers of the link.

A card says in its historical bytes what it takes (:mod:`cardfab.apdu.atr`). On T=1 most take extended length as it is;
on T=0 none can (ISO/IEC 7816-3, 12.2).
"""

from __future__ import annotations

from dataclasses import replace

from cardfab.apdu.link import Link
from cardfab.apdu.logical import CHAIN, on_channel
from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu, channel_of


class Chaining:
    """Sends a long data field as several commands, bit 5 of CLA set on all but the last (ISO/IEC 7816-4, 5.3.3).

    ``chunk`` is the longest data field that goes in one. A block that is not answered 9000 ends the chain; its answer
    is the answer.
    """

    def __init__(self, link: Link, chunk: int = 255) -> None:
        if not 1 <= chunk <= 0xFF:
            raise ApduMalformed(f"a block of {chunk} bytes", f"分块 {chunk} 字节")
        self._link = link
        self._chunk = chunk

    def send(self, command: CommandApdu) -> ResponseApdu:
        data, chunk = command.data, self._chunk
        if len(data) <= chunk:
            return self._link.send(command)
        last = (len(data) - 1) // chunk * chunk
        for at in range(0, last, chunk):
            part = replace(command, cla=command.cla | CHAIN, data=data[at : at + chunk], ne=None)
            response = self._link.send(part)
            if not response.sw.ok:
                return response
        ne = command.ne and min(command.ne, 256)  # more comes by GET RESPONSE
        return self._link.send(replace(command, data=data[last:], ne=ne))


class Envelope:
    """Sends a command of extended length inside ENVELOPE commands (ISO/IEC 7816-4, 11.7.2): what T=0 has for it."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send(self, command: CommandApdu) -> ResponseApdu:
        if not command.extended:
            return self._link.send(command)
        raw = command.to_bytes()
        cla = on_channel(0x00, channel_of(command.cla))
        last = (len(raw) - 1) // 255 * 255
        for at in range(0, last, 255):
            part = CommandApdu(cla, 0xC2, 0, 0, raw[at : at + 255], None, command.secret, f"ENVELOPE {command.title}")
            response = self._link.send(part)
            if not response.sw.ok:
                return response
        name = f"ENVELOPE {command.title}"
        return self._link.send(CommandApdu(cla, 0xC2, 0, 0, raw[last:], command.ne and 256, command.secret, name))
