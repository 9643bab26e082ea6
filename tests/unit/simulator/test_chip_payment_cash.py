"""E-cash over contact and qPBOC over the antenna, 3DES with RSA and SM4 with SM2."""

from __future__ import annotations

import pytest

from cardfab.simulator.chip import TrainingChip, tlv
from tests.unit.simulator.acquirer import DEBIT, Acquirer, ask, bcd, offline_limits, replayed

pytestmark = pytest.mark.shows("a transaction of every kind on a personalised card, the card's side (test)")
DUAL, SM2 = "debit-dual-rsa", "debit-dual-sm2"
AAC, TC, ARQC = 0x00, 0x40, 0x80
TWINS = pytest.mark.parametrize(("product", "national"), [(DUAL, "00"), (SM2, "00"), (SM2, "01")])


def balance(chip: TrainingChip) -> int:
    answer = ask(chip, "80CA9F7900")
    assert answer.endswith("9000")
    return int(answer[6:-4])


def loaded(product: str, national: str, amount: int = 50000) -> Acquirer:
    """A card that was loaded on line."""
    terminal = Acquirer(replayed(product), product).set(tDF69=national)
    assert terminal.online(("04DA9F79", bcd(amount))) == TC
    return terminal


def cash(terminal: Acquirer, amount: int) -> Acquirer:
    other = Acquirer(terminal.chip, terminal.product)
    return other.set(tDF69=terminal.values[0xDF69].hex(), t9F7A="01", t9F02=f"{amount:012d}", t95="0000000000")


def wave(terminal: Acquirer, amount: int, reader: str = "28000080", **values: str) -> Acquirer:
    other = Acquirer(terminal.chip, terminal.product, contactless=True)
    return other.set(
        tDF69=terminal.values[0xDF69].hex(), t9F02=f"{amount:012d}", t95="0000000000", t9F66=reader, **values
    )


@TWINS
def test_load_and_purchases(product: str, national: str) -> None:
    """What the issuer loads is spent off line; 9F10 tells the new balance under the MAC key."""
    terminal = loaded(product, national)
    assert balance(terminal.chip) == 50000
    for left in (30000, 10000):
        terminal = cash(terminal, 20000)
        terminal.start()
        assert terminal.path[0x9F74] == b"ECC001"
        assert terminal.generate(TC) == TC
        assert terminal.cvr == "900000"
        shown = terminal.issuer_data
        assert shown[8:15] == bytes.fromhex(f"0A01{left:010d}")
        assert shown[15:] == terminal.code("MAC", terminal.atc + shown[10:15] + b"\x00")[:4]
        assert balance(terminal.chip) == left
    terminal = cash(terminal, 20000)
    terminal.start()
    assert terminal.generate(TC) == ARQC  # not enough: the issuer is asked, the account may pay
    assert terminal.cvr == "A02000"
    assert terminal.authenticate() == "9000"
    assert terminal.generate(TC) == TC
    assert balance(terminal.chip) == 10000
    terminal = cash(terminal, 20000)
    terminal.start()
    assert terminal.generate(TC) == ARQC
    assert terminal.set(t8A="5933").generate(TC) == AAC
    assert balance(terminal.chip) == 10000


def test_the_limits_of_the_cash() -> None:
    terminal = loaded(DUAL, "00", 100000)
    write = terminal.chip.memory.write
    write({"debit/tag/9F78": bcd(5000), "debit/tag/9F6D": bcd(90000)})
    for amount, kind in ((5001, ARQC), (5000, TC), (5000, TC), (1, ARQC)):
        terminal = cash(terminal, amount)
        terminal.start()
        assert terminal.generate(TC) == kind, amount
        if kind == ARQC:
            terminal.authenticate()
            terminal.generate(TC)
    foreign = cash(terminal, 1).set(t5F2A="0840")
    foreign.start()
    assert 0x9F74 not in foreign.path  # another currency: not the e-cash path
    terminal = cash(terminal, 1)
    terminal.start()
    terminal.generate(ARQC)
    assert terminal.script("04DA9F79", bcd(100001)) == "6A80"  # above 9F77
    assert terminal.script("04DA9F79", b"\xaa" * 6) == "6A80"
    assert terminal.script("04DA9F77", bcd(50000)) == "9000"
    assert terminal.script("04DA9F79", bcd(50001)) == "6A80"
    assert balance(terminal.chip) == 90000


def test_the_load_log() -> None:
    terminal = loaded(DUAL, "00", 50000)
    place = "00B20164" + "00"
    record = "9F79" + "000000000000" + "000000050000" + "2601151011120156" + terminal.values[0x9F4E].hex().upper()
    assert ask(terminal.chip, place) == record + "00" + "0001" + "9000"
    assert ask(terminal.chip, "00B2026400") == "6A83"


@TWINS
def test_contactless_purchases(product: str, national: str) -> None:
    terminal = loaded(product, national, 1000)
    for left in (900, 800):
        terminal = wave(terminal, 100)
        answer = dict(tlv.deep(terminal.start()))
        assert terminal.proof == terminal.cryptogram()
        assert terminal.cvr == "900000"
        assert answer[0x9F5D] == bcd(left)
        assert balance(terminal.chip) == left + 100  # nothing is taken before the last record
        for read in [f"00B2{record:02X}{sfi << 3 | 4:02X}00" for sfi, record in listed(answer[0x94])]:
            last = terminal.ok(read)
        related = dict(tlv.deep(last))[0x9F69]
        assert related[0] == 1
        data = terminal.values[0x9F37] + terminal.values[0x9F02] + terminal.values[0x5F2A] + related
        assert terminal.recovered(answer[0x9F4B], terminal=data)[0] == b"\x02" + terminal.atc
        assert balance(terminal.chip) == left
    log = ask(terminal.chip, "00B2015C00")
    assert log.startswith("260115" + "000000" + "000000000100")
    terminal = wave(terminal, 100, "28000000")
    answer = dict(tlv.deep(terminal.start()))
    assert terminal.recovered(answer[0x9F4B])[0] == b"\x02" + terminal.atc
    assert 0x9F69 not in dict(tlv.deep(terminal.ok("00B2012C00")))


def listed(afl: bytes) -> list[tuple[int, int]]:
    found = []
    for at in range(0, len(afl), 4):
        found += [(afl[at] >> 3, record) for record in range(afl[at + 1], afl[at + 2] + 1)]
    return found


def test_a_new_wave_forgets_what_was_not_read() -> None:
    terminal = loaded(DUAL, "00", 1000)
    wave(terminal, 100).start()
    ask(terminal.chip, DEBIT)
    assert ask(terminal.chip, "00B2012C00").endswith("9000")
    assert balance(terminal.chip) == 1000


READER = {
    "on line wanted": ("26800080", {}, 100, "A00000", "0000"),
    "too much, reader can": ("26000080", {}, 2000, "A02000", "0000"),
    "too much, reader cannot": ("2E000080", {}, 2000, "802000", "0000"),
    "over the single limit": ("26000080", {"9F78": "000000000099"}, 100, "A02000", "0000"),
    "under the reset threshold": ("26000080", {"9F6D": "000000000901"}, 100, "A02000", "0000"),
    "PIN on line": ("26400080", {}, 100, "A00000", "8000"),
    "signature": ("22400080", {}, 100, "900000", "4000"),
    "no cardholder method": ("20400080", {}, 100, "800000", "0000"),
    "card wants a method": ("26000080", {"9F6B": "000000000050"}, 100, "A00000", "8000"),
    "new card": ("26000080", {"9F68": "91509000", "9F13": "0000"}, 100, "A01000", "0000"),
    "new card, reader cannot": ("28000080", {"9F68": "91709000", "9F13": "0000"}, 100, "801000", "0000"),
    "contact is preferred": ("36000080", {"9F68": "83509000"}, 2000, "802000", "0000"),
    "prepaid": ("26000080", {"9F68": "81D09000"}, 2000, "802000", "0000"),
    "low value is not supported": ("26000080", {"9F68": "01509000"}, 100, "A00000", "0000"),
    "cumulative amount too": ("26000080", {"9F68": "41509000", "9F54": "000000000099"}, 100, "A02000", "0000"),
    "either is enough": ("26000080", {"9F68": "21509000", "9F54": "000000000099"}, 100, "900000", "0000"),
    "no PIN tries": ("26000080", {"9F68": "89509000", "pin": "00"}, 100, "A04000", "0000"),
}


@pytest.mark.parametrize("case", READER)
def test_what_the_card_decides(case: str) -> None:
    reader, tags, amount, cvr, qualifiers = READER[case]
    terminal = loaded(DUAL, "00", 1000)
    cells = {("debit/pin/left" if tag == "pin" else f"debit/tag/{tag}"): bytes.fromhex(v) for tag, v in tags.items()}
    terminal.chip.memory.write(cells)
    terminal = wave(terminal, amount, reader)
    answer = dict(tlv.deep(terminal.start()))
    assert terminal.proof == terminal.cryptogram()
    assert (terminal.cvr, answer[0x9F6C].hex()) == (cvr, qualifiers)
    assert (0x94 in answer, 0x5F20 in answer) == (cvr[0] == "9", cvr[0] != "9")


@pytest.mark.parametrize(("process", "cvr"), [("81509000", "800000"), ("81109000", "A00000"), ("85109000", "900000")])
def test_another_currency(process: str, cvr: str) -> None:
    """Refused, on line, or off line without touching the balance while 9F53 allows."""
    terminal = loaded(DUAL, "00", 1000)
    terminal.chip.memory.write({"debit/tag/9F68": bytes.fromhex(process), "debit/tag/9F53": b"\x01"})
    terminal = wave(terminal, 100, "26000080", t5F2A="0840")
    terminal.start()
    assert terminal.cvr == cvr
    terminal.sw("00B2012C00")
    assert balance(terminal.chip) == 1000
    if cvr == "900000":
        terminal = wave(terminal, 100, "26000080", t5F2A="0840")
        terminal.start()
        assert terminal.cvr == "A00000"


@pytest.mark.parametrize(
    ("process", "steps"),
    [
        ("41509000", [("900000", 600, 400), ("900000", 200, 0), ("A02000", 200, 0)]),  # both, 9F54 = 800
        ("21509000", [("900000", 600, 800), ("900000", 200, 800), ("900000", 200, 400), ("900000", 200, 200)]),
    ],
)
def test_the_cumulative_amount(process: str, steps: list[tuple[str, int, int]]) -> None:
    """Low value and cumulative amount, both to hold or one after the other; 9F5D is what is left of them."""
    terminal = loaded(DUAL, "00", 1000)
    terminal.chip.memory.write({"debit/tag/9F68": bytes.fromhex(process), "debit/tag/9F54": bcd(800)})
    for cvr, left, spendable in steps:
        terminal = wave(terminal, 400, "26000080")
        answer = dict(tlv.deep(terminal.start()))
        assert terminal.cvr == cvr
        assert answer[0x9F5D] == bcd(spendable)
        terminal.sw("00B2012C00")
        assert balance(terminal.chip) == left
        assert ask(terminal.chip, "80CA9F5D00") == "9F5D06" + bcd(spendable).hex().upper() + "9000"


def test_full_contactless_takes_the_contact_path() -> None:
    terminal = loaded(DUAL, "00", 1000)
    offline_limits(terminal.chip)
    terminal = wave(terminal, 100, "40000000")
    assert terminal.start()[0] == 0x80
    assert terminal.sw("0020008008" + "26123456FFFFFFFF") == "6985"
    assert terminal.generate(TC) == TC
    assert balance(terminal.chip) == 1000
    other = wave(terminal, 100, "80000000")
    other.ok(DEBIT)
    assert other.sw("80A80000238321" + "80000000" + bcd(100).hex() + "00" * 23) == "6985"


def test_a_long_key_signs_into_a_record() -> None:
    """Over 1024 bits 9F4B does not go into the answer: the AFL names record 06/01, or what is loaded there grows."""
    from cardfab.crypto.rsa import crt_of_der, generate
    from tests.unit.simulator.acquirer import raw_recovery

    der = generate(1152, 3)
    parts = crt_of_der(der)
    modulus = (int.from_bytes(parts.p) * int.from_bytes(parts.q)).to_bytes(144)
    terminal = loaded(DUAL, "00", 1000)
    cells = {f"debit/dgi/82{n:02}": part for n, part in enumerate(parts.in_order(), 1)}
    terminal.chip.memory.write(cells)
    for extra in ({}, {"debit/dgi/0601": bytes.fromhex("70049F010102"), "debit/dgi/9207": LONG}):
        terminal.chip.memory.write(extra)
        terminal = wave(terminal, 100)
        answer = dict(tlv.deep(terminal.start()))
        assert 0x9F4B not in answer
        assert (6, 1) in listed(answer[0x94])
        record = dict(tlv.deep(terminal.ok("00B2013400")))
        related = dict(tlv.deep(terminal.ok("00B2012C00")))[0x9F69]
        data = terminal.values[0x9F37] + terminal.values[0x9F02] + terminal.values[0x5F2A] + related
        assert raw_recovery(modulus, 3, record[0x9F4B], data) == b"\x02" + terminal.atc
        assert record[0x9F5D] == bcd(balance(terminal.chip))
        assert (0x9F01 in record) == bool(extra)


LONG = bytes.fromhex("82027C009F100A07010103000000010A01941010010200300101003801050128010100")


def test_an_answer_that_does_not_fit_begins_nothing() -> None:
    terminal = loaded(DUAL, "00", 1000)
    terminal = wave(terminal, 100)
    fci = terminal.ok(DEBIT)
    pdol = terminal.listed(dict(tlv.deep(fci))[0x9F38]).hex()
    head = f"80A80000{len(pdol) // 2 + 2:02X}83{len(pdol) // 2:02X}{pdol}"
    assert terminal.sw(head + "10").startswith("6C")
    assert terminal.sw(head + "00") == "9000"
    assert terminal.sw(head + "00") == "6985"


def test_the_short_cryptogram() -> None:
    """CVN 17: amount, random number, ATC, first byte of the CVR."""
    terminal = loaded(DUAL, "00", 1000)
    grouping = terminal.chip.memory.read("debit/dgi/9207")
    terminal.chip.memory.write({"debit/dgi/9207": grouping.replace(b"\x07\x01\x01\x03", b"\x07\x01\x17\x03")})
    terminal = wave(terminal, 100)
    terminal.start()
    short = terminal.values[0x9F02] + terminal.values[0x9F37] + terminal.atc + terminal.issuer_data[4:5]
    assert terminal.proof == terminal.code("AC", short)


@pytest.mark.parametrize(
    ("form", "values"),
    [("0A02", [1234]), ("0F03", [700, 1234]), ("0F04", [1234, 5000]), ("0A05", [700]), ("0A06", None)],
)
def test_other_issuer_data(form: str, values: list[int] | None) -> None:
    terminal = loaded(DUAL, "00", 700)
    prefix = bytes.fromhex("0701010300000001" + form)
    terminal.chip.memory.write(
        {
            "debit/dgi/9200": tlv.build(0x9F10, prefix),
            "debit/offline/amount": bcd(1234),
            "debit/tag/9F54": bcd(5000),
        }
    )
    terminal = Acquirer(terminal.chip, DUAL)
    terminal.start()
    terminal.generate(ARQC)
    shown = terminal.issuer_data
    if values is None:  # an id without a known meaning stays as it was loaded
        assert shown[8:] == prefix[8:]
        return
    plain = b"".join(bcd(one)[1:] for one in values)
    assert shown[8:-4] == prefix[8:10] + plain
    assert shown[-4:] == terminal.code("MAC", terminal.atc + plain + bytes(1 if len(values) == 1 else 4))[:4]
