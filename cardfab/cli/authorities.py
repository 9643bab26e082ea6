"""The certification authority of a station: on a training station the one of this program, whose keys are published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from cardfab.plan.authority import AuthorityFault, CertificateAuthority, CertificateRequest, Certificates

if TYPE_CHECKING:
    from cardfab.simulator.ca import TrainingCa


class TrainingAuthority:
    """The training authority as the plan asks for it."""

    def __init__(self, ca: TrainingCa, now: Callable[[], datetime]) -> None:
        self._ca, self._now = ca, now

    def certify(self, request: CertificateRequest) -> Certificates:
        """Both certificates and a new encryption key."""
        try:
            pair = self._ca.encryption_key(request.public)
            name, number, now = request.name, request.number, self._now()
            return Certificates(
                signing=self._ca.issue(request.public, name=name, number=number, usage="signing", now=now),
                encryption=self._ca.issue(pair.public, name=name, number=number, usage="encryption", now=now),
                public=pair.public,
                envelope=pair.envelope,
                private=pair.private,
            )
        except ValueError as refused:
            raise AuthorityFault(f"it refuses the request ({refused})", f"拒绝该申请（{refused}）") from refused

    def chain(self) -> tuple[bytes, ...]:
        """Issuing authority and root."""
        return self._ca.chain


def authority_of(
    training: bool, random: Callable[[int], bytes], now: Callable[[], datetime]
) -> CertificateAuthority | None:
    """The training authority on a training station; any other has none yet."""
    if not training:
        return None
    from cardfab.simulator.ca import TrainingCa

    return TrainingAuthority(TrainingCa(random), now)
