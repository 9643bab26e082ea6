"""Colour separation and panel coding, against own decoders, the guide's byte counts and four captures of the vendor's
driver rebuilt from a description of their rows."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cardfab.printer.fault import RasterRefused
from cardfab.printer.raster import (
    PrintSide,
    compress_bits,
    compress_levels,
    pack_bits,
    pack_levels,
    separate,
)

DEPTH = {32: 5, 64: 6, 128: 7}


def decode_bits(data: bytes, lines: int, dots: int) -> np.ndarray:
    """The line code of K and O, read as A5013 section 4 tells it."""
    wide = dots // 8
    rows, at = [], 0
    for _ in range(lines):
        head, at = data[at], at + 1
        if head == 0x00:
            rows.append(bytes(wide))
        elif head == 0xFF:
            rows.append(b"\xff" * wide)
        else:
            assert head <= wide
            rows.append(data[at : at + head].ljust(wide, b"\0"))
            at += head
    assert at == len(data)
    return np.unpackbits(np.frombuffer(b"".join(rows), np.uint8).reshape(lines, wide), axis=1).astype(bool)


def decode_levels(data: bytes, lines: int, dots: int, levels: int) -> np.ndarray:
    """The run code of Y, M and C; a run that crosses a line or a run of no dots is an error."""
    depth, at = DEPTH[levels], 0
    plane = np.zeros((lines, dots), np.uint8)
    for line in range(lines):
        dot = 0
        while dot < dots:
            head, at = data[at], at + 1
            if not head & 0x80:
                plane[line, dot] = head
                dot += 1
                continue
            count, at = data[at], at + 1
            if count == 0:
                assert (head, dot) == (0x80, 0)
                dot = dots
                continue
            for bit in range(6, depth - 1, -1):
                count += 256 if head >> bit & 1 else 0
            assert dot + count <= dots
            plane[line, dot : dot + count] = head & (levels - 1)
            dot += count
    assert at == len(data)
    return plane


def side(width: int = 16, height: int = 8, rgb: tuple[int, int, int] = (255, 255, 255)) -> PrintSide:
    colour = np.full((height, width, 3), rgb, np.uint8)
    return PrintSide(colour, np.zeros((height, width), bool), np.zeros((height, width), bool))


@pytest.mark.proof
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 80).map(lambda n: 8 * n)), elements=st.just(0)),
    st.sampled_from([32, 64, 128]),
    st.data(),
)
def test_runs_decode_to_the_same_plane(blank: np.ndarray, levels: int, data: st.DataObject) -> None:
    plane = blank
    for _ in range(data.draw(st.integers(0, 6))):
        line = data.draw(st.integers(0, plane.shape[0] - 1))
        start = data.draw(st.integers(0, plane.shape[1] - 1))
        length = data.draw(st.integers(1, plane.shape[1]))
        plane[line, start : start + length] = data.draw(st.integers(0, levels - 1))
    assert (decode_levels(compress_levels(plane, levels), *plane.shape, levels) == plane).all()


@pytest.mark.parametrize("levels", [32, 64, 128])
@pytest.mark.parametrize("length", [1, 2, 3, 254, 255, 256, 257, 510, 511, 512, 513, 647, 648])
@pytest.mark.parametrize("value", [0, 1, 31])
def test_every_length_of_run(levels: int, length: int, value: int) -> None:
    plane = np.full((2, 648), 30, np.uint8)
    plane[0, :length] = plane[1, 648 - length :] = value
    assert (decode_levels(compress_levels(plane, levels), 2, 648, levels) == plane).all()


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 8).map(lambda n: 8 * n))))
def test_line_code_decodes_to_the_same_plane(plane: np.ndarray) -> None:
    assert (decode_bits(compress_bits(plane), *plane.shape) == plane).all()


def test_codes_by_hand() -> None:
    assert compress_levels(np.zeros((2, 648), np.uint8), 128) == b"\x80\x00\x80\x00"
    row = np.array([[0, 0, 0, 5, 7, 7, 7, 7]], np.uint8)
    assert compress_levels(row, 128) == b"\x80\x03\x05\x87\x04"
    assert compress_levels(np.full((1, 648), 127, np.uint8), 128) == b"\xff\xff\xff\xff\xff\x8a"
    assert compress_levels(np.full((1, 648), 63, np.uint8), 64) == b"\xff\xff\xbf\x89"
    assert compress_levels(np.full((1, 648), 31, np.uint8), 32) == b"\xff\x88"
    bits = np.zeros((3, 648), bool)
    bits[1] = True
    bits[2, 8] = True
    assert compress_bits(bits) == b"\x00" + b"\xff" + b"\x02\x00\x80"


@pytest.mark.parametrize(("levels", "size"), [(32, 411480), (64, 493776), (128, 576072)])
def test_a_packed_panel_has_the_size_of_the_formula(levels: int, size: int) -> None:
    plane = np.random.default_rng(7).integers(0, levels, (1016, 648), dtype=np.uint8)
    packed = pack_levels(plane, levels)
    assert len(packed) == size
    digits = "".join(f"{value:0{DEPTH[levels]}b}" for value in plane[0])
    assert packed[: len(digits) // 8] == int(digits, 2).to_bytes(len(digits) // 8, "big")


def test_a_packed_black_panel() -> None:
    plane = np.zeros((1016, 648), bool)
    plane[0, 0] = plane[0, 9] = True
    assert pack_bits(plane)[:3] == b"\x80\x40\x00"
    assert len(pack_bits(plane)) == 82296


def row(head: int, fill: int, last: int | None = None) -> bytes:
    return bytes((head,)) + bytes((fill,)) * 79 + bytes((fill if last is None else last,))


def rows(*parts: bytes) -> np.ndarray:
    data = b"".join(parts)
    return np.unpackbits(np.frombuffer(data, np.uint8).reshape(1016, 81), axis=1).astype(bool)


EVEN, ODD = row(0x55, 0x55), row(0xAA, 0xAA)
TOP = (EVEN, row(0x2A, 0xAA))
WHITE_TOP = (*TOP, row(0xD5, 0x55))
BOTTOM = row(0xB5, 0x55)
FIT_BOTTOM = (ODD, EVEN, ODD, EVEN, row(0x80, 0x00))
CAPTURES = {
    "card-black": (
        (*TOP, *(row(0xDF, 0xFF), row(0xBF, 0xFF)) * 506, row(0xDF, 0xFF), BOTTOM),
        "b2ae426d3984e8d9fc0819a178fbf46fe37510d8f25f4d6b8b952d95278af009",
    ),
    "card-black-fit": (
        (*TOP, *(row(0xD7, 0xFF), row(0xAF, 0xFF)) * 504, row(0xD7, 0xFF), *FIT_BOTTOM),
        "fd86db1b4d907637b28bc18e06779789edc9dda755af47a41ee1061f6c4308ac",
    ),
    "card-white": (
        (*WHITE_TOP, *(row(0xA0, 0), row(0xC0, 0, 1)) * 506, BOTTOM),
        "2e56e11283f469847dd90e501e7049151c7ce557d7d7bbdbbf1d4df0158d439c",
    ),
    "card-white-fit": (
        (*WHITE_TOP, *(row(0xA8, 0), row(0xD0, 0, 1)) * 504, *FIT_BOTTOM),
        "945bca9db6c34318dbc784bfa716379f03631fbb591852be429abee2faabe56b",
    ),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_encodes_what_the_vendor_driver_sent(name: str) -> None:
    """SHA-256 of the data field of ``Dbc;k;2`` in dpavlin/Printer-EVOLIS test.windows/, commit a20ce7d."""
    parts, digest = CAPTURES[name]
    assert hashlib.sha256(compress_bits(rows(*parts))).hexdigest() == digest


def test_turns_the_card_clockwise() -> None:
    """Line 0 is the left edge and its first dot the bottom edge."""
    picture = side()
    picture.black[7, 0] = True  # bottom left
    picture.black[0, 15] = True  # top right
    panels = separate(picture)
    assert panels.black.shape == (16, 8)
    assert panels.black[0, 0]
    assert panels.black[15, 7]
    assert panels.black.sum() == 2


@pytest.mark.parametrize(
    ("rgb", "ymc"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((0, 0, 0), (127, 127, 127)),
        ((255, 255, 0), (127, 0, 0)),
        ((255, 0, 255), (0, 127, 0)),
        ((0, 255, 255), (0, 0, 127)),
        ((255, 0, 0), (127, 127, 0)),
        ((128, 128, 128), (63, 63, 63)),
    ],
)
def test_ink_is_what_the_light_lacks(rgb: tuple[int, int, int], ymc: tuple[int, int, int]) -> None:
    panels = separate(side(rgb=rgb))
    assert tuple(int(plane[0, 0]) for plane in (panels.yellow, panels.magenta, panels.cyan)) == ymc
    assert len({int(value) for value in panels.cyan.ravel()}) == 1


def test_tone_curve_bends_one_colour() -> None:
    bent = ((0.0, 0.0), (0.5, 0.25), (1.0, 0.8))
    straight = ((0.0, 0.0), (1.0, 1.0))
    panels = separate(side(rgb=(0, 0, 0)), tone=(bent, straight, straight))
    assert (int(panels.yellow[0, 0]), int(panels.cyan[0, 0])) == (102, 127)


def test_black_ink_takes_the_colour_away() -> None:
    picture = side(rgb=(10, 20, 30))
    picture.black[2, 3] = True
    panels = separate(picture)
    for plane in (panels.yellow, panels.magenta, panels.cyan):
        assert (plane == 0).sum() == 1
        assert plane[3, 8 - 1 - 2] == 0
    without = separate(picture, black_panel=False)
    assert without.cyan[3, 5] == 127
    assert not without.black.any()


@pytest.mark.parametrize("panel", "ymcko")
@pytest.mark.parametrize("compressed", [True, False])
def test_each_panel_is_coded_from_its_plane(panel: str, compressed: bool) -> None:
    rng = np.random.default_rng(3)
    picture = PrintSide(
        rng.integers(0, 256, (8, 16, 3), dtype=np.uint8), rng.random((8, 16)) < 0.3, rng.random((8, 16)) < 0.5
    )
    panels = separate(picture)
    plane = dict(zip("ymcko", (panels.yellow, panels.magenta, panels.cyan, panels.black, panels.overlay), strict=True))
    coded = panels.coded(panel, compressed=compressed)
    if compressed:
        decoded = decode_levels(coded, 16, 8, 128) if panel in "ymc" else decode_bits(coded, 16, 8)
    else:
        bits = np.unpackbits(np.frombuffer(coded, np.uint8))
        decoded = bits.reshape(16, 8, -1) @ (1 << np.arange(len(bits) // 128)[::-1])
    assert (decoded == plane[panel]).all()


def test_refuses_what_is_no_side() -> None:
    white, none = np.full((8, 16, 3), 255, np.uint8), np.zeros((8, 16), bool)
    for colour, black, overlay in (
        (white[:, :, 0], none, none),
        (white.astype(np.float32), none, none),
        (white, none[:4], none),
        (white, none, none.astype(np.uint8)),
    ):
        with pytest.raises(RasterRefused) as refused:
            PrintSide(colour, black, overlay)
        assert refused.value.exit_status == 3
    with pytest.raises(RasterRefused):
        separate(PrintSide(white, none, none), levels=256)
