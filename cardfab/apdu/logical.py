"""Logical channels: the class byte that names one, and MANAGE CHANNEL.

ISO/IEC 7816-4, 5.4.1 and 11.1.2; GPC 2.3.1, 11.1.4.

::

    first class     x00c ssnn    n channel 0 to 3, s secure messaging, c more of a chain follows
    further class   x1sc nnnn    n channel less 4, to 15
"""

from __future__ import annotations

from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu, channel_of

CHAIN = 0x10
__all__ = ["CHAIN", "channel_of", "close_channel", "for_mac", "manage_channel", "on_channel", "open_channel", "secured"]


def on_channel(cla: int, channel: int) -> int:
    """The class byte moved to ``channel``, 0 to 19; chaining and whether there is secure messaging stay."""
    if not 0 <= channel <= 19:
        raise ApduMalformed(f"logical channel {channel}, there are 0 to 19", f"逻辑通道 {channel}，应为 0 至 19")
    kept = cla & (0x80 | CHAIN)
    protected = cla & (0x20 if cla & 0x40 else 0x0C)
    if channel < 4:
        return kept | channel | (protected if not cla & 0x40 else protected and 0x04)
    return kept | 0x40 | (channel - 4) | (0x20 if protected else 0)


def secured(cla: int) -> int:
    """The class byte that says GlobalPlatform secure messaging: 84 on the basic channel, E0 on channel 4."""
    return cla | 0x20 if cla & 0x40 else cla & 0xF3 | 0x04


def for_mac(cla: int) -> int:
    """The class byte that a C-MAC covers: channel 0, bit 4 clear, bit 3 set (amendment D 1.2, 6.2.4)."""
    return cla & (0x80 | CHAIN) | 0x04


def manage_channel(p1: int, p2: int, ne: int | None = None) -> CommandApdu:
    """MANAGE CHANNEL, as it stands in the standard."""
    return CommandApdu(0x00, 0x70, p1, p2, b"", ne, name="MANAGE CHANNEL")


def open_channel() -> Exchange[int]:
    """Open a logical channel and let the card choose its number."""
    command = manage_channel(0x00, 0x00, 1)
    response = expect((yield command), command)
    if len(response.data) != 1 or not 1 <= response.data[0] <= 19:
        raise CardAnswerMalformed(command.title, "it names no channel", "未给出通道号")
    return response.data[0]


def close_channel(channel: int) -> Exchange[None]:
    """Close it, from the basic channel."""
    on_channel(0, channel)
    command = manage_channel(0x80, channel)
    expect((yield command), command)
