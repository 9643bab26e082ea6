"""Commands by name against the bytes that the documents print."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import ApduMalformed, CardAnswered, CommandApdu, Dgi, commands, drive, link_to, tlv

h = bytes.fromhex
SSSE = "sx1.sh.社会保障".encode("gbk")


@pytest.mark.parametrize(
    ("command", "raw"),
    [
        (commands.select(SSSE), "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00"),
        (commands.select_file(0xDDF1), "00A4000002DDF100"),
        (commands.select_file(0xEF05, elementary=True), "00A4020002EF0500"),
        (commands.read_record(1, 5, ne=0x12), "00B2012C12"),
        (commands.read_all_records(), "00B2010500"),
        (commands.read_record_by_tag(8, ne=0x14), "00B2080014"),
        (commands.update_record(1, 5, h("0110") + bytes(16)), "00DC012C120110" + "00" * 16),
        (commands.add_record(8, b"\x01"), "00DC00430101"),
        (commands.read_binary(0x0102, 16), "00B0010210"),
        (commands.read_binary(2, 16, sfi=21), "00B0950210"),
        (commands.update_binary(0x70, b"\xaa"), "00D6007001AA"),
        (commands.verify("123456"), "0020000003123456"),
        (commands.verify("12345"), "002000000312345F"),
        (commands.pin_tries(), "00200000"),
        (commands.change_pin("123456", "98765"), "805E010007123456FF98765F"),
        (commands.change_pin("", "1234"), "805E010003FF1234"),
        (commands.change_pin("1234", ""), "805E0100031234FF"),
        (commands.change_pin("1" * 16, "2" * 16), "805E010011" + "11" * 8 + "FF" + "22" * 8),
        (commands.unblock_pin(), "80240000"),
        (commands.reload_pin("123456"), "8024000103123456"),
        (commands.block_application(), "801E0001"),
        (commands.block_card(), "80160000"),
        (commands.get_challenge(), "0084000008"),
        (commands.get_data(0x9F36), "80CA9F3600"),
        (commands.get_data(0x66), "80CA006600"),
        (commands.external_authenticate(4, bytes(16)), "0082000410" + "00" * 16),
        (commands.external_authenticate(0x82, bytes(16), version=2), "0082008211" + "00" * 16 + "02"),
        (commands.internal_authenticate(bytes(16)), "0088000010" + "00" * 16 + "08"),
        (commands.initialize_update(bytes(range(1, 9)), 0x20), "8050200008010203040506070800"),
        (commands.external_authenticate_channel(bytes(8), 1), "8082010008" + "00" * 8),
        (commands.get_processing_options(), "80A8000002830000"),
        (
            commands.get_processing_options(h("015600000000000100")),
            "80A800000B8309015600000000000100" + "00",
        ),
        (commands.store_data(0x60, 3, h("AABB")), "80E2600302AABB"),
    ],
)
def test_bytes(command: CommandApdu, raw: str) -> None:
    assert command.to_bytes() == h(raw)
    assert command.title


@pytest.mark.parametrize(
    "make",
    [
        lambda: commands.select(bytes(4)),
        lambda: commands.read_record(0, 5),
        lambda: commands.read_record(1, 31),
        lambda: commands.read_binary(0x8000),
        lambda: commands.read_binary(256, sfi=5),
        lambda: commands.verify("123"),
        lambda: commands.verify("12345x"),
        lambda: commands.verify("1" * 17),
        lambda: commands.change_pin("123", "1234"),
        lambda: commands.change_pin("1234", "123"),
        lambda: commands.reload_pin("1" * 17),
        lambda: commands.reload_pin(""),
        lambda: commands.external_authenticate(4, bytes(8)),
        lambda: commands.external_authenticate(4, bytes(16), version=4),
        lambda: commands.get_challenge(3),
        lambda: commands.store_data_blocks([(b"\x80\x00", False)], 255),
        lambda: commands.store_data_blocks([(bytes(3), False)] * 257, 255),
    ],
)
def test_out_of_range(make: Any) -> None:
    with pytest.raises(ApduMalformed):
        make()


def test_what_is_secret() -> None:
    assert commands.verify("123456").secret
    assert commands.store_data(0, 0, b"").secret
    assert "123456" not in repr(commands.verify("123456"))
    assert not commands.get_challenge().secret


def test_store_data_blocks() -> None:
    long = Dgi(0x0101, bytes(range(256)) * 2).to_bytes()
    blocks = commands.store_data_blocks(
        [(Dgi(0x9102, b"\xa5").to_bytes(), False), (long, False), (Dgi(0x8000, bytes(48)).to_bytes(), True)], 247
    )
    assert [(b.p1, b.p2) for b in blocks] == [(0x00, 0), (0x00, 1), (0x00, 2), (0x00, 3), (0xE0, 4)]
    assert [b.name for b in blocks] == [
        "STORE DATA 9102",
        "STORE DATA 0101 (1 of 3)",
        "STORE DATA 0101 (2 of 3)",
        "STORE DATA 0101 (3 of 3)",
        "STORE DATA 8000",
    ]
    assert [len(b.data) for b in blocks] == [4, 247, 247, 517 - 494, 51]
    assert {(b.cla, b.ins) for b in blocks} == {(0x80, 0xE2)}
    assert commands.store_data_blocks([], 255) == []


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=600), st.booleans()), max_size=6),
       st.integers(1, 255).filter(lambda chunk: chunk > 20))  # fmt: skip
def test_blocks_carry_exactly_the_groupings(items: list[tuple[int, bytes, bool]], chunk: int) -> None:
    dgis = [(Dgi(number, value), encrypted) for number, value, encrypted in items]
    blocks = commands.store_data_blocks([(dgi.to_bytes(), encrypted) for dgi, encrypted in dgis], chunk)
    assert tlv.parse_dgis(b"".join(block.data for block in blocks)) == tuple(dgi for dgi, _ in dgis)
    assert [block.p2 for block in blocks] == list(range(len(blocks)))
    assert [bool(block.p1 & 0x80) for block in blocks] == [n == len(blocks) - 1 for n in range(len(blocks))]
    assert all(len(block.data) <= chunk for block in blocks)


class Files:
    """A card of one linear file and one transparent file, enough to read and write whole."""

    def __init__(self, binary: bytes, records: list[bytes]) -> None:
        self.binary = bytearray(binary)
        self.records = records

    def transmit(self, apdu: bytes) -> bytes:
        command = CommandApdu.from_bytes(apdu)
        offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
        if command.ins == 0xB2:
            return self.records[command.p1 - 1] + h("9000") if command.p1 <= len(self.records) else h("6A83")
        if command.ins == 0xD6:
            if offset + len(command.data) > len(self.binary):
                return h("6B00")
            self.binary[offset : offset + len(command.data)] = command.data
            return h("9000")
        got = bytes(self.binary[offset : offset + (command.ne or 0)])
        return got + (h("9000") if len(got) == command.ne else h("6282"))

    def atr(self) -> bytes:
        return h("3B00")

    def reset(self) -> bytes:
        return h("3B00")

    def close(self) -> None:
        pass


def test_reading_and_writing_whole_files() -> None:
    card = Files(bytes(1000), [b"one", b"two"])
    content = bytes(n % 251 for n in range(1000))
    drive(commands.write_whole_binary(content, sfi=21), link_to(card))
    assert card.binary == content
    assert drive(commands.read_whole_binary(1000, sfi=21), link_to(card)) == content
    assert drive(commands.read_whole_binary(1100), link_to(card)) == content
    assert drive(commands.read_records(5), link_to(card)) == (b"one", b"two")
    with pytest.raises(CardAnswered):
        drive(commands.write_whole_binary(bytes(1001)), link_to(card))
