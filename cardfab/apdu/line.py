"""Authentication and secure messaging of social-security cards as exchanges (LD/T 32 part 4, 8 and 9; part 5, 6).

A key on the card is a :class:`CardKey` that the key room fulfils; the algorithms are in :mod:`cardfab.crypto.line`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from cardfab.apdu import commands
from cardfab.apdu.link import CardAnswerMalformed, CardNotGenuine, Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu
from cardfab.crypto import same


class ProvedKey(Protocol):
    """A key of one card that can be proved. ``challenge`` is the session factor."""

    def authenticate(self, challenge: bytes, original: bytes, /) -> bytes:
        """8 bytes that prove the key, over ``original`` of 8 bytes (part 4, 9.3)."""


class MacKey(Protocol):
    """A key of one card that protects a line."""

    def mac(self, challenge: bytes, data: bytes, /) -> bytes:
        """4 bytes over ``data``, which is not padded (part 4, 8.2.4)."""


class CardKey(ProvedKey, MacKey, Protocol):
    """One key of one card, seen from outside: it computes and is never seen."""

    def encrypt(self, challenge: bytes, plain: bytes, /) -> bytes:
        """LD | ``plain`` in whole blocks (part 4, 8.3)."""

    def answer(self, data: bytes, /) -> bytes:
        """E(key, data), ``data`` of at most one block, padded with 00: how cards without session keys want it."""


def take_challenge(length: int = 8) -> Exchange[bytes]:
    """GET CHALLENGE; the card accepts the challenge once, in the current application."""
    command = commands.get_challenge(length)
    response = expect((yield command), command)
    if len(response.data) != length:
        n = len(response.data)
        raise CardAnswerMalformed(command.title, f"{n} bytes instead of {length}", f"{n} 字节，应为 {length}")
    return response.data


def external_authenticate(
    key: ProvedKey, key_id: int, *, original: bytes | None = None, version: int | None = None, name: str = ""
) -> Exchange[None]:
    """Prove ``key`` to the card. ``original`` of 8 bytes is free; by default it is the challenge itself.

    ``version`` chooses one of the key's groups, 1 to 3. Raises :class:`CardAnswered` when the card refuses.
    """
    challenge = yield from take_challenge()
    free = challenge if original is None else original
    data = key.authenticate(challenge, free) + free
    command = commands.external_authenticate(key_id, data, version=version, name=name)
    expect((yield command), command)


def internal_authenticate(
    key: CardKey, session_factor: bytes, original: bytes, *, key_id: int = 0x00, version: int | None = None
) -> Exchange[None]:
    """Let the card prove ``key`` (by default IRK, id 00) over 8 + 8 random bytes; else :class:`CardNotGenuine`."""
    command = commands.internal_authenticate(session_factor + original, key_id=key_id, version=version)
    response: ResponseApdu = expect((yield command), command)
    if not same(response.data, key.authenticate(session_factor, original)):
        raise CardNotGenuine(command.title)


def protected(command: CommandApdu, key: CardKey, challenge: bytes, *, encrypted: bool = False) -> CommandApdu:
    """The command with secure messaging: CLA x4, the data field encrypted if asked, the MAC of 4 bytes behind it.

    The MAC covers the header, the Lc that counts it, and the data field as sent. Raises :class:`ApduMalformed`.
    """
    data = key.encrypt(challenge, command.data) if encrypted and command.data else command.data
    return maced(command, key, challenge, data)


def maced(command: CommandApdu, key: MacKey, challenge: bytes, data: bytes) -> CommandApdu:
    """The command with ``data`` as it goes over the line, and the MAC of 4 bytes behind it."""
    lc = len(data) + 4
    if lc > 0xFF:
        raise ApduMalformed(f"{command.title} with its MAC is too long", f"{command.title} 加 MAC 后过长")
    covered = bytes((command.cla | 0x04, command.ins, command.p1, command.p2, lc)) + data
    return replace(command, cla=command.cla | 0x04, data=data + key.mac(challenge, covered))


def send_protected(command: CommandApdu, key: CardKey, *, encrypted: bool = False) -> Exchange[ResponseApdu]:
    """Take a challenge, send ``command`` under secure messaging, expect 9000."""
    challenge = yield from take_challenge()
    sent = protected(command, key, challenge, encrypted=encrypted)
    return expect((yield sent), sent)
