"""Lengths of tags in bytes, and of what a terminal fills into data object lists (facts on PBOC debit, ``tags``)."""

from __future__ import annotations

_FIXED = {
    1: "87 9F11 88 8F 9F62 5F34 9F14 9F23 9F44 9F4A 9F17 9F53 9F55 9F56 9F58 9F59 9F72",
    2: "9F4D DF4D 82 5F28 5F30 9F07 9F08 9F42 9F13 9F36 9F51 9F52 9F57 9F6C 9F76 DF71",
    3: "5F24 5F25",
    4: "9F68 9F73",
    5: "9F0D 9F0E 9F0F",
    6: "9F74 9F54 9F5C 9F5D 9F6B 9F6D 9F75 9F77 9F78 9F79 DF62 DF63 DF72 DF76 DF77 DF78 DF79",
    16: "9F63",
}
_RANGES = {
    "84": (5, 16),
    "4F": (5, 16),
    "50": (1, 16),
    "5F2D": (2, 8),
    "9F12": (1, 16),
    "BF0C": (1, 222),
    "94": (4, 252),
    "9F10": (8, 32),
    "57": (8, 19),
    "5A": (4, 10),
    "5F20": (2, 26),
    "9F0B": (27, 45),
    "9F61": (1, 40),
    "8C": (2, 252),
    "8D": (2, 252),
    "8E": (10, 252),
    "90": (1, 248),
    "9F32": (1, 3),
    "93": (1, 248),
    "9F46": (1, 248),
    "9F47": (1, 3),
    "9F49": (3, 252),
    "9F69": (8, 16),
    "9F38": (2, 252),
}
LENGTHS: dict[int, tuple[int, int]] = {
    **{int(tag, 16): (length, length) for length, tags in _FIXED.items() for tag in tags.split()},
    **{int(tag, 16): limits for tag, limits in _RANGES.items()},
}
"""Least and most bytes; tags that are not here may have any length but none."""

TERMINAL: dict[int, int] = {
    int(tag, 16): length
    for length, tags in {
        1: "9C 9F7A DF60 DF69",
        2: "9F1A 5F2A 8A 9F36",
        3: "9A 9F21",
        4: "9F37 9F66",
        5: "95",
        6: "9F02 9F03 9F7B",
        20: "9F4E",
    }.items()
    for tag in tags.split()
}
"""The length with which a list asks for each of these."""

CVN01_INPUT: dict[int, int] = {tag: TERMINAL[tag] for tag in (0x9F02, 0x9F03, 0x9F1A, 0x95, 0x5F2A, 0x9A, 0x9C, 0x9F37)}
"""What a cryptogram of version 01 takes from the terminal."""
FCI_TAGS = (0x50, 0x87, 0x9F38, 0x5F2D, 0x9F11, 0x9F12, 0xBF0C)
LOG_TAGS = {0x9F4F: (0x9A, 0x9F21, 0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9F4E, 0x9C, 0x9F36)}
