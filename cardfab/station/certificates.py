"""Certificates that an authority gives for the chip of a job: on record before the chip hears of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cardfab.plan.authority import CertificateAuthority, CertificateRequest, Certificates, serial_of
from cardfab.station.desk import Desk
from cardfab.store import JobRow


@dataclass(frozen=True, slots=True)
class KeptAuthority:
    """An authority whose certificates are booked with a job as soon as they are given."""

    desk: Desk
    authority: CertificateAuthority
    job: JobRow

    def certify(self, request: CertificateRequest) -> Certificates:
        """Both certificates; their serials are on the disk when this returns."""
        given = self.authority.certify(request)
        desk = self.desk
        with desk.database.transaction("certificates") as tx:
            for usage, certificate in (("signing", given.signing), ("encryption", given.encryption)):
                tx.outlet.certificate(self.job.id, f"{serial_of(certificate):x}", usage, at=desk.at())
            tx.audit.append(desk.event("certificate.given", self.job.token, "done", {"count": "2"}))
        return given

    def chain(self) -> tuple[bytes, ...]:
        """As the authority says."""
        return self.authority.chain()

    def revoke(self, serials: Sequence[int]) -> None:
        """As the authority does."""
        self.authority.revoke(serials)


def keeping_certificates(desk: Desk, job: JobRow) -> Desk:
    """The desk for the making of one job's card."""
    if desk.authority is None:
        return desk
    return replace(desk, authority=KeptAuthority(desk, desk.authority, job))


__all__ = ["KeptAuthority", "keeping_certificates"]
