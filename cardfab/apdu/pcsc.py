"""Real readers through PC/SC. The only importer of ``smartcard`` (pyscard), inside functions: the rest works without.

Reader errors become :class:`ReaderFault`, a chip that stops answering :class:`CardGone`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cardfab.apdu.link import CardGone, ReaderFault
from cardfab.apdu.message import CommandApdu
from cardfab.apdu.pinentry import (
    GET_FEATURES,
    TLV_PROPERTIES,
    NoPinReader,
    PinCommand,
    PinFeatures,
    control_code,
    features,
    limits,
    structure,
    within,
)
from cardfab.apdu.pinentry import response as answer_of

T0 = 1  # smartcard.CardConnection.CardConnection.T0_protocol


def available() -> bool:
    """Whether pyscard can be imported here."""
    try:
        import smartcard.System  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _pcsc_errors() -> Iterator[None]:
    """Turn pyscard's exceptions into this room's."""
    try:
        from smartcard.Exceptions import NoCardException, SmartcardException
        from smartcard.pcsc.PCSCExceptions import BaseSCardException
    except ImportError as error:
        raise ReaderFault("pyscard is not installed", "未安装 pyscard") from error
    try:
        yield
    except NoCardException as error:
        raise CardGone("no card in the reader", "读卡器中没有卡") from error
    except (SmartcardException, BaseSCardException) as error:
        raise _fault(int(getattr(error, "hresult", -1))) from error


def _is(hresult: int, *names: str) -> bool:
    """Whether a code is one of those; with and without its sign, pyscard gives both."""
    from smartcard import scard

    return hresult & 0xFFFFFFFF in {int(getattr(scard, name)) & 0xFFFFFFFF for name in names}


def _fault(hresult: int) -> CardGone | ReaderFault:
    if _is(hresult, "SCARD_W_REMOVED_CARD", "SCARD_E_NO_SMARTCARD", "SCARD_W_UNPOWERED_CARD"):
        return CardGone("the card was taken out", "卡片已被取出")
    if _is(
        hresult, "SCARD_W_UNRESPONSIVE_CARD", "SCARD_E_NOT_TRANSACTED", "SCARD_E_COMM_DATA_LOST", "SCARD_W_RESET_CARD"
    ):
        return CardGone()
    if _is(hresult, "SCARD_E_SHARING_VIOLATION"):
        return ReaderFault("another program uses it", "被其他程序占用")
    if _is(hresult, "SCARD_E_NO_SERVICE", "SCARD_E_SERVICE_STOPPED"):
        return ReaderFault("the PC/SC service does not run", "PC/SC 服务未运行")
    code = f"{hresult & 0xFFFFFFFF:08X}"
    return ReaderFault(f"PC/SC error {code}", f"PC/SC 错误 {code}")


def list_readers() -> list[str]:
    """The names of the readers that are there; none when the service has none."""
    with _pcsc_errors():
        from smartcard.System import readers

        return [str(reader) for reader in readers()]


class PcscConnection:
    """The card in the reader of that name, taken for this program alone where the reader allows it."""

    def __init__(self, reader: str) -> None:
        with _pcsc_errors():
            from smartcard.System import readers

            found = [candidate for candidate in readers() if str(candidate) == reader]
            if not found:
                raise ReaderFault(f"{reader} is not connected", f"{reader} 未连接")
            self._connection: Any = found[0].createConnection()
            self._mode = self._connect()
            self._t0 = self._connection.getProtocol() == T0
            self._atr = bytes(self._connection.getATR())

    def _connect(self) -> int:
        """Exclusively; shared where the reader cannot, never where another program holds the card."""
        from smartcard import scard
        from smartcard.Exceptions import CardConnectionException, NoCardException

        try:
            self._connection.connect(mode=scard.SCARD_SHARE_EXCLUSIVE, disposition=scard.SCARD_UNPOWER_CARD)
        except NoCardException:
            raise
        except CardConnectionException as error:
            code = int(error.hresult)
            if _is(code, "SCARD_E_SHARING_VIOLATION") or isinstance(_fault(code), CardGone):
                raise
            self._connection.connect(mode=scard.SCARD_SHARE_SHARED, disposition=scard.SCARD_UNPOWER_CARD)
            return int(scard.SCARD_SHARE_SHARED)
        return int(scard.SCARD_SHARE_EXCLUSIVE)

    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        sent = list(for_t0(apdu) if self._t0 else apdu)
        try:
            data, sw1, sw2 = self._connection.transmit(sent)
        except Exception:  # sorted out behind: the way without errors is to cost no more than pyscard itself
            with _pcsc_errors():
                raise
        return bytes((*data, sw1, sw2))

    def pin_features(self) -> PinFeatures:
        """What the keys of this reader can do; nothing where its driver answers no such question."""
        from smartcard import scard

        try:
            answer = self._control(scard.SCARD_CTL_CODE(GET_FEATURES))
            found = features(answer)
            properties = control_code(answer, TLV_PROPERTIES)
            return found if properties is None else limits(found, self._control(properties))
        except ReaderFault:
            return PinFeatures()

    def enter_pin(self, command: PinCommand, /) -> bytes:
        """Have the holder enter the PIN at the reader. Raises NoPinReader, PinNotEntered."""
        can = self.pin_features()
        code = can.verify if command.new_at is None else can.modify
        if code is None:
            raise NoPinReader
        return answer_of(self._control(code, structure(within(command, can))))

    def _control(self, code: int, data: bytes = b"") -> bytes:
        with _pcsc_errors():
            return bytes(self._connection.control(code, list(data)))

    @property
    def bare(self) -> Any:
        """pyscard's own connection, for a benchmark to stand beside."""
        return self._connection

    def reset(self) -> bytes:
        with _pcsc_errors():
            from smartcard import scard

            self._connection.reconnect(mode=self._mode, disposition=scard.SCARD_RESET_CARD)
            self._atr = bytes(self._connection.getATR())
        return self._atr

    def close(self) -> None:
        # Where the card is gone the first release fails to disconnect it, and keeps the reader; the second lets it go.
        for _ in range(2):
            with suppress(Exception):
                self._connection.release()


def for_t0(apdu: bytes) -> bytes:
    """The command TPDU of T=0 (ISO 7816-3 12.2): case 1 gets P3 00, the Le of case 4 stays behind."""
    body = len(apdu) - 4
    if body == 0:
        return apdu + b"\x00"
    if body == 1 or (body > 1 and apdu[4] and body == 1 + apdu[4]):  # cases 2S and 3S
        return apdu
    command = CommandApdu.from_bytes(apdu)
    if command.extended:
        raise ReaderFault("this card (T=0) takes no extended length", "该卡（T=0）不支持扩展长度")
    return apdu[:-1] if command.case == "4S" else apdu
