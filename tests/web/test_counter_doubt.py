"""A service that died with the program, as the pages lead out of it: home, list, the card on the reader, the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest

from cardfab.cli.counterdesk import counter_of
from cardfab.cli.founding import PEOPLE
from cardfab.cli.output import Talk
from cardfab.cli.wiring import open_desk
from cardfab.production import Document, identity
from cardfab.settings import read_settings
from cardfab.station.counter.finding import card_of
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.service import Shown, serving
from tests.web.counters import PLAIN, counter_at, make_card


def _dies(folder: Path) -> None:
    located = read_settings((folder / "cardfab.toml",))
    with open_desk(located, person=PEOPLE[0]) as desk:
        counter = counter_of(Talk(language="en"), located, desk)
        subject = card_of(desk, PLAIN)
        shown = Shown(identity(Document.ID_CARD, subject.social_security_number, ""))
        with serving(counter, Kind.ACTIVATE, subject, shown):
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def torn(founded: Path, tmp_path: Path) -> Path:
    """A station with a card whose activation died with the program."""
    folder = tmp_path / "station"
    shutil.copytree(founded, folder)
    make_card(folder)
    child = get_context("fork").Process(target=_dies, args=(folder,))
    child.start()
    child.join(300)
    assert child.exitcode == -signal.SIGKILL
    return folder


@pytest.mark.proof
@pytest.mark.shows("a counter service cut off by kill -9 is in doubt after the next start; the page says what to do")
@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "Put the card on the reader and activate it again"), ("zh", "请放卡并重新启用：柜面业务“启用卡”")],
)
def test_the_pages_lead_out_of_a_service_that_died(torn: Path, language: str, told: str) -> None:
    with counter_at(torn) as counter:
        operator = counter.browser(language=language)
        home = operator.get("/").text
        assert 'href="/counter/doubt"' in home
        page = operator.get("/counter/doubt").text
        assert told in page
        assert 'href="/counter/activate"' in page
        assert "cardfab card" not in page
        receipt = re.search(r'name="receipt" value="(HZ[0-9]+)"', page)
        assert receipt
        reading = operator.get("/counter/read")
        assert reading.status_code == 200
        read = operator.post("/counter/read", reader="")
        assert receipt[1] in read.text, "who reads the card is told of it"
        assert receipt[1] in operator.get("/counter/receipts").text
        operator.get("/counter/doubt")
        done = operator.post("/counter/doubt", receipt=receipt[1], once=operator.hidden("once"))
        assert receipt[1] in operator.follow(done).text
        assert 'name="receipt"' not in operator.get("/counter/doubt").text
        assert 'class="open"' not in operator.get("/").text or "/counter/doubt" not in operator.get("/").text
        operator.get("/counter/doubt")
        again = operator.post("/counter/doubt", receipt=receipt[1])
        assert "CF-7651" in again.text


@pytest.mark.proof
def test_a_service_that_is_done_again_is_in_doubt_no_more(torn: Path) -> None:
    with counter_at(torn) as counter:
        operator = counter.browser()
        counter.keys.pins = ["123456"]
        assert "The card is activated." in counter.do(operator, "activate")
        assert 'name="receipt"' not in operator.get("/counter/doubt").text
        with counter.floor.base.database.reading() as tx:
            assert [row.outcome for row in tx.services.all()] == ["done", "doubt"]
