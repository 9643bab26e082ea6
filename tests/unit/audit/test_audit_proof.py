"""Proof files: strict to the byte, and what they prove holds or is refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from cardfab.audit import (
    AuditEvent,
    AuditRefused,
    Checkpoint,
    ConsistencyProof,
    InclusionProof,
    MerkleTree,
    VerifierKey,
    countersign,
    merged,
    open_checkpoint,
    parse_proof,
    sign_checkpoint,
    write_export,
)
from cardfab.audit.naming import differences
from cardfab.crypto import ed25519_public, ed25519_sign

LOG = "cardfab.example/one"
WHEN = datetime(2026, 11, 21, 8, tzinfo=UTC)
SEEDS = {"log": bytes([1]) * 32, "auditor": bytes([2]) * 32, "stranger": bytes([3]) * 32}
KEY, AUDITOR, STRANGER = (
    VerifierKey(name, ed25519_public(seed)) for name, seed in zip((LOG, "auditor", LOG), SEEDS.values(), strict=True)
)
LEAVES = [AuditEvent(WHEN, "li", "one", "card.issue", f"t{n}", "done").encode() for n in range(11)]
TREE = MerkleTree(LEAVES)


def head(size: int, leaves: list[bytes] = LEAVES, *, seed: str = "log") -> bytes:
    point = Checkpoint.at(WHEN, LOG, size, MerkleTree(leaves).root(size))
    key = STRANGER if seed == "stranger" else KEY
    return sign_checkpoint(point, key, lambda said: ed25519_sign(SEEDS[seed], said))


def witness(data: bytes, seen: bytes | None) -> bytes:
    return countersign(data, [KEY], AUDITOR, lambda said: ed25519_sign(SEEDS["auditor"], said), seen).note


def growth(old: int, new: int) -> ConsistencyProof:
    return ConsistencyProof(old, TREE.consistency_proof(old, new), head(new))


def inclusion(index: int, size: int) -> InclusionProof:
    return InclusionProof(index, LEAVES[index], TREE.inclusion_proof(index, size), head(size))


def code(call: object, *given: object) -> str:
    with pytest.raises(AuditRefused) as caught:
        call(*given)  # type: ignore[operator]
    assert caught.value.what.zh
    return caught.value.code


def test_the_files_are_as_their_formats_say() -> None:
    one = inclusion(3, 11)
    lines = one.encode().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", f"extra {base64.b64encode(LEAVES[3]).decode()}", "index 3"]
    assert lines[3:7] == [base64.b64encode(step).decode() for step in TREE.inclusion_proof(3, 11)]
    assert one.encode().endswith(b"\n\n" + head(11))
    two = growth(5, 11).encode()
    assert two.startswith(b"old 5\n")
    assert two.endswith(b"\n\n" + head(11))
    assert (parse_proof(one.encode()), parse_proof(two)) == (one, growth(5, 11))


def test_every_event_of_every_tree_is_proved() -> None:
    for size in range(1, 12):
        for index in range(size):
            event, point, by = InclusionProof.parse(inclusion(index, size).encode()).verify([KEY])
            assert (event.subject, point.size, by) == (f"t{index}", size, (KEY,))
        for old in range(1, size + 1):
            before = open_checkpoint(head(old), [KEY])[0]
            assert ConsistencyProof.parse(growth(old, size).encode()).verify([KEY], before)[0].size == size


def test_what_is_not_so_is_refused() -> None:
    good = inclusion(3, 11)
    wrong = InclusionProof(4, LEAVES[3], good.hashes, good.note)
    assert code(wrong.verify, [KEY]) == "CF-3516"
    assert code(InclusionProof(3, LEAVES[4], good.hashes, good.note).verify, [KEY]) == "CF-3516"
    assert code(good.verify, [STRANGER]) == "CF-3504"
    five, six = (open_checkpoint(head(size), [KEY])[0] for size in (5, 6))
    assert code(growth(5, 11).verify, [KEY], six) == "CF-3516"
    other = open_checkpoint(head(5, [*LEAVES[:4], LEAVES[9]]), [KEY])[0]
    assert code(growth(5, 11).verify, [KEY], other) == "CF-3516"
    assert growth(5, 11).verify([KEY], five)[0].size == 11


@pytest.mark.parametrize("proof", [inclusion(3, 11), growth(5, 11)])
def test_every_byte_counts(proof: InclusionProof | ConsistencyProof) -> None:
    data, old = proof.encode(), open_checkpoint(head(5), [KEY])[0]

    def judge(changed: bytes) -> None:
        found = parse_proof(changed)
        found.verify([KEY], old) if isinstance(found, ConsistencyProof) else found.verify([KEY])

    judge(data)
    for at, byte in enumerate(data):
        for value in {byte ^ 1, byte ^ 0x20, 0x0A, 0x30} - {byte}:
            with pytest.raises(AuditRefused):
                judge(data[:at] + bytes([value]) + data[at + 1 :])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b"extra ", b"Extra "),
        lambda data: data.replace(b"index 3", b"index 03"),
        lambda data: data.replace(b"index 3\n", b"index 3\nAAAA\n"),
        lambda data: data.replace(b"index 3\n", b"index 3\n" + (base64.b64encode(bytes(32)) + b"\n") * 60),
        lambda data: data.replace(b"@v1", b"@v2"),
        lambda data: data.replace(b"\n\n", b"\n", 1),
        lambda data: "头".encode() + data,
    ],
)
def test_another_form_is_refused(spoil: object) -> None:
    assert code(parse_proof, spoil(inclusion(3, 11).encode())) in ("CF-3503", "CF-3505", "CF-3515")  # type: ignore[operator]


def test_a_witness_signs_what_continues_what_it_saw() -> None:
    first = witness(head(5), None)
    assert open_checkpoint(first, [KEY, AUDITOR])[1] == (KEY, AUDITOR)
    assert witness(first, first) == first, "signing again changes nothing"
    later = witness(growth(5, 11).encode(), first)
    assert open_checkpoint(later, [KEY, AUDITOR])[1] == (KEY, AUDITOR)
    assert witness(growth(5, 11).encode(), None) == later, "the first time there is nothing to continue"
    export = write_export(LOG, [str(KEY)], [head(5), head(11)], LEAVES)
    assert witness(export, first) == later


def test_a_witness_refuses_a_gap_a_step_back_and_another_history() -> None:
    five, eleven = witness(head(5), None), witness(head(11), None)
    other = [*LEAVES[:4], LEAVES[9], *LEAVES[5:]]
    assert code(witness, head(11), five) == "CF-3517"
    assert code(witness, head(5), eleven) == "CF-3517"
    assert code(witness, head(5, other), five) == "CF-3517"
    assert code(witness, head(11, seed="stranger"), None) == "CF-3504"
    tree = MerkleTree(other)
    forged = ConsistencyProof(5, tree.consistency_proof(5, 11), head(11, other))
    assert code(witness, forged.encode(), five) == "CF-3516"
    rewritten = write_export(LOG, [str(KEY)], [head(11, other)], other)
    assert code(witness, rewritten, five) == "CF-3513"


def test_signatures_of_two_copies_come_together() -> None:
    plain, both = head(5), witness(head(5), None)
    assert merged(plain, both) == both
    assert merged(both, plain) == both
    assert code(merged, plain, head(6)) == "CF-3517"


def test_a_name_for_every_difference() -> None:
    truth = [bytes([n]) for n in range(6)]

    def said(*found: int) -> list[str]:
        return [text.en for text, _ in differences(truth, [bytes([n]) for n in found], 10)]

    assert said(0, 1, 2, 3, 4, 5) == []
    assert said(0, 1, 9, 3, 4, 5) == ["Event 2 was changed (line 12)."]
    assert said(0, 1, 3, 4, 5) == ["Event 2 is missing."]
    assert said(0, 1, 2, 3, 4) == ["Event 5 is missing."]
    assert said(1, 0, 2, 3, 4, 5) in (["Event 1 was moved (to line 10)."], ["Event 0 was moved (to line 11)."])
    assert said(0, 1, 2, 9, 3, 4, 5) == ["Line 13 is no event of this log."]
    assert len(said(9, 9, 9)) == 6
    assert differences(truth, [], 10)[0][1] == 10
