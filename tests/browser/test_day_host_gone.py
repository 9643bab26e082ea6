"""The day with the issuer host away for an hour: what may wait waits, what may not is refused in words, each once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardfab.production import CardState
from tests.browser.books import check_host, check_record_whole, check_settled
from tests.browser.day import LATE, POOR, RETIREE, URGENT
from tests.browser.deeds import Deeds
from tests.browser.outlet import Outlet

HOUR = 3600.0


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows(
    "The day again with the host unreachable for an hour: nothing lost, nothing made twice, and the operator is told "
    "what to do (proof)"
)
@pytest.mark.parametrize("tongue", ["zh", "en"])
def test_the_host_is_away_for_an_hour(tongue: str, new_outlet: Callable[..., Outlet]) -> None:
    outlet = new_outlet(range(1, 13), wrong=[2])
    outlet.serve()
    with Deeds(outlet, "zh" if tongue == "zh" else "en") as deeds:
        says = {"zh": 0, "en": 1}[tongue]

        def said(*texts: str) -> None:
            assert texts[says] in deeds.page(), deeds.page()

        deeds.receive(12, 10)
        deeds.card(RETIREE)
        deeds.activate(RETIREE)
        outlet.hand("lift")

        outlet.host_down()
        deeds.made(POOR)  # its first blank is spoiled by its chip, which the host is to hear too
        deeds.card_as_far_as_it_goes(POOR)
        said("发卡主机尚未确认该卡已制成，暂不能领取。", "The issuer host has not taken yet that this card was made")
        said("请妥善保管该卡，待主机恢复应答后再发放", "Keep the card with its case.")
        deeds.made(LATE)
        deeds.temporary(URGENT)
        deeds.loss(RETIREE)  # in force here at once, whatever the host does
        assert deeds.tries("/counter/replace", {"number": RETIREE, "cause": "loss"}).status >= 400
        said("发卡主机", "host")
        deeds.sent(waiting=True)
        said("主机未应答，消息已保留。", "The host does not answer; the messages are kept.")

        deeds.restarted(later=HOUR)
        deeds.sent(waiting=True)
        said("主机未应答，消息已保留。", "The host does not answer; the messages are kept.")
        said("60 分钟", "60 min")
        with outlet.database() as database, database.reading() as tx:
            waiting = tx.host_outbox.open()
        assert len(waiting) >= 2

        outlet.host_up()
        deeds.sent(waiting=False)
        said("已无待发消息", "nothing waits any longer")
        deeds.card(POOR)
        deeds.card(LATE)
        deeds.loss_told(RETIREE)
        deeds.replace(RETIREE)
        deeds.void()
        deeds.close()
        check_settled(outlet)
        check_record_whole(outlet)
        check_host(outlet)
        assert deeds.state(RETIREE) is CardState.LOST
