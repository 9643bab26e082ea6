"""Card keys, session keys, cryptograms, script MACs, PIN blocks and stripe values against pyemv and psec.

Known faults of the two (keys-and-audit facts, 2.5), left out by name: ``psec.cvv.generate_cvv`` lacks the second
decimalisation pass and gives fewer than three digits for about one card in 18,000; ``psec.des.generate_kcv`` gives two
bytes unless told; both use key forms that ``cryptography`` warns of.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they import TripleDES from where it will be removed
    import psec
    import psec.cvv
    import psec.pinblock
    import pyemv
    import pyemv.sm

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.derive import emv_option_a, kcv
from cardfab.crypto.emv import (
    application_cryptogram,
    arpc,
    common_session_key,
    cvn,
    emv_option_b,
    mac,
    odd_parity,
    pin_block,
    pin_change_block,
    pin_of_block,
    pvv,
    script_mac,
    session_key,
)

TDES = Algorithm.TDES


class Draw:
    """Random inputs that are the same in every run."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def key(self) -> bytes:
        return self.source.randbytes(16)

    def digits(self, least: int, most: int) -> str:
        return "".join(self.source.choices("0123456789", k=self.source.randint(least, most)))

    def data(self, least: int, most: int) -> bytes:
        return self.source.randbytes(self.source.randint(least, most))


def option_a(draw: Draw) -> Iterator[tuple[object, object]]:
    imk, pan, psn = draw.key(), draw.digits(13, 19), draw.digits(2, 2)
    yield odd_parity(emv_option_a(imk, pan, psn)), pyemv.kd.derive_icc_mk_a(imk, pan, psn)
    yield emv_option_a(imk, pan, psn, odd_parity=True), pyemv.kd.derive_icc_mk_a(imk, pan, psn)


def option_b(draw: Draw) -> Iterator[tuple[object, object]]:
    imk, pan, psn = draw.key(), draw.digits(13, 19), draw.digits(2, 2)
    yield odd_parity(emv_option_b(imk, pan, psn)), pyemv.kd.derive_icc_mk_b(imk, pan, psn)


def session_keys(draw: Draw) -> Iterator[tuple[object, object]]:
    """The EMV common key is pyemv's; the PBOC one it lacks: its halves are psec's 3DES of the two counters."""
    udk, r, atc = draw.key(), draw.data(8, 8), draw.data(2, 2)
    yield odd_parity(common_session_key(udk, r)), pyemv.kd.derive_common_sk(udk, r)
    inverse = bytes(byte ^ 0xFF for byte in atc)
    halves = psec.des.encrypt_tdes_ecb(udk, bytes(6) + atc) + psec.des.encrypt_tdes_ecb(udk, bytes(6) + inverse)
    yield session_key(TDES, udk, atc), halves


def cryptograms(draw: Draw) -> Iterator[tuple[object, object]]:
    key, data, arqc, arc = draw.key(), draw.data(1, 80), draw.data(8, 8), draw.data(2, 2)
    yield application_cryptogram(TDES, key, data), pyemv.ac.generate_ac(key, data, pyemv.ac.PaddingType.EMV)
    yield mac(TDES, key, data), psec.mac.generate_retail_mac(key[:8], key[8:], data, 2)
    yield arpc(TDES, key, arqc, arc), pyemv.ac.generate_arpc_1(key, arqc, arc)


def scripts(draw: Draw) -> Iterator[tuple[object, object]]:
    key, header, atc, ac, data = draw.key(), draw.data(5, 5), draw.data(2, 2), draw.data(8, 8), draw.data(0, 64)
    ours = script_mac(TDES, key, header, atc, ac, data)
    yield ours, pyemv.sm.generate_command_mac(key, header + atc + ac + data, 4)
    udk, new, current = draw.key(), draw.digits(4, 12), draw.digits(4, 12)
    for old in (None, current):
        block = pin_change_block(udk, new, old)
        assert (block[0], block[9:]) == (8, b"\x80" + bytes(6))
        yield block[1:9], pyemv.sm.format_vis_pin_block(udk, new, old)
    # VISA encryption puts the length before the data and pads, as PIN CHANGE does.
    yield (
        encrypt_ecb(TDES, key, pin_change_block(udk, new)),
        pyemv.sm.encrypt_command_data(key, pyemv.sm.format_vis_pin_block(udk, new), pyemv.sm.EncryptionType.VISA),
    )


def pins(draw: Draw) -> Iterator[tuple[object, object]]:
    pin, pan = draw.digits(4, 12), draw.digits(13, 19)
    yield pin_block(0, pin, pan=pan), psec.pinblock.encode_pinblock_iso_0(pin, pan)
    yield pin_block(2, pin), psec.pinblock.encode_pinblock_iso_2(pin)
    yield pin_block(2, pin), pyemv.sm.format_iso9564_2_pin_block(pin)
    ours = pin_block(3, pin, pan=pan, random=draw.source.randbytes)
    yield pin, psec.pinblock.decode_pinblock_iso_3(ours, pan)
    yield pin_of_block(3, psec.pinblock.encode_pinblock_iso_3(pin, pan), pan=pan), pin
    yield pin_of_block(0, pin_block(0, pin, pan=pan), pan=pan), pin


def stripe(draw: Draw) -> Iterator[tuple[object, object]]:
    key, pan, expiry, code = draw.key(), draw.digits(16, 19), draw.digits(4, 4), draw.digits(3, 3)
    theirs = psec.cvv.generate_cvv(key, pan, expiry, code)
    ours = cvn(key, pan, expiry, code)
    assert len(ours) == 3
    yield ours[: len(theirs)], theirs  # fewer than three digits: the known fault
    pin, index = draw.digits(4, 4), draw.source.randint(1, 6)
    yield pvv(key, pan, pin, index), psec.pin.generate_visa_pvv(key, str(index), pin, pan)
    yield kcv(TDES, key), psec.des.generate_kcv(key, 3)


EVERY = (option_a, option_b, session_keys, cryptograms, scripts, pins, stripe)


def _compare(of: Callable[[Draw], Iterator[tuple[object, object]]], count: int) -> None:
    draw = Draw(20261122)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(count):
            for ours, theirs in of(draw):
                assert ours == theirs, f"input {number}"


@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.__name__)
def test_some_random_inputs_agree(of: Callable[[Draw], Iterator[tuple[object, object]]]) -> None:
    _compare(of, 200)


@pytest.mark.proof
@pytest.mark.shows("derivations, session keys, cryptograms, script MACs, PIN blocks agree with pyemv and psec (proof)")
@pytest.mark.parametrize("of", EVERY, ids=lambda one: one.__name__)
def test_ten_thousand_random_inputs_agree(of: Callable[[Draw], Iterator[tuple[object, object]]]) -> None:
    _compare(of, 10_000)


def test_the_known_fault_of_psec_is_still_there_and_not_ours() -> None:
    key, pan = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), "4000000000399080"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert psec.cvv.generate_cvv(key, pan, "2812", "201") == "62"
    assert cvn(key, pan, "2812", "201")[:2] == "62"
    assert len(cvn(key, pan, "2812", "201")) == 3
