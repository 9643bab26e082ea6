"""The payment application's part in a contact transaction: the cardholder, DDA, cryptograms. EMV books 2 and 3."""

from __future__ import annotations

from cardfab.crypto import CipherRefused, same
from cardfab.simulator.chip import cryptogram, groupings, risk, tlv, word
from cardfab.simulator.chip.carddata import AMOUNT, BLOCKED, HISTORY
from cardfab.simulator.chip.cryptogram import AAC, ARQC, TC
from cardfab.simulator.chip.dynamic import RsaSigner, Signer, dynamic_number
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.paymentcore import PaymentCore
from cardfab.simulator.chip.transaction import Transaction
from cardfab.simulator.chip.word import Refused

COMBINED = 0x10  # P1 of GENERATE AC: with a signature
RANDOM_LENGTH = 8


class PaymentAction(PaymentCore):
    """GET CHALLENGE, VERIFY, INTERNAL AUTHENTICATE, GENERATE AC, EXTERNAL AUTHENTICATE."""

    def _get_challenge(self, command: Command) -> bytes:
        """0084 0000: 8 bytes for an enciphered PIN, good for the next command. EMV book 3, 6.5.6."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not command.data, word.WRONG_LENGTH)
        fresh = fitted(command, self.domain.entropy(RANDOM_LENGTH))
        self._random = fresh
        return fresh

    def _verify(self, command: Command) -> bytes:
        """0020 00 80: PIN block of format 2; 88: enciphered for the card's RSA key. EMV book 3, 6.5.12; book 2, 7."""
        challenge, self._random = self._random, b""
        expect(command.p1p2 in (0x0080, 0x0088), word.WRONG_P1P2)
        expect(not self._contactless(), word.CONDITIONS)
        signer = self._rsa() if command.p2 == 0x88 else None
        expect(command.p2 == 0x80 or (signer is not None and bool(challenge)), word.CONDITIONS)
        expect(len(command.data) == (signer.length if signer else 8), word.WRONG_LENGTH)
        tries = self.data.tries
        expect(tries.left > 0, word.KEY_BLOCKED)
        tx = self.tx
        tx.pin_done, tx.pin_failed = True, True
        tries.take()
        given = command.data if signer is None else _deciphered(signer, command.data, challenge)
        if not same(given, self.data.dgi(groupings.PIN)):
            if tries.left == 0 and self.data.default_action[1] & 0x80 and not self.data.blocked:
                one, two = self.data.history
                cells = {BLOCKED: b"\x02", HISTORY: bytes((one | risk.PIN_BLOCKED, two))}
                self.memory.write({self.data.kept_cell(name): value for name, value in cells.items()})
                tx.history = bytes((tx.history[0] | risk.PIN_BLOCKED, tx.history[1]))
            raise Refused(word.tries_left(tries.left))
        tries.restore()
        tx.pin_failed = False
        return b""

    def _generate_ac(self, command: Command) -> bytes:
        """80AE: P1 b8-b7 AAC, TC or ARQC, b5 with a signature -> 80, or 77 with the signature. EMV book 3, 6.5.5."""
        tx, data = self.tx, self.data
        expect(bool(tx.gpo) and tx.asked < 2, word.CONDITIONS)
        wished, combined = command.p1 & ~COMBINED, bool(command.p1 & COMBINED)
        signer = self._signer(tx) if combined and tx.options[0x82][0] & 0x01 else None
        expect(wished in (AAC, TC, ARQC) and command.p2 == 0 and (signer is not None) == combined, word.WRONG_P1P2)
        again = tx.asked == 1
        expect(not again or (tx.first == ARQC and wished != ARQC), word.CONDITIONS)
        terminal = self._spread(tx.options.get(0x8D if again else 0x8C, b""), command.data)
        loaded = tlv.parse(data.dgi(groupings.SM_IAD if tx.national else groupings.IAD))[0][1]
        expect(all(tag in terminal for tag in cryptogram.needed(loaded[2])), word.CONDITIONS)
        tx.values = {**tx.values, **terminal}
        if again:
            tx.unable = tx.values.get(0x8A) in risk.UNABLE
            tx.not_authenticated = bool(tx.options[0x82][0] & 0x04) and not (tx.unable or tx.issuer_asked)
            kind = tx.second = risk.second(data, tx, wished)
        else:
            tx.cdol1 = command.data
            kind = tx.first = risk.first(data, tx, wished)
        signs = signer if kind != AAC else None
        tx.dda_done |= signs is not None
        offline = kind == TC and (not again or tx.unable)
        balance = data.amount(0x9F79) - (tx.amount if offline and tx.cash else 0)
        counted = offline and not tx.cash and tx.domestic(data)
        cumulative = data.count(AMOUNT) + (tx.amount if counted else 0)
        proof, issuer_data = self._proof(tx, loaded, balance, cumulative)
        identity = bytes((risk.information(data, tx, kind),))
        if signs is None:
            answer = tlv.build(0x80, identity + data.atc + proof + issuer_data)
        else:
            answer = self._signed(tx, signs, command.data if again else b"", identity, proof, issuer_data)
        fitted(command, answer)
        log = {**tx.values, 0x9F36: data.atc, 0x9F27: identity, 0x9F26: proof}
        changes = (risk.after_second if again else risk.after_first)(data, tx, kind, log)
        if changes:
            self.memory.write(changes)
        if not again:
            tx.cryptogram = proof
        tx.asked = 2 if again or kind != ARQC else 1
        return answer

    def _signed(
        self, tx: Transaction, signer: Signer, cdol2: bytes, identity: bytes, proof: bytes, issuer_data: bytes
    ) -> bytes:
        """CDA: 77{9F27, 9F36, 9F4B, 9F10}; the hash code is over PDOL, CDOL and the rest of the answer. Book 2, 6.6."""
        head = tlv.build(0x9F27, identity) + tlv.build(0x9F36, self.data.atc)
        tail = tlv.build(0x9F10, issuer_data)
        code = signer.hashed(tx.pdol + tx.cdol1 + cdol2 + head + tail)
        own = dynamic_number(self.data.atc) + identity + proof + code
        return tlv.build(0x77, head + tlv.build(0x9F4B, signer.sign(own, tx.values[0x9F37])) + tail)

    def _issuer_authenticate(self, command: Command) -> bytes:
        """0082 0000 0A: ARPC 8 | ARC 2, once in a transaction. EMV book 3, 6.5.4."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        tx = self.tx
        expect(tx.asked == 1 and not tx.issuer_asked, word.CONDITIONS)
        expect(len(command.data) == 10, word.WRONG_LENGTH)
        tx.issuer_asked = True
        right = self._session(tx).response(tx.cryptogram, command.data[8:])
        tx.issuer_done = same(right, command.data[:8])
        expect(tx.issuer_done, word.AUTHENTICATION_FAILED)
        return b""

    def _dynamic_authenticate(self, command: Command) -> bytes:
        """0088 0000: DDOL values -> 80 L signed data. EMV book 2, 6.5."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        signer = self._signer(self.tx) if self.tx.gpo and not self.tx.contactless else None
        if signer is None:
            raise Refused(word.CONDITIONS)
        self._spread(self.tx.options.get(0x9F49, b"\x9f\x37\x04"), command.data)
        signature = signer.sign(dynamic_number(self.data.atc), command.data)
        answer = fitted(command, tlv.build(0x80, signature))
        self.tx.dda_done = True
        return answer


def _deciphered(signer: RsaSigner, secret: bytes, challenge: bytes) -> bytes:
    """The PIN block of 7F | block 8 | challenge 8 | padding, or nothing that is a PIN."""
    try:
        plain = signer.recovered(secret)
    except CipherRefused:
        return b""
    return plain[1:9] if plain[0] == 0x7F and plain[9:17] == challenge else b""
