"""The page of what waits for the host: its list, its button, what a supervisor settles, and who may see it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cardfab.simulator.host import Mood, TrainingHost
from cardfab.station.counter.service import Counter
from cardfab.station.desk import Desk
from cardfab.station.host import Operation
from cardfab.station.hostdesk import HostDesk, HostRefused
from cardfab.station.hostline import LineHost, NotConnected
from cardfab.station.hosts.outbox import tell
from cardfab.web.floor import Floor
from tests.web.browser import Browser

CARD = {"number": "440101199003071234", "name": "样卡", "card_number": "T00000001", "result": "success"}


class Host:
    """A training host whose line can be cut."""

    def __init__(self) -> None:
        self.books, self.away = TrainingHost(), False

    def exchange(self, line: bytes) -> bytes:
        if self.away:
            raise NotConnected
        answer = self.books.receive(line)
        if answer is None:
            raise TimeoutError
        return answer

    def at(self, desk: Desk) -> HostDesk:
        return HostDesk(desk, LineHost("x", self.exchange))


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def page(floor: Floor, host: Host) -> Browser:
    here = replace(floor, counter=lambda desk, language: Counter(desk, host.at(desk), language))
    return Browser(here).sign_in("supervisor")


def queued(page: Browser, host: Host) -> None:
    with page.floor.base.database.reading() as tx:
        desk = page.floor.desk(tx.people.get("operator"))
    tell(desk, host.at(desk), Operation.COMPLETE, "card:T00000001", CARD)


def test_nothing_waits(page: Browser) -> None:
    text = page.get("/queue").text
    assert "Nothing waits for the host." in text
    assert "Send now" not in text


@pytest.mark.proof
def test_what_waits_is_listed_and_sent(page: Browser, host: Host) -> None:
    host.away = True
    queued(page, host)
    assert "/queue" in page.get("/").text
    text = page.get("/queue").text
    assert "the report that the card was made" in text
    assert "440101199003071234" not in text
    assert "T00000001" not in text
    kept = page.follow(page.post("/queue/send", once=page.hidden("once")))
    assert "The host does not answer; the messages are kept." in kept.text
    host.away = False
    sent = page.follow(page.post("/queue/send", once=page.hidden("once")))
    assert "1 sent; nothing waits any longer." in sent.text
    assert host.books.heard == ["complete"]


def test_a_refused_message_is_settled_with_a_reason(page: Browser, host: Host) -> None:
    host.books.mood.take_over(Mood({"complete": "mismatch"}))
    with pytest.raises(HostRefused):
        queued(page, host)
    text = page.get("/queue").text
    assert "what was written differs from the order" in text
    entry, once = page.hidden("entry"), page.hidden("once")
    assert "needs a reason" in page.post("/queue/settle", entry=entry, reason=" ").text
    page.get("/queue")
    assert (
        "Taken off the list." in page.follow(page.post("/queue/settle", entry=entry, reason="called", once=once)).text
    )


@pytest.mark.parametrize("entry", ["x", "99", "-1", "9" * 30])
def test_an_entry_that_is_none(page: Browser, entry: str) -> None:
    page.get("/queue")
    assert "No such message waits" in page.post("/queue/send", entry=entry).text


def test_an_operator_may_look_and_not_take_off(operator: Browser) -> None:
    assert operator.get("/queue").status_code == 200
    assert operator.post("/queue/settle", entry="1", reason="x").status_code == 403


def test_in_chinese(floor: Floor, host: Host) -> None:
    here = replace(floor, counter=lambda desk, language: Counter(desk, host.at(desk), language))
    page = Browser(here, "zh").sign_in("supervisor")
    host.away = True
    queued(page, host)
    text = page.get("/queue").text
    for words in ("待发主机", "制卡回盘", "待发送", "主机未应答", "立即发送"):
        assert words in text
