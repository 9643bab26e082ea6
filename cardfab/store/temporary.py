"""The register of temporary cards, and the certificate of the key that signs papers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.production import StateRefused
from cardfab.production.temporary import TemporaryState, temporary_after
from cardfab.store.jobs import Move
from cardfab.store.papertables import document_certificate, temporary_paper
from cardfab.store.tables import temporary_card


class TemporaryUnknown(InputRefused):
    """This station has issued no such temporary card."""

    default_code = "CF-3153"


@dataclass(frozen=True, slots=True)
class TemporaryRow:
    """One temporary card; dates are ISO 8601 days. ``extends`` is the number of the paper it follows.

    ``document`` is the kind that was shown, ``document_index`` the keyed digest of its number, ``relation`` who acted
    for the holder. ``approved_by`` is the second person of what was done last.
    """

    number: str
    request_id: str
    valid_from: str
    valid_until: str
    issued_by: str
    state: TemporaryState = TemporaryState.ISSUED
    token: str | None = None
    issued_at: str | None = None
    document: str | None = None
    document_index: bytes | None = None
    relation: str | None = None
    extends: str | None = None
    changed_at: str | None = None
    changed_by: str | None = None
    approved_by: str | None = None
    reason: str | None = None


class TemporaryCards:
    """The book of temporary cards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, number: str, request_id: str, valid_from: str, valid_until: str, issued_by: str, **more: Any
    ) -> TemporaryRow:
        """Book one; a number is used once. ``more`` are further columns of :class:`TemporaryRow`."""
        row = TemporaryRow(number, request_id, valid_from, valid_until, issued_by, **more)
        values = {name: getattr(row, name) for name in TemporaryRow.__slots__}
        self._connection.execute(insert(temporary_card).values(**values))
        return row

    def all(self, *states: TemporaryState) -> tuple[TemporaryRow, ...]:
        """Temporary cards in some states (all without any), by number."""
        wanted = select(temporary_card).order_by(temporary_card.c.number)
        return self._rows(wanted.where(temporary_card.c.state.in_(states)) if states else wanted)

    def of_request(self, request_id: str) -> tuple[TemporaryRow, ...]:
        """The temporary cards of one request, oldest first."""
        wanted = select(temporary_card).where(temporary_card.c.request_id == request_id)
        return self._rows(wanted.order_by(temporary_card.c.valid_from, temporary_card.c.number))

    def find(self, number: str) -> TemporaryRow | None:
        """The one of that number, None where this station issued none."""
        found = self._rows(select(temporary_card).where(temporary_card.c.number == number))
        return found[0] if found else None

    def get(self, number: str) -> TemporaryRow:
        """The one of that number; raises :class:`TemporaryUnknown`."""
        found = self.find(number)
        if found is None:
            raise TemporaryUnknown(
                Text(f"This station issued no temporary card {number}.", f"本制卡点未签发过临时卡 {number}。"),
                do=Text("'cardfab temporary list' shows the register.", "cardfab temporary list 可查看登记簿。"),
            )
        return found

    def move(self, one: TemporaryRow, target: TemporaryState, move: Move, *, approved_by: str | None = None) -> None:
        """Take one to another state. Raises StateRefused when the table or another program forbids it."""
        values = {"state": temporary_after(one.state, target), "changed_at": move.at, "changed_by": move.by}
        changed = self._connection.execute(
            update(temporary_card)
            .where(temporary_card.c.number == one.number, temporary_card.c.state == one.state)
            .values(**values, approved_by=approved_by, reason=move.note or None)
        )
        if changed.rowcount != 1:
            raise StateRefused(
                Text(f"The temporary card {one.number} was changed by another program.",
                     f"临时卡 {one.number} 已被其他程序改动。")
            )  # fmt: skip

    def keep_paper(self, number: str, sealed: bytes) -> None:
        """Keep the paper of a number, sealed."""
        self._connection.execute(insert(temporary_paper).values(paper=number, sealed=sealed))

    def paper(self, number: str) -> bytes | None:
        """The sealed paper; None where none was kept."""
        wanted = select(temporary_paper.c.sealed).where(temporary_paper.c.paper == number)
        found: bytes | None = self._connection.execute(wanted).scalar_one_or_none()
        return found

    def certificate(self, public: bytes) -> bytes | None:
        """The certificate kept for a public key (04 | X | Y), DER."""
        wanted = select(document_certificate.c.certificate).where(document_certificate.c.public == public)
        found: bytes | None = self._connection.execute(wanted).scalar_one_or_none()
        return found

    def keep_certificate(self, public: bytes, certificate: bytes, at: str) -> None:
        """Keep the certificate of a public key instead of the one that is there."""
        table = document_certificate
        self._connection.execute(table.delete().where(table.c.public == public))
        self._connection.execute(insert(table).values(public=public, certificate=certificate, kept_at=at))

    def _rows(self, wanted: Select[Any]) -> tuple[TemporaryRow, ...]:
        return tuple(_row(found) for found in self._connection.execute(wanted))


def _row(found: Row[Any]) -> TemporaryRow:
    values = dict(found._mapping)
    return TemporaryRow(**{**values, "state": TemporaryState(values["state"])})
