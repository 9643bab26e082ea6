"""The security domain: SCP02 at every level, counters, data objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import TrainingChip, make_blank, scp02

if TYPE_CHECKING:
    from conftest import Host

ISD = "00A4040008A000000151000000"
DEBIT = "00A4040008A000000333010101"
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors/social-security-and-pboc.json").read_text("utf-8"))
CPS = next(one for one in VECTORS["vectors"] if one["id"] == "cps_kmc_full")
BOTH = pytest.mark.parametrize("application", [ISD, DEBIT])
Maker = Callable[..., "Host"]


def vector_chip() -> TrainingChip:
    """A chip in the state of the vector: its KMC, KEYDATA, sequence counter and challenge."""
    chip = make_blank(serial=1, entropy=lambda n: bytes.fromhex(CPS["card_challenge6"])[:n])
    keys = scp02.diversified(bytes.fromhex(CPS["KMC"]), bytes.fromhex(CPS["KEYDATA"]))
    chip.memory.write(
        {
            "isd/keydata": bytes.fromhex(CPS["KEYDATA"]),
            "isd/sequence/01": bytes.fromhex(CPS["seq"]),
            "isd/key/01/01": b"\x80" + keys.enc,
            "isd/key/01/02": b"\x80" + keys.mac,
            "isd/key/01/03": b"\x80" + keys.dek,
        }
    )
    chip.power_on()
    return chip


@BOTH
def test_the_published_exchange_byte_for_byte(application: str) -> None:
    chip = vector_chip()
    chip.transmit(bytes.fromhex(application))
    assert chip.transmit(bytes.fromhex(CPS["init_update_apdu"])).hex().upper() == CPS["init_update_resp"] + "9000"
    assert chip.transmit(bytes.fromhex(CPS["ext_auth_apdu"])) == b"\x90\x00"


@BOTH
@pytest.mark.parametrize("level", [0, 1, 3])
def test_channels_at_every_level(host: Host, application: str, level: int) -> None:
    host.ok(application)
    assert host.open_channel(level) == "9000"
    assert host.open_channel(level, key_version=1) == "9000"


def test_keydata_is_the_kmc_id_and_the_serial_number(make_host: Maker) -> None:
    host = make_host(serial=4711)
    host.ok(ISD)
    answer = host.ok("80500000080102030405060708")
    assert answer[:24] == "FFFFFF629999" + "00004711" + "0102"
    assert answer[24:28] == "0000"
    assert host.sw("80500200080102030405060708") == "6A88"
    assert host.sw("80500001080102030405060708") == "6A86"
    assert host.sw("805000000401020304") == "6700"
    assert host.sw("8050000008010203040506070810") == "6C1C"


def test_the_sequence_moves_only_when_a_channel_opens(host: Host) -> None:
    host.ok(ISD)
    for _ in range(3):
        host.ok("80500000080102030405060708")
    assert host.ok("80CA00C100") == "C1020000"
    assert host.open_channel() == "9000"
    assert host.ok("80CA00C100") == "C1020001"
    assert host.open_channel(kmc=bytes(16)) == "6300"
    assert host.ok("80CA00C100") == "C1020001"
    host.chip.power_on()
    host.ok(ISD)
    assert host.open_channel() == "9000"
    assert host.ok("80CA00C100") == "C1020002"


def test_the_sequence_ends(host: Host) -> None:
    host.chip.memory.write({"isd/sequence/01": b"\xff\xfe"})
    host.ok(ISD)
    assert host.open_channel() == "9000"
    assert host.open_channel() == "6985"


def test_wrong_cryptograms_are_counted_and_block(host: Host) -> None:
    host.ok(DEBIT)
    assert [host.open_channel(kmc=bytes(16)) for _ in range(9)] == ["6300"] * 9
    assert host.open_channel() == "9000"
    assert [host.open_channel(kmc=bytes(16)) for _ in range(10)] == ["6300"] * 10
    assert host.open_channel() == "6983"
    host.ok(ISD)
    assert host.open_channel() == "6983"


def test_external_authenticate_follows_at_once(host: Host) -> None:
    host.ok(ISD)
    assert host.sw("8482000010" + "00" * 16) == "6985"
    host.ok("80500000080102030405060708")
    host.ok("80CA006600")
    assert host.sw("8482000010" + "00" * 16) == "6985"
    host.ok("80500000080102030405060708")
    assert host.sw("8482110010" + "00" * 16) == "6A86"  # no R-MAC in i=15
    host.ok("80500000080102030405060708")
    assert host.sw("8482000008" + "00" * 8) == "6700"


def test_a_wrong_first_mac_opens_nothing(host: Host) -> None:
    chip = vector_chip()
    chip.transmit(bytes.fromhex(ISD))
    chip.transmit(bytes.fromhex(CPS["init_update_apdu"]))
    apdu = bytearray.fromhex(CPS["ext_auth_apdu"])
    apdu[-1] ^= 1
    assert chip.transmit(bytes(apdu)) == b"\x69\x88"
    assert chip.transmit(bytes.fromhex("80E2800003450101")) == b"\x69\x85"


@pytest.mark.parametrize("level", [1, 3])
def test_data_objects_through_the_channel(host: Host, level: int) -> None:
    host.ok(ISD)
    assert host.sw("80CA004200") == "6A88"
    assert host.sw("80E28000054203629999") == "6985"
    host.open_channel(level)
    for p1, data in ((0x00, "4203629999" + "45"), (0x80, "0455667788")):
        assert host.send_block(p1, bytes.fromhex(data)) == "9000"
    assert host.ok("80CA004200") == "4203629999"
    assert host.ok("80CA004500") == "450455667788"
    assert host.sw(host.wrapped(bytes.fromhex("80CA006600")[:4] + b"\x00").hex() + "00") == "9000"
    host.block = 0
    assert host.send_block(0x80, bytes.fromhex("9F7F0100")) == "6A88"
    assert host.send_block(0x80, bytes.fromhex("4205629999")) == "6A80"
    assert host.send_block(0x60, b"\x42\x00") == "6A86"


@pytest.mark.parametrize("level", [1, 3])
def test_a_protection_error_ends_the_channel(host: Host, level: int) -> None:
    for spoil, sw in (("plain", "6982"), ("mac", "6988"), ("short", "6988"), ("old", "6988")):
        host.ok(ISD)
        assert host.open_channel(level) == "9000"
        apdu = bytes.fromhex("80E20000054203629999")
        wrapped = host.wrapped(apdu)
        if spoil == "old":
            host.ok(wrapped.hex())
        sent = {
            "plain": apdu,
            "mac": wrapped[:-1] + bytes((wrapped[-1] ^ 1,)),
            "short": bytes.fromhex("84E20000044203FFFF"),
            "old": wrapped,  # a replay
        }[spoil]
        assert host.sw(sent.hex()) == sw, spoil
        assert host.sw(host.wrapped(apdu).hex()) == "6985"


def test_a_channel_without_macs_takes_none(host: Host) -> None:
    host.ok(ISD)
    host.open_channel(0)
    assert host.sw("84E200000D42036299990000000000000000") == "6985"


def test_card_data(host: Host) -> None:
    assert host.ok("00A4040000") == host.ok(ISD)  # no name: the security domain
    assert host.ok("00A4040005A000000151").startswith("6F")
    assert host.sw("00A4040004A0000001") == "6A82"
    assert host.ok("80CA00E000") == "E012C00401018010C00402018010C00403018010"
    cplc = host.ok("80CA9F7F00")
    assert cplc.startswith("9F7F2A")
    assert len(cplc) == 90
    assert "2A864886FC6B040215" in host.ok("80CA006600")  # SCP02, i=15
    assert host.sw("80CA006605") == "6C33"
    assert host.sw("80CA012300") == "6A88"
    assert host.sw("80E6020000") == "6982"  # no channel
    assert host.sw("80F60200") == "6D00"
    assert host.sw("20CA006600") == "6E00"


def test_leaving_ends_the_channel(host: Host) -> None:
    for away in (SSSE, DEBIT, ISD):
        host.ok(ISD)
        host.open_channel(0)
        host.ok(away)
        host.ok(ISD)
        assert host.sw("80E28000054203629999") == "6985"
    host.ok(DEBIT)
    host.open_channel(0)
    host.ok(ISD)
    assert host.sw("80E28000054203629999") == "6985"


def test_a_failed_selection_leaves_the_channel_open(host: Host) -> None:
    host.ok(ISD)
    host.open_channel(0)
    assert host.sw("00A4040006D15600000599") == "6A82"
    host.ok("80E28000054203629999")


def test_a_power_cut_while_the_channel_opens(host: Host) -> None:
    for write, keeps, sequence in ((1, False, "0000"), (2, False, "0000"), (2, True, "0001")):
        host.chip.power_on()
        host.ok(ISD)
        host.chip.memory.tear_keeps = keeps
        host.chip.tear_after = write
        with pytest.raises(AssertionError):
            host.open_channel()
        host.chip.power_on()
        host.ok(ISD)
        assert host.ok("80CA00C100") == "C102" + sequence
    assert host.open_channel() == "9000"
