"""Family B "serviceProxy": a licence, a service, an operation and XML, posted as a form; never a GET."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from cardfab.profile.host import HostProfile
from cardfab.station.hosts.driver import StepHost
from cardfab.station.hosts.elements import read_elements
from cardfab.station.hosts.https import Answer, Post
from cardfab.station.hosts.notes import Notes
from cardfab.station.hosts.proxyxml import read_result, write_parameters
from cardfab.station.hosts.steps import Credentials, Incoming, Outgoing
from cardfab.station.hosts.values import Unreadable, to_bytes


def service_host(name: str, profile: HostProfile, credentials: Credentials, notes: Notes, post: Post) -> StepHost:
    """A host of this family."""

    def send(outgoing: Outgoing) -> Answer:
        headers = {"Content-Type": f"application/x-www-form-urlencoded; charset={profile.wire.charset.upper()}"}
        return post(written(profile, credentials, outgoing), headers)

    def understand(outgoing: Outgoing, body: bytes) -> Incoming:
        came = read_result(profile.wire, body)
        inner = came.fields.get(outgoing.message.inner, "") if outgoing.message.inner else ""
        if not inner:
            return came
        fields, rest = read_elements(inner)
        if rest:
            raise Unreadable("rest")
        code = fields.get("ERRORCODE", "").strip() or fields.get("STATE", "").strip()
        return Incoming(code, "", {**came.fields, **fields}, came.rows)

    return StepHost(name, profile, credentials, notes, send, understand)


def written(profile: HostProfile, credentials: Credentials, outgoing: Outgoing) -> bytes:
    """The form: four parameters in the profile's names, percent-encoded in its charset."""
    wire = profile.wire
    text = write_parameters(outgoing.values)
    values = (credentials.licence, wire.service, outgoing.message.call, text)
    pairs = zip(wire.parameters, values, strict=True)
    return b"&".join(name.encode("ascii") + b"=" + _quoted(to_bytes(wire, value)) for name, value in pairs)


def _quoted(data: bytes) -> bytes:
    return quote_from_bytes(data, safe="").encode("ascii")
