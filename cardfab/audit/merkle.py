"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1), SHA-256. Roots and proofs are plain bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cardfab.audit.refused import AuditRefused
from cardfab.errors import Text

HASH = 32
EMPTY_ROOT = sha256().digest()  # 2.1: the hash of an empty list is the hash of an empty string


def hash_leaf(leaf: bytes) -> bytes:
    """SHA-256(00 | leaf); the prefixes keep a leaf from passing for a node."""
    return sha256(b"\x00" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 | left | right)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of a whole list of leaves."""
    return CompactRange().extend(leaves).root()


@dataclass(frozen=True, slots=True)
class CompactRange:
    """All that appending needs: the roots of the full subtrees of a tree of ``size``, largest first.

    A value, so that a transaction that is rolled back leaves the old one in hand. At most 63 hashes of 32 bytes.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count() or any(len(h) != HASH for h in self.hashes):
            raise ValueError(f"not the compact range of a tree of {self.size}")

    def append(self, leaf: bytes) -> CompactRange:
        """The range with one leaf more."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> CompactRange:
        """The range with many leaves more, in order."""
        return self.extend_hashes(map(hash_leaf, leaves))

    def extend_hashes(self, leaf_hashes: Iterable[bytes]) -> CompactRange:
        """The same by the leaves' hashes."""
        size, hashes = self.size, list(self.hashes)
        for node in leaf_hashes:
            carry = size
            while carry & 1:  # as in binary addition: every full subtree of equal size is joined
                node, carry = hash_node(hashes.pop(), node), carry >> 1
            hashes.append(node)
            size += 1
        return CompactRange(size, tuple(hashes))

    def root(self) -> bytes:
        """The root of the tree so far."""
        if not self.hashes:
            return EMPTY_ROOT
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = hash_node(left, node)
        return node


class MerkleTree:
    """A whole tree in memory, for proofs: 64 bytes a leaf. Proofs are of any size up to the present one."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]  # level k: the roots of all full subtrees of 2**k leaves
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self._levels[0]) // HASH

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf; its hash."""
        return self.append_hash(hash_leaf(leaf))

    def append_hash(self, leaf_hash: bytes) -> bytes:
        """The same by the leaf's hash."""
        first = node = leaf_hash
        level = 0
        while True:
            row = self._levels[level]
            row += node
            if len(row) // HASH % 2:
                return first
            node, level = hash_node(bytes(row[-2 * HASH : -HASH]), bytes(row[-HASH:])), level + 1
            if level == len(self._levels):
                self._levels.append(bytearray())

    def root(self, size: int | None = None) -> bytes:
        """The root, now or when the tree had ``size`` leaves; raises :class:`AuditRefused` (CF-3506) beyond the end."""
        size = self._known(self.size if size is None else size)
        return self._span(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """PATH(index, D[size]) of RFC 6962 2.1.1, nearest the leaf first; index from 0."""
        low, high, path = 0, self._known(size), list[bytes]()
        if not 0 <= index < size:
            raise _beyond(index, size)
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._span(middle, high))
                high = middle
            else:
                path.append(self._span(low, middle))
                low = middle
        return tuple(reversed(path))

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """PROOF(old, D[new]) of RFC 6962 2.1.2; empty when either says nothing (old is 0 or equals new)."""
        low, high, path, whole = 0, self._known(new), list[bytes](), True
        if not 0 <= old <= new:
            raise _beyond(old, new)
        if old == 0:
            return ()
        while old < high:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._span(middle, high))
                high = middle
            else:
                path.append(self._span(low, middle))
                low, whole = middle, False
        if not whole:
            path.append(self._span(low, high))
        return tuple(reversed(path))

    def _known(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise _beyond(size, self.size)
        return size

    def _span(self, low: int, high: int) -> bytes:
        """The root of leaves low..high; ``low`` is where some split fell, so a power of two is a whole subtree."""
        count = high - low
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            at = (low >> level) * HASH
            return bytes(self._levels[level][at : at + HASH])
        middle = low + _split(count)
        return hash_node(self._span(low, middle), self._span(middle, high))


def _split(count: int) -> int:
    """2.1: the largest power of two smaller than ``count`` (which is at least 2)."""
    return 1 << (count - 1).bit_length() - 1


def _beyond(asked: int, size: int) -> AuditRefused:
    return AuditRefused(
        Text(f"The log of {size} entries holds no {asked}.", f"日志共 {size} 条，没有 {asked}。"), code="CF-3506"
    )


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 2.1.3.2: whether the leaf stands at ``index`` (from 0) of the tree of ``size`` with this root."""
    if not 0 <= index < size or any(len(h) != HASH for h in (leaf_hash, root, *proof)):
        return False
    fn, sn, node = index, size - 1, leaf_hash
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = hash_node(p, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hash_node(node, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and node == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162 2.1.4.2: whether the tree of ``new`` leaves begins with the tree of ``old`` leaves."""
    if not 0 <= old <= new or any(len(h) != HASH for h in (old_root, new_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    if old == 0:  # every log begins with the empty one
        return not proof and old_root == EMPTY_ROOT
    nodes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not proof or not nodes:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = hash_node(c, fr), hash_node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root
