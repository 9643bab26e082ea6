"""The narrow connection (bytes in, bytes out), what is layered on it, and the driver of exchanges.

An exchange is a generator that yields commands and is sent their responses: a value before it is an act. The layers
stand below a secure channel, so a resend never moves its state::

    drive(exchange) -> Chaining or Envelope, where asked for (cardfab.apdu.chaining)
        -> GetResponse (61xx) -> RightLength (6Cxx) -> bytes -> WatchedConnection -> reader

What T=0 wants otherwise (P3 of case 1, no Le in case 4) the reader's adapter does, which knows the protocol.

Errors of this room (codes CF-x1xx)::

    InputRefused   ApduMalformed, TlvError, TraceMalformed, LevelNotSupported, gp.CapMalformed
    CardRefused    CardAnswered, CardAnswerMalformed
    DeviceFault    CardGone, ReaderFault, ReplayMismatch
    KeyFault       CardNotGenuine, ResponseNotGenuine, gp.KeysNotTaken
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu, ins_name
from cardfab.apdu.pinentry import PinCommand, PinFeatures, entered_at, features_of
from cardfab.apdu.status import StatusWord
from cardfab.errors import CardRefused, DeviceFault, KeyFault, Text
from cardfab.watch import Watch

T = TypeVar("T")
Exchange: TypeAlias = Generator[CommandApdu, ResponseApdu, T]
_DONE = 0x9000  # nearly every answer: it is seen at once that no layer has to do with it


class CardConnection(Protocol):
    """A powered chip at a reader. Every call raises :class:`CardGone` when the chip no longer answers."""

    def atr(self) -> bytes:
        """The answer to the last reset."""

    def transmit(self, apdu: bytes, /) -> bytes:
        """One command; the response with its status word."""

    def reset(self) -> bytes:
        """Reset the chip; the new ATR."""

    def close(self) -> None:
        """Power off and let the reader go; never raises."""


@runtime_checkable
class Link(Protocol):
    """Where commands go as values, so that a layer knows which are secret."""

    def send(self, command: CommandApdu, /) -> ResponseApdu:
        """One command, its response."""


class CardGone(DeviceFault):
    """The chip does not answer any more, or is not there."""

    default_code = "CF-5101"

    def __init__(self, en: str = "the chip does not answer", zh: str = "芯片无应答") -> None:
        super().__init__(
            Text(f"No card: {en}.", f"无卡：{zh}。"),
            do=Text(
                "Check that the card lies in the contact station, and let the job be settled by reading it back.",
                "请检查卡片是否在读卡位置，并通过读回卡片确认该任务。",
            ),
        )


class ReaderFault(DeviceFault):
    """The reader is absent, taken or broken."""

    default_code = "CF-5102"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Card reader: {en}.", f"读卡器：{zh}。"),
            do=Text(
                "Check the reader's cable, power and name in the settings.", "请检查读卡器的连线、电源和设置中的名称。"
            ),
        )


class CardAnswered(CardRefused):
    """The card refused a command. Carries the command's name and the status word, never its data."""

    default_code = "CF-4101"

    def __init__(self, command: str, sw: StatusWord) -> None:
        super().__init__(
            Text(
                f"{command}: the card answered {int(sw):04X} ({sw.meaning.en}).",
                f"“{command}”：卡片返回 {int(sw):04X}（{sw.meaning.zh}）。",
            ),
            do=sw.advice,
        )
        self.command = command
        self.sw = sw


class CardAnswerMalformed(CardRefused):
    """The status word was good and the content was not what the standard says."""

    default_code = "CF-4102"

    def __init__(self, command: str, en: str, zh: str) -> None:
        super().__init__(
            Text(f"{command}: the card's answer cannot be used: {en}.", f"{command}：卡片应答无法使用：{zh}。"),
            do=StatusWord(0x6F00).advice,
        )
        self.command = command


class CardNotGenuine(KeyFault):
    """The card could not prove that it holds the key, or the key in use is not the card's."""

    default_code = "CF-6101"

    def __init__(self, command: str) -> None:
        super().__init__(
            Text(f"{command}: the card did not prove that it holds the key.", f"{command}：卡片未能证明持有该密钥。"),
            do=StatusWord(0x6300).advice,
        )
        self.command = command


def expect(response: ResponseApdu, command: CommandApdu, *allowed: int) -> ResponseApdu:
    """The response when it is 9000 or one of ``allowed``; else :class:`CardAnswered`."""
    if not response.sw.ok and response.sw not in allowed:
        raise CardAnswered(command.title, response.sw)
    return response


class ConnectionLink:
    """The lowest layer: the value becomes bytes."""

    def __init__(self, connection: CardConnection) -> None:
        self._connection = connection

    def send(self, command: CommandApdu) -> ResponseApdu:
        return response_to(command, passed(self._connection, command))


def passed(connection: CardConnection, command: CommandApdu) -> bytes:
    """The response to a command as bytes; a PIN that is to be entered at the reader is entered there."""
    if isinstance(command, PinCommand):
        return entered_at(connection, command)
    return connection.transmit(command.to_bytes())


def response_to(command: CommandApdu, raw: bytes) -> ResponseApdu:
    """Parse what a connection gave back; less than a status word is :class:`CardAnswerMalformed`."""
    try:
        return ResponseApdu.from_bytes(raw)
    except ApduMalformed as error:
        raise CardAnswerMalformed(command.title, "it has no status word", "没有状态字") from error


class RightLength:
    """Sends a command again, once, with the Ne that 6Cxx tells (ISO 7816-3 12.2.3)."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def send(self, command: CommandApdu) -> ResponseApdu:
        response = self._link.send(command)
        if response.sw == _DONE or response.sw.right_ne is None:
            return response
        return self._link.send(replace(command, ne=response.sw.right_ne))


class GetResponse:
    """Collects what 61xx holds ready (ISO 7816-4 5.3.4), on the logical channel of the command and as secret as it."""

    limit = 0x10000

    def __init__(self, link: Link) -> None:
        self._link = link

    def send(self, command: CommandApdu) -> ResponseApdu:
        response = self._link.send(command)
        if response.sw == _DONE:
            return response
        data = response.data
        while (ready := response.sw.available) is not None:
            more = CommandApdu(
                command.cla & (0x4F if command.cla & 0x40 else 0x03), 0xC0, 0, 0, ne=ready, secret=command.secret
            )
            response = self._link.send(more)
            if (response.sw.available is not None and not response.data) or len(data) > self.limit:
                raise CardAnswerMalformed(command.title, "its 61xx never ends", "61xx 没有终止")
            data += response.data
        return ResponseApdu(data, response.sw)


def link_to(connection: CardConnection) -> Link:
    """The usual stack. A connection that takes commands as values (a recording one) is asked that way."""
    bottom: Link = connection if isinstance(connection, Link) else ConnectionLink(connection)
    return GetResponse(RightLength(bottom))


def drive(exchange: Exchange[T], link: Link) -> T:
    """Run an exchange on a card, a simulated card or a replay; what it returns or raises comes through."""
    try:
        command = next(exchange)
        while True:
            command = exchange.send(link.send(command))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        exchange.close()


class WatchedConnection:
    """Calls ``watch`` before and after each command; the place where a fault test stands."""

    def __init__(self, connection: CardConnection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch

    def transmit(self, apdu: bytes) -> bytes:
        point = f"chip:{ins_name(apdu[0], apdu[1])}"
        self._watch(f"before:{point}")
        response = self._connection.transmit(apdu)
        self._watch(f"after:{point}")
        return response

    def pin_features(self) -> PinFeatures:
        """Those of the reader below."""
        return features_of(self._connection)

    def enter_pin(self, command: PinCommand, /) -> bytes:
        """At the reader below, watched like any command."""
        point = f"chip:{command.title}"
        self._watch(f"before:{point}")
        response = entered_at(self._connection, command)
        self._watch(f"after:{point}")
        return response

    def atr(self) -> bytes:
        return self._connection.atr()

    def reset(self) -> bytes:
        return self._connection.reset()

    def close(self) -> None:
        self._connection.close()
