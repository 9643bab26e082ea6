"""The books beside what physically lies there: printer, trays, issuer host, audit record."""

from __future__ import annotations

from collections import Counter

from cardfab.audit import account as account_of_record
from cardfab.audit.event import AuditEvent
from cardfab.production import IN_WORK, JobState
from cardfab.station.record import check_record
from tests.browser.day import REQUESTS
from tests.browser.outlet import STOCK, Outlet

WHOLE = "ymcko"


def check_always(outlet: Outlet) -> None:
    """What holds at every moment, also with a card in work: no blank twice, none lost, no card twice."""
    account, jobs = outlet.account(), outlet.jobs()
    assert account.balanced, account
    chips = [job.chip for job in jobs if job.chip]
    assert len(chips) == len(set(chips)), "a chip in two jobs"
    done = Counter(job.request_id for job in jobs if job.state is JobState.DONE)
    assert max(done.values(), default=0) <= 1, f"made twice: {done}"
    for card in outlet.cards():
        for side in ("front", "back"):
            assert len(set(card[side])) == len(card[side]), f"printed twice: {card}"


def check_settled(outlet: Outlet) -> None:
    """Nobody at work, nothing in doubt: the books say what lies where."""
    check_always(outlet)
    account, jobs, cards = outlet.account(), outlet.jobs(), outlet.cards()
    where = Counter(card["where"] for card in cards)
    open_ = [(job.id, job.state) for job in jobs if job.state in IN_WORK]
    assert account.in_doubt == 0, open_
    assert not open_
    assert account.remaining + account.vault == where["hopper"], (account, where)
    out = where["output"] + where["rejected"] + where["removed"]
    assert account.issued + account.spoiled + account.tested + account.destroyed == out, (account, where)
    by_chip = {card["chip"]: card for card in cards}
    for job in jobs:
        if job.state is JobState.DONE:
            assert job.chip is not None
            made = by_chip[job.chip]
            assert made["where"] == "output", (job.id, made)
            assert made["front"] == made["back"] == WHOLE, (job.id, made)
            assert not made["ruined"], (job.id, made)
    assert account.issued == sum(job.state is JobState.DONE for job in jobs)


def check_record_whole(outlet: Outlet) -> None:
    """The audit record verifies, no service is left begun, and no intent without an outcome, however often it died."""
    if outlet.service is not None:
        outlet.stop()
    with outlet.database() as database:
        database.flush()
        database.sequence()
        with database.reading() as tx:
            checked = check_record(tx, None)
            events = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
            assert (checked.alerts, tx.audit.waiting()) == ((), 0)
            assert not [row for row in tx.services.all() if row.outcome == "begun"]
    told = account_of_record(events)
    assert not told.in_doubt, [one.event for one in told.in_doubt]
    assert [one.issued for one in told.stock if one.stock == STOCK] == [outlet.account().issued]


def check_host(outlet: Outlet) -> None:
    """The host knows each card that was made, once, as handed over; of spoiled ones no number is in use."""
    told = outlet.told_host()
    done = [job for job in outlet.jobs() if job.state is JobState.DONE]
    holders = {request: number for number, request in REQUESTS.items()}
    known = Counter(card["holder"] for card in told["cards"].values())
    assert known == Counter(holders[job.request_id] for job in done), known
    for card in told["cards"].values():
        assert card.get("handed_over"), card
    with outlet.database() as database, database.reading() as tx:
        assert not tx.host_outbox.open()
        assert not tx.outlet.to_void()


__all__ = ["WHOLE", "check_always", "check_host", "check_record_whole", "check_settled"]
