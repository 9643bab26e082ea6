"""The card side of SCP03. GPC amendment D 1.1.2, S16 mode amendment D 1.2.

Option i: 01 S16 mode, 10 the card challenge is computed, 20 R-MAC, 40 R-MAC and R-ENCRYPTION (with 20).
"""

from __future__ import annotations

from cardfab.crypto import Algorithm, cmac, decrypt_cbc, encrypt_cbc, encrypt_ecb, same
from cardfab.simulator.chip import word
from cardfab.simulator.chip.crypt import padded, unpadded
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.scp02 import KeySet

S16, COMPUTED, R_MAC, R_ENC = 0x01, 0x10, 0x20, 0x40
CARD, HOST, CHALLENGE, S_ENC, S_MAC, S_RMAC = 0x00, 0x01, 0x02, 0x04, 0x06, 0x07
ZERO = bytes(16)


def levels(option: int) -> tuple[int, ...]:
    """The security levels that EXTERNAL AUTHENTICATE may ask for: table 7-3."""
    found: tuple[int, ...] = (0x00, 0x01, 0x03)
    if option & R_MAC:
        found += (0x11, 0x13)
    if option & R_MAC and option & R_ENC:
        found += (0x33,)
    return found


def derived(key: bytes, constant: int, context: bytes, length: int) -> bytes:
    """``length`` bytes by CMAC in counter mode: 00*11 | constant | 00 | L in bits 2 | counter | context. 4.1.5."""
    blocks = b""
    for counter in range(1, -(-length // 16) + 1):
        label = bytes(11) + bytes((constant, 0)) + (8 * length).to_bytes(2) + bytes((counter,))
        blocks += cmac(Algorithm.AES, key, label + context)
    return blocks[:length]


class Session:
    """What INITIALIZE UPDATE fixes: session keys, cryptograms, the size of MACs and challenges (8, or 16 for S16)."""

    def __init__(self, static: KeySet, host: bytes, card: bytes, size: int) -> None:
        context = host + card
        self.size = size
        self.enc = derived(static.enc, S_ENC, context, len(static.enc))
        self.mac = derived(static.mac, S_MAC, context, len(static.mac))
        self.response = derived(static.mac, S_RMAC, context, len(static.mac))
        self.dek = static.dek
        self.card_cryptogram = derived(self.mac, CARD, context, size)
        self.host_cryptogram = derived(self.mac, HOST, context, size)


class Channel:
    """An open secure channel. ``chain`` is the whole C-MAC of EXTERNAL AUTHENTICATE."""

    def __init__(self, session: Session, level: int, chain: bytes, *, counts_empty: bool = True) -> None:
        self._session = session
        self._chain = chain
        self._counter = 0
        self._counts_empty = counts_empty
        self.level = level

    def _icv(self, first: int) -> bytes:
        block = bytes((first,)) + self._counter.to_bytes(15)
        return encrypt_ecb(Algorithm.AES, self._session.enc, block)

    def unwrap(self, command: Command) -> Command:
        """The command without C-MAC and encryption; raises 6982, 6985, 6988. The caller closes the channel then."""
        if not self.level:
            expect(not command.cla & 0x04, word.CONDITIONS)
            return command
        expect(bool(command.cla & 0x04), word.NOT_AUTHORISED)
        size = self._session.size
        expect(len(command.data) >= size, word.MAC_WRONG)
        data, mac = command.data[:-size], command.data[-size:]
        right = full_mac(self._session, self._chain, command, data)
        expect(same(right[:size], mac), word.MAC_WRONG)
        self._chain = right
        if data or self._counts_empty:  # 6.2.6; some cards leave the counter where there is no data
            self._counter += 1
        if self.level & 0x02 and data:
            expect(len(data) % 16 == 0, word.MAC_WRONG)
            plain = unpadded(decrypt_cbc(Algorithm.AES, self._session.enc, self._icv(0x00), data))
            expect(plain is not None, word.MAC_WRONG)
            data = plain or b""
        return command.plain(data)

    def wrap(self, data: bytes, sw: int) -> bytes:
        """Answer data, enciphered at level 33 where there is any, and R-MAC: 6.2.5, 6.2.7."""
        if self.level & 0x20 and data:
            data = encrypt_cbc(Algorithm.AES, self._session.enc, self._icv(0x80), padded(data, 16))
        mac = cmac(Algorithm.AES, self._session.response, self._chain + data + sw.to_bytes(2))
        return data + mac[: self._session.size]

    def reveal(self, secret: bytes) -> bytes:
        """Whole blocks under the static DEK, in the clear: AES-CBC, IV 0 (6.2.8)."""
        return decrypt_cbc(Algorithm.AES, self._session.dek, ZERO, secret)


def full_mac(session: Session, chain: bytes, command: Command, data: bytes) -> bytes:
    """The 16 bytes of C-MAC over chaining value, header and (enciphered) data: 6.2.4."""
    return cmac(Algorithm.AES, session.mac, chain + command.header(len(data) + session.size) + data)
