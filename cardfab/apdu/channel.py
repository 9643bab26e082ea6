"""What SCP02 and SCP03 share: levels, the shape of a channel, its errors, and leading an exchange through it."""

from __future__ import annotations

import enum
from typing import ClassVar, Generic, Protocol, TypeVar

from cardfab.apdu.link import Exchange, T
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.errors import InputRefused, KeyFault, Text


class Level(enum.IntEnum):
    """Security level of EXTERNAL AUTHENTICATE, P1 (GPC 2.3.1, E.5.2.3; amendment D 1.2, 7.1.2.1)."""

    NONE = 0x00
    C_MAC = 0x01
    C_DECRYPTION_C_MAC = 0x03
    R_MAC = 0x10
    C_MAC_R_MAC = 0x11
    C_DECRYPTION_C_MAC_R_MAC = 0x13
    C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC = 0x33


class LevelNotSupported(InputRefused):
    """An option, level or length that the channel does not offer, or an act that does not fit its state."""

    default_code = "CF-3103"

    def __init__(self, en: str, zh: str, *, scp: str = "SCP02") -> None:
        super().__init__(
            Text(f"{scp}: {en}.", f"{scp}:{zh}。"),
            do=Text("Change the secure channel settings in the profile.", "请修改配置中的安全通道设置。"),
        )


class ResponseNotGenuine(KeyFault):
    """A response without its R-MAC, with a wrong one, or that does not decrypt; the channel is closed by then."""

    default_code = "CF-6102"

    def __init__(self, command: str, en: str, zh: str) -> None:
        super().__init__(
            Text(f"{command}: the answer is not the card's: {en}.", f"{command}：应答不可信：{zh}。"),
            do=Text(
                "Nothing of this answer was used. Begin again with a reset; if it comes back, change the reader.",
                "该应答未被使用。请复位后重来；若再次出现，请更换读卡器。",
            ),
        )
        self.command = command


class SecureChannel(Protocol):
    """What an exchange can be led through; see :func:`through`."""

    def wrap(self, command: CommandApdu, /) -> CommandApdu:
        """The command as it goes over the wire. State does not move."""

    def unwrap(self, response: ResponseApdu, /) -> ResponseApdu:
        """The response as the application meant it; the cycle is complete."""


KeysT = TypeVar("KeysT")


class ChannelState(Generic[KeysT]):
    """What a channel knows of itself in either protocol: the card's answer; keys and level once it is open."""

    scp: ClassVar[str]

    def __init__(self) -> None:
        self._host_challenge = b""
        self._card = b""  # its answer to INITIALIZE UPDATE
        self._open = False
        self._keys: KeysT | None = None
        self._level = Level.NONE

    @property
    def open(self) -> bool:
        """Whether the card accepted EXTERNAL AUTHENTICATE."""
        return self._open

    @property
    def keys(self) -> KeysT:
        """The session keys, for what the key room offers beyond this channel (what goes under S-DEK or K-DEK)."""
        return self._opened()

    @property
    def level(self) -> Level:
        self._opened()
        return self._level

    @property
    def key_data(self) -> bytes:
        """Key diversification data, 10 bytes, as the card told it."""
        self._opened()
        return self._card[:10]

    @property
    def kvn(self) -> int:
        """The key version in use, as the card told it."""
        self._opened()
        return self._card[10]

    def close(self) -> None:
        """Forget the session keys; the card learns of it with its next SELECT, reset or INITIALIZE UPDATE."""
        self._open, self._keys, self._host_challenge = False, None, b""

    def _opened(self) -> KeysT:
        if not self._open or self._keys is None:
            raise LevelNotSupported("the channel is not open", "通道尚未建立", scp=self.scp)
        return self._keys


def without_mac(response: ResponseApdu, size: int, title: str) -> tuple[bytes, bytes]:
    """Data and R-MAC of a response that must have one."""
    if len(response.data) < size:
        raise ResponseNotGenuine(title, "it has no R-MAC", "缺少 R-MAC")
    return response.data[:-size], response.data[-size:]


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
