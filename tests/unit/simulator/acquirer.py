"""A payment terminal and its issuer for tests: the sample cards replayed, values computed on the raw ciphers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cardfab.crypto import Algorithm, encrypt_cbc, encrypt_ecb
from cardfab.crypto.sm import sm2_verify, sm3
from cardfab.simulator.chip import TrainingChip, crypt, make_blank, scp02, tlv
from cardfab.simulator.chip.memory import Memory

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
SHARED = json.loads((VECTORS / "social-security-and-pboc.json").read_text("utf-8"))["vectors"]
CPS = next(one for one in SHARED if one["id"] == "cps_kmc_full")
PRODUCTS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads((VECTORS / "pboc-debit-products.json").read_text("utf-8"))["products"]
}
DEBIT = "00A4040008A000000333010101"
PSE = "00A404000E315041592E5359532E4444463031"
PPSE = "00A404000E325041592E5359532E4444463031"
RANDOM = bytes.fromhex("A1B2C3D4")  # of tag 9F69 in the samples


@dataclass
class Entropy:
    """Counted bytes for the chip."""

    counter: int = 0

    def __call__(self, length: int) -> bytes:
        self.counter += 1
        return hashlib.sha512(self.counter.to_bytes(4)).digest()[:length]


def open_vector_channel(application: str) -> TrainingChip:
    """A chip whose session DEK is the one that the sample cards were made with."""
    chip = make_blank(serial=1, entropy=lambda n: bytes.fromhex(CPS["card_challenge6"])[:n])
    keys = scp02.diversified(bytes.fromhex(CPS["KMC"]), bytes.fromhex(CPS["KEYDATA"]))
    state = {"keydata": CPS["KEYDATA"], "sequence/01": CPS["seq"]}
    cells = {f"isd/{name}": bytes.fromhex(value) for name, value in state.items()}
    chip.memory.write(
        {**cells, **{f"isd/key/01/0{n}": b"\x80" + one for n, one in enumerate((keys.enc, keys.mac, keys.dek), 1)}}
    )
    chip.power_on()
    for apdu in (application, CPS["init_update_apdu"], CPS["ext_auth_apdu"]):
        assert chip.transmit(bytes.fromhex(apdu))[-2:] == b"\x90\x00"
    return chip


@lru_cache(maxsize=3)
def _personalised(product: str) -> dict[str, bytes]:
    chip = open_vector_channel(DEBIT)
    for apdu in PRODUCTS[product]["store_data_apdus"]:
        assert chip.transmit(bytes.fromhex(apdu)) == b"\x90\x00", apdu
    return dict(chip.memory.cells)


def replayed(product: str) -> TrainingChip:
    """A sample card, its STORE DATA sent byte for byte; the application selected."""
    chip = TrainingChip(Memory(dict(_personalised(product))), Entropy())
    chip.power_on()
    ask(chip, DEBIT)
    return chip


def ask(chip: TrainingChip, apdu: str) -> str:
    return chip.transmit(bytes.fromhex(apdu)).hex().upper()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def bcd(amount: int) -> bytes:
    return bytes.fromhex(f"{amount:012d}")


DEFAULTS = {
    0x9F02: "000000010000",
    0x9F03: "000000000000",
    0x9F1A: "0156",
    0x95: "0000008000",
    0x5F2A: "0156",
    0x9A: "260115",
    0x9C: "00",
    0x9F37: "1A2B3C4D",
    0x9F21: "101112",
    0x9F4E: b"CARDFAB TEST SHOP 01".hex(),
    0x9F7A: "00",
    0xDF69: "00",
    0x9F66: "28000080",
    0x8A: "3030",
}
CVN01 = (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)


@dataclass
class Acquirer:
    """One transaction at a time on a card, with whatever keys the product's description gives."""

    chip: TrainingChip
    product: str
    contactless: bool = False
    values: dict[int, bytes] = field(default_factory=dict)
    pdol: bytes = b""
    cdol1: bytes = b""
    aip: bytes = b""
    atc: bytes = b""
    proof: bytes = b""
    issuer_data: bytes = b""
    identity: int = 0
    national: bool = False
    path: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.contactless != self.chip.contactless:
            self.chip.power_off()
            self.chip.contactless = self.contactless
            self.chip.power_on()
        self.values = {tag: bytes.fromhex(value) for tag, value in DEFAULTS.items()}

    def send(self, apdu: str) -> tuple[bytes, str]:
        answer = self.chip.transmit(bytes.fromhex(apdu))
        return answer[:-2], answer[-2:].hex().upper()

    def sw(self, apdu: str) -> str:
        return self.send(apdu)[1]

    def ok(self, apdu: str) -> bytes:
        data, sw = self.send(apdu)
        assert sw == "9000", (apdu, sw)
        return data

    def listed(self, dol: bytes) -> bytes:
        return b"".join(self.values[tag] for tag, _ in tlv.list_of(dol))

    def set(self, **values: str) -> Acquirer:
        """Terminal values, as ``t9F02="000000000100"``."""
        self.values |= {int(name[1:], 16): bytes.fromhex(value) for name, value in values.items()}
        return self

    # Commands

    def start(self, *, blocked: bool = False) -> bytes:
        """SELECT and GPO; reads the records of a contact path."""
        fci, sw = self.send(DEBIT)
        assert sw == ("6283" if blocked else "9000")
        self.pdol = self.listed(dict(tlv.deep(fci))[0x9F38])
        length = len(self.pdol)
        answer = self.ok(f"80A80000{length + 2:02X}83{length:02X}{self.pdol.hex()}00")
        self.atc = self.chip.memory.read("debit/tag/9F36")
        self.national = self.values[0xDF69] == b"\x01"
        if answer[0] == 0x80:
            self.aip, afl = answer[2:4], answer[4:]
            self.path = dict(tlv.deep(b"".join(self.ok(one) for one in reads(afl))))
        else:
            self.path = dict(tlv.deep(answer))
            self.aip = self.path[0x82]
            self.proof, self.issuer_data = self.path[0x9F26], self.path[0x9F10]
        return answer

    def generate(self, p1: int) -> int:
        """GENERATE AC; checks the cryptogram and answers the CID."""
        again = bool(self.cdol1)
        data = self.listed(self.path[0x8D if again else 0x8C])
        answer = self.ok(f"80AE{p1:02X}00{len(data):02X}{data.hex()}00")
        if answer[0] == 0x77:
            found = dict(tlv.deep(answer))
            self.identity, proof, self.issuer_data = found[0x9F27][0], b"", found[0x9F10]
            code, digest = self.recovered(found[0x9F4B], 32 if self.national else 20)
            rest = b"".join(tlv.build(tag, found[tag]) for tag in (0x9F27, 0x9F36, 0x9F10))
            before = self.pdol + (self.cdol1 + data if again else data)
            assert digest == self.hashed(before + rest)
            assert code[:4] == b"\x02" + self.atc + found[0x9F27]
            proof = code[4:12]
        else:
            body = tlv.parse(answer)[0][1]
            self.identity, proof, self.issuer_data = body[0], body[3:11], body[11:]
            assert body[1:3] == self.atc
        assert proof == self.cryptogram()
        if not again:
            self.proof, self.cdol1 = proof, data
        return self.identity

    def authenticate(self, code: bytes = b"00", *, wrong: bool = False) -> str:
        """EXTERNAL AUTHENTICATE with the issuer's ARPC."""
        self.values[0x8A] = code
        block = xor(self.proof, code.ljust(8, b"\x00")).ljust(16 if self.national else 8, b"\x00")
        response = encrypt_ecb(self.algorithm, self.session("AC"), block)[:8]
        return self.sw("008200000A" + (bytes(8) if wrong else response).hex() + code.hex())

    def script(self, header: str, data: bytes = b"", *, mac: bytes | None = None) -> str:
        """A script command, ``header`` being CLA INS P1 P2."""
        head = bytes.fromhex(header) + bytes((len(data) + 4,))
        right = self.code("MAC", head + self.atc + self.proof + data)[:4]
        return self.sw((head + data + (mac or right)).hex())

    def online(self, *scripts: tuple[str, bytes], code: bytes = b"00", approve: bool = True) -> int:
        """ARQC, ARPC, scripts, second cryptogram."""
        self.cdol1 = b""
        self.start()
        assert self.generate(0x80) == 0x80
        assert self.authenticate(code) == "9000"
        for header, data in scripts:
            assert self.script(header, data) == "9000"
        return self.generate(0x40 if approve else 0x00)

    # The issuer's arithmetic

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.SM4 if self.national else Algorithm.TDES

    def card_key(self, name: str) -> bytes:
        keys = PRODUCTS[self.product]["keys"]
        return bytes.fromhex(keys["udk_sm4" if self.national else "udk_3des"][name])

    def session(self, name: str) -> bytes:
        blocks = bytes(6) + self.atc + bytes(6) + xor(self.atc, b"\xff\xff")
        return encrypt_ecb(self.algorithm, self.card_key(name), blocks)

    def code(self, name: str, message: bytes) -> bytes:
        key = self.session(name)
        if self.national:
            return encrypt_cbc(Algorithm.SM4, key, bytes(16), crypt.padded(message, 16))[-16:-8]
        return crypt.retail_mac(key, bytes(8), message)

    @property
    def cvr(self) -> str:
        return self.issuer_data[4:7].hex().upper()

    def cryptogram(self) -> bytes:
        own = self.aip + self.atc + self.issuer_data[3:7]
        return self.code("AC", b"".join(self.values[tag] for tag in CVN01) + own)

    def hashed(self, message: bytes) -> bytes:
        return sm3(message) if self.national else hashlib.sha1(message, usedforsecurity=False).digest()

    def recovered(self, signature: bytes, digest: int = 0, terminal: bytes | None = None) -> tuple[bytes, bytes]:
        """The card's dynamic data in 9F4B, the signature verified by its public key; split before ``digest`` bytes."""
        terminal = self.values[0x9F37] if terminal is None else terminal
        keys = PRODUCTS[self.product]["keys"]
        if self.national:
            own = signature[2 : 2 + signature[1]]
            assert signature[0] == 0x15
            assert sm2_verify(bytes.fromhex(keys["sm2"]["icc"]["xy"]), signature[:-64] + terminal, signature[-64:])
        else:
            modulus = bytes.fromhex(keys["icc"]["modulus"])
            own = raw_recovery(modulus, int(keys["icc"]["exponent"], 16), signature, terminal)
        cut = len(own) - digest
        return own[:cut], own[cut:]


def raw_recovery(modulus: bytes, exponent: int, signature: bytes, terminal: bytes) -> bytes:
    """EMV book 2, 6.5.2 and 6.6.2 in plain numbers: 6A 05 01 L data BB.. hash BC, the hash right."""
    assert len(signature) == len(modulus)
    number = pow(int.from_bytes(signature), exponent, int.from_bytes(modulus))
    plain = number.to_bytes(len(modulus))
    assert plain[:3] == b"\x6a\x05\x01"
    assert plain[-1:] == b"\xbc"
    assert plain[-21:-1] == hashlib.sha1(plain[1:-21] + terminal, usedforsecurity=False).digest()
    assert set(plain[4 + plain[3] : -21]) <= {0xBB}
    return plain[4 : 4 + plain[3]]


def reads(afl: bytes) -> list[str]:
    """READ RECORD for each record of an AFL."""
    found = []
    for at in range(0, len(afl), 4):
        sfi, first, last, _ = afl[at : at + 4]
        found += [f"00B2{record:02X}{sfi | 4:02X}00" for record in range(first, last + 1)]
    return found


def offline_limits(chip: TrainingChip, **tags: str) -> None:
    """The samples always go on line: set limits that let the card approve by itself."""
    limits = {"9F58": "02", "9F59": "03", "9F53": "02", "9F72": "02", "9F54": "000000100000", "9F5C": "000000200000"}
    limits |= {name[1:]: value for name, value in tags.items()}
    chip.memory.write({f"debit/tag/{tag}": bytes.fromhex(value) for tag, value in limits.items()})
