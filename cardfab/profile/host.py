"""One issuer host as a profile: which message each operation is, its fields in order and in bytes, what answers mean.

What the sources do not prove is named in ``unverified`` by its path, so that whoever connects a province sees what to
ask its card centre. Names of elements are the host's own, as they stand on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from cardfab.profile.base import Strict
from cardfab.profile.hostport import STATES_AT_HOST, HostCode, Operation

Family = Literal["json-https", "file-drop", "soap", "service-proxy"]
_STATES = "card_state"


class Sent(Strict):
    """One field of a message. Either a neutral ``field`` or a ``constant``; nothing is filled in that nobody gave."""

    name: str
    """As the host calls it, the ``*`` of a required element included."""
    field: str = ""
    constant: str | None = None
    bytes: int | None = Field(default=None, ge=1)
    """The longest that the host takes, in bytes of the profile's charset."""
    required: bool = False
    codes: str = ""
    """The code table through which the value goes."""
    form: Literal["text", "date8"] = "text"
    """``date8`` is yyyymmdd, whole or refused."""
    parts: tuple[str, ...] = ()
    """Several neutral fields in one: joined by ``|``, or as elements where they read ``ELEMENT=field``.

    ``=WORD`` is the word itself; one that ends in ``?`` may be empty.
    """

    @model_validator(mode="after")
    def _one_source(self) -> Sent:
        if [bool(self.field), self.constant is not None, bool(self.parts)].count(True) != 1:
            raise ValueError("a field is sent from 'field', is a 'constant' or has 'parts', one of the three")
        return self


class Taken(Strict):
    """One field of an answer."""

    name: str
    field: str
    codes: str = ""
    part: int | None = None
    """Which part of a value that is split at ``|``."""


class Meaning(Strict):
    """What one answer means. Nothing set: the message was taken."""

    refused: HostCode | None = None
    again: bool = False
    """It was so already."""
    recover: bool = False
    """It was begun before: the message named by ``recover`` tells what it gave."""
    nothing: bool = False
    """A question that found nothing, which stops nothing."""
    say: dict[str, str] = Field(default_factory=dict)
    """Neutral fields that this answer says."""


class Message(Strict):
    """One message and its answer. Answers are known by ``CODE:TEXT`` first, then by ``CODE``; another one stops all."""

    call: str
    """The operation or the method, as the host names it."""
    form: Literal["elements", "parameters"] = "elements"
    """Elements of one text, or a method's own parameters."""
    head: bool = True
    """Whether operation, user and password stand before the fields."""
    send: tuple[Sent, ...] = ()
    rows: tuple[Sent, ...] = ()
    """The columns of the one CSV row that follows the elements."""
    header: bool = False
    """Whether a line with the names of the columns comes before the row."""
    answer: Literal["elements", "text", "table", "rows"] = "elements"
    """``table``: a status line, a line of names, rows. ``rows``: the answer's rows are the data (``ds``)."""
    status: tuple[str, ...] = ()
    """The names in the status line of a table, in order."""
    take: tuple[Taken, ...] = ()
    needs: tuple[str, ...] = ()
    """Neutral fields without which the answer is none."""
    same: dict[str, str] = Field(default_factory=dict)
    """Names in the answer whose value must be that of a neutral field of the request."""
    match: dict[str, str] = Field(default_factory=dict)
    """In an answer of rows: the row meant is the one with these values."""
    refuse: dict[str, dict[str, HostCode]] = Field(default_factory=dict)
    """Neutral fields whose value in the answer is a refusal."""
    inner: str = ""
    """The field whose value is an answer of its own, in elements; its ``STATE`` or ``ERRORCODE`` is the code."""
    listed: str = ""
    """The neutral field that takes all rows."""
    count: str = ""
    """The name whose number must be the number of rows."""
    answers: dict[str, Meaning]
    keep: bool = False
    """What it gave is written down before the next message, and never asked for again."""
    once: bool = False
    """Never sent blindly again: where it may have been sent, ``recover`` is asked first."""
    recover: str = ""
    unless: str = ""
    """Not sent where this neutral field is known already."""
    when: str = ""
    """Sent only where the request has this neutral field."""


class Steps(Strict):
    """The messages of an operation, in order; ``by`` a neutral field, the order for each of its values."""

    by: str = ""
    messages: dict[str, tuple[str, ...]]
    needs: tuple[str, ...] = ()
    """Neutral fields without which the answer of the operation is none."""
    note: str = ""
    """The neutral field under whose value the adapter's notes about this operation lie."""
    forget: tuple[str, ...] = ()
    """The values of ``by`` with which this is the end: the notes are dropped when it is done."""

    def of(self, fields: dict[str, Any]) -> tuple[str, ...] | None:
        """The messages for a request; None where the host has no such step."""
        return self.messages.get(str(fields.get(self.by, "")) if self.by else "all")


class Rules(Strict):
    """How this host behaves, for the station and for people."""

    assigns_number: str = ""
    """The message that gives the card its number; empty: the station numbers cards, or the host's list does."""
    reports_failure: bool
    formal_loss_reversible: bool
    oral_loss_days: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=20.0, gt=0)
    """How long an answer may take."""
    stale_seconds: int = Field(default=300, ge=1)
    """How far the clocks of a signed message may differ."""
    retry_minutes: int = Field(default=5, ge=1)
    """After how long what waits is told again."""
    locked_minutes: int | None = None
    """How long a locked batch stays so, as far as is known."""
    longest_answer: int = Field(default=4 << 20, ge=1024)
    """Bytes."""


class Wire(Strict):
    """How messages travel. Names of the carrier are the host's own."""

    charset: Literal["utf-8", "gbk", "gb18030"] = "utf-8"
    rare: Literal["refuse", "reference"] = "refuse"
    """A character that the charset lacks: refused before anything is sent, or an XML character reference."""
    namespace: str = ""
    action: str = ""
    result: str = "return"
    """The element of a SOAP answer that holds the text."""
    code: tuple[str, ...] = ("ERR",)
    """The elements of which the first that is there holds the code."""
    wrapped: str = ""
    """The parameter that holds elements."""
    parameters: tuple[str, ...] = ()
    """The names of the carrier's own parameters, in the order licence, service, operation, data."""
    service: str = ""
    user_elements: tuple[str, str, str] = ("操作*", "用户名*", "密码*")
    line_end: Literal["\r\n", "\n"] = "\r\n"


class HostProfile(Strict):
    """One issuer host."""

    name: str
    zh: str
    en: str
    family: Family
    wire: Wire = Wire()
    rules: Rules
    codes: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Tables from the host's code to the neutral one; the first host code of a neutral one is the one sent."""
    messages: dict[str, Message] = Field(default_factory=dict)
    operations: dict[Operation, Steps]
    unverified: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> HostProfile:
        for why in _faults(self):
            raise ValueError(why)
        return self


def _faults(profile: HostProfile) -> Iterator[str]:
    for operation, steps in profile.operations.items():
        for messages in steps.messages.values():
            for one in messages:
                if one not in profile.messages:
                    yield f"operations.{operation} names the message '{one}', which is not there"
    for name, message in profile.messages.items():
        if message.recover and message.recover not in profile.messages:
            yield f"messages.{name} recovers by '{message.recover}', which is not there"
        if (message.once or any(one.recover for one in message.answers.values())) and not message.recover:
            yield f"messages.{name} is sent once, but names no message that recovers it"
        tables = [one.codes for one in (*message.send, *message.rows)] + [one.codes for one in message.take]
        for table in filter(None, tables):
            if table not in profile.codes:
                yield f"messages.{name} uses the code table '{table}', which is not there"
    for code, state in profile.codes.get(_STATES, {}).items():
        if state not in STATES_AT_HOST:
            yield f"codes.{_STATES}.{code}: there is no state '{state}' of a card; {', '.join(STATES_AT_HOST)}"
    if profile.rules.assigns_number and profile.rules.assigns_number not in profile.messages:
        yield f"rules.assigns_number names the message '{profile.rules.assigns_number}', which is not there"
    values = profile.model_dump(mode="json")
    for path in profile.unverified:
        if not _there(values, path.split("/")):
            yield f"unverified names '{path}', which is not there"


def _there(values: Any, path: list[str]) -> bool:
    for part in path:
        if isinstance(values, list):
            values = next(
                (one for one in values if isinstance(one, dict) and str(one.get("name")).removesuffix("*") == part),
                None,
            )
        elif isinstance(values, dict):
            values = values.get(part)
        else:
            return False
        if values is None:
            return False
    return True
