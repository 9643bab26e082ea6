"""One operation as the messages of its profile: a generator that yields what to send and is given what came.

It meets no line: a driver sends. What a message gave is written down before the next one is sent wherever the profile
says so; a number that was burnt is used again, and a message that may have assigned a card number is never sent blindly
a second time.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

from cardfab.profile.host import HostProfile, Meaning, Message
from cardfab.profile.hostport import IN_USE
from cardfab.station.host import Call, Done, HostCode, Operation, Refused, Reply, Unknown, Value
from cardfab.station.hosts.notes import Notes
from cardfab.station.hosts.values import Unreadable, Unsendable, decoded, encoded

_LONGEST_RAW = 80


@dataclass(frozen=True, slots=True)
class Credentials:
    """With what this station names itself to the host. ``repr`` shows nothing."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    licence: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, its values named and in order. ``repr`` shows no value."""

    message: Message
    values: tuple[tuple[str, str], ...] = field(repr=False)
    row: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Incoming:
    """An answer taken apart: its code, its sentence, its fields, its rows. ``repr`` shows no value."""

    code: str
    text: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    rows: tuple[Mapping[str, str], ...] = field(default=(), repr=False)


Talk = Generator[Outgoing, Incoming | Unknown, Reply]


def converse(profile: HostProfile, call: Call, credentials: Credentials, notes: Notes) -> Talk:
    """The messages of one request; returns the reply, never raises for what the host says."""
    steps = profile.operations.get(call.operation)
    names = steps.of(dict(call.fields)) if steps is not None else None
    if steps is None or names is None:
        return Refused(HostCode.NOT_SUPPORTED)
    run = _Run(profile, call, credentials, notes, str(call.fields.get(steps.note, "")) if steps.note else "")
    try:
        run.check(names)
        for name in names:
            yield from run.message(name)
        missing = [one for one in steps.needs if not run.values.get(one)]
        if missing:
            return Unknown(HostCode.FORMAT)
    except Unsendable as cannot:
        return cannot.refused if not run.changed else Unknown(HostCode.FORMAT)
    except Unreadable:
        return Unknown(HostCode.FORMAT)
    except _Ended as ended:
        return ended.reply
    if steps.note and str(call.fields.get(steps.by, "")) in steps.forget:
        notes.drop(str(call.fields.get(steps.note, "")))
    return Done(run.answer(), run.again)


class _Ended(Exception):
    """How a message ends the operation."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class _Run:
    """What one operation knows so far."""

    def __init__(self, profile: HostProfile, call: Call, credentials: Credentials, notes: Notes, noted: str) -> None:
        self._profile, self._call, self._notes, self._noted = profile, call, notes, noted
        self._note: dict[str, str] = dict(notes.get(noted) or {}) if noted else {}
        own: dict[str, Value] = {
            "user": credentials.user, "password": credentials.password, "licence": credentials.licence,
            "operator": call.operator, "station": call.station, "at": call.at,
        }  # fmt: skip
        kept = {name: value for name, value in self._note.items() if not name.startswith("sent:")}
        self.values: dict[str, Value] = {**own, **kept, **call.fields}
        self._found: dict[str, Value] = dict(kept)
        self.again = False
        self.changed = False

    def answer(self) -> dict[str, Value]:
        """What the operation answers, in neutral words."""
        said = dict(self._found)
        if self._call.operation is Operation.STATUS and "state" in said:
            said.setdefault("activated", said["state"] in IN_USE)
        return said

    def check(self, names: Sequence[str]) -> None:
        """Raise :class:`Unsendable` for what no message could carry, before the first one is sent.

        Of the notes, only what these messages would take is part of the answer.
        """
        messages = [self._profile.messages[name] for name in names]
        later = {one.field for message in messages for one in message.take}
        self._found = {name: value for name, value in self._found.items() if name in later}
        for message in messages:
            if message.when and not self.values.get(message.when):
                continue
            for one in (*message.send, *message.rows):
                if one.field not in later or self.values.get(one.field):
                    encoded(self._profile, one, self.values)

    def message(self, name: str) -> Generator[Outgoing, Incoming | Unknown, None]:
        """One message, with the one that recovers it where it was begun before."""
        message = self._profile.messages[name]
        skip = message.unless and self.values.get(message.unless)
        if skip or (message.when and not self.values.get(message.when)):
            return
        if message.once:
            if f"sent:{name}" in self._note:
                yield from self._recovered(message)
                if not message.needs or all(self.values.get(one) for one in message.needs):
                    return
            self._remember(**{f"sent:{name}": self._call.at})
        came = yield self._outgoing(message)
        meaning = self._meaning(message, came)
        if meaning.recover:
            yield from self._recovered(message)
            if any(not self.values.get(one) for one in message.needs):
                raise Unreadable("nothing to go on with")
            return
        self._taken(message, came, meaning)
        self.changed = True
        if message.keep:
            taken = {one.field: str(self.values.get(one.field, "")) for one in message.take}
            self._remember(**taken)

    def _recovered(self, message: Message) -> Generator[Outgoing, Incoming | Unknown, None]:
        """Ask what an earlier try gave; nothing is taken where it gave nothing."""
        other = self._profile.messages[message.recover]
        came = yield self._outgoing(other)
        meaning = self._meaning(other, came)
        if not meaning.nothing:
            self._taken(other, came, meaning)
            self._remember(**{one.field: str(self.values.get(one.field, "")) for one in other.take})

    def _remember(self, **what: str) -> None:
        self._note |= what
        if self._noted:
            self._notes.put(self._noted, self._note)

    def _outgoing(self, message: Message) -> Outgoing:
        values = tuple((one.name, encoded(self._profile, one, self.values)) for one in message.send)
        row = tuple((one.name, encoded(self._profile, one, self.values)) for one in message.rows)
        return Outgoing(message, values, row)

    def _meaning(self, message: Message, came: Incoming | Unknown) -> Meaning:
        """What the answer means; ends the operation where it was refused, unknown, or no answer came."""
        if isinstance(came, Unknown):
            reply = came if came.sent or not self.changed else Unknown(came.why, came.raw)
            raise _Ended(reply)
        found = message.answers.get(f"{came.code}:{came.text.strip()}") or message.answers.get(came.code)
        if found is None:
            raise _Ended(Unknown(HostCode.FORMAT, self._raw(came)))
        if found.refused is not None:
            raise _Ended(Refused(found.refused, self._raw(came)))
        return found

    def _taken(self, message: Message, came: Incoming | Unknown, meaning: Meaning) -> None:
        if isinstance(came, Unknown):
            return
        self.again = self.again or meaning.again
        self._learn(dict(meaning.say))
        if meaning.nothing:
            return
        fields = self._fields(message, came)
        for name, neutral in message.same.items():
            if name in fields and fields[name].strip() != str(self.values.get(neutral, "")):
                raise _Ended(Refused(HostCode.MISMATCH, name))
        for one in message.take:
            value = decoded(self._profile, one, fields)
            if value is not None:
                self._learn({one.field: value})
        for neutral, refusals in message.refuse.items():
            value = str(self._found.get(neutral, ""))
            if value in refusals:
                raise _Ended(Refused(refusals[value], value))
        if message.listed:
            self._learn({message.listed: [self._listed(message, row) for row in came.rows]})
        if not meaning.again and any(not self.values.get(one) for one in message.needs):
            raise Unreadable("missing")

    def _fields(self, message: Message, came: Incoming) -> Mapping[str, str]:
        if message.count and came.fields.get(message.count, "").strip() != str(len(came.rows)):
            raise Unreadable("count")
        if message.answer in ("table", "rows") and message.match:
            wanted = {name: str(self.values.get(neutral, "")) for name, neutral in message.match.items()}
            rows = [row for row in came.rows if all(row.get(name, "").strip() == one for name, one in wanted.items())]
            if len(rows) > 1:
                raise Unreadable("more than one row")
            return {**came.fields, **(rows[0] if rows else {})}
        return came.fields

    def _listed(self, message: Message, row: Mapping[str, str]) -> dict[str, str | int]:
        found = {one.field: decoded(self._profile, one, row) for one in message.take}
        return {name: value for name, value in found.items() if value is not None}

    def _learn(self, what: Mapping[str, Value]) -> None:
        self.values |= what
        self._found |= what

    def _raw(self, came: Incoming) -> str:
        """The host's own words without the holder's."""
        raw = came.text.strip() or came.code
        for name in ("name", "number", "card_number", "bank_number", "phone"):
            word = str(self._call.fields.get(name, ""))
            if word:
                raw = raw.replace(word, "…")
        return raw[:_LONGEST_RAW]
