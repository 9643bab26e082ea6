"""What may be a password."""

from __future__ import annotations

import pytest

from cardfab.production.passwords import PasswordRefused, check_password


@pytest.mark.parametrize(
    "word",
    [
        "kurz", "elf zeichen", "中文十一个字符的口令啊",  # eleven characters at most
        "my 李伟 horse cart", "MY LI.WEI HORSE", "yes liwei01 yes",  # the person's own
        "password1234", "PassWord1234", "administrator", "woaini1314520",  # what everybody tries
        "aaaaaaaaaaaaaa", "abcabcabcabcabc", "12121212121212", "1234567890123", "abcdefghijklm",  # repeats, counts
        "x" * 1025,
    ],
)  # fmt: skip
def test_a_password_that_others_guess(word: str) -> None:
    given = bytearray(word.encode())
    with pytest.raises(PasswordRefused) as refused:
        check_password(given, "li.wei", "LIWEI01 李伟")
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3620")
    assert refused.value.do is not None
    assert word not in str(refused.value)
    assert given == word.encode(), "the caller's buffer is the caller's"


@pytest.mark.parametrize(
    "word", ["twelve chars", "十二个中文字符也可以作口令", "only small letters here", "000000000001x"]
)
def test_no_rule_of_composition(word: str) -> None:
    check_password(bytearray(word.encode()), "wang", "王")
