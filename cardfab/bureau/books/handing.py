"""Whatever leaves the bureau, or is signed, is a row of its book and an audit event, with how many and the digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cardfab.errors import StockFault, Text
from cardfab.production.batches import BatchState
from cardfab.production.serials import SerialRange, listed
from cardfab.station.desk import Desk
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow


class BatchUnfit(StockFault):
    """A batch in this state is not handed over."""

    default_code = "CF-7376"


def hand_over(
    desk: Desk,
    tx: Transaction,
    batch: BureauBatchRow,
    kind: str,
    file: str,
    count: int,
    digest: str,
    second: str | None = None,
    recipient: str | None = None,
    **more: str,
) -> str:
    """Book that something left the bureau, inside a transaction that has begun; the moment that the book has.

    ``digest`` is of the clear content; ``recipient`` of the certificate that the file is encrypted for, if it is.
    """
    at = desk.at()
    tx.bureau_finish.hand_over(
        batch.id, kind, file, count, digest,
        by=desk.person.login, second=second, at=at, recipient=recipient,
    )  # fmt: skip
    details = {"batch": str(batch.id), "count": str(count), "digest": digest, "file": file} | more
    if recipient is not None:
        details["recipient"] = recipient
    if second is not None:
        details["second"] = second
    tx.audit.append(desk.event(f"bureau.{kind}", batch.token, "done", details))
    return at


def covering(numbers: Iterable[int]) -> str:
    """Boxes as the book keeps them: ``1..3, 7``."""
    return listed(SerialRange("", 1, one, one) for one in numbers)


def covered(kept: str) -> frozenset[int]:
    """The numbers that :func:`covering` kept."""
    ranges = (part.partition("..") for part in kept.split(", "))
    return frozenset(one for first, _, last in ranges for one in range(int(first), int(last or first) + 1))


def require_state(batch: BureauBatchRow, *states: BatchState) -> None:
    """Raise :class:`BatchUnfit` unless the batch is in one of the states."""
    if batch.state not in states:
        raise BatchUnfit(
            Text(
                f"Batch {batch.reference} is {batch.state.text.en}.",
                f"批次 {batch.reference} 状态为“{batch.state.text.zh}”。",
            ),
            do=Text(
                f"It has to be: {', '.join(one.text.en for one in states)}. 'cardfab bureau reconcile {batch.id}' "
                "says what is open.",
                f"须为：{'、'.join(one.text.zh for one in states)}。未结事项见 cardfab bureau reconcile {batch.id}。",
            ),
        )


@contextmanager
def new_file(path: Path) -> Iterator[tuple[Callable[[bytes], None], Callable[[], str]]]:
    """A file for its owner's eyes alone: what writes to it, and the SHA-256 of what was written.

    It has its name only when all of it is on the disk; on any error nothing is left of it.
    """
    part = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:

            def write(data: bytes) -> None:
                file.write(data)
                digest.update(data)

            yield write, digest.hexdigest
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


__all__ = ["BatchUnfit", "covered", "covering", "hand_over", "new_file", "require_state"]
