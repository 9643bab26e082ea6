"""The PBOC debit application in use: GPO, GET DATA, VERIFY, DDA, cryptograms. JR/T 0025; EMV books 2 and 3.

Contact paths: 9104; 9105 where the terminal says DF69 = 01; 9203 and 9204 for e-cash (9F7A). Card risk management is
small: the card does what it is asked, declines what the issuer declined, and reports itself in the CVR.
"""

from __future__ import annotations

import hashlib

from cardfab.crypto import Algorithm, encrypt_cbc, encrypt_ecb
from cardfab.simulator.chip import groupings, tlv, word
from cardfab.simulator.chip.applet import PERSONALISED, Applet
from cardfab.simulator.chip.crypt import exclusive_or, inverted, padded, retail_mac, unpadded
from cardfab.simulator.chip.memory import Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.word import Refused

AAC, TC, ARQC = 0x00, 0x40, 0x80
CVN01 = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)
READABLE = (frozenset(groupings.LENGTHS) - {0x5F34, 0x9F6C}) | {0x9F4F, 0xDF4F}


class Payment(Applet):
    """The debit application. Transaction state is volatile; ATC, PIN tries and the last online ATC are not."""

    def leave(self) -> None:
        """End the transaction as well."""
        super().leave()
        self._gpo = 0  # the DGI of the chosen path; 0 before GPO
        self._asked = 0  # cryptograms of this transaction: 0, 1, 2
        self._first = b""  # type and ARQC of the first
        self.dda_done = False
        self._pin_done = self._pin_failed = self._issuer_failed = False
        self._issuer_asked = self._issuer_done = False

    def select(self) -> bytes:
        """A new selection ends a transaction."""
        self.leave()
        return super().select()

    def _finish(self) -> None:
        ptc, ptl = groupings.tries(self.stored[groupings.PIN_TRIES]) if groupings.PIN in self.stored else (0, 0)
        cells = {f"{self.cell}/pin/left": bytes((ptc,)), f"{self.cell}/pin/limit": bytes((ptl,))}
        for tag, value in groupings.internal(self.stored):
            cells[f"{self.cell}/tag/{tag:04X}"] = value
        cells.setdefault(f"{self.cell}/tag/9F36", bytes(2))
        cells.setdefault(f"{self.cell}/tag/9F13", bytes(2))
        self.memory.write({**cells, f"{self.cell}/state": PERSONALISED})

    def use(self, command: Command) -> bytes:
        """The commands of a personalised application."""
        handler = {
            (0x80, 0xA8): self._processing_options,
            (0x80, 0xAE): self._generate_ac,
            (0x80, 0xCA): self._get_data,
            (0x00, 0x20): self._verify,
            (0x00, 0x82): self._issuer_authenticate,
            (0x00, 0x88): self._dynamic_authenticate,
        }.get((command.cla, command.ins))
        if handler is None:
            return super().use(command)
        expect(self.personalised, word.CONDITIONS)
        return handler(command)

    def _tag(self, tag: int) -> bytes:
        return self.memory.read(f"{self.cell}/tag/{tag:04X}")

    def _path(self) -> dict[int, bytes]:
        """Every data object of the chosen path: 82, 94 and what is in its records."""
        options = dict(tlv.parse(self.stored[self._gpo]))
        for dgi in groupings.listed(options[0x94]):
            if dgi >> 8 <= 10:  # records of higher files need not be data objects
                options.update(tlv.deep(self.stored[dgi]))
        return options

    @staticmethod
    def _spread(dol: bytes, values: bytes) -> dict[int, bytes]:
        try:
            return tlv.spread(dol, values)
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None

    def _processing_options(self, command: Command) -> bytes:
        """80A8 0000: 83 L PDOL values -> 80 L AIP AFL. EMV book 3, 6.5.8."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not self._gpo, word.CONDITIONS)
        try:
            template = tlv.parse(command.data)
        except tlv.Malformed:
            template = []
        expect([tag for tag, _ in template] == [0x83], word.WRONG_DATA)
        pdol = dict(tlv.deep(self.stored[groupings.FCI])).get(0x9F38, b"")
        terminal = self._spread(pdol, template[0][1])
        atc = int.from_bytes(self._tag(0x9F36)) + 1
        expect(atc <= 0xFFFF, word.CONDITIONS)
        sm, cash = terminal.get(0xDF69) == b"\x01", terminal.get(0x9F7A) == b"\x01"
        wished = (sm and cash and 0x9204, sm and 0x9105, cash and 0x9203)
        gpo = next((dgi for dgi in wished if dgi and dgi in self.stored), groupings.GPO)
        options = dict(tlv.parse(self.stored[gpo]))
        answer = fitted(command, tlv.build(0x80, options[0x82] + options[0x94]))
        self.memory.write({f"{self.cell}/tag/9F36": atc.to_bytes(2)})
        self._gpo = gpo
        return answer

    def _get_data(self, command: Command) -> bytes:
        """80CA: internal data objects, and 9F17 = PIN tries left."""
        tag = command.p1p2
        if tag == 0x9F17 and groupings.PIN in self.stored:
            return fitted(command, tlv.build(tag, self.memory.read(f"{self.cell}/pin/left")))
        expect(tag in READABLE and self.memory.has(f"{self.cell}/tag/{tag:04X}"), word.NOT_FOUND)
        return fitted(command, tlv.build(tag, self._tag(tag)))

    def _verify(self, command: Command) -> bytes:
        """0020 00 80: PIN block of format 2. EMV book 3, 6.5.12."""
        expect(command.p1p2 == 0x0080, word.WRONG_P1P2)
        expect(len(command.data) == 8, word.WRONG_LENGTH)
        tries = Tries(self.memory, f"{self.cell}/pin")
        expect(tries.left > 0, word.KEY_BLOCKED)
        self._pin_done, self._pin_failed = True, True
        tries.take()
        expect(command.data == self.stored[groupings.PIN], word.tries_left(tries.left))
        tries.restore()
        self._pin_failed = False
        return b""

    # Cryptograms

    def _session(self, which: int) -> tuple[Algorithm, bytes]:
        """Cipher and session key: AC 0, MAC 1, ENC 2, from the ATC. Part 17 for SM4."""
        sm = self._gpo in groupings.SM_GPOS
        udk = self.stored[groupings.SM_KEYS if sm else groupings.KEYS][16 * which : 16 * which + 16]
        atc = self._tag(0x9F36)
        algorithm = Algorithm.SM4 if sm else Algorithm.TDES
        return algorithm, encrypt_ecb(algorithm, udk, bytes(6) + atc + bytes(6) + inverted(atc))

    def _mac(self, which: int, message: bytes) -> bytes:
        algorithm, key = self._session(which)
        if algorithm is Algorithm.TDES:
            return retail_mac(key, bytes(8), message)
        return encrypt_cbc(algorithm, key, bytes(16), padded(message, 16))[-16:-8]

    def _verification_results(self, kind: int) -> bytes:
        """CVR, 3 bytes."""
        first = self._first[0] if self._first else kind
        second = {AAC: 0x00, TC: 0x40}[kind] if self._asked else 0x80
        one = second | first >> 2 | self._issuer_failed << 3 | self._pin_done << 2 | self._pin_failed << 1
        limit_passed = groupings.PIN in self.stored and Tries(self.memory, f"{self.cell}/pin").left == 0
        two = limit_passed << 6 | (self._tag(0x9F13) == bytes(2)) << 4
        return bytes((one, two, self.dda_done << 1))

    def _issuer_data(self, results: bytes) -> bytes:
        """9F10: the prefix with the CVR in place, and the e-cash balance with its MAC where IDD id 01 asks for it."""
        loaded = self.stored[groupings.SM_IAD if self._gpo in groupings.SM_GPOS else groupings.IAD]
        prefix = tlv.parse(loaded)[0][1]
        fixed = prefix[:4] + results + prefix[7:8]
        if prefix[8:10] != b"\x0a\x01":
            return fixed
        balance = self._tag(0x9F79).rjust(6, b"\x00")[-5:]
        return fixed + prefix[8:10] + balance + self._mac(1, self._tag(0x9F36) + balance + b"\x00")[:4]

    def _generate_ac(self, command: Command) -> bytes:
        """80AE: P1 b8-b7 AAC, TC or ARQC -> 80 L CID ATC AC IAD. CDA (b5) is not offered. EMV book 3, 6.5.5."""
        expect(bool(self._gpo) and self._asked < 2, word.CONDITIONS)
        expect(command.p1 in (AAC, TC, ARQC) and command.p2 == 0, word.WRONG_P1P2)
        kind = command.p1
        if self._asked:
            expect(self._first[0] == ARQC and kind != ARQC, word.CONDITIONS)
            if self._issuer_failed and self._tag(0x9F52).rjust(2, b"\x00")[0] & 0x40:
                kind = AAC  # application default action: failed issuer authentication declines
        path = self._path()
        terminal = self._spread(path.get(0x8D if self._asked else 0x8C, b""), command.data)
        expect(all(tag in terminal for tag in CVN01), word.CONDITIONS)
        results = self._verification_results(kind)
        iad = self._issuer_data(results)
        own = path[0x82] + self._tag(0x9F36) + b"\x03" + results
        cryptogram = self._mac(0, b"".join(terminal[tag] for tag in CVN01) + own)
        answer = fitted(command, tlv.build(0x80, bytes((kind,)) + self._tag(0x9F36) + cryptogram + iad))
        if self._asked and self._issuer_done and not self._issuer_failed:
            self.memory.write({f"{self.cell}/tag/9F13": self._tag(0x9F36)})
        if not self._asked:
            self._first = bytes((kind,)) + cryptogram
        self._asked = 2 if self._asked or kind != ARQC else 1
        return answer

    def _issuer_authenticate(self, command: Command) -> bytes:
        """0082 0000 0A: ARPC 8 | ARC 2, once in a transaction. EMV book 3, 6.5.4."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(self._asked == 1 and not self._issuer_asked, word.CONDITIONS)
        expect(len(command.data) == 10, word.WRONG_LENGTH)
        self._issuer_asked = True
        algorithm, key = self._session(0)
        block = exclusive_or(self._first[1:], command.data[8:].ljust(8, b"\x00"))
        self._issuer_done = encrypt_ecb(algorithm, key, block.ljust(algorithm.block, b"\x00"))[:8] == command.data[:8]
        self._issuer_failed = not self._issuer_done
        expect(self._issuer_done, word.AUTHENTICATION_FAILED)
        return b""

    def _dynamic_authenticate(self, command: Command) -> bytes:
        """0088 0000: DDOL values -> 80 L signed data, with the RSA key. EMV book 2, 6.5. SM2 signing is not offered."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(bool(self._gpo) and self._gpo not in groupings.SM_GPOS, word.CONDITIONS)
        expect(groupings.CRT[0] in self.stored, word.CONDITIONS)
        self._spread(self._path().get(0x9F49, b"\x9f\x37\x04"), command.data)
        parts = [self.stored[dgi] for dgi in groupings.CRT]
        inverse, dq, dp, q, p = (int.from_bytes(unpadded(part) or part) for part in parts)
        size = ((p * q).bit_length() + 7) // 8
        dynamic = b"\x02" + self._tag(0x9F36)
        head = b"\x05\x01" + bytes((len(dynamic),)) + dynamic
        head += b"\xbb" * (size - 22 - len(head))
        digest = hashlib.sha1(head + command.data, usedforsecurity=False).digest()
        message = int.from_bytes(b"\x6a" + head + digest + b"\xbc")
        left, right = pow(message, dp, p), pow(message, dq, q)
        signature = (right + q * (inverse * (left - right) % p)).to_bytes(size)
        answer = fitted(command, tlv.build(0x80, signature))
        self.dda_done = True
        return answer
