"""Secure channel protocol 02 (GPC 2.3.1, appendix E), which EMV CPS 1.1 uses too. No key is seen here.

Who holds the keys is a protocol (:class:`Scp02KeySource`), so an HSM can. All data handed to it is already padded:
whole blocks of 8 bytes. The channel does no I/O; its state moves in :meth:`Scp02.unwrap` only, when the cycle is
complete, so a command that never reached the card leaves it as it was.

The options ``i`` (E.1.1), explicit initiation only::

    bit 1   three keys (05 15 45 55) or one base key (04 14 44 54): the key source's affair, the wire is the same
    bit 5   the ICV is encrypted under the left half of S-MAC from the second C-MAC on (14 15 54 55), or not
    bit 6   the card offers R-MAC (24 25 34 35 64 65 74 75): the level asks for it, the card says no where it cannot
    bit 7   the card challenge is a pseudo-random the host could foretell (44 45 54 55): nothing changes for the host

Bit 2 (C-MAC on the unmodified APDU) and bit 3 clear (implicit initiation) are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar, runtime_checkable

from cardfab.apdu.channel import ChannelState, Level, LevelNotSupported, ResponseNotGenuine, without_mac
from cardfab.apdu.commands import external_authenticate_channel, initialize_update
from cardfab.apdu.link import CardAnswerMalformed, CardNotGenuine, Exchange, expect
from cardfab.apdu.logical import for_mac, secured
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.crypto import pad80, same


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


@runtime_checkable
class Scp02ResponseKeys(Protocol):
    """What a key source offers beyond :class:`Scp02Keys` where responses are to carry a MAC."""

    def rmac(self, icv: bytes, data: bytes, /) -> bytes:
        """Retail MAC under S-RMAC with that initial vector: 8 bytes (E.4.5)."""


Keys = TypeVar("Keys", bound=Scp02Keys)
Keys_co = TypeVar("Keys_co", bound=Scp02Keys, covariant=True)


class Scp02KeySource(Protocol[Keys_co]):
    """Derives session keys of a card; the key room fulfils it, with an object that may offer more (S-DEK)."""

    def open(self, key_data: bytes, kvn: int, sequence: bytes, /) -> Keys_co:
        """``key_data`` 10 bytes and ``kvn`` as the card told them, ``sequence`` 2 bytes."""


class Scp02(ChannelState[Keys]):
    """One channel: ``initialize``, ``authenticate``, then ``wrap``, each followed by the response to ``unwrap``.

    ``encrypts_empty``: this card wants an empty data field encrypted too, as one block of padding; tools differ.
    """

    scp = "SCP02"

    def __init__(self, source: Scp02KeySource[Keys], *, i: int = 0x15, encrypts_empty: bool = False) -> None:
        if i & ~0x71 != 0x04:
            raise LevelNotSupported(f"option i={i:02X} is not supported", f"不支持选项 i={i:02X}")
        super().__init__()
        self._source = source
        self._icv_encrypted = bool(i & 0x10)
        self._encrypts_empty = encrypts_empty
        self._rmac: Scp02ResponseKeys | None = None
        self._icv = b""  # what the next C-MAC starts from, not yet encrypted; empty before the first
        self._ricv = b""
        self._sent: tuple[bytes, CommandApdu] | None = None  # the next ICV, and the command as it was meant

    @property
    def room(self) -> int:
        """The longest data field, in bytes, that a command can have inside the channel."""
        return {0: 255, 1: 247, 3: 239}[self.level & 0x03]

    def initialize(self, host_challenge: bytes, kvn: int = 0) -> CommandApdu:
        """INITIALIZE UPDATE with 8 random bytes; ``kvn`` 0 leaves the key version to the card. Closes what was open."""
        if len(host_challenge) != 8:
            raise LevelNotSupported("a host challenge has 8 bytes", "主机随机数为 8 字节")
        self.close()
        self._host_challenge = host_challenge
        return initialize_update(host_challenge, kvn)

    def close(self) -> None:
        """Forget the session keys and the command that waits for its response."""
        super().close()
        self._rmac, self._sent = None, None

    def authenticate(self, response: ResponseApdu, level: Level) -> CommandApdu:
        """EXTERNAL AUTHENTICATE, made of the response to INITIALIZE UPDATE (E.5.1.6).

        Raises :class:`CardNotGenuine` when the card cryptogram is wrong, :class:`CardAnswerMalformed`.
        """
        name, raw = "INITIALIZE UPDATE", response.data
        if not self._host_challenge:
            raise LevelNotSupported("initialize comes before authenticate", "须先执行 initialize")
        if level & 0x20:
            raise LevelNotSupported("it has no encryption of responses", "不支持响应加密")
        if len(raw) != 28:
            raise CardAnswerMalformed(name, f"{len(raw)} bytes instead of 28", f"{len(raw)} 字节，应为 28")
        if raw[11] != 0x02:
            raise CardAnswerMalformed(
                name, f"it offers SCP{raw[11]:02X}, not SCP02", f"卡片提供 SCP{raw[11]:02X}，非 SCP02"
            )
        sequence, card_challenge, cryptogram = raw[12:14], raw[14:20], raw[20:]
        keys = self._source.open(raw[:10], raw[10], sequence)
        host_challenge, self._host_challenge = self._host_challenge, b""  # a challenge is used once
        expected = keys.cryptogram(pad80(host_challenge + sequence + card_challenge, 8))  # E.4.2.1
        if not same(expected, cryptogram):
            raise CardNotGenuine(name)
        self._set_level(level, keys)
        mine = keys.cryptogram(pad80(sequence + card_challenge + host_challenge, 8))  # E.4.2.2
        self._keys, self._icv, self._card = keys, b"", raw
        return self._protect(external_authenticate_channel(mine, level), keys, encrypted=False)

    def _set_level(self, level: Level, keys: Keys) -> None:
        self._rmac = None
        if level & 0x10:
            if not isinstance(keys, Scp02ResponseKeys):
                raise LevelNotSupported("this key store offers no R-MAC", "该密钥库不支持 R-MAC")
            self._rmac = keys
        self._level = level

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """The command at the level of the channel; state does not move. Without C-MAC it stays as it is."""
        keys = self._opened()
        if not self._level & 0x01:
            self._sent = (self._icv, command)
            return command
        return self._protect(command, keys, encrypted=bool(self._level & 0x02))

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """Complete the cycle: the C-MAC just sent becomes the next ICV, whatever the status word says.

        The one exception is EXTERNAL AUTHENTICATE: a channel that the card refused stays closed. Where the level has
        R-MAC it is checked and taken off; an error status word may come alone. Raises :class:`ResponseNotGenuine`.
        """
        if self._sent is None:
            return response
        (icv, command), self._sent = self._sent, None
        if not self._open:
            self._open, self._icv, self._ricv = response.sw.ok, icv, icv
            return response
        self._icv = icv
        if self._rmac is None or (not response.data and response.sw.sw1 not in (0x90, 0x62, 0x63)):
            return response
        with self._closed_on_forgery():
            return self._checked(response, command, self._rmac)

    @contextmanager
    def _closed_on_forgery(self) -> Iterator[None]:
        try:
            yield
        except ResponseNotGenuine:
            self.close()
            raise

    def _checked(self, response: ResponseApdu, command: CommandApdu, keys: Scp02ResponseKeys) -> ResponseApdu:
        """R-MAC over the command as it was meant, Li, the response data and the status word (E.4.5)."""
        data, mac = without_mac(response, 8, command.title)
        cla = for_mac(command.cla) & ~0x04
        stripped = bytes((cla, command.ins, command.p1, command.p2, len(command.data))) + command.data
        covered = stripped + bytes([len(data) & 0xFF]) + data + response.sw.to_bytes(2, "big")
        expected = keys.rmac(self._ricv, pad80(covered, 8))
        if not same(expected, mac):
            raise ResponseNotGenuine(command.title, "its R-MAC is wrong", "R-MAC 错误")
        self._ricv = expected
        return ResponseApdu(data, response.sw)

    def _protect(self, command: CommandApdu, keys: Keys, *, encrypted: bool) -> CommandApdu:
        """C-MAC over the modified APDU (E.4.4), then encryption of the data field alone (E.4.6)."""
        data = command.data
        encrypted = encrypted and bool(data or self._encrypts_empty)
        if ((len(data) // 8 + 1) * 8 if encrypted else len(data)) > 247:
            raise LevelNotSupported(f"{command.title} is too long for the channel", f"{command.title} 超出通道可传长度")
        icv = self._icv or bytes(8)
        if self._icv and self._icv_encrypted:
            icv = keys.encrypt_icv(icv)
        header = bytes((for_mac(command.cla), command.ins, command.p1, command.p2, len(data) + 8))
        mac = keys.cmac(icv, pad80(header + data, 8))
        if encrypted:
            data = keys.encrypt(pad80(data, 8))
        self._sent = (mac, command)
        ne = 256 if command.ne and self._level & 0x10 and command.ne <= 256 else command.ne
        return command.sent_as(secured(command.cla), data + mac, ne)

    def begin_r_mac(self, data: bytes = b"") -> Exchange[None]:
        """BEGIN R-MAC SESSION: from now on each response carries an R-MAC. ``data`` to 24 bytes, as wished (E.5.3)."""
        if self.level & 0x10 or not self.level & 0x01:
            raise LevelNotSupported("an R-MAC session begins inside C-MAC, once", "R-MAC 会话须在 C-MAC 下开始一次")
        command = CommandApdu(0x80, 0x7A, 0x10, 0x01, bytes([len(data)]) + data, name="BEGIN R-MAC SESSION")
        expect(self.unwrap((yield self.wrap(command))), command)
        self._set_level(Level(self._level | 0x10), self._opened())
        self._ricv = self._icv

    def end_r_mac(self) -> Exchange[None]:
        """END R-MAC SESSION; its own response is the last with an R-MAC (E.5.4)."""
        command = CommandApdu(0x80, 0x78, 0x00, 0x03, b"", 8, name="END R-MAC SESSION")
        expect(self.unwrap((yield self.wrap(command))), command)
        self._set_level(Level(self._level & ~0x10), self._opened())


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
