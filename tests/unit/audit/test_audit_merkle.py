"""The Merkle tree against published vectors, and its proofs against its roots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.audit import (
    EMPTY_ROOT,
    AuditRefused,
    CompactRange,
    MerkleTree,
    hash_leaf,
    hash_node,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ALL: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "audit.json").read_text("utf-8"))
CT: dict[str, Any] = ALL["rfc6962"]
LEAVES = [bytes.fromhex(leaf) for leaf in CT["leaves"]]
ROOTS = [bytes.fromhex(root) for root in CT["roots"]]
SOME = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")


def unhex(proof: list[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, proof))


def test_hashes_are_the_published_ones() -> None:
    assert bytes.fromhex(CT["empty_root"]) == EMPTY_ROOT == root_of([]) == MerkleTree().root()
    for leaf, want in CT["leaf_hashes"]:
        assert hash_leaf(bytes.fromhex(leaf)).hex() == want
    for left, right, want in CT["node_hashes"]:
        assert hash_node(bytes.fromhex(left), bytes.fromhex(right)).hex() == want


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_of(LEAVES[:size]) == ROOTS[size - 1]
    assert MerkleTree(LEAVES[:size]).root() == ROOTS[size - 1]
    assert MerkleTree(LEAVES).root(size) == ROOTS[size - 1]
    one_by_one = CompactRange()
    for leaf in LEAVES[:size]:
        one_by_one = one_by_one.append(leaf)
    assert one_by_one == CompactRange().extend(LEAVES[:size])
    assert one_by_one.root() == ROOTS[size - 1]


@pytest.mark.parametrize("vector", CT["inclusion"])
def test_inclusion_proofs_are_the_published_ones(vector: dict[str, Any]) -> None:
    index, size, proof = vector["index"], vector["size"], unhex(vector["proof"])
    assert MerkleTree(LEAVES).inclusion_proof(index, size) == proof
    assert verify_inclusion(index, size, hash_leaf(LEAVES[index]), proof, ROOTS[size - 1])


@pytest.mark.parametrize("vector", CT["consistency"])
def test_consistency_proofs_are_the_published_ones(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old"], vector["new"], unhex(vector["proof"])
    assert MerkleTree(LEAVES).consistency_proof(old, new) == proof
    assert verify_consistency(old, new, ROOTS[old - 1], ROOTS[new - 1], proof)


def test_a_certificate_stands_in_the_public_log() -> None:
    real = ALL["real_log"]
    leaf, root, proof = bytes.fromhex(real["leaf_hash"]), bytes.fromhex(real["root"]), unhex(real["proof"])
    assert verify_inclusion(real["index"], real["size"], leaf, proof, root)
    assert not verify_inclusion(real["index"] + 1, real["size"], leaf, proof, root)
    assert not verify_inclusion(real["index"], real["size"], leaf, proof[:-1], root)


@pytest.mark.parametrize("vector", CT["inclusion"])
def test_a_spoiled_inclusion_proof_fails(vector: dict[str, Any]) -> None:
    index, size, proof = vector["index"], vector["size"], unhex(vector["proof"])
    leaf, root = hash_leaf(LEAVES[index]), ROOTS[size - 1]
    for other in (index - 1, index + 1, index ^ 2):
        assert not verify_inclusion(other, size, leaf, proof, root)
    for other in (size * 2, size // 2, 0):
        assert not verify_inclusion(index, other, leaf, proof, root)
    for wrong in (SOME, EMPTY_ROOT, b"", b"short"):
        assert not verify_inclusion(index, size, wrong, proof, root)
        assert not verify_inclusion(index, size, leaf, proof, wrong)
    spoiled = [(*proof, b""), (*proof, root), (b"", *proof), (root, *proof), proof[:-1], (*proof[::-1], SOME)]
    spoiled += [(*proof[:i], bytes([h[0] ^ 8]) + h[1:], *proof[i + 1 :]) for i, h in enumerate(proof)]
    assert not any(verify_inclusion(index, size, leaf, bad, root) for bad in spoiled)


@pytest.mark.parametrize("vector", [v for v in CT["consistency"] if v["proof"]])
def test_a_spoiled_consistency_proof_fails(vector: dict[str, Any]) -> None:
    old, new, proof = vector["old"], vector["new"], unhex(vector["proof"])
    before, after = ROOTS[old - 1], ROOTS[new - 1]
    for other in (old - 1, old + 1, old ^ 2, new + 1):
        assert not verify_consistency(other, new, before, after, proof)
    for other in (new * 2, new // 2):
        assert not verify_consistency(old, other, before, after, proof)
    assert not verify_consistency(old, new, after, before, proof)
    assert not verify_consistency(old, new, SOME, after, proof)
    assert not verify_consistency(old, new, before, b"WrongRoot", proof)
    spoiled = [(), (*proof, b""), (*proof, before), (*proof, after), (b"", *proof), (before, *proof), proof[:-1]]
    spoiled += [(after, *proof), (proof[0], *proof)]
    spoiled += [(*proof[:i], bytes([h[0] ^ 16]) + h[1:], *proof[i + 1 :]) for i, h in enumerate(proof)]
    assert not any(verify_consistency(old, new, before, after, bad) for bad in spoiled)


def test_consistency_at_the_edges() -> None:
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())
    assert verify_consistency(0, 5, EMPTY_ROOT, ROOTS[4], ())
    assert not verify_consistency(0, 0, SOME, SOME, ())
    assert not verify_consistency(0, 5, SOME, ROOTS[4], ())
    assert not verify_consistency(0, 5, EMPTY_ROOT, ROOTS[4], (SOME,))
    assert not verify_consistency(3, 3, ROOTS[2], ROOTS[2], (SOME,))
    assert not verify_consistency(3, 3, ROOTS[2], ROOTS[3], ())
    assert not verify_consistency(4, 3, ROOTS[3], ROOTS[2], ())
    assert not verify_consistency(4, 8, ROOTS[3], ROOTS[7], ())


@given(st.integers(1, 70), st.data())
@settings(max_examples=150, deadline=None)
def test_every_proof_of_every_size_holds(size: int, data: st.DataObject) -> None:
    leaves = [n.to_bytes(2, "big") for n in range(size)]
    tree, whole = MerkleTree(leaves), root_of(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    assert verify_inclusion(index, size, hash_leaf(leaves[index]), tree.inclusion_proof(index, size), whole)
    assert verify_consistency(old, size, root_of(leaves[:old]), whole, tree.consistency_proof(old, size))
    assert tree.root(old) == root_of(leaves[:old])


def test_a_range_continues_from_what_was_stored() -> None:
    stored = CompactRange().extend(LEAVES[:5])
    again = CompactRange(stored.size, stored.hashes)
    assert again.extend(LEAVES[5:]).root() == ROOTS[7]
    assert stored.root() == ROOTS[4], "the value in hand before did not move"


@pytest.mark.parametrize(("size", "hashes"), [(-1, ()), (3, (SOME,)), (1, (b"short",)), (0, (SOME,))])
def test_a_range_that_cannot_be_is_refused(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="not the compact range"):
        CompactRange(size, hashes)


def test_what_the_tree_does_not_hold_is_refused() -> None:
    tree = MerkleTree(LEAVES[:3])
    assert tree.size == 3
    for ask in (
        lambda: tree.root(4),
        lambda: tree.root(-1),
        lambda: tree.inclusion_proof(3, 3),
        lambda: tree.inclusion_proof(0, 4),
        lambda: tree.inclusion_proof(-1, 3),
        lambda: tree.inclusion_proof(0, 0),
        lambda: tree.consistency_proof(3, 2),
        lambda: tree.consistency_proof(1, 4),
        lambda: tree.consistency_proof(-1, 2),
    ):
        with pytest.raises(AuditRefused) as refused:
            ask()
        assert refused.value.code == "CF-3506"
