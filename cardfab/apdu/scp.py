"""Secure channel protocol 02 (GPC 2.3.1, appendix E), which EMV CPS 1.1 uses too. No key is seen here.

Who holds the keys is a protocol (:class:`Scp02KeySource`), so an HSM can. All data handed to it is already padded:
whole blocks of 8 bytes. The channel does no I/O; its state moves in :meth:`Scp02.unwrap` only, when the cycle is
complete, so a command that never reached the card leaves it as it was.

The options ``i`` (E.1.1), explicit initiation only::

    bit 1   three keys (05 15 45 55) or one base key (04 14 44 54): the key source's affair, the wire is the same
    bit 5   the ICV is encrypted under the left half of S-MAC from the second C-MAC on (14 15 54 55), or not
    bit 7   the card challenge is a pseudo-random the host could foretell (44 45 54 55): nothing changes for the host

Bit 2 (C-MAC on the unmodified APDU) and bit 3 clear (implicit initiation) are refused; R-MAC is not offered.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from cardfab.apdu.commands import external_authenticate_channel, initialize_update
from cardfab.apdu.link import CardAnswerMalformed, CardNotGenuine, Exchange, T, expect
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.crypto import pad80, same
from cardfab.errors import InputRefused, Text


class Scp02Keys(Protocol):
    """The session keys of one channel, behind a counter. Data comes in whole blocks of 8 bytes, already padded."""

    def cryptogram(self, data: bytes, /) -> bytes:
        """3DES-CBC under S-ENC, IV 0, the last block: 8 bytes (E.5.1)."""

    def cmac(self, icv: bytes, data: bytes, /) -> bytes:
        """Retail MAC under S-MAC with that initial vector: 8 bytes (B.1.2.2)."""

    def encrypt_icv(self, icv: bytes, /) -> bytes:
        """Single DES under the left half of S-MAC: 8 bytes (E.3.4)."""

    def encrypt(self, data: bytes, /) -> bytes:
        """3DES-CBC under S-ENC, IV 0 (E.4.6)."""


Keys = TypeVar("Keys", bound=Scp02Keys)
Keys_co = TypeVar("Keys_co", bound=Scp02Keys, covariant=True)


class Scp02KeySource(Protocol[Keys_co]):
    """Derives session keys of a card; the key room fulfils it, with an object that may offer more (S-DEK)."""

    def open(self, key_data: bytes, kvn: int, sequence: bytes, /) -> Keys_co:
        """``key_data`` 10 bytes and ``kvn`` as the card told them, ``sequence`` 2 bytes."""


class Level(enum.IntEnum):
    """Security level of EXTERNAL AUTHENTICATE, P1 (E.5.2.3)."""

    NONE = 0x00
    C_MAC = 0x01
    C_DECRYPTION_C_MAC = 0x03


class LevelNotSupported(InputRefused):
    """An option or level of SCP02, or a length, that the channel does not offer."""

    default_code = "CF-3103"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"SCP02: {en}.", f"SCP02:{zh}。"),
            do=Text("Change the secure channel settings in the profile.", "请修改配置中的安全通道设置。"),
        )


@dataclass(frozen=True, slots=True)
class _Session(Generic[Keys]):
    """Everything that moves. ``icv`` is what the next C-MAC starts from, not yet encrypted; None before the first."""

    keys: Keys
    level: Level
    icv: bytes | None = None


class SecureChannel(Protocol):
    """What an exchange can be led through; see :func:`through`."""

    def wrap(self, command: CommandApdu, /) -> CommandApdu:
        """The command as it goes over the wire. State does not move."""

    def unwrap(self, response: ResponseApdu, /) -> ResponseApdu:
        """The response as the application meant it; the cycle is complete."""


class Scp02(Generic[Keys]):
    """One channel: ``initialize``, ``authenticate``, then ``wrap``, each followed by the response to ``unwrap``."""

    def __init__(self, source: Scp02KeySource[Keys], *, i: int = 0x15) -> None:
        if i & ~0x51 != 0x04:
            raise LevelNotSupported(f"option i={i:02X} is not supported", f"不支持选项 i={i:02X}")
        self._source = source
        self._icv_encrypted = bool(i & 0x10)
        self._host_challenge = b""
        self._now: _Session[Keys] | None = None
        self._next: _Session[Keys] | None = None

    @property
    def open(self) -> bool:
        """Whether the card accepted EXTERNAL AUTHENTICATE."""
        return self._now is not None

    @property
    def keys(self) -> Keys:
        """The session keys, for what the key room offers beyond this channel (data under S-DEK)."""
        return self._opened().keys

    @property
    def level(self) -> Level:
        return self._opened().level

    @property
    def room(self) -> int:
        """The longest data field, in bytes, that a command can have inside the channel."""
        return {Level.NONE: 255, Level.C_MAC: 247, Level.C_DECRYPTION_C_MAC: 239}[self.level]

    def _opened(self) -> _Session[Keys]:
        if self._now is None:
            raise LevelNotSupported("the channel is not open", "通道尚未建立")
        return self._now

    def initialize(self, host_challenge: bytes, kvn: int = 0) -> CommandApdu:
        """INITIALIZE UPDATE with 8 random bytes; ``kvn`` 0 leaves the key version to the card. Closes what was open."""
        if len(host_challenge) != 8:
            raise LevelNotSupported("a host challenge has 8 bytes", "主机随机数为 8 字节")
        self._host_challenge, self._now, self._next = host_challenge, None, None
        return initialize_update(host_challenge, kvn)

    def authenticate(self, response: ResponseApdu, level: Level) -> CommandApdu:
        """EXTERNAL AUTHENTICATE, made of the response to INITIALIZE UPDATE (E.5.1.6).

        Raises :class:`CardNotGenuine` when the card cryptogram is wrong, :class:`CardAnswerMalformed`.
        """
        name, raw = "INITIALIZE UPDATE", response.data
        if not self._host_challenge:
            raise LevelNotSupported("initialize comes before authenticate", "须先执行 initialize")
        if len(raw) != 28:
            raise CardAnswerMalformed(name, f"{len(raw)} bytes instead of 28", f"{len(raw)} 字节,应为 28")
        if raw[11] != 0x02:
            raise CardAnswerMalformed(
                name, f"it offers SCP{raw[11]:02X}, not SCP02", f"卡片提供 SCP{raw[11]:02X},非 SCP02"
            )
        sequence, card_challenge, cryptogram = raw[12:14], raw[14:20], raw[20:]
        keys = self._source.open(raw[:10], raw[10], sequence)
        host_challenge, self._host_challenge = self._host_challenge, b""  # a challenge is used once
        expected = keys.cryptogram(pad80(host_challenge + sequence + card_challenge, 8))  # E.4.2.1
        if not same(expected, cryptogram):
            raise CardNotGenuine(name)
        mine = keys.cryptogram(pad80(sequence + card_challenge + host_challenge, 8))  # E.4.2.2
        start = _Session(keys, level)
        return self._protect(external_authenticate_channel(mine, level), start, Level.C_MAC)

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """The command at the level of the channel; state does not move. Level 00 leaves it as it is."""
        session = self._opened()
        if session.level is Level.NONE:
            return command
        return self._protect(command, session, session.level)

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """Complete the cycle: the C-MAC just sent becomes the next ICV, whatever the status word says.

        The one exception is EXTERNAL AUTHENTICATE: a channel that the card refused stays closed.
        """
        if self._next is not None and (self._now is not None or response.sw.ok):
            self._now = self._next
        self._next = None
        return response

    def _protect(self, command: CommandApdu, session: _Session[Keys], level: Level) -> CommandApdu:
        """C-MAC over the modified APDU (E.4.4), then encryption of the data field alone (E.4.6)."""
        icv = session.icv
        if icv is None:
            icv = bytes(8)
        elif self._icv_encrypted:
            icv = session.keys.encrypt_icv(icv)
        data = command.data
        sent = len(data) if level is Level.C_MAC or not data else (len(data) // 8 + 1) * 8
        if sent + 8 > 255:
            raise LevelNotSupported(f"{command.title} is too long for the channel", f"{command.title} 超出通道可传长度")
        header = bytes((command.cla | 0x04, command.ins, command.p1, command.p2, len(data) + 8))
        mac = session.keys.cmac(icv, pad80(header + data, 8))
        if level is Level.C_DECRYPTION_C_MAC and data:  # an empty data field is not encrypted
            data = session.keys.encrypt(pad80(data, 8))
        self._next = replace(session, icv=mac)
        return replace(command, cla=command.cla | 0x04, data=data + mac)


def open_scp02(
    source: Scp02KeySource[Keys], host_challenge: bytes, *, kvn: int = 0, level: Level = Level.C_MAC, i: int = 0x15
) -> Exchange[Scp02[Keys]]:
    """Open a channel with the selected application; ``host_challenge`` 8 random bytes."""
    channel = Scp02(source, i=i)
    command = channel.initialize(host_challenge, kvn)
    response = expect((yield command), command)
    command = channel.authenticate(response, level)
    expect(channel.unwrap((yield command)), command)
    return channel


def through(channel: SecureChannel, exchange: Exchange[T]) -> Exchange[T]:
    """The same exchange, each command wrapped and each response unwrapped."""
    try:
        command = next(exchange)
        while True:
            command = exchange.send(channel.unwrap((yield channel.wrap(command))))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        exchange.close()
