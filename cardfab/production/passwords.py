"""What a password must be: long, not the person's own name, not one that everybody tries first. No rule of composition.

Twelve characters: PCI Card Production, version 3. Words come as mutable buffers and are not copied into text.
"""

from __future__ import annotations

from cardfab.errors import InputRefused, Text

LEAST = 12
MOST_BYTES = 1024
_UNIT, _NAME = 4, 4
"""Bytes of what is looked for: a unit that repeats, and a name; a shorter one is in many words."""

# The most common ones that are long enough; what only repeats or counts is found by rule.
_COMMON = frozenset(
    b"password1234 passwordpassword password12345 password123456 passw0rd1234 administrator administrator1 "
    b"qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiopasdf asdfghjkl123 1qaz2wsx3edc 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i "
    b"q1w2e3r4t5y6 qazwsxedcrfv letmein12345 welcome12345 iloveyou1234 iloveyou1314 woaini1314520 woaini520520 "
    b"wodemima1234 admin1234567 admin12345678 admin@123456 root12345678 changeme1234 socialsecurity cardfab12345 "
    b"5201314520131 147258369147 159357159357 123456789abc 123456abcdef abcd12345678 abc123456789 a1234567890a "
    b"correcthorsebatterystaple trustno1trustno1 superman1234 baseball1234 football1234 monkey123456".split()
)
_RUNS = (b"01234567890123456789", b"09876543210987654321", b"abcdefghijklmnopqrstuvwxyz", b"zyxwvutsrqponmlkjihgfedcba")


class PasswordRefused(InputRefused):
    """The new password is one that others guess."""

    default_code = "CF-3620"


def check_password(word: bytearray, login: str, name: str) -> None:
    """Raise :class:`PasswordRefused` unless the word (UTF-8) may be the password of this person."""
    lower = word.lower()
    try:
        if sum(byte & 0xC0 != 0x80 for byte in word) < LEAST or len(word) > MOST_BYTES:
            raise _refused(f"A password has at least {LEAST} characters.", f"口令至少 {LEAST} 个字符。")
        if any(
            len(own) >= _NAME and own in lower for own in (part.lower().encode() for part in (login, *name.split()))
        ):
            raise _refused("A password does not hold the person's name.", "口令不得含本人姓名或登录名。")
        # Compared in place: a copy would be one more thing to wipe.
        repeats = any(
            all(one == lower[at] for at, one in enumerate(memoryview(lower)[unit:])) for unit in range(1, _UNIT + 1)
        )
        if repeats or any(lower == one for one in _COMMON) or any(lower in run for run in _RUNS):
            raise _refused("This is one of the most common passwords.", "这是最常见的口令之一。")
    finally:
        lower[:] = bytes(len(lower))


def _refused(en: str, zh: str) -> PasswordRefused:
    return PasswordRefused(
        Text(en, zh), do=Text("Take a few words that belong together for you only.", "可用只有本人能联想到的几个词。")
    )
