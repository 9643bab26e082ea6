"""The debit application: personalisation by STORE DATA and its checks, against three consistent sample cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import scp02
from tests.unit.simulator.acquirer import DEBIT, PRODUCTS, PSE, ask, open_vector_channel, replayed

if TYPE_CHECKING:
    from conftest import Host

CONTACT = PRODUCTS["debit-contact-rsa"]
GROUPINGS = [(int(one["dgi"], 16), bytes.fromhex(one["plain"]), "encrypted" in one) for one in CONTACT["dgis"]]
EACH = pytest.mark.parametrize("product", PRODUCTS)
Maker = Callable[..., "Host"]


def personalise(host: Host, groupings: list[tuple[int, bytes, bool]], level: int = 0) -> list[str]:
    host.ok(DEBIT)
    assert host.open_channel(level) == "9000"
    last = len(groupings) - 1
    return [host.store(dgi, value, secret=s, last=n == last) for n, (dgi, value, s) in enumerate(groupings)]


def changed(dgi: int, value: bytes | None, *, secret: bool | None = None) -> list[tuple[int, bytes, bool]]:
    """The contact card with one grouping replaced, or left out."""
    found = []
    for number, old, was_secret in GROUPINGS:
        if number != dgi:
            found.append((number, old, was_secret))
        elif value is not None:
            found.append((number, value, was_secret if secret is None else secret))
    return found


@EACH
def test_the_sample_cards_replay_byte_for_byte(product: str) -> None:
    chip, sample = replayed(product), PRODUCTS[product]
    assert ask(chip, "80E2000003910200") == "6985"
    assert chip.inspect()["debit"]["state"] == "PERSONALISED"
    fci = next(one["plain"] for one in sample["dgis"] if one["dgi"] == "9102")
    inside = "8408A000000333010101" + fci
    assert ask(chip, DEBIT) == f"6F{len(inside) // 2:02X}" + inside + "9000"
    for one in sample["dgis"]:
        dgi = int(one["dgi"], 16)
        if dgi >> 8 <= 10:
            assert ask(chip, f"00B2{dgi & 0xFF:02X}{dgi >> 8 << 3 | 4:02X}00") == one["plain"] + "9000"


def test_a_wrong_arpc_declines(host: Host) -> None:
    chip, sample = replayed("debit-contact-rsa"), CONTACT["transactions"][0]
    ask(chip, DEBIT)
    assert ask(chip, "008200000A" + "00" * 10) == "6985"
    ask(chip, "80A800000C830A" + sample["pdol_values"])
    first, second = sample["cdol1_values"], sample["cdol2_values"]
    ask(chip, f"80AE8000{len(first) // 2:02X}{first}")
    assert ask(chip, "008200000A" + "00" * 10) == "6300"
    declined = ask(chip, f"80AE4000{len(second) // 2:02X}{second}")
    assert declined.startswith("801300")  # AAC, by the application default action
    assert declined[26:].startswith("0701010328")  # second AAC, first ARQC, issuer authentication failed


def test_get_data_pin_and_records_in_use() -> None:
    chip = replayed("debit-contact-rsa")
    assert ask(chip, DEBIT).endswith("9000")
    assert ask(chip, "80CA9F3600") == "9F360200009000"
    assert ask(chip, "80CA9F1300") == "9F130200009000"
    assert ask(chip, "80CA9F1700") == "9F1701039000"
    assert ask(chip, "80CA9F4F00").startswith("9F4F199A03")
    assert ask(chip, "80CA5F3400") == "6A88"  # not among those that GET DATA returns
    assert ask(chip, "80CA9F3602") == "6C05"
    assert ask(chip, "0020008008" + "26654321FFFFFFFF") == "63C2"
    assert ask(chip, "80CA9F1700") == "9F1701029000"
    assert ask(chip, "0020008008" + "26123456FFFFFFFF") == "9000"
    assert ask(chip, "80CA9F1700") == "9F1701039000"
    assert ask(chip, "0020008003" + "123456") == "6700"
    assert ask(chip, "0020000008" + "26123456FFFFFFFF") == "6A86"
    assert [ask(chip, "0020008008" + "26000000FFFFFFFF") for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert ask(chip, "00B2020C00") == "6A83"
    assert ask(chip, "00B2013400") == "6A82"
    assert ask(chip, "00B2010D00") == "6A86"
    assert ask(chip, "00B2010400") == "6A82"
    assert ask(chip, "00B2010C05") == "6C33"
    assert ask(chip, "80AE800000") == "6985"  # before GPO
    assert ask(chip, "80A8000002830100") == "6A80"
    assert ask(chip, "80A80000028300") == "6A80"
    assert ask(chip, "80A800000C830A" + "00" * 10).endswith("9000")
    assert ask(chip, "80A800000C830A" + "00" * 10) == "6985"
    assert ask(chip, "80AE900000") == "6A80"
    assert ask(chip, "80AEA00000") == "6A86"
    assert ask(chip, "80AE80000100") == "6A80"
    assert ask(chip, "80CA9F3600") == "9F360200019000"
    assert ask(chip, "80FF0000") == "6D00"
    assert ask(chip, "20CA9F3600") == "6E00"


def test_the_last_transaction_is_the_last() -> None:
    chip = replayed("debit-contact-rsa")
    chip.memory.write({"debit/tag/9F36": b"\xff\xff"})
    ask(chip, DEBIT)
    assert ask(chip, "80A800000C830A" + "00" * 10) == "6985"


@pytest.mark.parametrize("level", [0, 1, 3])
def test_personalisation_under_the_cards_own_keys(host: Host, level: int) -> None:
    assert set(personalise(host, GROUPINGS, level)) == {"9000"}
    shown = host.chip.inspect()["debit"]
    assert shown["state"] == "PERSONALISED"
    assert shown["9104"] == CONTACT["dgis"][1]["plain"]
    assert "8000" not in shown
    assert host.chip.memory.read("debit/dgi/8000") == next(v for d, v, _ in GROUPINGS if d == 0x8000)


def test_before_personalisation_it_is_only_selectable(host: Host) -> None:
    assert host.ok(DEBIT) == "6F0C8408A000000333010101A500"
    for apdu in ("80A80000028300", "00B2010C00", "80CA9F3600", "0020008008" + "26123456FFFFFFFF", "80AE800000"):
        assert host.sw(apdu) == "6985"
    assert host.sw("80E2000004910201A5") == "6985"  # no channel


def test_blocks_are_counted_without_gaps(host: Host) -> None:
    host.ok(DEBIT)
    host.open_channel()
    fci = GROUPINGS[0][1]
    host.block = 1
    assert host.store(0x9102, fci) == "6A86"
    host.block = 0
    assert host.store(0x9102, fci) == "9000"
    host.block = 0
    assert host.store(0x9102, fci) == "6A86"
    host.block = 1
    assert host.store(0x9102, b"\x00") == "6A80"
    assert host.store(0x9102, fci) == "9000"  # a refused block does not count
    for p1 in (0x01, 0x10, 0x20, 0x40):
        assert host.send_block(p1, b"\x91\x02\x00") == "6A86"
    host.open_channel()
    assert host.store(0x9102, fci) == "9000"  # a new channel starts from 00


def test_more_than_256_blocks_do_not_wrap(host: Host) -> None:
    host.ok(DEBIT)
    host.open_channel()
    for _ in range(256):
        assert host.send_block(0x00, bytes.fromhex("9F0000")[:0] + bytes.fromhex("A00401FF")) == "9000"
    host.block = 0
    assert host.send_block(0x00, bytes.fromhex("A00401FF")) == "6A86"


def test_groupings_split_anywhere_and_joined(host: Host) -> None:
    stream = b""
    clear = [(d, v) for d, v, secret in GROUPINGS if not secret and d < 0x9000]
    for dgi, value in clear:
        stream += dgi.to_bytes(2) + bytes((len(value),)) + value
    long = b"\x70\x81\xfb\x9f\x46\x81\xf7" + bytes(247)
    stream += b"\x02\x06\xff" + len(long).to_bytes(2) + long
    for size in (255, 100, 7, 2):
        host.ok(DEBIT)
        host.open_channel()
        if len(stream) // size > 250 and size != 7:
            continue
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        for part in parts[:256]:
            assert host.send_block(0x00, part) == "9000"
        shown = host.chip.inspect()["debit"]
        for dgi, value in clear[:3]:
            assert shown[f"{dgi:04X}"] == value.hex().upper()
    host.ok(DEBIT)
    host.open_channel()
    assert host.send_block(0x80, stream[:-1][:200]) == "6A80"  # the last block ends inside a grouping


WRONG: dict[str, tuple[int, bytes]] = {
    "FCI without A5": (0x9102, bytes.fromhex("6F028400")),
    "FCI cut": (0x9102, bytes.fromhex("A5055001")),
    "GPO without AFL": (0x9104, bytes.fromhex("82027D00")),
    "GPO in the other order": (0x9104, bytes.fromhex("94040801010082027D00")),
    "AIP of one byte": (0x9104, bytes.fromhex("82017D940408010100")),
    "AFL of three bytes": (0x9104, bytes.fromhex("82027D009403080101")),
    "issuer data too short": (0x9200, bytes.fromhex("9F1004070101 03".replace(" ", ""))),
    "record without 70": (0x0101, bytes.fromhex("77025700")),
    "record that does not end": (0x0101, bytes.fromhex("70055702")),
    "record with more behind": (0x0101, bytes.fromhex("70025700FF00")),
    "record with broken inside": (0x0101, bytes.fromhex("70035705AA")),
    "record too long": (0x0101, b"\x70\x81\xfc" + b"\x57\x81\xf9" + bytes(249)),
    "internal data of a wrong length": (0x0D01, bytes.fromhex("9F53020000")),
    "check value of another key": (0x9000, bytes(9)),
    "two keys only": (0x8000, bytes(32)),
    "PIN block of format 1": (0x8010, bytes.fromhex("16123456FFFFFFFF")),
    "PIN of three digits": (0x8010, bytes.fromhex("23123FFFFFFFFFFF")),
    "PIN without fill": (0x8010, bytes.fromhex("2612345600000000")),
    "tries over the limit": (0x9010, bytes.fromhex("0403")),
    "tries of three bytes": (0x9010, bytes.fromhex("030303")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_grouping_is_refused(host: Host, case: str) -> None:
    dgi, value = WRONG[case]
    answers = dict(zip((d for d, _, _ in GROUPINGS), personalise(host, changed(dgi, value)), strict=True))
    assert answers[dgi] == "6A80"
    assert host.chip.inspect()["debit"]["state"] == "SELECTABLE"


MISSING = {
    "FCI": 0x9102,
    "GPO": 0x9104,
    "issuer data": 0x9200,
    "keys": 0x8000,
    "check values": 0x9000,
    "a record of the AFL": 0x0203,
}


@pytest.mark.parametrize("case", MISSING)
def test_the_last_block_wants_all_of_it(host: Host, case: str) -> None:
    answers = personalise(host, changed(MISSING[case], None))
    assert answers[-1] == "6A80"
    assert host.chip.inspect()["debit"]["state"] == "SELECTABLE"
    assert host.open_channel() == "9000"  # and the whole can be sent again
    last = len(GROUPINGS) - 1
    sent = [host.store(d, v, secret=s, last=n == last) for n, (d, v, s) in enumerate(GROUPINGS)]
    assert set(sent) == {"9000"}


def test_the_last_block_wants_what_the_data_promise(make_host: Maker) -> None:
    broken_afl = bytes.fromhex("82027D0094040F010100")
    for change in (
        changed(0x9104, broken_afl),
        changed(0x9104, bytes.fromhex("82027D00940408020100")),
        changed(0x9104, bytes.fromhex("82027D00940408010102")),
        changed(0x9104, bytes.fromhex("82027D00940408010100")),  # no 8C and 8D on the path
        changed(0x0D01, bytes.fromhex("9F530100")),  # a log entry without its format
        changed(0x8203, None),  # four of five
        changed(0x8202, GROUPINGS[18][1]),  # a component of another exponent
        changed(0x9102, GROUPINGS[0][1].replace(bytes.fromhex("9F4D020B0A"), bytes.fromhex("9F4D02050A"))),
        changed(0x8010, None),  # tries without a PIN
        [*changed(0x9010, None)[:-1], GROUPINGS[0]],  # no PIN and no tries: repeated FCI ends it
    ):
        host = make_host()
        answers = personalise(host, change)
        assert answers[-1] == ("9000" if change[-1] is GROUPINGS[0] else "6A80"), change
        if change[-1] is GROUPINGS[0]:
            assert host.sw("80CA9F1700") == "6A88"
            assert host.sw("0020008008" + "26123456FFFFFFFF") == "6983"


def test_secrets_come_enciphered_and_plain_ones_clear(host: Host) -> None:
    host.ok(DEBIT)
    host.open_channel()
    keys, kcv = GROUPINGS[14][1], GROUPINGS[15][1]
    assert host.store(0x8000, keys) == "6A86"
    assert host.store(0x9000, kcv) == "6A80"  # before its keys
    assert host.store(0x8000, keys, secret=True) == "9000"
    assert host.send_block(0x60, b"\x90\x00\x09" + kcv) == "6A80"  # clear, but said to be enciphered
    assert host.store(0x9000, kcv) == "9000"
    assert host.store(0x9010, b"\x03\x03") == "6A80"  # before its PIN
    assert host.store(0x3001, b"\x01") == "6A88"
    assert host.store(0x9999, b"\x01") == "6A88"
    assert host.store(0x0100, b"\x70\x00") == "6A88"
    assert host.store(0x0B01, b"\x01\x02") == "9000"  # SFI 11: any content


def test_a_session_of_another_key_cannot_store_keys(host: Host) -> None:
    host.ok(DEBIT)
    assert host.open_channel(kmc=bytes(16)) == "6300"
    host.session = scp02.KeySet(bytes(16), bytes(16), bytes(16))
    assert host.store(0x8000, bytes(48), secret=True) == "6985"


@pytest.mark.parametrize("keeps", [False, True])
def test_power_cut_at_every_write_of_a_personalisation(make_host: Maker, keeps: bool) -> None:
    """After any cut the application is not personalised, or completely so; and the whole can be sent again."""
    for cut in range(1, 30):
        host = make_host()
        host.chip.memory.tear_keeps = keeps
        host.chip.tear_after = cut
        try:
            answers = personalise(host, GROUPINGS)
        except AssertionError:
            answers = []
        host.chip.power_on()
        state = host.chip.inspect()["debit"]["state"]
        host.chip.tear_after = None
        if state == "SELECTABLE":
            assert set(personalise(host, GROUPINGS)) == {"9000"}
        else:
            assert keeps or answers
            assert host.ok(DEBIT).startswith("6F45")
            assert host.ok("80CA9F3600") == "9F36020000"


def test_the_environment_lists_the_application() -> None:
    chip = open_vector_channel(PSE)
    for apdu in CONTACT["pse"]["apdus"]:
        assert ask(chip, apdu) == "9000"
    groupings = dict(CONTACT["pse"]["dgis"])
    inside = "840E315041592E5359532E4444463031" + groupings["9102"]
    assert ask(chip, PSE) == f"6F{len(inside) // 2:02X}" + inside + "9000"
    assert ask(chip, "00B2010C00") == groupings["0101"] + "9000"
    assert ask(chip, "80A80000028300") == "6D00"
    assert chip.inspect()["debit"]["state"] == "SELECTABLE"


def test_the_environment_wants_its_directory() -> None:
    chip = open_vector_channel(PSE)
    assert ask(chip, CONTACT["pse"]["apdus"][0].replace("80E20000", "80E28000")) == "6A80"


def test_a_broken_off_personalisation_lends_nothing_to_the_next(host: Host) -> None:
    """What an earlier attempt stored, perhaps of another person, does not complete the next one."""
    host.ok(DEBIT)
    host.open_channel()
    for dgi, value, secret in GROUPINGS[:-1]:
        assert host.store(dgi, value, secret=secret) == "9000"
    assert personalise(host, changed(0x0203, None))[-1] == "6A80"
    assert "0203" not in host.chip.inspect()["debit"]
    assert set(personalise(host, GROUPINGS)) == {"9000"}
