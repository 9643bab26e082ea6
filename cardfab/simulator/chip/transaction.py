"""The volatile state of one transaction, from GPO to the next selection."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.simulator.chip import groupings
from cardfab.simulator.chip.carddata import CardData, Changes, decimal
from cardfab.simulator.chip.cryptogram import ARQC

NOT_REQUESTED = 0x80  # CVR byte 1 before the second GENERATE AC


@dataclass(slots=True)
class Transaction:
    """``gpo``: the DGI of the path. ``options``: 82, 94 and the data objects of the path. ``values``: the terminal's.

    ``history``, ``new`` and ``pin_before`` are as the transaction found the card.
    """

    gpo: int = 0
    options: dict[int, bytes] = field(default_factory=dict)
    values: dict[int, bytes] = field(default_factory=dict)
    pdol: bytes = b""
    cdol1: bytes = b""
    history: bytes = bytes(2)
    new: bool = False
    pin_before: bool = False
    asked: int = 0
    first: int = ARQC
    second: int | None = None
    cryptogram: bytes = b""
    velocity: bool = False
    dda_done: bool = False
    pin_done: bool = False
    pin_failed: bool = False
    issuer_asked: bool = False
    issuer_done: bool = False
    unable: bool = False
    not_authenticated: bool = False
    script_failed: bool = False
    last_record: int = 0
    appended: dict[int, bytes] = field(default_factory=dict)  # to records of qPBOC
    commit: Changes = field(default_factory=dict)  # due with the last record of qPBOC

    @property
    def issuer_failed(self) -> bool:
        """An ARPC came and was wrong."""
        return self.issuer_asked and not self.issuer_done

    @property
    def cash(self) -> bool:
        """Whether this is an e-cash path over contact."""
        return self.gpo in (0x9203, 0x9204)

    @property
    def national(self) -> bool:
        """Whether SM4 and SM2 are used."""
        return self.gpo in groupings.SM_GPOS

    @property
    def contactless(self) -> bool:
        """Whether the path is qPBOC."""
        return self.gpo in groupings.QPBOC_GPOS

    @property
    def amount(self) -> int:
        """9F02."""
        return decimal(self.values.get(0x9F02, b""))

    def domestic(self, data: CardData) -> bool:
        """Whether the currency is the card's: 5F2A against 9F51."""
        return self.values.get(0x5F2A) == data.tag(0x9F51)

    def results(self, data: CardData) -> bytes:
        """CVR, 3 bytes. Tag 9F10, CVR_byte1 to 3."""
        one = NOT_REQUESTED if self.second is None else self.second
        one |= self.first >> 2 | self.issuer_failed << 3 | self.pin_done << 2 | self.pin_failed << 1 | self.unable
        two = self.history[0] | data.pin_exhausted << 6 | self.velocity << 5 | self.new << 4
        return bytes((one, two | self.not_authenticated << 2, self.history[1] | self.dda_done << 1))
