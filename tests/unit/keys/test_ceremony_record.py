"""The signed record: one spelling, every changed byte refused, the trusted key asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cardfab.crypto.ec import p256_private, p256_public, p256_sign
from cardfab.keys.ceremony import (
    CeremonyRecord,
    RecordedPackage,
    RecordedPerson,
    RecordedStep,
    RecordRefused,
    SignedRecord,
    sign_record,
)
from tests.seeded import seeded

KEY = p256_private(seeded(b"record")(48))
RECORD = CeremonyRecord(
    id="C20261121-0a0b0c", kind="enter", rehearsal=False, station="room-1", began_at="2026-11-21T09:00:00.000+00:00",
    ended_at="2026-11-21T09:20:00.000+00:00", outcome="closed", reason="", label="bank/ZPK", algorithm="3DES",
    usage="PIN_TRANSPORT", level="BANK", version=2, region="", group="north", kcv="A1B2C3",
    people=(RecordedPerson("custodian", "Custodian 密钥保管员", "custodian", 1),),
    steps=(RecordedStep(1, "2026-11-21T09:01:00.000+00:00", "prove", ("custodian", "custodian-2"), {"kcv": "A1B2C3"}),),
    packages=(RecordedPackage("S-1", 1, "custodian", "courier", "used"),),
)  # fmt: skip


def signed() -> SignedRecord:
    return sign_record(RECORD, "station/documents", p256_public(KEY), lambda message: p256_sign(KEY, message))


def test_a_record_comes_back_as_it_was() -> None:
    data = signed().to_json_bytes()
    back = SignedRecord.from_json_bytes(data)
    assert back.record == RECORD
    assert data == back.to_json_bytes()
    back.require_trusted(frozenset({p256_public(KEY)}))
    with pytest.raises(RecordRefused) as refused:
        back.require_trusted(frozenset({p256_public(p256_private(seeded(b"other")(48)))}))
    assert refused.value.code == "CF-3912"


def test_every_changed_byte_is_refused() -> None:
    data = signed().to_json_bytes()
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(RecordRefused):
            SignedRecord.from_json_bytes(bytes(changed))


@pytest.mark.parametrize("change", ["spaces", "order", "kcv", "more", "none"])
def test_another_spelling_or_content_is_refused(change: str) -> None:
    data = signed().to_json_bytes()
    given = json.loads(data)
    if change == "kcv":
        given["record"]["kcv"] = "000000"
    elif change == "more":
        given["record"]["steps"].append(given["record"]["steps"][0])
    elif change == "order":
        given = {name: given[name] for name in reversed(given)}
    separators = (", ", ": ") if change == "spaces" else (",", ":")
    text = "{}" if change == "none" else json.dumps(given, separators=separators, ensure_ascii=False) + "\n"
    with pytest.raises(RecordRefused):
        SignedRecord.from_json_bytes(text.encode())


def test_a_signature_is_over_the_whole_record() -> None:
    moved = replace(signed(), record=replace(RECORD, outcome="interrupted"))
    with pytest.raises(RecordRefused):
        SignedRecord.from_json_bytes(moved.to_json_bytes())
