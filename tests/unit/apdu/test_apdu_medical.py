"""The medical account's commands byte by byte (LD/T 32 part 5, 7), and protected commands against the vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from cardfab.apdu import CardAnswerMalformed, CommandApdu, ResponseApdu, StatusWord, commands, protected
from cardfab.apdu import medical as m
from cardfab.apdu.message import ApduMalformed
from cardfab.crypto import Algorithm
from cardfab.crypto.line import sm_encrypt, sm_mac

h = bytes.fromhex
FILE = Path(__file__).parents[2] / "vectors" / "social-security-and-pboc.json"
V = {one["id"]: one for one in json.loads(FILE.read_text(encoding="utf-8"))["vectors"]}
TERMINAL = m.terminal_number("650100000001")
TIME = m.time_of(datetime(2024, 1, 31, 10, 15))


def _answer(data: str) -> ResponseApdu:
    return ResponseApdu(h(data), StatusWord(0x9000))


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        (m.init_load(5000, TERMINAL), "B02800010B01000013886501000000" + "0110"),
        (m.init_load(0, TERMINAL, version=3), "B02800010B03000000006501000000" + "0110"),
        (m.credit_load(TIME, h("43CF634A")), "B02A00000B2024013110150043CF634A04"),
        (m.init_purchase(1000, 100, 0, TERMINAL), "B02801011301000003E8000000640000000065010000000116"),
        (m.debit(9, TIME, h("B0920895")), "B02C01000F0000000920240131101500B092089508"),
        (m.get_balance(m.Account.CIA), "B026000104"),
        (m.get_balance(m.Account.SPIP), "B026000206"),
        (m.get_balance(m.Account.SPFP), "B026000306"),
        (m.get_proof(m.Kind.LOAD, 1), "B02E003102000108"),
        (m.get_proof(m.Kind.PURCHASE, 0xFFFF), "B02E003202FFFF08"),
        (m.set_start_day("0401"), "B0560000020401"),
        (m.get_start_day(), "B056010002"),
    ],
)
def test_bytes(command: CommandApdu, raw: str) -> None:
    assert command.to_bytes().hex().upper() == raw


@pytest.mark.parametrize(
    "make",
    [
        lambda: m.amount(-1),
        lambda: m.amount(1 << 32),
        lambda: m.terminal_number("65010000000"),
        lambda: m.terminal_number("65010000000A"),
        lambda: m.init_load(1, bytes(5)),
        lambda: m.init_load(1, TERMINAL, version=0),
        lambda: m.init_purchase(1, 1, 1, TERMINAL, version=4),
        lambda: m.credit_load(TIME, bytes(3)),
        lambda: m.credit_load(bytes(6), bytes(4)),
        lambda: m.debit(1 << 32, TIME, bytes(4)),
        lambda: m.get_proof(m.Kind.LOAD, 1 << 16),
        lambda: m.set_start_day("401"),
        lambda: m.set_start_day("04 1"),
    ],
)
def test_what_is_no_command(make: Callable[[], object]) -> None:
    with pytest.raises(ApduMalformed):
        make()


def test_answers() -> None:
    command = m.init_load(5000, TERMINAL)
    offer = m.LoadOffer.parse(command, _answer("0000271000010203A1B2C3D4B443EC76"))
    assert offer == m.LoadOffer(10000, 1, 2, 3, h("A1B2C3D4"), h("B443EC76"))
    command = m.init_purchase(1, 2, 3, TERMINAL)
    answer = _answer("000027100000000100000002202600090103A1B2C3D4")
    assert m.PurchaseOffer.parse(command, answer) == m.PurchaseOffer(10000, 1, 2, "2026", 9, 1, 3, h("A1B2C3D4"))
    command = m.debit(1, TIME, bytes(4))
    assert m.Proof.of_debit(command, _answer("0102030405060708")) == m.Proof(mac=h("05060708"), tac=h("01020304"))
    command = m.get_proof(m.Kind.LOAD, 1)
    assert m.Proof.kept(command, _answer("0102030405060708")) == m.Proof(mac=h("01020304"), tac=h("05060708"))
    assert m.tac_of_credit(m.credit_load(TIME, bytes(4)), _answer("01020304")) == h("01020304")
    assert m.balance_of(m.get_balance(m.Account.CIA), _answer("00002710")) == (10000, "")
    assert m.balance_of(m.get_balance(m.Account.SPIP), _answer("000027102026")) == (10000, "2026")
    assert m.start_day_of(m.get_start_day(), _answer("0401")) == "0401"


@pytest.mark.parametrize("data", ["", "00", "00" * 15, "00" * 17])
def test_an_answer_of_another_length(data: str) -> None:
    with pytest.raises(CardAnswerMalformed):
        m.LoadOffer.parse(m.init_load(1, TERMINAL), _answer(data))


@dataclass(frozen=True)
class RawKey:
    """A card key for tests."""

    algorithm: Algorithm
    key: bytes

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        raise NotImplementedError

    def answer(self, data: bytes) -> bytes:
        raise NotImplementedError

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return sm_mac(self.algorithm, self.key, challenge, data)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        return sm_encrypt(self.algorithm, self.key, challenge, plain)


@pytest.mark.parametrize(("name", "algorithm"), [("des", Algorithm.DES), ("sm4", Algorithm.SM4)])
def test_protected_commands(name: str, algorithm: Algorithm) -> None:
    """APPLICATION BLOCK and PIN RELOAD under STK, as computed by others; their STK is one DES key."""
    block = V[f"ss_sm_app_block_{name}"]
    key = RawKey(algorithm, h(block["stk"]))
    challenge = h(block["challenge8"])
    assert protected(commands.block_application(), key, challenge).to_bytes().hex().upper() == block["apdu"]
    sent = protected(commands.reload_pin("123456"), key, challenge, encrypted=True)
    assert sent.to_bytes().hex().upper() == V["ss_pin_reload"][f"{name}_apdu"]
    assert sent.secret
