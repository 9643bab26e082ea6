"""Selection, records, binary files and the blank itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import make_blank

if TYPE_CHECKING:
    from conftest import Host

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "00A4040006D15600000500"
IDENTIFICATION = "0110440199D15600000500000001FFFFFFFF"
Maker = Callable[..., "Host"]


def test_atr_has_the_region_and_the_serial_number() -> None:
    chip = make_blank(serial=12345678, region="330102")
    assert chip.power_on() == chip.atr == bytes.fromhex("3B6D00000087BF10028649330112345678")


@pytest.mark.parametrize("arguments", [{"serial": -1}, {"serial": 10**8}, {"serial": 1, "region": "44019"}])
def test_blanks_have_proper_numbers(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"serial|region"):
        make_blank(**arguments)  # type: ignore[arg-type]


def test_a_blank_tells_its_identification_and_version(make_host: Maker) -> None:
    for algorithm, version, byte in (("3DES", "322E3030", "01"), ("SM4", "332E3030", "03")):
        host = make_host(algorithm=algorithm)
        fci = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C038601" + byte
        assert host.ok(SSSE) == fci
        assert host.ok("00B2012C12") == IDENTIFICATION
        assert host.ok("00B2032C06") == "0304" + version
        for record in (2, 4, 5, 6, 7):
            assert host.sw(f"00B2{record:02X}2C00") == "6A83"
        assert host.chip.inspect()["DF01/EF05"] == {}


def test_a_blank_with_its_authentication_code(make_host: Maker) -> None:
    host = make_host(authentication_code=True)
    host.ok(SSSE)
    assert host.ok("00B2012C12")[:-8] == IDENTIFICATION[:-8]
    assert host.ok("00B2012C12")[-8:] != "FFFFFFFF"


def test_selection(host: Host) -> None:
    assert host.ok("00A4000000") == ""
    assert host.ok("00A40000023F00") == ""
    assert host.sw("00A4000002DF01") == "6A82"  # not below the MF
    assert host.ok("00A4000002DDF1").startswith("6F1C")
    assert host.ok("00A4000002DF01") == "6F088406D15600000500"
    host.ok("00A4000002DDF1")
    assert host.ok(DF01) == "6F088406D15600000500"
    host.ok("00A4020002EF05")
    host.ok("00A4000002EF05")
    assert host.sw("00A4020002EF30") == "6A82"
    assert host.sw("00A4020002DDF1") == "6A82"
    assert host.sw("00A4000001EF") == "6700"
    assert host.sw("00A4080002EF05") == "6A86"
    assert host.sw("00A404000CD15600000500000000000000") == "6A82"
    assert host.sw(DF01 + "05") == "6C0A"
    assert host.sw("80" + DF01[2:]) == "6E00"


def test_the_directory_file_names_the_application(host: Host) -> None:
    host.ok(SSSE)
    entry = host.ok("00B201F41A")
    assert entry == "61184F06D15600000500500E" + "公共应用信息区".encode("gbk").hex().upper()
    assert host.sw("00DC01F41A" + entry) == "6982"


def test_reading_by_number_tag_and_all(host: Host) -> None:
    host.ok(SSSE)
    assert host.sw("00B2010012") == "6986"  # no current file
    host.ok("00A4020002EF05")
    assert host.ok("00B2010012") == IDENTIFICATION  # by tag 01
    assert host.ok("00B2030006") == "0304322E3030"
    assert host.sw("00B2010000") == "6C12"
    assert host.sw("00B20100") == "6C12"
    assert host.sw("00B2010011") == "6C12"
    assert host.sw("00B2010013") == "6C12"
    assert host.sw("00B2550000") == "6A83"
    assert host.ok("00B2010518") == IDENTIFICATION + "0304322E3030"
    assert host.ok("00B2020506") == "0304322E3030"
    assert host.sw("00B2040500") == "6A83"
    assert host.sw("00B2000400") == "6C06"  # 00: the current record, which access by tag sets
    assert host.ok("00B2000506") == "0304322E3030"
    assert host.sw("00B2080400") == "6A83"
    assert host.sw("00B2010700") == "6A86"
    assert host.sw("00B2002C00") == "6A83"  # a short identifier forgets the current record
    assert host.sw("00B2017C00") == "6A82"  # no such short identifier
    host.ok("00B2012C12")
    assert host.ok("00B2030406") == "0304322E3030"  # a short identifier makes the file current


def test_writing_keeps_tags_and_lengths(host: Host) -> None:
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    assert host.sw("00DC022C0502023300") == "6700"  # Lc against the APDU
    assert host.sw("00DC022C0402023300") == "6A84"  # longer than the item
    assert host.sw("00DC022C03020033") == "6A85"
    assert host.sw("00DC022C020200") == "6A80"  # shorter than the item
    assert host.sw("00DC022C03030133") == "6A80"  # the tag of another record
    assert host.sw("00DC022C0102") == "6700"
    assert host.sw("00DC082C03080133") == "6A83"
    assert host.sw("00DC002C03080133") == "6A83"
    assert host.sw("00DC022D03020133") == "6A86"
    assert host.sw("00DC023C03020133") == "6981"  # fingerprint: transparent
    host.ok("00DC022C03020133")
    host.ok("00DC022C03020134")
    assert host.chip.inspect()["DDF1/EF05"]["02"] == "020134"
    assert host.ok("00B2012C12") == IDENTIFICATION


def test_the_real_writing_order_of_the_holder(host: Host) -> None:
    """Records 1, 2, 4, 5 and 7 of EF06, as a writer of third-generation cards does."""
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    for record, tag, length in ((1, 0x08, 18), (2, 0x09, 30), (4, 0x0A, 1), (5, 0x0B, 1), (7, 0x0D, 4)):
        host.ok(f"00DC{record:02X}34{length + 2:02X}{tag:02X}{length:02X}" + "31" * length)
    assert sorted(host.chip.inspect()["DDF1/EF06"]) == ["01", "02", "04", "05", "07"]
    assert host.sw("00B2033400") == "6A83"
    assert host.ok("00B20A0003") == "0A0131"


def test_three_degrees_have_one_tag(host: Host) -> None:
    host.ok(DF01)
    host.ok("0020000003123456")
    assert host.sw("00B201AC00") == "6A83"
    assert host.sw("00DC01AC032A0100") == "6982"  # its key is not on the card


def test_binary_files(host: Host) -> None:
    host.ok(SSSE)
    assert host.sw("00B0880000") == "6982"
    assert host.sw("00D6880002AABB") == "6982"
    assert host.sw("00D600000101") == "6986"
    host.authenticate(0x04, "ss/UKSSSE")
    host.ok("00D6880102AABB")
    assert host.sw("00B0880000") == "6982"
    host.authenticate(0x0A, "ss/RKSSSE")
    assert host.ok("00B0880004") == "00AABB00"
    assert len(host.ok("00B0000000")) == 512
    host.ok("00D60FFE02CCDD")
    assert host.sw("00D60FFF02CCDD") == "6A84"
    assert host.sw("00D6100001CC") == "6B00"
    assert host.ok("00B00FFE00") == "CCDD"
    assert host.sw("00B00FFE10") == "6C02"
    assert host.sw("00B0100000") == "6B00"
    assert host.sw("00B0E00000") == "6A86"
    assert host.sw("00B0850000") == "6981"  # records
    assert host.sw("00D6880000") == "6700"


def test_class_and_instruction(host: Host) -> None:
    assert host.sw("00FF0000") == "6D00"
    assert host.sw("90B20104") == "6E00"
    assert host.sw("01840000") == "6E00"
    assert host.sw("80B2010400") == "6E00"
    assert host.sw("00") == "6700"
    assert host.sw("00A4040002DD") == "6700"
    assert host.sw("00A404000000020102") == "6700"  # extended length


def test_without_power_there_is_no_answer() -> None:
    chip = make_blank(serial=7)
    assert chip.transmit(bytes.fromhex(SSSE)) == b""
    chip.power_on()
    assert chip.transmit(bytes.fromhex(SSSE))[-2:] == b"\x90\x00"
    chip.power_off()
    assert chip.transmit(bytes.fromhex(SSSE)) == b""


def test_a_pickled_chip_keeps_what_is_written_and_nothing_else(host: Host) -> None:
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    host.ok("00DC022C03020133")
    again = pickle.loads(pickle.dumps(host.chip))  # noqa: S301
    assert again.transmit(bytes.fromhex(SSSE)) == b""
    assert again.power_on() == host.chip.atr
    assert again.inspect() == host.chip.inspect()
    again.transmit(bytes.fromhex(SSSE))
    assert again.transmit(bytes.fromhex("00DC022C03020134")) == b"\x69\x82"


@pytest.mark.parametrize("keeps", [False, True])
def test_a_torn_write_is_whole_or_not_there(host: Host, keeps: bool) -> None:
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    host.ok("00D688000411223344")
    host.chip.memory.tear_keeps = keeps
    host.chip.tear_after = 2
    host.ok("00DC022C03020133")
    assert host.chip.transmit(bytes.fromhex("00D6880004AABBCCDD")) == b""
    assert host.chip.transmit(bytes.fromhex(SSSE)) == b""
    assert host.chip.tear_after is None
    host.chip.power_on()
    assert host.chip.inspect()["DDF1/EF05"]["02"] == "020133"
    assert host.chip.inspect()["DDF1/EF08"][""][:8] == ("AABBCCDD" if keeps else "11223344")


def test_pulling_the_card_gives_no_free_try(host: Host) -> None:
    """A try is taken before the comparison: a cut at the second write of a success leaves it taken."""
    host.ok(DF01)
    host.chip.tear_after = 2
    assert host.chip.transmit(bytes.fromhex("0020000003123456")) == b""
    host.chip.power_on()
    host.ok(DF01)
    assert host.sw("0020000000") == "63C5"
