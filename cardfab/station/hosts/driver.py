"""Drives the messages of a profile over a line: what both provincial families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cardfab.profile.host import HostProfile
from cardfab.station.host import Call, HostCode, Reply, Unknown
from cardfab.station.hostline import NotConnected
from cardfab.station.hosts.https import Answer
from cardfab.station.hosts.notes import Notes
from cardfab.station.hosts.steps import Credentials, Incoming, Outgoing, converse
from cardfab.station.hosts.values import Unreadable, Unsendable

Pass = Callable[[Outgoing], Answer]
"""Sends a message; raises NotConnected, OSError, Unsendable."""
Understand = Callable[[Outgoing, bytes], Incoming]
"""Takes an answer apart; raises Unreadable."""

_BUSY = (429, 503)
_GOOD = (200, 500)
"""500 carries a SOAP fault, which is read, and found to be no answer."""


@dataclass(frozen=True, slots=True)
class StepHost:
    """A host that is asked by the messages of its profile."""

    name: str
    profile: HostProfile
    credentials: Credentials
    notes: Notes
    send: Pass
    understand: Understand

    def ask(self, call: Call) -> Reply:
        """Send the messages of one request, each after the answer to the one before."""
        talk = converse(self.profile, call, self.credentials, self.notes)
        try:
            outgoing = next(talk)
            while True:
                outgoing = talk.send(self._exchange(outgoing))
        except StopIteration as end:
            reply: Reply = end.value
            return reply

    def _exchange(self, outgoing: Outgoing) -> Incoming | Unknown:
        try:
            answer = self.send(outgoing)
        except NotConnected:
            return Unknown(HostCode.TIMEOUT, sent=False)
        except Unsendable as cannot:
            return Unknown(HostCode.FORMAT, cannot.refused.raw, sent=False)
        except OSError:
            return Unknown(HostCode.TIMEOUT)
        if answer.status in _BUSY:
            return Unknown(HostCode.BUSY)
        if answer.status not in _GOOD:
            return Unknown(HostCode.FORMAT)
        try:
            return self.understand(outgoing, answer.body)
        except Unreadable:
            return Unknown(HostCode.FORMAT)
