"""Family A "allDsjk": SOAP methods with plain parameters, and one method that takes elements with Chinese names."""

from __future__ import annotations

from cardfab.profile.host import HostProfile
from cardfab.station.hosts.driver import StepHost
from cardfab.station.hosts.elements import read_elements, read_table, write_elements, write_row
from cardfab.station.hosts.envelope import read_answer, write_call
from cardfab.station.hosts.https import Answer, Post
from cardfab.station.hosts.notes import Notes
from cardfab.station.hosts.steps import Credentials, Incoming, Outgoing
from cardfab.station.hosts.values import Unreadable

_WHOLE = "allDsjk"


def soap_host(name: str, profile: HostProfile, credentials: Credentials, notes: Notes, post: Post) -> StepHost:
    """A host of this family."""

    def send(outgoing: Outgoing) -> Answer:
        method, parameters = written(profile, credentials, outgoing)
        headers = {
            "Content-Type": f"text/xml; charset={profile.wire.charset.upper()}",
            "SOAPAction": f'"{profile.wire.action}"',
        }
        return post(write_call(profile.wire, method, parameters), headers)

    def understand(outgoing: Outgoing, body: bytes) -> Incoming:
        method = _WHOLE if outgoing.message.form == "elements" else outgoing.message.call
        return understood(outgoing, read_answer(profile.wire, method, body), profile.wire.code)

    return StepHost(name, profile, credentials, notes, send, understand)


def written(
    profile: HostProfile, credentials: Credentials, outgoing: Outgoing
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The method and its parameters, in order."""
    message, wire = outgoing.message, profile.wire
    if message.form == "parameters":
        user, password = wire.parameters
        return message.call, ((user, credentials.user), (password, credentials.password), *outgoing.values)
    head = tuple(zip(wire.user_elements, (message.call, credentials.user, credentials.password), strict=True))
    text = write_elements((*(head if message.head else ()), *outgoing.values))
    if message.rows:
        text += wire.line_end + write_row(outgoing.row, header=message.header, line_end=wire.line_end)
    return _WHOLE, ((wire.wrapped, text),)


def understood(outgoing: Outgoing, text: str, codes: tuple[str, ...] = ("ERR",)) -> Incoming:
    """An answer taken apart: elements with their code, a table, or a bare text, which is its own code."""
    message, bare = outgoing.message, text.strip()
    if bare.startswith("<"):
        fields, rest = read_elements(bare)
        rows: tuple[dict[str, str], ...] = ()
        if rest.strip():
            if message.answer != "rows":
                raise Unreadable("rest")
            rows = tuple(read_table(f"\n0\n{rest}", ())[1])
        code = next((fields[name].strip() for name in codes if name in fields), "")
        return Incoming(code, "", fields, rows)
    if message.answer == "table" and ("\n" in bare or "," in bare):
        head, found = read_table(bare, message.status)
        return Incoming(head.get(codes[0], ""), "", head, tuple(found))
    return Incoming(bare)
