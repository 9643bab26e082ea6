"""What the host has to know of a card before anything else is asked of it: that it was made (issuing host, 6.2, 9)."""

from __future__ import annotations

from cardfab.station.counter.service import Subject
from cardfab.station.host import Fields, Operation
from cardfab.station.hostdesk import HostDesk


def about(subject: Subject) -> str:
    """What requests about a card are found by."""
    return f"card:{subject.card_number}"


def status_of(subject: Subject) -> Fields:
    """The fields of a status question about a card."""
    fields = {"number": subject.social_security_number, "name": subject.name, "card_number": subject.card_number}
    return {**fields, "region": subject.region} if subject.region else fields


def report_completed(host: HostDesk, subject: Subject) -> None:
    """Tell the host of a card that this station made; answered from the journal once it was taken.

    Raises HostRefused, HostInDoubt, HostSilent.
    """
    if subject.row is None:
        return
    fields: Fields = {
        **status_of(subject),
        "chip": subject.row.chip,
        "region": subject.region,
        "made_at": subject.row.made_at,
        "expires_on": subject.row.expires_on or "",
        "result": "success",
    }
    host.change(
        Operation.COMPLETE, about(subject), fields, status_of(subject), lambda said: said if said.get("state") else None
    )
