"""The certification authority of a station: on a training station the one of this program, whose keys are published."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cardfab.plan.authority import AuthorityFault, CertificateAuthority, CertificateRequest, Certificates

if TYPE_CHECKING:
    from cardfab.simulator.ca import TrainingCa


class TrainingAuthority:
    """The training authority as the plan asks for it."""

    def __init__(self, ca: TrainingCa, now: Callable[[], datetime], kept: Path | None = None) -> None:
        self._ca, self._now, self._kept = ca, now, kept

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

    def revoke(self, serials: Sequence[int]) -> None:
        """Take certificates back; the list outlives this program where it has a file."""
        known = self._listed()
        for serial in serials:
            known.setdefault(f"{serial:x}", self._now().isoformat())
        if self._kept is not None:
            part = self._kept.with_suffix(".part")
            part.write_text(json.dumps(known), encoding="utf-8")
            part.replace(self._kept)
        for serial_hex, at in known.items():
            self._ca.revoke(int(serial_hex, 16), datetime.fromisoformat(at))

    def revocations(self) -> bytes:
        """The authority's list of revoked certificates, DER."""
        for serial_hex, at in self._listed().items():
            self._ca.revoke(int(serial_hex, 16), datetime.fromisoformat(at))
        return self._ca.revocations(self._now())

    def _listed(self) -> dict[str, str]:
        if self._kept is None or not self._kept.is_file():
            return {}
        return dict(json.loads(self._kept.read_text(encoding="utf-8")))


def authority_of(
    training: bool, random: Callable[[int], bytes], now: Callable[[], datetime], kept: Path | None = None
) -> CertificateAuthority | None:
    """The training authority on a training station; any other has none yet. ``kept``: its list of revoked ones."""
    if not training:
        return None
    from cardfab.simulator.ca import TrainingCa

    return TrainingAuthority(TrainingCa(random), now, kept)
