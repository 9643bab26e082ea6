"""Family JSON over HTTPS: one signed POST an operation, one signed answer; certificates of both sides."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.profile.host import HostProfile
from cardfab.station.host import Call, HostCode, Refused, Reply, Unknown
from cardfab.station.hostline import NotConnected
from cardfab.station.hosts.https import Post
from cardfab.station.hosts.neutral import checked, request_of
from cardfab.station.hosts.signed import Signing, read_answer, write_request

SIGNATURE = "Cardfab-Signature"


@dataclass(frozen=True, slots=True)
class JsonHost:
    """A host that speaks signed JSON."""

    name: str
    profile: HostProfile
    signing: Signing
    post: Post

    def ask(self, call: Call) -> Reply:
        """Send one request and wait for its answer."""
        wanted = request_of(self.profile, call)
        if isinstance(wanted, Refused):
            return wanted
        body, signature = write_request(call, *wanted, self.signing)
        headers = {"Content-Type": "application/json; charset=utf-8", SIGNATURE: signature}
        try:
            answer = self.post(body, headers)
        except NotConnected:
            return Unknown(HostCode.TIMEOUT, sent=False)
        except OSError:
            return Unknown(HostCode.TIMEOUT)
        if answer.status in (429, 503):
            return Unknown(HostCode.BUSY)
        signed = answer.headers.get(SIGNATURE.lower(), "")
        return checked(self.profile, call, read_answer(call, body, answer.body, signed, self.signing))
