"""Secure channel protocol 03 (GPC amendment D 1.2): AES-128, -192, -256, in S8 and S16 mode. No key is seen here.

The mode is the length of the host challenge: 8 bytes make S8, 16 make S16, and so long are challenges, cryptograms and
MACs. The key length is the key source's affair. As in SCP02 the channel does no I/O and its state moves in
:meth:`Scp03.unwrap` only.

The options ``i``, which the card tells (table 5-1)::

    bit 1   the card offers S16 mode          bit 5   its challenge is pseudo-random: a sequence counter comes along
    bit 6   it offers R-MAC                   bit 7   with bit 6: R-MAC and R-ENCRYPTION
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from cardfab.apdu.channel import ChannelState, Level, LevelNotSupported, ResponseNotGenuine, without_mac
from cardfab.apdu.commands import external_authenticate_channel, initialize_update
from cardfab.apdu.link import CardAnswerMalformed, CardNotGenuine, Exchange, expect
from cardfab.apdu.logical import for_mac, secured
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.crypto import pad80, same
from cardfab.crypto.derive import Scp03Constant


class Scp03Keys(Protocol):
    """The session keys of one channel, seen from outside."""

    def cryptogram(self, constant: int, context: bytes, length: int, /) -> bytes:
        """``length`` bytes derived from S-MAC (6.2.2.2, 6.2.2.3)."""

    def cmac(self, data: bytes, /) -> bytes:
        """AES-CMAC under S-MAC: 16 bytes (6.2.4)."""

    def rmac(self, data: bytes, /) -> bytes:
        """AES-CMAC under S-RMAC: 16 bytes (6.2.5)."""

    def encrypt(self, counter: bytes, data: bytes, /) -> bytes:
        """AES-CBC under S-ENC; the ICV is ``counter`` of 16 bytes, encrypted (6.2.6)."""

    def decrypt(self, counter: bytes, data: bytes, /) -> bytes:
        """The inverse, for responses (6.2.7)."""


Keys03 = TypeVar("Keys03", bound=Scp03Keys)
Keys03_co = TypeVar("Keys03_co", bound=Scp03Keys, covariant=True)


class Scp03KeySource(Protocol[Keys03_co]):
    """Derives session keys of a card; the key room fulfils it, with an object that may offer more (K-DEK)."""

    def open(self, key_data: bytes, kvn: int, context: bytes, /) -> Keys03_co:
        """``key_data`` 10 bytes and ``kvn`` as the card told them; ``context`` host challenge | card challenge."""


@dataclass(frozen=True, slots=True)
class Scp03Quirks:
    """Where cards differ from amendment D; each is a line of the card's profile.

    ``counts_data_only``: the encryption counter stands still on a command without data (the amendment counts each).
    ``encrypts_empty``: an empty data field is encrypted as one block of padding. ``r_mac_on_errors``: error status
    words carry an R-MAC too; ``no_r_mac_on_warnings``: 62xx and 63xx may come without. ``wrong_i``: what the card says
    it offers is not believed.
    """

    counts_data_only: bool = False
    encrypts_empty: bool = False
    r_mac_on_errors: bool = False
    no_r_mac_on_warnings: bool = False
    wrong_i: bool = False


STANDARD = Scp03Quirks()


class Scp03(ChannelState[Keys03]):
    """One channel: ``initialize``, ``authenticate``, then ``wrap``, each followed by the response to ``unwrap``."""

    scp = "SCP03"

    def __init__(self, source: Scp03KeySource[Keys03], *, quirks: Scp03Quirks = STANDARD) -> None:
        super().__init__()
        self._source = source
        self._quirks = quirks
        self._size = 8
        self._chaining = bytes(16)
        self._counter = 0
        self._sent: tuple[bytes, int, CommandApdu] | None = None  # chaining value and counter after it

    @property
    def room(self) -> int:
        """The longest data field, in bytes, that a command can have inside the channel."""
        left = 255 - self._size
        return {0: 255, 1: left, 3: left // 16 * 16 - 1}[self.level & 0x03]

    def initialize(self, host_challenge: bytes, kvn: int = 0) -> CommandApdu:
        """INITIALIZE UPDATE with 8 random bytes (S8) or 16 (S16); ``kvn`` 0 leaves the key version to the card."""
        if len(host_challenge) not in (8, 16):
            raise _refused("a host challenge has 8 or 16 bytes", "主机随机数为 8 或 16 字节")
        self.close()
        self._host_challenge, self._size = host_challenge, len(host_challenge)
        return initialize_update(host_challenge, kvn)

    def close(self) -> None:
        """Forget the session keys and the command that waits for its response."""
        super().close()
        self._sent = None

    def authenticate(self, response: ResponseApdu, level: Level) -> CommandApdu:
        """EXTERNAL AUTHENTICATE, made of the response to INITIALIZE UPDATE (7.1.1).

        Raises :class:`CardNotGenuine` when the card cryptogram is wrong, :class:`CardAnswerMalformed`, and
        :class:`LevelNotSupported` for a level that the card does not offer, before a try is spent on it.
        """
        name, raw, size = "INITIALIZE UPDATE", response.data, self._size
        if not self._host_challenge:
            raise _refused("initialize comes before authenticate", "须先执行 initialize")
        if level is Level.R_MAC:
            raise _refused("R-MAC comes with C-MAC", "R-MAC 须与 C-MAC 同用")
        if len(raw) not in (13 + 2 * size, 16 + 2 * size):
            wanted = f"{13 + 2 * size} or {16 + 2 * size}"
            raise CardAnswerMalformed(name, f"{len(raw)} bytes instead of {wanted}", f"{len(raw)} 字节，长度不符")
        if raw[11] != 0x03:
            raise CardAnswerMalformed(
                name, f"it offers SCP{raw[11]:02X}, not SCP03", f"卡片提供 SCP{raw[11]:02X}，非 SCP03"
            )
        if not self._quirks.wrong_i and (level & 0x30) << 1 & ~raw[12]:  # 10 needs bit 6 (20), 20 needs bit 7 (40)
            raise _refused(
                f"the card (i={raw[12]:02X}) does not offer level {level:02X}",
                f"该卡(i={raw[12]:02X})不提供安全级别 {level:02X}",
            )
        card_challenge, cryptogram = raw[13 : 13 + size], raw[13 + size : 13 + 2 * size]
        context, self._host_challenge = self._host_challenge + card_challenge, b""  # a challenge is used once
        keys = self._source.open(raw[:10], raw[10], context)
        if not same(keys.cryptogram(Scp03Constant.CARD_CRYPTOGRAM, context, size), cryptogram):
            raise CardNotGenuine(name)
        mine = keys.cryptogram(Scp03Constant.HOST_CRYPTOGRAM, context, size)
        self._keys, self._level, self._chaining, self._counter, self._card = keys, level, bytes(16), 0, raw
        return self._protect(external_authenticate_channel(mine, level), keys, mine, 0)

    def wrap(self, command: CommandApdu) -> CommandApdu:
        """The command at the level of the channel; state does not move. Level 00 leaves it as it is."""
        keys, data, counter = self._opened(), command.data, self._counter
        if not self._level & 0x01:
            return command
        if self._level & 0x02:
            if data or self._quirks.encrypts_empty:
                counter += 1
                if len(data) // 16 * 16 + 16 + self._size > 255:
                    raise _too_long(command)
                data = keys.encrypt(counter.to_bytes(16, "big"), pad80(data, 16))
            elif not self._quirks.counts_data_only:
                counter += 1
        return self._protect(command, keys, data, counter)

    def _protect(self, command: CommandApdu, keys: Keys03, data: bytes, counter: int) -> CommandApdu:
        """C-MAC over the chaining value, the header with channel 0, the new Lc, and the data as sent (6.2.4)."""
        lc = len(data) + self._size
        if lc > 0xFF:
            raise _too_long(command)
        cla, ins, p1, p2, ne = command.cla, command.ins, command.p1, command.p2, command.ne
        mac = keys.cmac(self._chaining + bytes((for_mac(cla), ins, p1, p2, lc)) + data)
        self._sent = (mac, counter, command)
        if ne is not None and self._level & 0x10:  # the response grows by its R-MAC
            ne = max(ne, 256)
        return command.sent_as(secured(cla), data + mac[: self._size], ne)

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """Complete the cycle; where the level has R-MAC it is checked and taken off, and the data decrypted.

        Error status words come alone (6.2.5). Raises :class:`ResponseNotGenuine`, and the channel is closed.
        """
        if self._sent is None:
            return response
        (self._chaining, self._counter, command), self._sent = self._sent, None
        if not self._open:
            self._open = response.sw.ok
            return response
        if not self._level & 0x10 or self._comes_alone(response):
            return response
        try:
            return self._checked(response, command.title)
        except ResponseNotGenuine:
            self.close()
            raise

    def _comes_alone(self, response: ResponseApdu) -> bool:
        sw1 = response.sw.sw1
        if sw1 in (0x62, 0x63):
            return self._quirks.no_r_mac_on_warnings and not response.data
        return sw1 != 0x90 and not self._quirks.r_mac_on_errors

    def _checked(self, response: ResponseApdu, title: str) -> ResponseApdu:
        """R-MAC over the chaining value of the command, the data as sent, and the status word (6.2.5, 6.2.7)."""
        keys = self._opened()
        data, mac = without_mac(response, self._size, title)
        if not same(keys.rmac(self._chaining + data + response.sw.to_bytes(2, "big"))[: self._size], mac):
            raise ResponseNotGenuine(title, "its R-MAC is wrong", "R-MAC 错误")
        if self._level & 0x20 and data:  # an empty answer is encrypted by some cards and not by others
            if len(data) % 16:
                raise ResponseNotGenuine(title, "it is not whole blocks", "不是整块")
            counter = b"\x80" + self._counter.to_bytes(15, "big")
            head, mark, zeros = keys.decrypt(counter, data).rpartition(b"\x80")
            if not mark or zeros.strip(b"\x00"):
                raise ResponseNotGenuine(title, "its padding is wrong", "填充错误")
            data = head
        return ResponseApdu(data, response.sw)


def _refused(en: str, zh: str) -> LevelNotSupported:
    return LevelNotSupported(en, zh, scp="SCP03")


def _too_long(command: CommandApdu) -> LevelNotSupported:
    return _refused(f"{command.title} is too long for the channel", f"{command.title} 超出通道可传长度")


def open_scp03(
    source: Scp03KeySource[Keys03],
    host_challenge: bytes,
    *,
    kvn: int = 0,
    level: Level = Level.C_MAC,
    quirks: Scp03Quirks = STANDARD,
) -> Exchange[Scp03[Keys03]]:
    """Open a channel with the selected application; ``host_challenge`` 8 random bytes, or 16 for S16 mode."""
    channel = Scp03(source, quirks=quirks)
    command = channel.initialize(host_challenge, kvn)
    response = expect((yield command), command)
    command = channel.authenticate(response, level)
    expect(channel.unwrap((yield command)), command)
    return channel
