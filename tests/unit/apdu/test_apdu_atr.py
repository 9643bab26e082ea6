"""The answer to reset, against published ATRs worked out by hand."""

from __future__ import annotations

import pytest

from cardfab.apdu import ApduMalformed, historical_bytes, parse_atr

h = bytes.fromhex


def test_a_social_security_card() -> None:
    atr = parse_atr(h("3B6D00000087BF10028649440199000001"))
    assert (atr.protocols, atr.check, atr.clock, atr.specific) == ((0,), None, (372, 1), False)
    assert atr.historical == historical_bytes(atr.raw)
    assert [(b.name, b.value) for b in atr.interface] == [("TB1", 0), ("TC1", 0)]


def test_a_javacard_with_both_protocols() -> None:
    # JCOP: TA1 13, TD1 81, TD2 31 (T=1), TA3 FE, TB3 45, historical bytes, TCK
    atr = parse_atr(h("3BF81300008131FE454A434F5076323431B7"))
    assert (atr.protocols, atr.check, atr.information_size) == ((1,), True, 0xFE)
    assert atr.historical == b"JCOPv241"
    assert atr.clock == (372, 4)
    assert atr.byte("TA1") == 0x13
    assert atr.byte("TA2") is None
    assert any("254 bytes" in line.en for line in atr.words())
    assert parse_atr(h("3BF81300008131FE454A434F5076323431B6")).check is False


def test_capabilities_of_a_yubikey() -> None:
    atr = parse_atr(h("3BFD1300008131FE158073C021C057597562694B657940"))
    assert (atr.capabilities, atr.extended_length, atr.chaining) == (h("C021C0"), True, True)
    assert atr.check is True


def test_specific_mode_and_inverse_convention() -> None:
    atr = parse_atr(h("3F3011001000"[:4]) + h("11") + h("00"))
    assert atr.raw[0] == 0x3F
    assert "inverse" in atr.words()[0].en
    specific = parse_atr(h("3B80") + h("11") + h("81") + h("10"))
    assert specific.specific
    assert specific.protocols == (1,)


@pytest.mark.parametrize("raw", ["", "3B", "3C00", "3B80", "3B05", "3B0000AA", "3B8001", "3B" + "FF" * 40])
def test_what_is_no_atr(raw: str) -> None:
    with pytest.raises(ApduMalformed):
        parse_atr(h(raw))
