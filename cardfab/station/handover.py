"""Bank data that leaves the station: data groupings as text, and the file for the issuer's host. Each on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cardfab.audit import milliseconds
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial.grouping import DataGrouping
from cardfab.prepare.financial.handover import Applications, differing, write_groupings
from cardfab.prepare.financial.hostfile import MadeCard, host_lines
from cardfab.production import Act
from cardfab.profile.financial import FinancialApplication
from cardfab.station.desk import Desk
from cardfab.station.vault import open_card
from cardfab.store import CardRow, JobRow


def applications_of(card: PreparedCard, application: FinancialApplication) -> Mapping[bytes, Sequence[DataGrouping]]:
    """The bank side of a prepared card by AID: the application, PSE, PPSE."""
    environments = {bytes.fromhex(aid): groupings for aid, groupings in card.environments.items()}
    return {application.aid: card.groupings, **environments}


def export_groupings(desk: Desk, name: str, *, sealed: bool) -> str:
    """The data groupings of a request or job as text, account number and name in clear; recorded."""
    desk.must(Act.HAND_OVER)
    job, card, application = _opened(desk, name)
    text = write_groupings(applications_of(card, application), sealed=sealed)
    with desk.database.transaction("export groupings") as tx:
        details = {"job": str(job.id), "secrets": "sealed" if sealed else "left out"}
        tx.audit.append(desk.event("groupings.export", job.token, "done", details))
    return text


def compare_groupings(desk: Desk, name: str, handed: Applications) -> list[tuple[str, str]]:
    """Where a file differs from a prepared card: AID and DGI, or an empty DGI where an application is missing."""
    desk.must(Act.HAND_OVER)
    _, card, application = _opened(desk, name)
    ours = applications_of(card, application)
    found: list[tuple[str, str]] = []
    for aid in dict.fromkeys((*ours, *handed)):
        if aid not in ours or aid not in handed:
            found.append((aid.hex().upper(), ""))
        else:
            found += [(aid.hex().upper(), dgi) for dgi in differing(ours[aid], handed[aid])]
    return found


def host_file(desk: Desk, *, whole: bool) -> tuple[str, int]:
    """The file for the issuer's host over every card that was made, and how many they are; recorded."""
    desk.must(Act.HAND_OVER)
    cards = list(_made(desk))
    about = {"station": desk.station, "made": milliseconds(desk.now()).isoformat(timespec="seconds")}
    text = host_lines(cards, about, whole=whole)
    with desk.database.transaction("issuer file") as tx:
        details = {"cards": str(len(cards)), "accounts": "whole" if whole else "masked"}
        tx.audit.append(desk.event("issuer.hand-over", desk.token(), "done", details))
    return text, len(cards)


def _opened(desk: Desk, name: str) -> tuple[JobRow, PreparedCard, FinancialApplication]:
    with desk.database.reading() as tx:
        job = tx.jobs.find(name)
        row = tx.requests.get(job.request_id)
    return job, open_card(desk.keys, job, row), desk.product(row.product).financial


def _made(desk: Desk) -> Iterator[tuple[MadeCard, FinancialApplication]]:
    """Cards whose data is still here; those of an erased batch are handed over no more."""
    with desk.database.reading() as tx:
        rows = [(one, tx.jobs.get(one.job_id)) for one in tx.cards.all()]
        found = [(card, job, tx.requests.get(job.request_id)) for card, job in rows]
    for card, job, request in found:
        if request.salt is not None and job.sealed_card is not None:
            held = open_card(desk.keys, job, request)
            yield _one(card, held), desk.product(request.product).financial


def _one(card: CardRow, held: PreparedCard) -> MadeCard:
    return MadeCard(
        request=held.request_id,
        product=held.product,
        pan=held.pan,
        expiry=held.expiry_date,
        chip=card.chip,
        state=str(card.state),
        groupings=held.groupings,
    )
