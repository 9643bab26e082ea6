"""Requests of the families that speak the neutral port: an operation's name and its fields, checked before they go."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.profile.host import HostProfile
from cardfab.station.host import Call, Done, HostCode, Refused, Reply, Unknown, Value
from cardfab.station.hosts.values import Unsendable, encoded


def request_of(profile: HostProfile, call: Call) -> tuple[str, Mapping[str, Value]] | Refused:
    """The operation as the host names it, with its fields; refused is what it has not, or cannot take."""
    steps = profile.operations.get(call.operation)
    names = steps.of(dict(call.fields)) if steps is not None else None
    if not names:
        return Refused(HostCode.NOT_SUPPORTED)
    message = profile.messages[names[0]]
    fields: dict[str, Value] = dict(call.fields)
    try:
        for one in message.send:
            value = encoded(profile, one, call.fields)
            if isinstance(call.fields.get(one.field, ""), str) and (value or one.field in fields):
                fields[one.name] = value
    except Unsendable as cannot:
        return cannot.refused
    return message.call, fields


def checked(profile: HostProfile, call: Call, reply: Reply) -> Reply:
    """An answer without what the operation needs is none."""
    steps = profile.operations.get(call.operation)
    if isinstance(reply, Done) and steps is not None and any(one not in reply.answer for one in steps.needs):
        return Unknown(HostCode.FORMAT)
    return reply
