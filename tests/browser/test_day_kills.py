"""The day again while the service dies: ``kill -9`` at 30 moments drawn from a seed, and each time somebody goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from cardfab.production import JobState
from tests.browser.books import check_host, check_record_whole, check_settled
from tests.browser.day import LATE, LOST_CARD, POOR, REQUESTS, RETIREE, URGENT
from tests.browser.deeds import Deeds, Reaper
from tests.browser.outlet import Outlet

KILLS = 30
CARDS = 60
DRAWN = 50
AT_THE_COUNTER = 12
"""So many of them while cards are served, not made."""
LONGEST = 1.6
"""Seconds of life at most, and at least so many logins long: a slow machine gets no further otherwise."""
LOGINS = 6
MADE = (RETIREE, POOR, LOST_CARD, LATE)


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows(
    "The day again with kill -9 of the service at 30 random moments: nothing lost, nothing made twice, and the "
    "operator is told what to do each time (proof)"
)
@pytest.mark.parametrize("seed", [20261122])
def test_the_day_with_thirty_deaths(seed: int, new_outlet: Callable[..., Outlet]) -> None:
    outlet = new_outlet(range(1, CARDS + 1), wrong=[3])
    outlet.setting("[station]", "[people]\nattempts = 10\n\n[station]")  # a check of a password that is cut off counts
    outlet.serve()
    with Deeds(outlet, "zh") as deeds:
        longest = max(LONGEST, LOGINS * deeds.pace())
        first = deeds.reaper = Reaper(outlet, seed, KILLS - AT_THE_COUNTER, longest)
        first.next()
        deeds.receive(CARDS, DRAWN)
        for number in MADE:
            deeds.card(number, reject=number is LOST_CARD)
        deeds.worn_out()
        second = deeds.reaper = Reaper(outlet, seed + 1, AT_THE_COUNTER, longest)
        outlet.hand("pad", seconds=min(longest / 4, 10.0))  # holders think, so that death finds a service begun
        second.next()
        deeds.temporary(URGENT)
        deeds.activate(RETIREE)
        deeds.service("pin-reset", RETIREE, "pin-reset")
        deeds.service("statement", RETIREE, "statement")
        deeds.activate(LATE)
        outlet.hand("lift")
        deeds.loss(LATE)
        deeds.replace(LATE)
        deeds.worn_out()
        deeds.no_service_in_doubt()
        deeds.void()  # a death between a spoiled card and the host leaves it to the list of jobs, which says so
        deeds.close()
        moments = first.moments + second.moments
        assert len(moments) == KILLS == len(deeds.told), (moments, deeds.told)
        assert all(deeds.told), deeds.told
        check_settled(outlet)
        check_record_whole(outlet)
        done = Counter(job.request_id for job in outlet.jobs() if job.state is JobState.DONE)
        assert done == Counter(REQUESTS[number] for number in MADE)
        check_host(outlet)
