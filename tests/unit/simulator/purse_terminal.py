"""A terminal of the medical account for tests: MACs and TACs written out by hand from part 7, on the raw ciphers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cardfab.crypto import Algorithm, encrypt_cbc, encrypt_ecb

if TYPE_CHECKING:
    from conftest import Host

DF04 = "00A4040006D15600000503"
PIN = "0020000003123456"
TERMINAL = bytes.fromhex("440199000001")


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


@dataclass
class Till:
    """Loads and buys on a card whose DF04 is selected and whose PIN was shown."""

    host: Host
    serial: int = 1

    @property
    def sm4(self) -> bool:
        return self.host.chip.algorithm is Algorithm.SM4

    def session(self, label: str, source: bytes) -> bytes:
        """8 bytes under the whole key; for SM4 filled with 00 to 16."""
        key = self.host.key(label)
        if self.sm4:
            return encrypt_ecb(Algorithm.SM4, key, source + bytes(8))
        return encrypt_ecb(Algorithm.TDES, key, source)

    def mac(self, key: bytes, covered: bytes) -> bytes:
        """CBC with IV zero over the data, 80 and 00..; the left half of 8 bytes, the XOR of the quarters of 16."""
        block = 16 if self.sm4 else 8
        whole = covered + b"\x80"
        whole += bytes(-len(whole) % block)
        last = encrypt_cbc(Algorithm.SM4 if self.sm4 else Algorithm.DES, key, bytes(block), whole)[-block:]
        return xor(xor(last[0:4], last[4:8]), xor(last[8:12], last[12:16])) if self.sm4 else last[:4]

    def tac(self, covered: bytes) -> bytes:
        key = self.host.key("ss/DF04/DTK")
        return self.mac(key if self.sm4 else xor(key[:8], key[8:]), covered)

    # Load

    def begin_load(self, amount: int, index: int = 1) -> bytes:
        body = bytes((index,)) + amount.to_bytes(4) + TERMINAL
        answer = bytes.fromhex(self.host.ok("B02800010B" + body.hex() + "10"))
        assert len(answer) == 16
        session = self.session("ss/DF04/DLK", answer[8:12] + answer[4:6] + b"\x80\x00")
        assert answer[12:] == self.mac(session, answer[:4] + amount.to_bytes(4) + b"1" + TERMINAL)
        return answer

    def credit(self, answer: bytes, amount: int, time: str) -> str:
        """The APDU that ends a load."""
        session = self.session("ss/DF04/DLK", answer[8:12] + answer[4:6] + b"\x80\x00")
        mac = self.mac(session, amount.to_bytes(4) + b"1" + TERMINAL + bytes.fromhex(time))
        return "B02A00000B" + time + mac.hex() + "04"

    def load(self, amount: int, time: str = "20261122101500") -> bytes:
        """A whole load; its TAC, which is right."""
        answer = self.begin_load(amount)
        tac = bytes.fromhex(self.host.ok(self.credit(answer, amount, time)))
        balance = (int.from_bytes(answer[:4]) + amount).to_bytes(4)
        covered = balance + answer[4:6] + amount.to_bytes(4) + b"1" + TERMINAL + bytes.fromhex(time)
        assert tac == self.tac(covered)
        return tac

    # Purchase

    def begin_purchase(self, account: int, own: int = 0, pooled: int = 0, index: int = 1) -> bytes:
        sums = account.to_bytes(4) + own.to_bytes(4) + pooled.to_bytes(4)
        answer = self.host.ok("B028010113" + (bytes((index,)) + sums + TERMINAL).hex() + "16")
        assert len(answer) == 44
        return bytes.fromhex(answer)

    def purchase_session(self, answer: bytes, index: int = 1) -> bytes:
        label = "ss/DF04/DPK" if index == 1 else f"ss/DF04/DPK/v{index}"
        return self.session(label, answer[18:22] + answer[14:16] + self.serial.to_bytes(4)[2:])

    def debit(self, answer: bytes, sums: bytes, time: str, index: int = 1) -> str:
        """The APDU that ends a purchase."""
        mac = self.mac(self.purchase_session(answer, index), sums + b"2" + TERMINAL + bytes.fromhex(time))
        return "B02C01000F" + self.serial.to_bytes(4).hex() + time + mac.hex() + "08"

    def buy(self, account: int, own: int = 0, pooled: int = 0, time: str = "20261122111500", index: int = 1) -> bytes:
        """A whole purchase; TAC and MAC2, which are right."""
        answer = self.begin_purchase(account, own, pooled, index)
        sums = account.to_bytes(4) + own.to_bytes(4) + pooled.to_bytes(4)
        found = bytes.fromhex(self.host.ok(self.debit(answer, sums, time, index)))
        tac = self.tac(sums + b"2" + TERMINAL + self.serial.to_bytes(4) + bytes.fromhex(time))
        assert found == tac + self.mac(self.purchase_session(answer, index), sums)
        self.serial += 1
        return found

    # What the card says

    def balance(self) -> int:
        return int(self.host.ok("B026000104"), 16)

    def totals(self) -> tuple[int, int, str]:
        """Own and pooled total and the year."""
        own, pooled = self.host.ok("B026000206"), self.host.ok("B026000306")
        assert own[8:] == pooled[8:]
        return int(own[:8], 16), int(pooled[:8], 16), own[8:]

    def log(self) -> list[str]:
        """The records, the newest first."""
        found: list[str] = []
        while self.host.sw(f"00B2{len(found) + 1:02X}4400") != "6A83":
            n = len(found) + 1
            length = self.host.sw(f"00B2{n:02X}4400")[2:]
            found.append(self.host.ok(f"00B2{n:02X}44{length}"))
        return found


def till(host: Host) -> Till:
    host.ok(DF04)
    host.ok(PIN)
    return Till(host)
