"""Image coding against encoders written here by hand from the description, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cardfab.simulator.printer.coding import CodingError, decode, raw_size

Image = NDArray[np.uint8]
WIDTH, HEIGHT = 1016, 648


def lines(image: Image) -> list[list[int]]:
    """Line 0 is the left edge; the first pixel of a line is at the bottom."""
    columns = image.T.tolist()
    return [column[::-1] for column in columns]


def pack(line: list[int], bits: int) -> str:
    return "".join(format(value, f"0{bits}b") for value in line)


def raw(image: Image, bits: int) -> bytes:
    digits = "".join(pack(line, bits) for line in lines(image))
    return int(digits, 2).to_bytes(len(digits) // 8)


def compress_black(image: Image) -> bytes:
    """00 white line, FF black line, else a count 1..81 and bytes; the rest of the 81 is zero."""
    out = b""
    for line in lines(image):
        data = int(pack(line, 1), 2).to_bytes(81)
        if data == b"\xff" * 81:
            out += b"\xff"
        else:
            data = data.rstrip(b"\0")
            out += bytes([len(data)]) + data
    return out


def compress_colour(image: Image, bits: int, longest: int) -> bytes:
    """0vvvvvvv a pixel; 1vvvvvvv nn a run; each spare high bit of the first byte adds 256; 80 00 a blank line."""
    out = bytearray()
    for line in lines(image):
        if not any(line):
            out += b"\x80\x00"
            continue
        at = 0
        while at < len(line):
            value, count = line[at], 1
            while at + count < len(line) and line[at + count] == value and count < longest:
                count += 1
            at += count
            if count == 1:
                out.append(value)
                continue
            first = 0x80 | value
            if bits < 7 and count > 255:
                first |= 0x40
                count -= 256
            if bits < 6 and count > 255:
                first |= 0x20
                count -= 256
            out += bytes((first, count))
    return bytes(out)


def picture(levels: int, seed: int) -> Image:
    """Blank lines, flat areas, noise, and a mark in each corner."""
    rng = np.random.default_rng(seed)
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    image[100:500, 200:420] = rng.integers(0, levels, (400, 220))
    image[:, 500:560] = levels - 1
    image[50:60, 600:900] = levels // 2
    image[0, 0], image[0, -1], image[-1, 0], image[-1, -1] = 1, levels - 1, levels - 1, 1
    return image


LONGEST = {7: 255, 6: 255 + 256, 5: 648}


@pytest.mark.parametrize("bits", [5, 6, 7])
def test_colour_panels_come_back_both_ways(bits: int) -> None:
    levels = 1 << bits
    image = picture(levels, bits)
    expected = np.rint(image * 255.0 / (levels - 1)).astype(np.uint8)
    packed = raw(image, bits)
    assert len(packed) == raw_size(levels) == 648 * 1016 * bits // 8
    assert np.array_equal(decode("m", levels, packed, compressed=False), expected)
    runs = compress_colour(image, bits, LONGEST[bits])
    assert len(runs) < len(packed)
    assert np.array_equal(decode("m", levels, runs, compressed=True), expected)


@pytest.mark.parametrize("panel", ["k", "o"])
def test_black_and_overlay_come_back_both_ways(panel: str) -> None:
    image = picture(2, 9)
    packed = np.packbits(np.array(lines(image), np.uint8)).tobytes()
    assert len(packed) == raw_size(2) == 82296
    assert np.array_equal(decode(panel, 2, packed, compressed=False), image * 255)
    assert np.array_equal(decode(panel, 2, compress_black(image), compressed=True), image * 255)


def test_line_0_is_the_left_edge_and_the_first_pixel_the_bottom() -> None:
    plane = decode("k", 2, b"\x01\xf0" + b"\x00" * 1015, compressed=True)
    assert plane.shape == (648, 1016)
    assert [tuple(p) for p in np.argwhere(plane)] == [(644, 0), (645, 0), (646, 0), (647, 0)]
    last = decode("y", 128, b"\x80\x00" * 1015 + b"\x80\xff\x80\xff\x80\x88" + bytes([0, 127]), compressed=True)
    assert [tuple(p) for p in np.argwhere(last)] == [(0, 1015)]


def test_a_letter_stands_upright_only_after_the_inverse_turn() -> None:
    upright = np.zeros((HEIGHT, WIDTH), np.uint8)
    upright[100:500, 300:340] = 1  # an L
    upright[460:500, 300:500] = 1
    stream = np.rot90(upright, -1)  # as the guide says the host turns it
    data = np.packbits(stream).tobytes()
    assert np.array_equal(decode("k", 2, data, compressed=False) > 0, upright > 0)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 127), st.integers(1, 255)), min_size=1, max_size=400), st.integers(0, 1015))
def test_any_runs_within_their_lines(runs: list[tuple[int, int]], start: int) -> None:
    stream, pixels = bytearray(b"\x80\x00" * start), [0] * (648 * start)
    for value, count in runs:
        count = min(count, 648 - len(pixels) % 648)
        if len(pixels) >= 648 * 1016:
            break
        stream += bytes((0x80 | value, count)) if count > 1 else bytes((value,))
        pixels += [value] * count
    while len(pixels) % 648:
        stream.append(3)
        pixels.append(3)
    stream += b"\x80\x00" * (1016 - len(pixels) // 648)
    pixels += [0] * (648 * 1016 - len(pixels))
    expected = np.rint(np.array(pixels, np.float64).reshape(1016, 648)[:, ::-1].T * 255 / 127)
    assert np.array_equal(decode("c", 128, bytes(stream), compressed=True), expected)


@pytest.mark.parametrize(
    ("panel", "levels", "data", "compressed"),
    [
        ("k", 128, b"\x00" * 1016, True),  # resin has no shades
        ("y", 2, b"\x00" * 1016, True),
        ("k", 2, b"\x00" * 1015, True),  # a line short
        ("k", 2, b"\x00" * 1017, True),
        ("k", 2, b"\x52" + b"\xff" * 82 + b"\x00" * 1015, True),  # 82 bytes in a line of 81
        ("k", 2, b"\x00" * 1015 + b"\x05\x01", True),  # ends within a line
        ("k", 2, bytes(82295), False),
        ("y", 128, b"\x80\x00" * 1015, True),
        ("y", 128, b"\x80\x00" * 1015 + b"\x80", True),  # ends within a run
        ("y", 128, b"\x01" * 600 + b"\x80\x64" + b"\x80\x00" * 1015, True),  # a run over the end of its line
        ("y", 128, b"\x01" + b"\x80\x00" * 1016, True),  # a blank line in the middle of one
        ("y", 128, b"\x81\x00" + b"\x80\x00" * 1015, True),  # a run of none
        ("y", 64, b"\x7f" + b"\x80\x00" * 1016, True),  # a value above 63
    ],
)
def test_what_does_not_come_out_even_is_refused(panel: str, levels: int, data: bytes, compressed: bool) -> None:
    with pytest.raises(CodingError):
        decode(panel, levels, data, compressed=compressed)
