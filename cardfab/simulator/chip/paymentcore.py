"""What every command of the payment application stands on: its data, its transaction, its keys."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import cryptogram, groupings, tlv, word
from cardfab.simulator.chip.applet import PERSONALISED, Applet
from cardfab.simulator.chip.carddata import CardData, Changes
from cardfab.simulator.chip.cryptogram import Session
from cardfab.simulator.chip.domain import SecureDomain
from cardfab.simulator.chip.dynamic import RsaSigner, Signer, Sm2Signer
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import expect
from cardfab.simulator.chip.transaction import Transaction
from cardfab.simulator.chip.word import Refused


class PaymentCore(Applet):
    """Transaction state is volatile; counters, PIN tries, balance and logs are not.

    ``contactless()`` says over which interface the card is reached now.
    """

    def __init__(self, aid: bytes, memory: Memory, domain: SecureDomain, contactless: Callable[[], bool]) -> None:
        self.data = CardData(memory, "debit")
        self._contactless = contactless
        self._held: tuple[tuple[bytes, ...], RsaSigner | None] = ((), None)
        super().__init__(aid, memory, domain, groupings.check_payment, cell="debit")

    def leave(self) -> None:
        """End the transaction as well."""
        super().leave()
        self.tx = Transaction()
        self._random = b""

    def _template(self) -> bytes:
        """The FCI of this interface; empty where the card has none for it."""
        return self.data.dgi(groupings.CONTACTLESS_FCI if self._contactless() else groupings.FCI)

    def _finish(self) -> None:
        data = self.data
        ptc, ptl = groupings.tries(data.dgi(groupings.PIN_TRIES)) if data.loaded(groupings.PIN) else (0, 0)
        cells: Changes = {f"{self.cell}/pin/left": bytes((ptc,)), f"{self.cell}/pin/limit": bytes((ptl,))}
        for dgi, record, related in groupings.without_related(self.stored):
            cells[f"{self.cell}/dgi/{dgi:04X}"] = record
            cells[data.tag_cell(0x9F69)] = related
        for tag, value in groupings.internal(self.stored):
            cells[data.tag_cell(tag)] = value
        cells.setdefault(data.tag_cell(0x9F36), bytes(2))
        cells.setdefault(data.tag_cell(0x9F13), bytes(2))
        self.memory.write({**cells, f"{self.cell}/state": PERSONALISED})

    @staticmethod
    def _spread(dol: bytes, values: bytes) -> dict[int, bytes]:
        try:
            found = tlv.spread(dol, values)
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None
        expect(all(found.get(tag, b"").hex().isdecimal() for tag in (0x9F02, 0x9F03) if tag in found), word.WRONG_DATA)
        return found

    def _session(self, tx: Transaction) -> Session:
        """The session of this transaction. Part 17 for SM4."""
        algorithm = Algorithm.SM4 if tx.national else Algorithm.TDES
        return Session(algorithm, self.data.dgi(groupings.SM_KEYS if tx.national else groupings.KEYS), self.data.atc)

    def _proof(self, tx: Transaction, loaded: bytes, balance: int, cumulative: int) -> tuple[bytes, bytes]:
        """Cryptogram and 9F10; balance and cumulative amount as they will be."""
        data, session, results = self.data, self._session(tx), tx.results(self.data)
        amounts = {
            1: balance,
            2: cumulative,
            4: data.amount(0x9F54),
            5: data.offline_amount(balance, cumulative),
        }
        issuer_data = cryptogram.issuer_data(loaded, results, session, amounts)
        message = cryptogram.message(loaded[2], tx.values, tx.options[0x82], data.atc, results)
        return session.cryptogram(message), issuer_data

    def _signer(self, tx: Transaction) -> Signer | None:
        """The key of the path, None where none was loaded."""
        return self._sm2() if tx.national else self._rsa()

    def _rsa(self) -> RsaSigner | None:
        parts = tuple(self.data.dgi(dgi) for dgi in groupings.CRT)
        if self._held[0] != parts:
            self._held = (parts, RsaSigner.of(parts) if all(parts) else None)
        return self._held[1]

    def _sm2(self) -> Sm2Signer | None:
        private = (self.data.dgi(0x8501) or self.data.dgi(0x8402))[:32]
        return Sm2Signer(private, self.domain.entropy) if private else None
