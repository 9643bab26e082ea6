"""The PBOC debit application in use: selection, GPO by path, records, GET DATA, scripts. JR/T 0025; EMV book 3.

Contact paths: 9104; 9105 where the terminal says DF69 = 01; 9203 and 9204 for e-cash (9F7A = 01 and the card's
currency). Contactless: 9207 and 9208 where 9F66 says qPBOC, the contact paths where it says contactless PBOC.
"""

from __future__ import annotations

from cardfab.simulator.chip import cryptogram, groupings, paylog, qpboc, scripts, tlv, word
from cardfab.simulator.chip.cryptogram import TC
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.paymentaction import PaymentAction
from cardfab.simulator.chip.transaction import Transaction
from cardfab.simulator.chip.word import Refused

READABLE = (frozenset(groupings.LENGTHS) - {0x5F34, 0x9F6C}) | {0x9F4F, 0xDF4F}


class Payment(PaymentAction):
    """The debit application."""

    def select(self) -> bytes:
        """A new selection ends a transaction; 6283 with the FCI where the application is blocked."""
        self.leave()
        expect(not self.personalised or bool(self._template()), word.FILE_NOT_FOUND)
        answer = super().select()
        if self.data.blocked:
            raise Refused(word.APPLICATION_LOCKED, answer)
        return answer

    def use(self, command: Command) -> bytes:
        """The commands of a personalised application."""
        if command.ins in scripts.COMMANDS and command.cla in scripts.CLASSES:
            expect(self.personalised, word.CONDITIONS)
            return self._script(command)
        handler = {
            (0x80, 0xA8): self._processing_options,
            (0x80, 0xAE): self._generate_ac,
            (0x80, 0xCA): self._get_data,
            (0x00, 0x20): self._verify,
            (0x00, 0x82): self._issuer_authenticate,
            (0x00, 0x84): self._get_challenge,
            (0x00, 0x88): self._dynamic_authenticate,
        }.get((command.cla, command.ins))
        if handler is None:
            return super().use(command)
        expect(self.personalised, word.CONDITIONS)
        return handler(command)

    # The path

    def _chosen(self, terminal: dict[int, bytes]) -> int:
        """The DGI of the path that the terminal's data lead to; raises 6985 where there is none."""
        national, cash = terminal.get(0xDF69) == b"\x01", terminal.get(0x9F7A) == b"\x01"
        if self._contactless():
            reader = terminal.get(0x9F66, bytes(4))
            wished = [0x9208] * national + [0x9207] if reader[0] & 0x20 else []
            wished += [0x9105] * national + [groupings.GPO] if reader[0] & 0x40 else []
        else:
            cash = cash and terminal.get(0x5F2A, b"") in (b"", self.data.tag(0x9F51))
            wished = [0x9204] * (national and cash) + [0x9105] * national + [0x9203] * cash + [groupings.GPO]
        found = next((dgi for dgi in wished if self.data.loaded(dgi)), 0)
        expect(found != 0, word.CONDITIONS)
        return found

    def _path(self, gpo: int) -> dict[int, bytes]:
        """Every data object of the chosen path: 82, 94, perhaps 9F10, and what is in its records."""
        options = dict(tlv.parse(self.data.dgi(gpo)))
        for dgi in groupings.listed(options[0x94]):
            if dgi >> 8 <= 10:  # records of higher files need not be data objects
                options.update(tlv.deep(self.data.dgi(dgi)))
        return options

    def _processing_options(self, command: Command) -> bytes:
        """80A8 0000: 83 L PDOL values -> 80 L AIP AFL, or of qPBOC 77. EMV book 3, 6.5.8."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not self.tx.gpo, word.CONDITIONS)
        try:
            template = tlv.parse(command.data)
        except tlv.Malformed:
            template = []
        expect([tag for tag, _ in template] == [0x83], word.WRONG_DATA)
        pdol = template[0][1]
        terminal = self._spread(dict(tlv.deep(self._template())).get(0x9F38, b""), pdol)
        atc = int.from_bytes(self.data.atc) + 1
        expect(atc <= 0xFFFF, word.CONDITIONS)
        gpo = self._chosen(terminal)
        tx = Transaction(gpo=gpo, options=self._path(gpo), values=terminal, pdol=pdol)
        tx.history, tx.new, tx.pin_before = self.data.history, self.data.new, self.data.pin_exhausted
        length = 2 + len(tx.options[0x94])
        if not tx.contactless:
            fitted(command, bytes(length + 2))
        self.memory.write({self.data.tag_cell(0x9F36): atc.to_bytes(2)})
        contact = tlv.build(0x80, tx.options[0x82] + tx.options[0x94])
        answer = self._qpboc(command, tx) if tx.contactless else contact
        self.tx = tx
        return answer

    def _qpboc(self, command: Command, tx: Transaction) -> bytes:
        """The cryptogram at once, and for an approval off line the signature."""
        loaded = tx.options[0x9F10]
        expect(all(tag in tx.values for tag in (*cryptogram.needed(loaded[2]), 0x9F66, 0x5F2A)), word.CONDITIONS)
        expect(len(tx.values[0x9F66]) == 4, word.CONDITIONS)
        verdict = qpboc.decide(self.data, tx)
        tx.first, tx.asked = verdict.kind, 2
        proof, issuer_data = self._proof(tx, loaded, verdict.balance, verdict.cumulative)
        signature = b""
        if verdict.kind == TC:
            signature = qpboc.offline(self.data, tx, verdict, self._signer(tx), self.domain.entropy(4))
        return fitted(command, qpboc.answer(self.data, tx, verdict, proof, issuer_data, signature))

    def _read_record(self, command: Command) -> bytes:
        """00B2: records, the logs, what qPBOC appends; the last record of a qPBOC purchase takes the amount."""
        sfi, dgi = command.p2 >> 3, (command.p2 >> 3) << 8 | command.p1
        logged = paylog.record(self.data, sfi, command.p1)
        if command.p2 & 0x07 == 4 and logged is not None:
            expect(bool(logged), word.RECORD_NOT_FOUND)
            return fitted(command, logged)
        appended = self.tx.appended.get(dgi, b"")
        if not appended or command.p2 & 0x07 != 4:
            answer = super()._read_record(command)
        else:
            inside = dict(tlv.parse(self.data.dgi(dgi))).get(0x70, b"") if self.data.loaded(dgi) else b""
            answer = fitted(command, tlv.build(0x70, inside + appended))
        if self.tx.commit and dgi == self.tx.last_record:
            self.memory.write(self.tx.commit)
            self.tx.commit = {}
        return answer

    def _get_data(self, command: Command) -> bytes:
        """80CA: internal data objects, 9F17 = PIN tries left, 9F5D as it stands."""
        tag = command.p1p2
        if tag == 0x9F17 and self.data.has_pin:
            return fitted(command, tlv.build(tag, bytes((self.data.tries.left,))))
        expect(tag in READABLE and self.data.has(tag), word.NOT_FOUND)
        value = qpboc.available(self.data) if tag == 0x9F5D else self.data.tag(tag)
        return fitted(command, tlv.build(tag, value))

    # Scripts

    def _script(self, command: Command) -> bytes:
        """An issuer script command after the first cryptogram; one that fails is remembered."""
        tx, data = self.tx, self.data
        expect(tx.asked > 0 and bool(tx.cryptogram), word.CONDITIONS)
        session = self._session(tx)
        try:
            changed = scripts.changes(data, session, tx, scripts.opened(session, tx, command))
        except Refused:
            tx.script_failed = True
            kept = scripts.remembered(data, tx, failed=True, changed={})
            if kept:
                self.memory.write(kept)
            raise
        self.memory.write(scripts.remembered(data, tx, failed=False, changed=changed))
        return b""
