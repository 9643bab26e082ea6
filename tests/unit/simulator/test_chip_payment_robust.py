"""Any bytes to a personalised card: a status word, never 6F00; and the reader's two protocols."""

from __future__ import annotations

import random

import pytest

from cardfab.simulator.chip.vpcd import Contacts
from tests.unit.simulator.acquirer import DEBIT, PRODUCTS, Acquirer, replayed

COMMANDS = ("80A80000", "80AE8000", "80AE5000", "00B2010C", "80CA9F36", "00200080", "00200088", "00820000", "00840000")
COMMANDS += ("00880000", "84160000", "84180000", "841E0000", "84240001", "04DA9F79", "04DC010C", DEBIT[:8], "00B2015C")


def bombarded(product: str, seed: int, count: int, *, contactless: bool) -> set[str]:
    """The status words of random commands, some in place and some not."""
    chance = random.Random(seed)
    chip = replayed(product)
    terminal = Acquirer(chip, product, contactless=contactless)
    found = set()
    for n in range(count):
        if n % 25 == 0:
            terminal = Acquirer(chip, product, contactless=contactless)
            terminal.set(tDF69=f"{chance.randrange(2):02X}", t9F66=chance.randbytes(4).hex())
            if terminal.sw(DEBIT) == "9000":
                pdol = chance.randbytes(chance.choice((10, 30, 31, 32, 33, 34)))
                digits = bytes.fromhex(pdol.hex().translate(str.maketrans("abcdef", "123456")))
                found.add(terminal.sw(f"80A80000{len(digits) + 2:02X}83{len(digits):02X}{digits.hex()}"))
                data = bytes.fromhex(f"{chance.randrange(10**104):0104d}")
                found.add(terminal.sw(f"80AE{chance.choice((0x40, 0x50, 0x80, 0x90)):02X}0034{data.hex()}"))
        head = bytearray.fromhex(chance.choice(COMMANDS))
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            head[chance.randrange(4)] = chance.randrange(256)
        data = chance.randbytes(chance.choice((0, 0, 1, 4, 8, 10, 12, 20, 52, 128, 255)))
        body = bytes((len(data),)) + data if data else b""
        found.add(terminal.sw((bytes(head) + body + chance.choice((b"", b"\x00", b"\x08"))).hex()))
        if "blocked/card" in chip.memory.cells:
            chip.memory.write({"blocked/card": None})
    return found


@pytest.mark.parametrize("contactless", [False, True])
@pytest.mark.parametrize("product", PRODUCTS)
def test_random_commands(product: str, contactless: bool) -> None:
    found = bombarded(product, 20270101, 150, contactless=contactless)
    assert "6F00" not in found
    assert "9000" in found or (contactless and product == "debit-contact-rsa")


def test_the_protocol_of_the_interface() -> None:
    """In the contacts T=0: answers behind 61xx; on the antenna T=1: at once."""
    chip = replayed("debit-dual-rsa")
    reader = Contacts(chip)
    assert reader.respond(b"\x01") is None
    answer = reader.respond(bytes.fromhex(DEBIT))
    assert answer is not None
    assert answer[0] == 0x61
    assert reader.respond(bytes((0x00, 0xC0, 0, 0, answer[1])))[-2:] == b"\x90\x00"  # type: ignore[index]
    chip.power_off()
    chip.contactless = True
    antenna = Contacts(chip)
    assert antenna.respond(b"\x01") is None
    assert antenna.respond(bytes.fromhex(DEBIT))[-2:] == b"\x90\x00"  # type: ignore[index]
    atr = antenna.respond(b"\x04")
    assert atr is not None
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert check == 0
