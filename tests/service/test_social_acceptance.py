"""The ministry's general test, item by item, on cards of this station in a PC/SC reader.

The card is issued by the station with a value in every item; then a program that shares nothing with station and chip
but block ciphers (``tests/social.py``) examines it by raw APDUs through pyscard, pcscd and vpcd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance import ACCEPTANCE
from tests.issued import Papers, of_blank
from tests.social import Examined

if TYPE_CHECKING:
    from cardfab.simulator.chip import TrainingChip

Insert = Callable[["TrainingChip"], AbstractContextManager[str]]


class Reader:
    """A PC/SC connection of one's own: bytes in, bytes out."""

    def __init__(self, name: str) -> None:
        from smartcard.CardConnection import CardConnection
        from smartcard.System import readers

        self._connection = next(one for one in readers() if str(one) == name).createConnection()
        self._connection.connect(CardConnection.T0_protocol)

    def transmit(self, apdu: bytes) -> bytes:
        data, sw1, sw2 = self._connection.transmit(list(apdu))
        return bytes(data) + bytes((sw1, sw2))

    def power(self) -> bytes:
        """A cold reset; the ATR."""
        from smartcard.scard import SCARD_UNPOWER_CARD

        self._connection.reconnect(disposition=SCARD_UNPOWER_CARD)
        return bytes(self._connection.getATR())

    def close(self) -> None:
        self._connection.disconnect()
        self._connection.release()


@pytest.fixture(scope="module", params=["3DES", "SM4"])
def papers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """A card that was made from the packaged profiles; the one of SM4 by one changed line."""
    return of_blank(tmp_path_factory.mktemp("acceptance") / "station", request.param)


@pytest.fixture(scope="module")
def card(papers: Papers, insert: Insert) -> Iterator[Examined]:
    with insert(papers.chip) as name, closing(Reader(name)) as reader:
        yield Examined(reader.transmit, reader.power, papers.cipher, papers.region, papers.version, papers.values)


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows("the acceptance list of the ministry's general test, one each, over PC/SC (proof)")
@pytest.mark.parametrize("item", ACCEPTANCE)
def test_the_ministrys_general_test(card: Any, item: str) -> None:
    ACCEPTANCE[item](card)
