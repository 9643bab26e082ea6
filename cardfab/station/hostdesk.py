"""The issuer host as the station uses it: journal first, answer booked before the next step, nothing repeated blindly.

A request whose outcome is not known (no answer, or the program was cut off) is settled by asking for the status; only
when that shows that nothing happened is the same request sent again, under its own id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

from cardfab.audit import Outcome
from cardfab.errors import DeviceFault, InDoubt, StockFault, Text
from cardfab.station.desk import Desk
from cardfab.station.host import (
    READS,
    Call,
    Done,
    Fields,
    HostCode,
    IssuerHost,
    Keeping,
    Operation,
    Refused,
    Reply,
    Unknown,
)
from cardfab.store import JournalRow

_SEAL = "station/seal"
_INDEX = "station/index"
_LONGEST_CODE = 40
_UNSENT = "unsent"
"""In the journal: no connection was had, so nothing was done."""

Shown = Callable[[Fields], Fields | None]
"""What a status answer says of an operation: its answer when it has happened, None when it has not."""


class HostRefused(StockFault):
    """The host said no; ``host_code`` says why."""

    default_code = "CF-7700"

    def __init__(self, operation: Operation, refused: Refused) -> None:
        raw = f" ({refused.raw})" if refused.raw else ""
        super().__init__(
            Text(
                f"The issuer host refused '{operation}': {refused.code.text.en}{raw}.",
                f"发卡主机拒绝“{operation}”：{refused.code.text.zh}{raw}。",
            ),
            do=Text("Settle it with the card centre.", "请与卡管中心核实。"),
        )
        self.host_code = refused.code


class HostSilent(DeviceFault):
    """A question that changes nothing had no answer."""

    default_code = "CF-5610"


class HostAway(HostSilent):
    """There is no line to the host; nothing was sent."""

    default_code = "CF-5611"

    def __init__(self, operation: Operation) -> None:
        words = operation.text
        super().__init__(
            Text(
                f"The issuer host cannot be reached; {words.en} cannot wait and was not sent.",
                f"无法连接发卡主机；{words.zh}不能离线办理，未发送。",
            ),
            do=Text("Do it again when the host is back.", "请待主机恢复后重新办理。"),
        )


class HostInDoubt(InDoubt):
    """The host may have done it or not, and does not say."""

    default_code = "CF-9200"


class HostAbsent(DeviceFault):
    """This service needs the issuer host, and the station has none."""

    default_code = "CF-5620"

    def __init__(self) -> None:
        super().__init__(
            Text("The station has no issuer host.", "本网点未配置发卡主机。"),
            do=Text('Name it in the settings: host = "tcp://HOST:PORT".', "请在配置中填写 host。"),
        )


@dataclass(frozen=True, slots=True)
class HostDesk:
    """One station's line to its host."""

    desk: Desk
    host: IssuerHost

    def read(self, operation: Operation, about: str, fields: Fields) -> Fields:
        """Ask what changes nothing; three tries. Raises HostRefused, :class:`HostSilent`."""
        away = False
        for _ in range(3):
            reply = self._send(operation, about, fields, None)
            if not isinstance(reply, Unknown):
                return _answer(operation, reply)
            away = not reply.sent
        if away:
            raise HostAway(operation)
        raise HostSilent(
            Text(f"The issuer host did not answer '{operation}'.", f"发卡主机未应答“{operation}”。"),
            do=Text("Try again later.", "请稍后重试。"),
        )

    def read_if_offered(self, operation: Operation, about: str, fields: Fields) -> Fields | None:
        """As :meth:`read`; None where this host has no such operation."""
        try:
            return self.read(operation, about, fields)
        except HostRefused as refused:
            if refused.host_code is HostCode.NOT_SUPPORTED:
                return None
            raise

    def change_if_offered(
        self, operation: Operation, about: str, fields: Fields, status: Fields, shown: Shown
    ) -> Done | None:
        """As :meth:`change`; None where this host has no such operation."""
        try:
            return self.change(operation, about, fields, status, shown)
        except HostRefused as refused:
            if refused.host_code is HostCode.NOT_SUPPORTED:
                return None
            raise

    def change(self, operation: Operation, about: str, fields: Fields, status: Fields, shown: Shown) -> Done:
        """Ask for a change, once. ``about`` names what it is about: the same about is the same act.

        ``status`` and ``shown`` settle an outcome that is not known. Raises HostRefused, :class:`HostInDoubt`,
        HostSilent (nothing was sent).
        """
        with self.desk.database.reading() as tx:
            row = tx.host.newest(self._key(operation, about))
        if row is not None and row.outcome == "done":
            return Done(self._open(row), again=True)
        if row is not None and row.outcome in ("asked", "unknown"):
            happened = shown(self.read(Operation.STATUS, about, status))
            if happened is not None:
                self._book(row, Done(happened, again=True))
                return Done(happened, again=True)
        else:
            row = None
        reply = self._send(operation, about, fields, row)
        if isinstance(reply, Unknown) and not reply.sent and row is None:
            raise HostAway(operation)
        if isinstance(reply, Unknown):
            reply = self._settled(operation, about, status, shown)
        if isinstance(reply, Refused) and reply.code is HostCode.ALREADY:
            return Done({}, again=True)
        return Done(_answer(operation, reply), again=isinstance(reply, Done) and reply.again)

    def asked(self, operation: Operation, about: str) -> bool:
        """Whether this station has asked for it and was not refused."""
        with self.desk.database.reading() as tx:
            row = tx.host.newest(self._key(operation, about))
        return row is not None and row.outcome != "refused"

    def _settled(self, operation: Operation, about: str, status: Fields, shown: Shown) -> Reply:
        """No answer came: the status says whether it happened. What did not happen is left for the next try."""
        try:
            happened = shown(self.read(Operation.STATUS, about, status))
        except HostSilent as silent:
            raise HostInDoubt(
                Text(
                    f"The issuer host did not answer '{operation}'; it may have been done.",
                    f"发卡主机未应答“{operation}”，可能已经办理。",
                ),
                do=Text("Run the command again later: it asks for the status first.", "请稍后重新执行，将先查询状态。"),
            ) from silent
        if happened is None:
            raise HostInDoubt(
                Text(
                    f"The issuer host did not answer '{operation}', and its status shows nothing of it.",
                    f"发卡主机未应答“{operation}”，状态中亦无记录。",
                ),
                do=Text("Run the command again: the same request is sent.", "请重新执行，将发送同一请求。"),
                code="CF-9201",
            )
        with self.desk.database.reading() as tx:
            row = tx.host.newest(self._key(operation, about))
        if row is not None:
            self._book(row, Done(happened))
        return Done(happened)

    def _send(self, operation: Operation, about: str, fields: Fields, row: JournalRow | None) -> Reply:
        desk = self.desk
        key = self._key(operation, about)
        with desk.database.transaction("host asked") as tx:
            if row is None:
                request_id = str(uuid.UUID(bytes=desk.random(16), version=4))
                row = tx.host.ask(request_id, operation, key, desk.token(), at=desk.at(), by=desk.person.login)
            else:
                if operation not in READS:  # the try before this one had no answer, and will not have one any more
                    details = {"operation": operation, "code": "unanswered"}
                    tx.audit.append(desk.event("host.ask", row.subject, "failed", details))
                row = tx.host.ask_again(row, at=desk.at(), by=desk.person.login)
            if operation not in READS:
                tx.audit.append(desk.event("host.ask", row.subject, "intent", {"operation": operation}))
        call = Call(row.request_id, operation, desk.station, desk.person.login, row.asked_at, fields)
        reply = self.host.ask(call)
        self._book(row, reply)
        if isinstance(self.host, Keeping) and not isinstance(reply, Unknown):
            self.host.booked(row.request_id)
        return reply

    def _book(self, row: JournalRow, reply: Reply) -> None:
        desk, salt = self.desk, self.desk.random(32)
        with desk.database.transaction("host answered") as tx:
            said = dict(reply.answer) if isinstance(reply, Done) else {"raw": reply.raw}
            plain = json.dumps(said, ensure_ascii=False).encode()
            kept: _Sealed = {
                "sealed": desk.keys.seal(_SEAL, salt, plain, f"host:{row.request_id}".encode()), "salt": salt
            }  # fmt: skip
            certain = True
            if isinstance(reply, Done):
                tx.host.answer(row, "done", at=desk.at(), **kept)
            elif isinstance(reply, Refused):
                tx.host.answer(row, "refused", at=desk.at(), code=_code(reply), **kept)
            elif reply.sent or row.tries > 1:
                certain = False
                tx.host.answer(row, "unknown", at=desk.at(), code=reply.why, **kept)
            else:
                tx.host.answer(row, "refused", at=desk.at(), code=_UNSENT, **kept)
            if Operation(row.operation) not in READS and certain:
                outcome, details = _recorded(row, reply)
                tx.audit.append(desk.event("host.ask", row.subject, outcome, details))

    def _open(self, row: JournalRow) -> Fields:
        if row.sealed is None or row.salt is None:
            return {}
        plain = self.desk.keys.unseal(_SEAL, row.salt, row.sealed, f"host:{row.request_id}".encode())
        found: dict[str, str] = json.loads(plain)
        return found

    def _key(self, operation: Operation, about: str) -> bytes:
        return self.desk.keys.index(_INDEX, f"host:{operation}:{about}".encode())


class _Sealed(TypedDict):
    sealed: bytes
    salt: bytes


def _code(refused: Refused) -> str:
    """The host's own code where it is one; a sentence may name somebody and lies sealed only."""
    raw = refused.raw
    return raw if raw and raw.isascii() and len(raw) <= _LONGEST_CODE else refused.code


def _recorded(row: JournalRow, reply: Reply) -> tuple[Outcome, Mapping[str, str]]:
    if isinstance(reply, Done):
        return "done", {"operation": row.operation}
    if isinstance(reply, Unknown):
        return "failed", {"operation": row.operation, "code": _UNSENT}
    return "refused", {"operation": row.operation, "code": reply.code}


def _answer(operation: Operation, reply: Reply) -> Fields:
    if isinstance(reply, Done):
        return reply.answer
    raise HostRefused(operation, reply if isinstance(reply, Refused) else Refused(HostCode.TIMEOUT))
