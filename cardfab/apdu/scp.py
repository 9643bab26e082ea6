"""Secure channels of GlobalPlatform: SCP02 (:mod:`cardfab.apdu.scp02`), SCP03 (:mod:`cardfab.apdu.scp03`), and either.

A person or profile that does not know which protocol a card speaks opens with :func:`open_either`: INITIALIZE UPDATE is
the same command in both, and its answer says.
"""

from __future__ import annotations

from cardfab.apdu.channel import Level, LevelNotSupported, ResponseNotGenuine, SecureChannel, through
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.scp02 import Keys, Scp02, Scp02Keys, Scp02KeySource, Scp02ResponseKeys, open_scp02
from cardfab.apdu.scp03 import Keys03, Scp03, Scp03Keys, Scp03KeySource, Scp03Quirks, open_scp03

__all__ = [
    "Level",
    "LevelNotSupported",
    "ResponseNotGenuine",
    "Scp02",
    "Scp02KeySource",
    "Scp02Keys",
    "Scp02ResponseKeys",
    "Scp03",
    "Scp03KeySource",
    "Scp03Keys",
    "Scp03Quirks",
    "SecureChannel",
    "open_either",
    "open_scp02",
    "open_scp03",
    "through",
]


def open_either(
    scp02: Scp02KeySource[Keys],
    scp03: Scp03KeySource[Keys03],
    host_challenge: bytes,
    *,
    kvn: int = 0,
    level: Level = Level.C_MAC,
    i: int = 0x15,
    quirks: Scp03Quirks | None = None,
) -> Exchange[Scp02[Keys] | Scp03[Keys03]]:
    """Open a channel in the protocol that the card answers with. ``i`` is for SCP02, which does not tell it."""
    older, newer = Scp02(scp02, i=i), Scp03(scp03, quirks=quirks or Scp03Quirks())
    command = newer.initialize(host_challenge, kvn)
    response = expect((yield command), command)
    protocol = response.data[11] if len(response.data) > 11 else 0
    if protocol not in (0x02, 0x03):
        raise CardAnswerMalformed(command.title, f"it offers SCP{protocol:02X}", f"卡片提供 SCP{protocol:02X}")
    channel: Scp02[Keys] | Scp03[Keys03] = newer
    if protocol == 0x02:
        older.initialize(host_challenge, kvn)
        channel = older
    command = channel.authenticate(response, level)
    expect(channel.unwrap((yield command)), command)
    return channel
