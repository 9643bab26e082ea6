"""Tokens of the JSON interface, found by the digest of what their holder shows; and calls that are done once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import Role
from cardfab.store.apitables import api_call, api_token
from cardfab.store.tables import inserted_id


class TokenUnknown(InputRefused):
    """No token of that name."""

    default_code = "CF-3902"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token: whose, for which duties, from when until when. Times as the tables keep them."""

    id: int
    label: str
    login: str
    roles: frozenset[Role]
    digest: bytes
    begun_at: str
    ends_at: str
    added_by: str
    last_at: str | None = None
    revoked_at: str | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call that is done once; ``status`` is None while nobody knows what came of it."""

    id: int
    asked: bytes
    status: int | None
    answer: str | None


class ApiTokens:
    """The tokens of the station and their calls."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self, name: str, login: str, roles: frozenset[Role], digest: bytes, *, begun_at: str, ends_at: str, by: str
    ) -> TokenRow:
        """Keep a token; a name is used once, also after its token was revoked: the record names it."""
        if self._connection.scalar(select(api_token.c.id).where(api_token.c.label == name)) is not None:
            raise StockFault(
                Text(f"There is a token '{name}' already, or was.", f"令牌“{name}”已存在或曾使用。"),
                do=Text("Choose another name.", "请另选名称。"),
                code="CF-7903",
            )
        values = {
            "label": name, "login": login, "roles": ",".join(sorted(roles)), "digest": digest, "begun_at": begun_at,
            "ends_at": ends_at, "added_by": by,
        }  # fmt: skip
        self._connection.execute(insert(api_token).values(**values))
        return self.get(name)

    def get(self, name: str) -> TokenRow:
        """The token of a name; raises :class:`TokenUnknown`."""
        found = self._one(api_token.c.label == name)
        if found is None:
            raise TokenUnknown(
                Text(f"There is no token '{name}'.", f"没有令牌“{name}”。"),
                do=Text("'cardfab user token list' shows all.", "cardfab user token list 可查看全部令牌。"),
            )
        return found

    def of_digest(self, digest: bytes) -> TokenRow | None:
        """The token that somebody shows, None when there is none such."""
        return self._one(api_token.c.digest == digest)

    def all(self) -> tuple[TokenRow, ...]:
        """Every token there is or was, by name."""
        return tuple(_row(one) for one in self._connection.execute(select(api_token).order_by(api_token.c.label)))

    def touch(self, token_id: int, at: str) -> None:
        """Keep that the token was used."""
        self._connection.execute(update(api_token).where(api_token.c.id == token_id).values(last_at=at))

    def revoke(self, token_id: int, *, at: str, by: str) -> bool:
        """End a token now; whether it had not been ended before."""
        open_one = update(api_token).where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
        return self._connection.execute(open_one.values(revoked_at=at, revoked_by=by)).rowcount > 0

    def begin_call(self, token_id: int, key: bytes, asked: bytes, at: str) -> tuple[CallRow, bool]:
        """The call of a token's key, and whether it begins now: the same key again finds what was begun before."""
        where = (api_call.c.token_id == token_id, api_call.c.key == key)
        found = self._connection.execute(select(api_call).where(*where)).one_or_none()
        if found is not None:
            return CallRow(found.id, found.asked, found.status, found.answer), False
        values = {"token_id": token_id, "key": key, "asked": asked, "at": at}
        return CallRow(
            inserted_id(self._connection.execute(insert(api_call).values(**values))), asked, None, None
        ), True

    def end_call(self, call_id: int, status: int, answer: str) -> None:
        """Keep what a call was answered."""
        self._connection.execute(update(api_call).where(api_call.c.id == call_id).values(status=status, answer=answer))

    def drop_call(self, call_id: int) -> None:
        """Forget a call that changed nothing: its key may be used again."""
        self._connection.execute(delete(api_call).where(api_call.c.id == call_id))

    def drop_calls(self, before: str) -> None:
        """Forget answered calls from before a moment."""
        old = delete(api_call).where(api_call.c.at < before, api_call.c.status.is_not(None))
        self._connection.execute(old)

    def _one(self, condition: Any) -> TokenRow | None:
        found = self._connection.execute(select(api_token).where(condition)).one_or_none()
        return None if found is None else _row(found)


def _row(found: Row[Any]) -> TokenRow:
    values = dict(found._mapping)
    return TokenRow(**{**values, "roles": frozenset(Role(role) for role in values["roles"].split(",") if role)})
