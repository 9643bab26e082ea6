"""Contact transactions: on line, off line, PIN, card risk management, scripts and what they leave behind."""

from __future__ import annotations

import pytest

from cardfab.simulator.chip import TrainingChip, tlv
from tests.unit.simulator.acquirer import DEBIT, PRODUCTS, Acquirer, ask, offline_limits, replayed

pytestmark = pytest.mark.shows("a transaction of every kind on a personalised card, the card's side (test)")
RSA, DUAL, SM2 = "debit-contact-rsa", "debit-dual-rsa", "debit-dual-sm2"
AAC, TC, ARQC, CDA = 0x00, 0x40, 0x80, 0x10
KINDS = pytest.mark.parametrize(("product", "national"), [(RSA, "00"), (DUAL, "00"), (SM2, "00"), (SM2, "01")])


def fresh(product: str = RSA, national: str = "00", *, limits: bool = True, **tags: str) -> Acquirer:
    chip = replayed(product)
    if limits:
        offline_limits(chip, **tags)
    return Acquirer(chip, product).set(tDF69=national)


def again(terminal: Acquirer) -> Acquirer:
    """The same card in a new terminal."""
    other = Acquirer(terminal.chip, terminal.product)
    other.values = dict(terminal.values)
    return other


@KINDS
def test_on_line_approved_and_declined(product: str, national: str) -> None:
    terminal = fresh(product, national, limits=False)
    assert terminal.online() == TC
    assert terminal.cvr == "601000"
    assert ask(terminal.chip, "80CA9F1300") == "9F130200019000"
    terminal = again(terminal)
    assert terminal.online(code=b"51", approve=False) == AAC
    assert terminal.cvr == "200000"
    assert ask(terminal.chip, "80CA9F1300") == "9F130200029000"


@KINDS
def test_off_line_with_dda(product: str, national: str) -> None:
    terminal = fresh(product, national)
    terminal.start()
    signed = terminal.ok("0088000004" + terminal.values[0x9F37].hex())
    assert terminal.recovered(tlv.parse(signed)[0][1])[0] == b"\x02" + terminal.atc
    assert terminal.generate(TC) == TC
    assert terminal.cvr == "901002"
    assert ask(terminal.chip, "80CA9F1300") == "9F130200009000"


@pytest.mark.parametrize(("product", "national"), [(RSA, "00"), (SM2, "01")])
def test_combined_signatures(product: str, national: str) -> None:
    """CDA off line, and both cryptograms of an on-line transaction; a refusal carries none."""
    terminal = fresh(product, national)
    if product == SM2:  # the sample has no CDA bit: the card's own data, as if it had been loaded so
        terminal.chip.memory.write({"debit/dgi/9105": bytes.fromhex("82027D00") + GPO_OF_SM2})
    terminal.start()
    assert terminal.generate(TC | CDA) == TC
    assert terminal.cvr == "901002"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(ARQC | CDA) == ARQC
    assert terminal.authenticate() == "9000"
    assert terminal.generate(TC | CDA) == TC
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(AAC | CDA) == AAC


GPO_OF_SM2 = bytes.fromhex(next(g["plain"] for g in PRODUCTS[SM2]["dgis"] if g["dgi"] == "9105"))[4:]


def test_without_cda_in_its_profile_the_card_gives_no_combined_signature() -> None:
    terminal = fresh(DUAL)
    terminal.start()
    assert terminal.sw("80AE900000") == "6A86"


def test_the_pin_over_contact() -> None:
    terminal = fresh()
    for block, sw, cvr in (("26123456FFFFFFFF", "9000", "94"), ("26123457FFFFFFFF", "63C2", "96")):
        terminal = again(terminal)
        terminal.start()
        assert terminal.sw("0020008008" + block) == sw
        assert terminal.generate(TC) == TC
        assert terminal.cvr == cvr + "1000"


def enciphered(terminal: Acquirer, block: str, challenge: bytes, *, header: str = "7F") -> str:
    key = PRODUCTS[terminal.product]["keys"]["icc"]
    plain = bytes.fromhex(header + block) + challenge
    number = pow(
        int.from_bytes(plain.ljust(key["bits"] // 8, b"\x5a")), int(key["exponent"], 16), int(key["modulus"], 16)
    )
    return f"00200088{key['bits'] // 8:02X}" + number.to_bytes(key["bits"] // 8).hex()


def test_the_enciphered_pin() -> None:
    """EMV book 2, 7: the challenge is good once, a PIN from another one or with another header is wrong."""
    terminal = fresh()
    terminal.start()
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", bytes(8))) == "6985"
    challenge = terminal.ok("0084000000")
    assert len(challenge) == 8
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", challenge)) == "9000"
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", challenge)) == "6985"
    challenge = terminal.ok("0084000008")
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", bytes(8))) == "63C2"
    challenge = terminal.ok("0084000008")
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", challenge, header="6A")) == "63C1"
    challenge = terminal.ok("0084000008")
    assert terminal.sw("0020008880" + "FF" * 128) == "63C0"
    challenge = terminal.ok("0084000008")
    assert terminal.sw(enciphered(terminal, "26123456FFFFFFFF", challenge)) == "6983"


def test_the_pin_blocked_unblocked_and_changed_by_script() -> None:
    terminal = fresh()
    terminal.start()
    wrong, right = "002000800826000000FFFFFFFF", "002000800826123456FFFFFFFF"
    assert [terminal.sw(wrong) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert terminal.generate(TC) == TC
    assert terminal.cvr == "965000"
    terminal = again(terminal)
    assert terminal.online(("84240000", b"")) == TC
    assert terminal.cvr == "601000"
    assert terminal.sw(right) == "9000"
    old, new = bytes.fromhex("1234560000000000"), bytes.fromhex("06654321FFFFFFFF")
    for p2, mask in (("01", old), ("02", bytes(8))):
        terminal = again(fresh())
        terminal.start()
        terminal.generate(ARQC)
        block = bytes(a ^ b ^ c for a, b, c in zip(new, bytes(4) + terminal.card_key("ENC")[4:8], mask, strict=True))
        assert terminal.script("842400" + p2, secret(terminal, b"\x08" + block + b"\x80" + bytes(6))) == "9000"
        assert terminal.sw("002000800826654321FFFFFFFF") == "9000"
        assert terminal.sw(right) == "63C2"
        assert terminal.script("842400" + p2, secret(terminal, bytes(16))) == "6A80"
        assert terminal.script("84240002", bytes(8)) == "6700"
        assert terminal.script("84240003", bytes(16)) == "6A86"


def secret(terminal: Acquirer, plain: bytes) -> bytes:
    from cardfab.crypto import encrypt_ecb

    return encrypt_ecb(terminal.algorithm, terminal.session("ENC"), plain)


def test_the_pin_limit_can_block_the_application() -> None:
    """9F52 byte 2 b8: blocked at once, which the CVR says; a script that comes with the refusal unblocks."""
    terminal = fresh(t9F52="C080", t9F58="FF")
    terminal.start()
    assert [terminal.sw("002000800826000000FFFFFFFF") for _ in range(3)] == ["63C2", "63C1", "63C0"]
    assert terminal.generate(TC) == AAC
    assert terminal.cvr == "865200"
    terminal = again(terminal)
    terminal.start(blocked=True)
    assert terminal.generate(ARQC) == AAC
    assert terminal.script("84180000") == "9000"
    assert terminal.script("84240000") == "9000"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == TC
    assert terminal.cvr == "901020"  # two scripts after the last cryptogram


@pytest.mark.parametrize(("bits", "kind"), [("C040", AAC), ("C020", ARQC), ("C004", AAC), ("C000", TC)])
def test_a_pin_limit_from_before(bits: str, kind: int) -> None:
    terminal = fresh(t9F52=bits)
    terminal.chip.memory.write({"debit/pin/left": b"\x00"})
    terminal.start()
    assert terminal.generate(TC) == kind
    assert ask(terminal.chip, DEBIT)[-4:] == ("6283" if bits == "C004" else "9000")


def test_velocity_limits() -> None:
    """Total, currency, country and amount: the transaction over the limit asks for the issuer, who clears them."""
    terminal = fresh(t9F58="02")
    for kind in (TC, TC, ARQC):
        terminal = again(terminal)
        terminal.start()
        assert terminal.generate(TC) == kind
    assert terminal.cvr == "A03000"
    assert terminal.authenticate() == "9000"
    assert terminal.generate(TC) == TC
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == TC
    for values, tag in (({"t5F2A": "0840"}, "9F53"), ({"t9F1A": "0840"}, "9F72"), ({"t9F02": "000000060000"}, "9F54")):
        terminal = fresh(t9F58="FF", t9F53="FF", t9F72="FF", t9F54="999999999999")
        terminal.chip.memory.write({f"debit/tag/{tag}": bytes.fromhex("000000100000" if tag == "9F54" else "01")})
        for kind in (TC, ARQC):
            terminal = again(terminal)
            terminal.set(**values).start()
            assert terminal.generate(TC) == kind, tag


def test_when_the_terminal_cannot_go_on_line() -> None:
    """Y3: the upper limits decide; what was approved so counts as off line."""
    for tags, kind in (({}, TC), ({"t9F59": "00"}, AAC), ({"t9F5C": "000000000001"}, AAC), ({"t9F52": "C100"}, AAC)):
        terminal = fresh(**tags)
        terminal.start()
        assert terminal.generate(ARQC) == ARQC
        terminal.set(t8A="5933")
        assert terminal.generate(TC) == kind
        assert terminal.cvr == ("611000" if kind == TC else "211000")
        terminal = again(terminal)
        terminal.start()
        assert terminal.generate(TC) == ARQC  # the last one on line was not completed
        assert terminal.cvr == "A09000"


def test_issuer_authentication_that_fails_or_is_missing() -> None:
    terminal = fresh(t9F52="C000")
    terminal.start()
    terminal.generate(ARQC)
    assert terminal.authenticate(wrong=True) == "6300"
    assert terminal.authenticate() == "6985"
    assert terminal.generate(TC) == AAC
    assert terminal.cvr == "281000"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == ARQC  # b8: the next one goes on line
    assert terminal.cvr == "A01800"
    assert terminal.authenticate() == "9000"
    assert terminal.generate(TC) == TC
    for indicator, action, kind in (("80", "2000", AAC), ("80", "0000", TC), ("00", "2000", TC)):
        terminal = fresh(t9F56=indicator, t9F52=action)
        terminal.start()
        terminal.generate(ARQC)
        assert terminal.generate(TC) == kind
        assert terminal.cvr == ("201400" if kind == AAC else "601400")
        assert ask(terminal.chip, "80CA9F1300")[6:10] == ("0000" if indicator == "80" else "0001")


def test_a_refusal_can_want_an_advice() -> None:
    terminal = fresh(t9F52="D400")
    terminal.start()
    terminal.generate(ARQC)
    terminal.authenticate(wrong=True)
    assert terminal.generate(TC) == 0x0B
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(AAC) == 0x08


def test_failed_data_authentication_is_told_later() -> None:
    terminal = fresh().set(t95="4C00008000")
    terminal.start()
    assert terminal.generate(AAC) == AAC
    terminal = again(terminal).set(t95="0000008000")
    assert terminal.online() == TC
    assert terminal.cvr == "601104"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == TC
    assert terminal.cvr == "900000"


def test_scripts_are_counted_and_their_failure_is_told() -> None:
    terminal = fresh(t9F52="C008")
    assert terminal.online(("04DA9F58", b"\x05"), ("04DC010C", TERMINAL_RECORD)) == TC
    assert terminal.script("04DA9F59", b"\x07") == "9000"
    assert terminal.script("04DA9F59", b"\x07", mac=bytes(4)) == "6988"
    assert terminal.script("04DA9F51", b"\x01\x56") == "6A88"
    assert terminal.script("04DA9F59", b"\x07\x07") == "6700"
    assert terminal.script("04DC7F0C", TERMINAL_RECORD) == "6A83"
    assert terminal.script("04DC010C", b"\x71\x00") == "6A80"
    assert terminal.sw("841E000003" + "000000") == "6987"
    assert terminal.script("841E0001") == "6A86"
    assert ask(terminal.chip, "80CA9F5800") == "9F5801059000"
    assert ask(terminal.chip, "80CA9F5900") == "9F5901079000"
    assert ask(terminal.chip, "00B2010C00") == TERMINAL_RECORD.hex().upper() + "9000"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == ARQC  # 9F52 byte 2 b4
    assert terminal.cvr == "A00088"
    assert terminal.authenticate() == "9000"
    assert terminal.generate(TC) == TC
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(TC) == TC
    assert terminal.cvr == "900000"


TERMINAL_RECORD = bytes.fromhex("70089F1401029F230104")


def test_a_blocked_application_refuses_until_it_is_unblocked() -> None:
    terminal = fresh()
    assert terminal.online(("841E0000", b"")) == AAC
    terminal = again(terminal)
    terminal.start(blocked=True)
    assert terminal.generate(TC) == AAC
    assert terminal.script("84180000", mac=bytes(4)) == "6988"
    assert terminal.script("84180000") == "9000"
    terminal = again(terminal)
    terminal.start()
    assert terminal.generate(ARQC) == ARQC


def log(chip: TrainingChip, sfi: int) -> list[str]:
    found = []
    while (answer := ask(chip, f"00B2{len(found) + 1:02X}{sfi << 3 | 4:02X}00")).endswith("9000"):
        found.append(answer[:-4])
    assert answer == "6A83"
    return found


def test_the_transaction_log() -> None:
    terminal = fresh(t9F58="FF", t9F54="999999999999")
    assert log(terminal.chip, 11) == []
    terminal.start()
    terminal.generate(AAC)
    terminal = again(terminal)
    terminal.online(approve=False)
    assert log(terminal.chip, 11) == []
    form = "260115101112{:012d}00000000000001560156" + terminal.values[0x9F4E].hex().upper() + "00{:04X}"
    for n in range(3, 16):
        terminal = again(terminal).set(t9F02=f"{n:012d}")
        terminal.start()
        assert terminal.generate(TC) == TC
    assert log(terminal.chip, 11) == [form.format(n, n) for n in range(15, 5, -1)]
    assert ask(terminal.chip, "00B2010D00") == "6A86"
    assert ask(terminal.chip, "00B2005C00") == "6A83"
    terminal = again(terminal).set(t9F02="000000000077")
    assert terminal.online() == TC
    assert log(terminal.chip, 11)[0] == form.format(77, 16)


def test_terminal_amounts_are_digits() -> None:
    terminal = fresh().set(t9F02="0000000000AA")
    terminal.ok(DEBIT)
    assert terminal.sw("80A800000C830A" + "0156" + "0000000000AA" + "0156") == "6A80"
