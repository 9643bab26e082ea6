"""The items of the ministry's general test of a social security card, on any card of this station (``ACCEPTANCE``).

Each takes an issued card, looks at it by raw APDUs and leaves it as it was but for values and the medical account. What
is right stands in ``tests/social.py``; where the list prints no expected result, the test says which one is held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.social import (
    CLOSED,
    EVERY_KEY,
    FIRST_PIN,
    KEYS,
    LABELS,
    NO_KEY,
    NO_RECORD,
    OK,
    ORIGINAL,
    PIN,
    SSSE_NAME,
    Examined,
    Item,
    Row,
    diversified,
    factors,
    inverted,
    mac,
    made_rows,
    proof,
    root,
    row,
)

Check = Callable[[Examined], None]
ACCEPTANCE: dict[str, Check] = {}
FACTOR = bytes.fromhex("A0A1A2A3A4A5A6A7")
NOT_FOUND = 0x6A82


def listed(name: str) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        ACCEPTANCE[name] = check
        return check

    return add


def _open(card: Examined, of: Row) -> None:
    """The file may be read."""
    card.anew(of.df)
    card.satisfy(of, of.ways[0])


def _linear(card: Examined) -> Iterator[tuple[Row, list[bytes]]]:
    """Every linear file with its records."""
    for one in made_rows(card.version):
        if not one.cyclic and not one.transparent:
            _open(card, one)
            yield one, card.records(one)


def _given(card: Examined, of: Row, item: str, inner: str = "") -> str | None:
    address = f"{of.name}/{item}" + (f"/{inner}" if inner else "")
    return card.values.get(address)


def _key_of(of: Row, number: int) -> str:
    """How the item of a record is addressed: its tag, and which of several with that tag."""
    item = of.items[number - 1]
    nth = [one.tag for one in of.items[:number]].count(item.tag)
    return f"{item.tag:02X}" + (f":{nth}" if nth > 1 else "")


def _well_formed(item: Item, value: bytes) -> None:
    assert len(value) == item.length, f"{item.tag:02X} has {len(value)} bytes"
    if item.kind == "cn":
        # Item 01 holds D156000005 among its digits, and FFFFFFFF where the authentication code is not set.
        assert re.fullmatch(r"[0-9A-E]*F*|[0-9A-F]{32}", value.hex().upper())
    elif item.kind == "an":
        text, _, rest = value.partition(b"\0")
        assert not any(rest)
        text.decode("gb18030")


@listed("the PIN has 4 to 16 digits, two a byte, an odd one filled with F; wrong ones are counted")
def pin_format(card: Examined) -> None:
    card.reset()
    card.enter("SSSE")
    assert card.tries() == 6
    current = FIRST_PIN

    def change(new: str) -> int:
        data = current + b"\xff" + bytes.fromhex(new)
        return card.sw(bytes((0x80, 0x5E, 1, 0, len(data))) + data)

    for bad in ("123F", "12345A", "123456FF12", "12", "123456789012345678"):
        assert change(bad) != OK, bad
        card.reset()
        card.enter("SSSE")
    for good in ("12345F", "1234", "1234567890123456", "123456789012345F", FIRST_PIN.hex()):
        assert change(good) == OK, good
        current = bytes.fromhex(good)
        assert card.verify(current) == OK
    assert card.verify(bytes.fromhex("12345F")) == 0x63C5
    assert card.tries() == 5
    assert card.verify() == OK
    assert card.tries() == 6


@listed("the ATR is 3B 6D 00 00 and thirteen historical bytes, T=0; T8 T9 its region, TA to TD its serial number")
def answer_to_reset(card: Examined) -> None:
    atr = card.reset()
    assert atr[:4] == bytes.fromhex("3B6D0000")
    assert len(atr) == 17
    assert atr[11:13].hex() == card.region[:4]
    assert atr[13:].hex().isdecimal()
    assert card.reset() == atr


@listed("keys come of their root by the three factors, and by no fewer")
def three_factors(card: Examined) -> None:
    card.reset()
    card.enter("SSSE")
    irk = KEYS["SSSE"]["IRK"]
    said = card.internal(FACTOR)
    assert [proof(card.cipher, card.key(irk, applied=count), FACTOR) == said for count in range(4)] == [
        False, False, False, True,
    ]  # fmt: skip
    assert len(set(factors(card.region, card.historical))) == 3
    other = root(irk.label(card.cipher))
    for factor in factors("440198" if card.region != "440198" else "440197", card.historical):
        other = diversified(card.cipher, other, factor)
    assert proof(card.cipher, other, FACTOR) != said
    before = card.tries()
    card.prove(KEYS["SSSE"]["UKSSSE"])
    assert card.tries() == before


@listed("city code, version and number of the initialising institution are right, and what says who the card is")
def who_the_card_is(card: Examined) -> None:
    card.reset()
    issuer = row("SSSE/EF05", card.version)
    card.enter("SSSE")
    records = card.records(issuer)
    code, version, initialiser = records[0][2:], records[2][2:], records[3][2:].hex()
    assert code[:3].hex() == card.region
    assert code[3:8].hex() == "d156000005"
    assert code[8:12] == card.historical[9:13]
    key = card.key(KEYS["SSSE"]["IRK"])
    assert code[12:] in (mac(card.cipher, key, code[:12]), b"\xff" * 4)
    assert version[:3] == card.version.encode()[:3]
    assert initialiser[:10] == "9156000002"
    assert initialiser[10:16] == card.region
    assert re.fullmatch(r"[0-9]{6}[0-9]{2}", initialiser[16:])
    number = records[6][2:].decode("ascii")
    weights = (3, 7, 9, 10, 5, 8, 4, 2)  # V2.0, appendix A
    total = sum(int(char, 36) * weight for char, weight in zip(number[:8], weights, strict=True))
    assert number[8] == "0X987654321"[total % 11]  # 11 less the rest: 10 is X, 11 is 0
    if card.values:
        _open(card, row("SSSE/EF06", card.version))
        holder = card.records(row("SSSE/EF06", card.version))
        assert holder[0][2:].decode() == card.values["SSSE/EF06/08"]


@listed("the directories and files that must be there are there, and are in the DIR file")
def what_must_be_there(card: Examined) -> None:
    card.reset()
    fci = card.ok(bytes((0, 0xA4, 4, 0, len(SSSE_NAME))) + SSSE_NAME)
    algorithm = bytes.fromhex("9F0C03860103" if card.cipher == "SM4" else "9F0C03860101")
    inner = bytes.fromhex("88011E") + algorithm
    name = bytes((0x84, len(SSSE_NAME))) + SSSE_NAME
    assert fci == bytes((0x6F, len(name) + 2 + len(inner))) + name + bytes((0xA5, len(inner))) + inner
    entries = []
    for number in range(1, 0xFF):
        data, sw = card.exchange(bytes((0, 0xB2, number, 0x1E << 3 | 4, 0)))
        if sw == NO_RECORD:
            break
        assert sw == OK
        entries.append(data)
    directories = {one.df: one.aid for one in made_rows(card.version) if one.df != "SSSE"}
    for df, aid in directories.items():
        entry = next(one for one in entries if bytes((0x4F, len(aid))) + aid in one)
        assert entry[0] == 0x61
        assert entry[1] == len(entry) - 2
        if df in LABELS:
            assert entry.endswith(LABELS[df].encode("gbk"))
    for one in made_rows(card.version):
        if card.current != one.df:
            card.enter(one.df)
        assert card.sw(bytes.fromhex("00A4020002") + one.fid.to_bytes(2)) == OK, one.name
        assert card.sw("00A4020002EF0E") == NOT_FOUND


@listed("records of linear files are T L V in the order of the tables, with the lengths of the tables")
def linear_records(card: Examined) -> None:
    card.reset()
    for of, records in _linear(card):
        if of.category == "启用":
            assert records, of.name
        for number, (record, item) in enumerate(zip(records, of.items, strict=False), 1):
            assert record[:2] == bytes((item.tag, item.length)), f"{of.name} record {number}"
            assert len(record) == 2 + item.length
            given = _given(card, of, _key_of(of, number))
            if not item.inner:
                _well_formed(item, record[2:])
                if given is not None:
                    assert record[2:] == item.encoded(given), f"{of.name}/{item.tag:02X}"


@listed("B-TLV items hold their inner items as T L V, inside the length of the table")
def btlv_items(card: Examined) -> None:
    card.reset()
    seen = 0
    for of, records in _linear(card):
        for number, (record, item) in enumerate(zip(records, of.items, strict=False), 1):
            if not item.inner:
                continue
            assert item.length == sum(2 + one.length for one in item.inner)
            rest = record[2:]
            for one in item.inner:
                head, value, rest = rest[:2], rest[2 : 2 + one.length], rest[2 + one.length :]
                assert head == bytes((one.tag, one.length)), f"{of.name}/{item.tag:02X}/{one.tag:02X}"
                _well_formed(one, value)
                given = _given(card, of, _key_of(of, number), f"{one.tag:02X}")
                if given is not None:
                    assert value == one.encoded(given)
            assert rest == b""
            seen += 1
    assert seen == 18


@listed("cyclic files keep records of their length, as many as they must, the newest first")
def cyclic_files(card: Examined) -> None:
    card.reset()
    for of in made_rows(card.version):
        if not of.cyclic or of.written_by is None:
            continue
        _open(card, of)
        for record in card.records(of):
            assert len(record) == of.length, of.name
        written = [of.sample(1, seed) for seed in range(of.least + 2)]
        assert len(written[0]) == of.length
        card.prove(of.written_by)
        for record in written:
            assert card.write(of, record) == OK
        assert card.write(of, written[0][:-1]) != OK
        assert card.write(of, written[0] + b"\0") != OK
        _open(card, of)
        kept = card.records(of)
        assert len(kept) >= of.least
        assert kept[: of.least] == written[::-1][: of.least], of.name


@listed("the files of the environment hold no record beside those of the tables, and take none")
def no_extra_records(card: Examined) -> None:
    card.reset()
    for name in ("SSSE/EF05", "SSSE/EF06"):
        of = row(name, card.version)
        _open(card, of)
        assert [record[0] for record in card.records(of)] == [item.tag for item in of.items]
        assert card.read(of, 8)[1] == NO_RECORD
        card.prove(KEYS["SSSE"]["UKSSSE"])
        for number in (0, 8, 9):
            assert card.write(of, bytes.fromhex("B00101"), number) != OK
        _open(card, of)
        assert len(card.records(of)) == 7


@listed("tag 60 lies in exactly one of DF02/EF06 and DF03/EF05")
def tag_60(card: Examined) -> None:
    card.reset()
    found = []
    for name in ("DF02/EF06", "DF03/EF05"):
        of = row(name, card.version)
        _open(card, of)
        by_tag = card.sw(bytes((0, 0xB2, 0x60, of.sfi << 3, 0))) == OK
        in_order = any(record[0] == 0x60 for record in card.records(of))
        assert by_tag == in_order
        found.append(in_order)
    assert sum(found) == 1


def _write_refused(card: Examined, of: Row, but: str) -> None:
    for number in range(1, of.count + 1 if not of.cyclic and not of.transparent else 2):
        sw = card.write(of, of.sample(number, 5), number)
        assert sw == CLOSED, f"{of.name} record {number}, {but}: {sw:04X}"


@listed("writing without the update key fails, also where reading is open")
def no_write_without_its_key(card: Examined) -> None:
    card.reset()
    for of in made_rows(card.version):
        card.anew(of.df)
        _write_refused(card, of, "no right at all")
        for way in of.ways:
            card.satisfy(of, way)
        _write_refused(card, of, "open to be read")


@listed("an update key opens no file of another update key")
def no_other_update_key(card: Examined) -> None:
    card.reset()
    for of in made_rows(card.version):
        card.anew(of.df)
        card.everything(of.df, but=of.written_by)
        _write_refused(card, of, "every other key")


@listed("a file that asks for the PIN cannot be read before the PIN")
def unreadable_before_the_pin(card: Examined) -> None:
    for of in made_rows(card.version):
        if any(PIN in way for way in of.ways):
            card.reset()
            card.enter(of.df)
            assert card.read(of)[1] == CLOSED, of.name
            assert card.verify() == OK
            sw = card.read(of)[1]
            assert sw == (CLOSED if of.name == "DF04/EF06" else sw), of.name
            assert sw in (OK, NO_RECORD) or of.name == "DF04/EF06", f"{of.name}: {sw:04X}"


@listed("authenticating the update key alone opens no reading (the list prints no result: default no)")
def update_key_alone_reads_nothing(card: Examined) -> None:
    for of in made_rows(card.version):
        if of.ways == [set()] or of.written_by is None:
            continue
        card.reset()
        card.enter(of.df)
        card.prove(of.written_by)
        assert card.read(of)[1] == CLOSED, of.name


@listed("the key for reading is not the key for writing")
def two_keys(card: Examined) -> None:
    card.reset()
    for of in made_rows(card.version):
        if of.written_by is None:
            continue
        for right in set().union(*of.ways) - {PIN}:
            reading, writing = of.key(right), of.written_by
            assert reading.kid != writing.kid
            assert card.key(reading) != card.key(writing)
            card.anew(of.df)
            assert card.try_key(reading, card.key(writing)) == 0x63C5, of.name
            card.prove(reading)  # the counter is full again
            assert card.try_key(writing, card.key(reading)) == 0x63C5, of.name
            card.prove(writing)


@listed("conditions with 'or' and 'and' are what they say")
def or_and_and(card: Examined) -> None:
    for of in made_rows(card.version):
        for way in of.ways:
            card.reset()
            card.enter(of.df)
            for right in sorted(way):
                assert card.read(of)[1] == CLOSED, f"{of.name} before {right}"
                card.satisfy(of, {right})
            sw = card.read(of)[1]
            assert sw in (OK, NO_RECORD), f"{of.name} by {way}: {sw:04X}"
        if len(of.ways) == 1 and len(of.ways[0]) == 2:  # the other one first
            card.reset()
            card.enter(of.df)
            for right in sorted(of.ways[0], reverse=True):
                assert card.read(of)[1] == CLOSED
                card.satisfy(of, {right})
            assert card.read(of)[1] in (OK, NO_RECORD)


@listed("all national keys authenticate")
def national_keys(card: Examined) -> None:
    card.reset()
    done = set()
    for key in EVERY_KEY:
        if key.national and key.external:
            if card.current != key.df:
                card.enter(key.df)
            card.prove(key)
            done.add(key.right)
    assert {"RKSSSE", "RK1DF01", "RK1DF02", "RK1DF03", "RK2DF03", "RK1DF04", "UK2DF04", "UK1DF07"} <= done
    assert len(done) == 31


@listed("keys of several versions: each version is another key, and the card knows which it was asked for")
def versions(card: Examined) -> None:
    card.reset()
    for key in EVERY_KEY:
        if not key.external:
            continue
        if card.current != key.df:
            card.enter(key.df)
        card.prove(key)
        for version in range(1, key.groups + 1):
            card.prove(key, version)
        assert card.try_key(key, card.key(key), key.groups + 1) == NO_KEY, key.right
        if key.groups > 1:
            assert card.try_key(key, card.key(key, 2), 3) == 0x63C5, key.right
            card.prove(key, 3)


@listed("transactions off line are in the log, and nobody writes the log but the card")
def transaction_log(card: Examined) -> None:
    card.reset()
    log = row("DF04/EF08", card.version)
    card.enter("DF04")
    assert card.sw("B026000104") == CLOSED
    assert card.verify() == OK
    before, known = card.balance(), card.records(log)
    loaded = card.load(5000, "20261122101500")
    paid = card.purchase(1234, 500, 700, "20261122101600")
    assert card.balance() == before + 5000 - 1234
    newest, second, *others = card.records(log)
    terminal = card.TERMINAL
    zero = bytes(4)
    assert second == loaded + b"1" + terminal + bytes.fromhex("20261122101500") + (5000).to_bytes(4) + zero + zero
    sums = b"".join(one.to_bytes(4) for one in (1234, 500, 700))
    assert newest == paid + b"2" + terminal + bytes.fromhex("20261122101600") + sums
    assert others == known[: len(others)]
    for seq, kind in ((paid, "32"),):
        kept = card.ok(bytes.fromhex(f"B02E00{kind}02") + seq)
        assert len(kept) == 8
    card.everything("DF04")
    assert card.write(log, newest) == CLOSED
    assert card.write(row("DF04/EF06"), newest) != OK
    assert card.records(log)[:2] == [newest, second]


@listed("the id of IRK is 00 and it is diversified for the card, each version of its own root")
def internal_key(card: Examined) -> None:
    card.reset()
    card.enter("SSSE")
    irk = KEYS["SSSE"]["IRK"]
    assert irk.kid == 0
    assert card.internal(FACTOR) == card.internal(FACTOR, 1)
    answers = []
    for version in (1, 2, 3):
        answers.append(card.internal(FACTOR, version))
        assert answers[-1] == proof(card.cipher, card.key(irk, version), FACTOR)
    assert len(set(answers)) == 3
    assert card.internal(inverted(FACTOR)) == proof(card.cipher, card.key(irk), inverted(FACTOR))
    asked = FACTOR + ORIGINAL
    assert card.sw(bytes((0, 0x88, 0, 0, 17)) + asked + b"\x04") == NO_KEY
    for kid in (0x01, 0x04, 0x0A):
        assert card.sw(bytes((0, 0x88, 0, kid, 16)) + asked) != OK


@listed("a purchase of nothing is carried out, counted, proved and logged")
def purchase_of_nothing(card: Examined) -> None:
    card.reset()
    log = row("DF04/EF08", card.version)
    card.enter("DF04")
    assert card.verify() == OK
    before = card.balance()
    for version in (1, 2, 3):
        seq = card.purchase(0, 0, 0, f"2026112210200{version}", version)
        assert card.balance() == before
        newest = card.records(log)[0]
        assert newest[:3] == seq + b"2"
        assert newest[16:] == bytes(12)
        card.ok(bytes.fromhex("B02E003202") + seq)
        assert int.from_bytes(card.begin_purchase(0, 0, 0)[14:16]) == int.from_bytes(seq) + 1
