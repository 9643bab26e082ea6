"""The forms in which applets are loaded, those the training card takes, and loading over SCP03."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import tlv
from tests.unit.simulator.acquirer import DEBIT, PRODUCTS, Acquirer, ask, bcd

if TYPE_CHECKING:
    from conftest import Host, Station

Loaded = list[tuple[int, bytes, bool]]
DUAL, SM2 = "debit-dual-rsa", "debit-dual-sm2"


def groupings(product: str) -> Loaded:
    return [(int(g["dgi"], 16), bytes.fromhex(g["plain"]), "encrypted" in g) for g in PRODUCTS[product]["dgis"]]


def with_(loaded: Loaded, changes: dict[int, bytes | None]) -> Loaded:
    """Other values, left-out groupings (None), and new ones before the PIN."""
    known = {dgi for dgi, _, _ in loaded}
    kept = [(d, changes.get(d, v) or b"", s) for d, v, s in loaded if changes.get(d, v) is not None]
    fresh = [(d, v, d in (0x8402, 0x8011)) for d, v in changes.items() if d not in known and v is not None]
    return kept[:-2] + fresh + kept[-2:]


def value(product: str, dgi: int) -> bytes:
    return next(v for d, v, _ in groupings(product) if d == dgi)


def personalise(host: Host, loaded: Loaded) -> list[str]:
    host.ok(DEBIT)
    assert host.open_channel() == "9000"
    last = len(loaded) - 1
    return [host.store(d, v, secret=s, last=n == last) for n, (d, v, s) in enumerate(loaded)]


AID = bytes.fromhex("A000000333010101")
RELATED = bytes.fromhex("9F69080100000000000000")
MORE, TAGS = value(SM2, 0x0E01), value(SM2, 0x0D01)
FULL = {dgi: tlv.build(0x6F, tlv.build(0x84, AID) + value(SM2, dgi)) for dgi in (0x9102, 0x9103)}
IAD, RECORD = value(SM2, 0x9200), value(SM2, 0x0101)
TRACK = b"".join(tlv.build(tag, one) for tag, one in tlv.parse(tlv.parse(RECORD)[0][1]))
BARE = {dgi: value(SM2, dgi)[:64] for dgi in range(0x8201, 0x8206)}
FORMS: dict[str, dict[int, bytes | None]] = {
    "whole FCI": dict(FULL),
    "qPBOC GPO with 94 before 9F10": {
        0x9207: bytes.fromhex("82027C00940C1001020038010501280101009F100A07010103000000010A01")
    },
    "issuer data of 19 bytes": {0x9200: tlv.build(0x9F10, tlv.parse(IAD)[0][1].ljust(19, b"\x00"))},
    "CRT components without padding": dict(BARE),
    "SM4 check values in 9003": {0x9400: None, 0x9003: value(SM2, 0x9400)},
    "bare SM2 key in 8402": {0x8501: None, 0x8502: None, 0x8402: value(SM2, 0x8501)[:32]},
    "PIN of the SM side": {0x8011: value(SM2, 0x8010)},
    "PIN tries as a data object": {0x9010: bytes.fromhex("9F17010303")},
    "all internal data in one grouping": {0x0D01: TAGS + MORE, 0x0E01: None},
    "internal data the other way round": {0x0D01: MORE, 0x0E01: TAGS},
    "qPBOC sources in 0E01": {0x0E01: MORE + TRACK},
    "9F69 in the last qPBOC record": {
        0x0E01: MORE.replace(RELATED, b""),
        0x0501: bytes.fromhex("70149F7406454343303031") + RELATED,
    },
}


def spends(host: Host) -> None:
    """A card that was loaded with these forms: SM on line, e-cash load, qPBOC with fDDA 01."""
    terminal = Acquirer(host.chip, SM2).set(tDF69="01")
    assert terminal.online(("04DA9F79", bcd(1000))) == 0x40
    for national in ("01", "00"):
        wave = Acquirer(host.chip, SM2, contactless=True)
        wave.set(tDF69=national, t95="0000000000", t9F02=bcd(100).hex(), t9F66="28000080")
        answer = dict(tlv.deep(wave.start()))
        assert wave.proof == wave.cryptogram()
        assert 0x57 in answer
        last = wave.ok("00B2012C00")
        related = dict(tlv.deep(last))[0x9F69]
        assert last.count(b"\x9f\x69") == 1
        data = wave.values[0x9F37] + wave.values[0x9F02] + wave.values[0x5F2A] + related
        assert wave.recovered(answer[0x9F4B], terminal=data)[0] == b"\x02" + wave.atc
    assert ask(host.chip, "80CA9F7900") == "9F79060000000008009000"


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_are_taken(host: Host, form: str) -> None:
    assert set(personalise(host, with_(groupings(SM2), FORMS[form]))) == {"9000"}
    spends(host)


def test_other_orders(make_host: Callable[..., Host]) -> None:
    """Keys before the records, FCI last: orders a and b of the facts as well as that of the samples."""
    loaded = groupings(SM2)
    for first in ((0x80, 0x84, 0x90, 0x94), (0x82, 0x85), (0x0D, 0x0E)):
        ahead = [one for one in loaded if one[0] >> 8 in first]
        rest = [one for one in loaded if one[0] >> 8 not in first]
        behind = [one for one in rest if one[0] in (0x9102, 0x9103)]
        order = ahead + [one for one in rest if one not in behind] + behind
        host = make_host()
        assert set(personalise(host, order)) == {"9000"}
        spends(host)


REFUSED: dict[str, dict[int, bytes | None]] = {
    "3DES check values for SM4 keys": {0x9400: value(SM2, 0x9000)},
    "no SM4 check values": {0x9400: None},
    "SM2 key without its padding": {0x8501: value(SM2, 0x8501)[:32]},
    "no SM2 key": {0x8501: None},
    "no RSA key": dict.fromkeys(BARE),
    "q before p": {0x8204: value(SM2, 0x8205), 0x8205: value(SM2, 0x8204)},
    "one component without padding": {0x8201: value(SM2, 0x8201)[:64]},
    "no contactless FCI": {0x9103: None},
    "contactless PDOL without 9F66": {0x9103: value(SM2, 0x9102)},
    "no e-cash balance": {0x0D01: TAGS.replace(bytes.fromhex("9F7906000000000000"), b"")},
    "no load log format": {0x0D01: TAGS[: TAGS.index(bytes.fromhex("DF4F"))]},
    "no CDOL on the e-cash path": {0x0702: bytes.fromhex("70045F300202")},
    "FCI without A5 inside": {0x9102: bytes.fromhex("6F0484025001")},
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_last_block_refuses(host: Host, case: str) -> None:
    assert personalise(host, with_(groupings(SM2), REFUSED[case]))[-1] == "6A80"
    assert host.chip.inspect()["debit"]["state"] == "SELECTABLE"


def test_issuer_data_of_another_form(host: Host) -> None:
    other = {dgi: value(SM2, dgi).replace(b"\x07\x01\x01\x03", b"\x06\x01\x01\x03") for dgi in (0x9207, 0x9201)}
    loaded = with_(groupings(SM2), dict(other))
    answers = dict(zip((dgi for dgi, _, _ in loaded), personalise(host, loaded), strict=True))
    assert {dgi for dgi, sw in answers.items() if sw != "9000"} == {*other, loaded[-1][0]}


def test_an_on_line_card_needs_no_key_and_no_certificate(host: Host) -> None:
    """AIP 1C00: neither static nor dynamic data authentication."""
    product = "debit-contact-rsa"
    dropped: dict[int, bytes | None] = dict.fromkeys((*BARE, 0x0201, 0x0202, 0x0203, 0x0204, 0x0205))
    options = bytes.fromhex("82021C00940C080101001801020120010100")
    assert set(personalise(host, with_(groupings(product), {**dropped, 0x9104: options}))) == {"9000"}
    terminal = Acquirer(host.chip, product)
    assert terminal.online() == 0x40
    assert terminal.sw("00880000041A2B3C4D") == "6985"
    assert terminal.sw(DEBIT) == "9000"
    assert terminal.sw("0084000008") == "9000"
    assert terminal.sw("0020008880" + "00" * 128) == "6985"


@pytest.mark.parametrize("block", ["loaded", "left out"])
def test_a_limit_of_zero_is_no_pin(host: Host, block: str) -> None:
    left_out: dict[int, bytes | None] = {} if block == "loaded" else {0x8010: None}
    loaded = with_(groupings(SM2), {0x9010: b"\x00\x00", **left_out})
    assert set(personalise(host, loaded)) == {"9000"}
    assert host.sw("80CA9F1700") == "6A88"
    assert host.sw("0020008008" + "26123456FFFFFFFF") == "6983"


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("level", [0x00, 0x01, 0x03, 0x33])
def test_loading_over_scp03(station: Callable[..., Station], direct: bool, level: int) -> None:
    """In the application, or through the security domain; secrets in whole AES blocks."""
    host = station("training-debit-scp03")
    if direct:
        host.raw(bytes.fromhex(DEBIT))
    assert host.login(level) == 0x9000
    if not direct:
        host.ok("80E62000", b"\x00\x00\x08" + AID + b"\x00\x00\x00")
    loaded = groupings(SM2)
    for n, (dgi, plain, secret) in enumerate(loaded):
        whole = plain + b"\x80" + bytes(7) if len(plain) % 16 else plain
        stored = host.secret(whole) if secret else plain
        length = bytes((len(stored),)) if len(stored) < 255 else b"\xff" + len(stored).to_bytes(2)
        stream = dgi.to_bytes(2) + length + stored
        for at in range(0, len(stream), 200):
            ends = n == len(loaded) - 1 and at + 200 >= len(stream)
            p1 = (0x60 if secret else 0) | (0x80 if ends else 0)
            block = host_block(host)
            assert host.sw(f"80E2{p1:02X}{block:02X}", stream[at : at + 200]) == "9000", f"{dgi:04X}"
    terminal = Acquirer(host.chip, SM2)
    assert terminal.online() == 0x40
    terminal.ok("0088000004" + "1A2B3C4D")
    assert host.chip.memory.read("debit/dgi/8010") == value(SM2, 0x8010)


def host_block(host: Station) -> int:
    """The next block number of this station."""
    number: int = host.__dict__.get("block_number", 0)
    host.__dict__["block_number"] = number + 1
    return number
