"""m-of-n operator shares of a key file: each a small sealed file under its holder's own word (docs/keys.md).

The shared secret wraps the file's key (:class:`~cardfab.keys.openings.ShareSlot`). Fewer than ``threshold`` shares are
consistent with every secret. A share of another set, a share given twice and a changed one are named by holder.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cardfab.crypto import Buffer, SealBroken, same, seal_buffer, unseal_buffer
from cardfab.crypto.shamir import MOST, combine, split
from cardfab.errors import KeyFault, Text
from cardfab.keys.openings import (
    CHECK,
    KEY,
    SALT,
    SET_ID,
    STANDARD,
    Cost,
    FileRefused,
    ShareSlot,
    unwrap_file_key,
    wrap_file_key,
)
from cardfab.keys.secret import Secret

MAGIC = b"CFSH1\n"
_HEAD = struct.Struct(f">{len(MAGIC)}s{SET_ID}sBBBB")
_SEALED = 12 + KEY + 16


class ShareRefused(KeyFault):
    """A share that does not open, or does not belong here."""

    default_code = "CF-6310"


@dataclass(frozen=True, slots=True)
class ShareLabel:
    """What anybody may read on a share: of which set, how many are needed of how many, which it is, whose."""

    set_id: bytes
    threshold: int
    count: int
    index: int
    holder: str

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.index}/{self.count} {self.holder}"

    def encode(self) -> bytes:
        """The head of the file, up to the costs."""
        holder = self.holder.encode()
        if not 0 < len(holder) < 256:
            raise ShareRefused(Text("A share has a holder's name.", "份额须有持有人姓名。"))
        return _HEAD.pack(MAGIC, self.set_id, self.threshold, self.count, self.index, len(holder)) + holder


@dataclass(frozen=True, slots=True)
class Share:
    """One opened share. Wipe ``value`` when it has been used."""

    label: ShareLabel
    value: Secret


def make_shares(
    file_key: Secret, threshold: int, holders: Sequence[str], random: Callable[[int], bytes]
) -> tuple[ShareSlot, tuple[Share, ...]]:
    """A new set for a file: the slot of its header, and one share a holder. Raises :class:`ShareRefused`."""
    if not 2 <= threshold <= len(holders) <= MOST or len(set(holders)) != len(holders):
        raise ShareRefused(
            Text(
                f"{threshold} of {len(holders)} shares is no choice: at least two are needed, each of another holder.",
                f"{len(holders)} 份中取 {threshold} 份不可行：至少须两份，且持有人各不相同。",
            )
        )
    set_id = random(SET_ID)
    with Secret(random(KEY)) as secret:
        values = split(secret.view(), threshold, len(holders), random)
        shares = []
        for index, (holder, value) in enumerate(zip(holders, values, strict=True), 1):
            shares.append(Share(ShareLabel(set_id, threshold, len(holders), index, holder), Secret(value)))
            memoryview(value)[:] = bytes(len(value))
        slot = ShareSlot(set_id, threshold, tuple(_check(share) for share in shares), b"")
        wrapped = wrap_file_key(slot.kind, slot.bound, secret, file_key, random)
    return ShareSlot(set_id, threshold, slot.checks, wrapped), tuple(shares)


def open_slot(slot: ShareSlot, shares: Sequence[Share]) -> Secret:
    """The file's key; raises :class:`ShareRefused` and names the share that is wrong, foreign or there twice."""
    seen: dict[int, Share] = {}
    for share in shares:
        label = share.label
        if label.set_id != slot.set_id:
            its, ours = label.set_id.hex()[:8], slot.set_id.hex()[:8]
            raise ShareRefused(
                Text(
                    f"Share {label.name} belongs to another set: {its}, not {ours}.",
                    f"份额 {label.name} 属于另一组：{its}，而非 {ours}。",
                ),
                do=Text("Use the shares that were made last.", "请使用最近一次制作的份额。"),
                code="CF-6313",
            )
        if label.index in seen:
            raise ShareRefused(
                Text(f"Share {label.name} was given twice.", f"份额 {label.name} 重复。"), code="CF-6314"
            )
        if not 1 <= label.index <= len(slot.checks) or not same(_check(share), slot.checks[label.index - 1]):
            raise ShareRefused(
                Text(f"Share {label.name} is not the one that was made.", f"份额 {label.name} 与制作时不符。"),
                code="CF-6315",
            )
        seen[label.index] = share
    if len(seen) < slot.threshold:
        raise ShareRefused(
            Text(
                f"{len(seen)} shares are too few: {slot.threshold} are needed.",
                f"份额不足：现有 {len(seen)} 份，需要 {slot.threshold} 份。",
            ),
            code="CF-6316",
        )
    made = combine({index: share.value.view() for index, share in seen.items()})
    try:
        with Secret(made) as secret:
            return unwrap_file_key(slot.kind, slot.bound, secret, slot.wrapped)
    except SealBroken as broken:
        raise ShareRefused(
            Text("These shares do not open this file.", "这些份额无法打开该文件。"), code="CF-6317"
        ) from broken
    finally:
        memoryview(made)[:] = bytes(len(made))


def write_share(share: Share, word: Buffer, random: Callable[[int], bytes], cost: Cost = STANDARD) -> bytes:
    """The share as a file under its holder's word."""
    salt = random(SALT)
    head = share.label.encode() + cost.encode() + salt
    with cost.key(word, salt) as key:
        return head + seal_buffer(key.view(), share.value.view(), head, random)


def read_label(data: bytes) -> ShareLabel:
    """What is written on a share; not proved before it is opened. Raises :class:`ShareRefused`."""
    return _split(data)[0]


def read_share(data: bytes, word: Buffer) -> Share:
    """Open a share; raises :class:`ShareRefused`."""
    label, cost, salt, head = _split(data)
    try:
        with cost.key(word, salt) as key:
            value = unseal_buffer(key.view(), data[len(head) :], head)
    except (SealBroken, FileRefused) as broken:
        raise ShareRefused(
            Text(
                f"Share {label.name} does not open: the word is wrong or the file was changed.",
                f"份额 {label.name} 无法打开：口令错误或文件被改动。",
            ),
            do=Text("Its holder tries the word again.", "请持有人重新输入口令。"),
            code="CF-6311",
        ) from broken
    try:
        return Share(label, Secret(value))
    finally:
        memoryview(value)[:] = bytes(len(value))


def _split(data: bytes) -> tuple[ShareLabel, Cost, bytes, bytes]:
    """Label, costs, salt, and the whole head that the seal binds."""
    wrong = ShareRefused(Text("This file is not a share of a key store.", "该文件不是密钥库份额。"))
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise wrong
    _, set_id, threshold, count, index, length = _HEAD.unpack_from(data)
    end = _HEAD.size + length + 9 + SALT
    if len(data) != end + _SEALED or not 2 <= threshold <= count or not 1 <= index <= count:
        raise wrong
    try:
        holder = data[_HEAD.size : _HEAD.size + length].decode()
    except UnicodeDecodeError:
        raise wrong from None
    cost = Cost.decode(data[_HEAD.size + length : _HEAD.size + length + 9])
    return ShareLabel(set_id, threshold, count, index, holder), cost, data[end - SALT : end], data[:end]


def _check(share: Share) -> bytes:
    """8 bytes that tell one share from another; of 32 random bytes a digest gives nothing back."""
    digest = hashlib.sha256(MAGIC + share.label.set_id + bytes((share.label.index,)))
    digest.update(share.value.view())
    return digest.digest()[:CHECK]
