"""Components: whole, at random, different, summed by exclusive or; their check values; the blind page and its end."""

from __future__ import annotations

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from cardfab.keys.ceremony import Combining, ComponentRefused, parse_component, print_component, random_component
from cardfab.keys.secret import Secret
from tests.seeded import seeded

A = "0123456789ABCDEFFEDCBA9876543210"
B = "11112222333344445555666677778888"
RANDOM = seeded(b"ceremony")


def typed(text: str, algorithm: str = "3DES") -> Secret:
    return parse_component(bytearray(text.encode()), algorithm)


def combined(*texts: str, algorithm: str = "3DES") -> tuple[bytes, str]:
    with Combining(algorithm, len(texts), RANDOM) as combining:
        for text in texts:
            combining.add(typed(text, algorithm))
        value, kcv = combining.result()
    return bytes(value.view()), kcv


def _odd(value: bytes) -> bytes:
    return bytes(byte if bin(byte).count("1") % 2 else byte ^ 1 for byte in value)


def test_the_sum_of_two_and_of_three_with_odd_parity_and_a_check_value_by_another_reading() -> None:
    for texts in ((A, B), (A, B, "0F1E2D3C4B5A69788796A5B4C3D2E1F0")):
        number = 0
        for text in texts:
            number ^= int(text, 16)
        wanted = _odd(number.to_bytes(16, "big"))
        value, kcv = combined(*texts)
        assert value == wanted
        cipher = Cipher(TripleDES(wanted + wanted[:8]), modes.ECB()).encryptor()  # noqa: S305 - as a check value is made
        assert kcv == cipher.update(bytes(8))[:3].hex().upper()


def test_an_aes_key_has_no_parity_and_the_check_value_of_globalplatform() -> None:
    one, other = "00" * 31 + "02", "80" + "00" * 31
    value, kcv = combined(one, other, algorithm="AES-256")
    assert value == bytes.fromhex("80" + "00" * 30 + "02")
    cipher = Cipher(AES(value), modes.ECB()).encryptor()  # noqa: S305 - as a check value is made
    assert kcv == cipher.update(b"\x01" * 16)[:3].hex().upper()


def test_typed_with_spaces_in_either_case_and_wiped() -> None:
    buffer = bytearray(b"0123 4567-89ab cdef\tFEDC ba98 7654 3210\r")
    assert bytes(parse_component(buffer, "3DES").view()).hex().upper() == A
    assert not any(buffer)


@pytest.mark.parametrize("text", ["", A[:-1], A[:-2], A + "00", A[:-1] + "G", A[:16]])
def test_a_component_is_as_long_as_the_key(text: str) -> None:
    buffer = bytearray(text.encode())
    with pytest.raises(ComponentRefused) as refused:
        parse_component(buffer, "3DES")
    assert refused.value.code == "CF-6525"
    assert refused.value.do is not None
    assert not any(buffer)
    assert A[:8] not in str(refused.value)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (("00" * 16,), "CF-6522"),
        (("01" * 16,), "CF-6522"),  # parity bits alone
        ((A, A), "CF-6523"),
        ((A, "0022446688AACCEEFFDDBB9977553311"), "CF-6523"),  # equal but for parity
    ],
)
def test_zeros_and_equal_components_are_refused(texts: tuple[str, ...], code: str) -> None:
    with Combining("3DES", 2, RANDOM) as combining:
        for text in texts[:-1]:
            combining.add(typed(text))
        with pytest.raises(ComponentRefused) as refused:
            combining.add(typed(texts[-1]))
    assert refused.value.code == code


def test_a_sum_that_is_no_key_is_refused() -> None:
    third = f"{int(A, 16) ^ int(B, 16):032X}"
    for texts in ((A, B, third), (A, "11" * 8 + f"{int(A[16:], 16) ^ int(A[:16], 16) ^ int('11' * 8, 16):016X}")):
        with pytest.raises(ComponentRefused) as refused:
            combined(*texts)
        assert refused.value.code == "CF-6524"


def test_nothing_comes_out_before_all_are_in_nor_more_go_in() -> None:
    with Combining("3DES", 2, RANDOM) as combining:
        combining.add(typed(A))
        with pytest.raises(ComponentRefused):
            combining.result()
        combining.add(typed(B))
        with pytest.raises(ComponentRefused):
            combining.add(random_component("3DES", RANDOM))


def test_K7_what_is_left_of_components_is_wiped() -> None:
    one = typed(A)
    combining = Combining("3DES", 2, RANDOM)
    with combining:
        combining.add(one)
    assert not any(one.view())
    assert not any(combining._sum.view())
    assert A not in repr(combining)


def test_K6_the_page_holds_the_component_once_and_is_wiped() -> None:
    pages: list[memoryview] = []
    copies: list[bytes] = []

    def send(page: memoryview) -> None:
        pages.append(page)
        copies.append(bytes(page))

    component = typed(A)
    print_component(component, b"before ", b" behind", send)
    assert copies == [b"before 0123 4567 89AB CDEF FEDC BA98 7654 3210 behind"]
    assert not any(pages[0])
    assert bytes(component.view()).hex().upper() == A


def test_K6_the_page_is_wiped_where_the_printer_fails() -> None:
    pages: list[memoryview] = []

    def send(page: memoryview) -> None:
        pages.append(page)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - any
        print_component(typed(A), b"", b"", send)
    assert not any(pages[0])
