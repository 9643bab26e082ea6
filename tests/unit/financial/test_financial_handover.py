"""Data groupings as text, out and in again; the issuer's file. No secret in clear, ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cardfab.errors import InputRefused
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.prepare.financial import DataGrouping, PreparedFinancial
from cardfab.prepare.financial.handover import (
    HEAD,
    HandOverMalformed,
    complete,
    differing,
    read_groupings,
    write_groupings,
)
from cardfab.prepare.financial.hostfile import MadeCard, host_lines, masked
from cardfab.profile.financial import FinancialApplication

Financial = Callable[[str], FinancialApplication]
SECRET = ("8000", "8400", "8201", "8202", "8203", "8204", "8205", "8501", "8502", "8010")


@pytest.fixture
def card(financial: Financial, prepared: Callable[..., PreparedFinancial]) -> PreparedFinancial:
    return prepared(financial("pboc-debit-dual-sm2"))


def _applications(card: PreparedFinancial, financial: Financial) -> dict[bytes, tuple[DataGrouping, ...]]:
    return {financial("pboc-debit-dual-sm2").aid: card.groupings, **card.environments}


def test_what_is_written_sealed_is_read_again(
    card: PreparedFinancial, financial: Financial, keys: SoftKeyStore
) -> None:
    ours = _applications(card, financial)
    read = read_groupings(write_groupings(ours, sealed=True))
    assert list(read) == list(ours)
    for aid, lines in read.items():
        again = complete(aid, lines)
        assert [(one.dgi, one.value) for one in again] == [(one.dgi, one.value) for one in ours[aid]]
        assert list(differing(ours[aid], lines)) == []


def test_secrets_are_left_out_unless_asked_for_and_never_in_clear(
    card: PreparedFinancial, financial: Financial
) -> None:
    text = write_groupings(_applications(card, financial))
    for dgi in SECRET:
        line = next(line for line in text.splitlines() if line.startswith(f"DGI{dgi}="))
        assert line.startswith(f"DGI{dgi}=OMITTED ")
    aid, lines = next(iter(read_groupings(text).items()))
    with pytest.raises(InputRefused, match="without its secrets") as refused:
        complete(aid, lines)
    assert refused.value.code == "CF-3149"
    keys = next(one for one in lines if one.dgi == "8000")
    assert len(keys.kcvs) == 3
    assert keys.length == 48


@pytest.mark.parametrize("dgi", SECRET)
def test_a_secret_in_clear_is_refused(dgi: str) -> None:
    with pytest.raises(HandOverMalformed, match="line 3: the secret of DGI"):
        read_groupings(f"{HEAD}\n[A000000333010101]\nDGI{dgi}={'00' * 48}\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("DGI0101=70", 1),
        (f"{HEAD}\nDGI0101=70", 2),
        (f"{HEAD}\n[A000000333010101]\nDGI101=70", 3),
        (f"{HEAD}\n[A000000333010101]\nDGI0101=7", 3),
        (f"{HEAD}\n[A000000333010101]\nDGI0101=70\nDGI0101=70", 4),
        (f"{HEAD}\n[A000000333010101]\n[A000000333010101]", 3),
        (f"{HEAD}\n[A000000333010101]\nDGI8010=SEALED 8 - station/transport XY", 3),
    ],
)
def test_a_file_that_cannot_be_read_is_told_by_line(text: str, line: int) -> None:
    with pytest.raises(HandOverMalformed, match=f"line {line}:") as refused:
        read_groupings(text)
    assert refused.value.exit_status == 3


def test_a_difference_is_named(card: PreparedFinancial, financial: Financial) -> None:
    ours = _applications(card, financial)
    text = write_groupings(ours)
    pin = next(line for line in text.splitlines() if line.startswith("DGI9010="))
    aid, lines = next(
        iter(read_groupings(text.replace(pin, "DGI9010=0505").replace("DGI9102=", "DGI9109=", 1)).items())
    )
    assert set(differing(ours[aid], lines)) == {"9010", "9102", "9109"}
    kcv = next(one for one in ours[aid] if one.dgi == "8000").value
    assert isinstance(kcv, Sealed)
    changed = text.replace(kcv.kcvs[0].hex().upper() + ",", "000000,", 1)
    assert "8000" in set(differing(ours[aid], read_groupings(changed)[aid]))


def _made(card: PreparedFinancial) -> MadeCard:
    return MadeCard("R1", "debit", "6299990000000000012", "2033-12-31", "0102", "MADE", card.groupings)


def test_the_issuers_file_masks_accounts_and_whatever_holds_one(card: PreparedFinancial, financial: Financial) -> None:
    """An SM2 certificate holds the account number in clear: a masked file has digests of certificates only."""
    application = financial("pboc-debit-dual-sm2")
    text = host_lines([(_made(card), application)], {"station": "x"}, whole=False)
    assert "6299990000000000012" not in text
    head, row = (json.loads(line) for line in text.splitlines())
    assert (head["accounts"], row["pan"]) == ("masked", "629999*********0012")
    assert row["expires"] == "2033-12-31"
    assert set(row["kcvs"]) == {"3DES", "SM4"}
    assert set(row["kcvs"]["3DES"]) == {"AC", "SMI", "SMC"}
    assert {one["path"] for one in row["certificates"]} == {path.name for path in application.paths}
    assert not any("icc" in one or "issuer" in one for one in row["certificates"])


def test_the_whole_file_has_accounts_and_certificates(card: PreparedFinancial, financial: Financial) -> None:
    application = financial("pboc-debit-dual-sm2")
    text = host_lines([(_made(card), application)], {}, whole=True)
    row: dict[str, Any] = json.loads(text.splitlines()[1])
    assert row["pan"] == "6299990000000000012"
    icc = next(one["icc"] for one in row["certificates"] if one["path"] == "contact_sm")
    assert bytes.fromhex(icc)[0] == 0x14
    secrets = [one.value.ciphertext.hex().upper() for one in card.groupings if isinstance(one.value, Sealed)]
    assert not any(one in text for one in secrets)


def test_a_mask_shows_ten_digits() -> None:
    assert masked("6299990000000017") == "629999******0017"
