"""Services at the counter as pages: what each asks for, what it gives, and that no PIN is ever on one of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cardfab.apdu import commands
from cardfab.production import CardState
from cardfab.station.outlet.errands import ERRANDS
from tests.people import events
from tests.web.browser import Browser
from tests.web.counters import NEW, PIN, PLAIN, Counter, counter_at, make_card


@pytest.fixture(scope="module")
def with_card(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The founded station with one card made."""
    folder = tmp_path_factory.mktemp("counter") / "station"
    shutil.copytree(founded, folder)
    make_card(folder)
    return folder


@pytest.fixture
def counter(with_card: Path, tmp_path: Path) -> Iterator[Counter]:
    """Its pages, for one test."""
    folder = tmp_path / "station"
    shutil.copytree(with_card, folder)
    with counter_at(folder) as made:
        yield made


def state(counter: Counter) -> CardState:
    with counter.floor.base.database.reading() as tx:
        return tx.cards.all()[0].state


def receipt_number(page: str) -> str:
    found = re.search(r"/counter/receipts/(HZ[0-9]+)", page)
    assert found, page
    return found[1]


def takes(counter: Counter, pin: str) -> bool:
    """Whether the card takes this PIN."""
    chip = counter.chip()
    chip.transmit(commands.select(bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")).to_bytes())
    return chip.transmit(commands.verify(pin).to_bytes()) == b"\x90\x00"


@pytest.mark.proof
def test_every_service_has_a_page_and_none_takes_a_pin(counter: Counter) -> None:
    trainee = counter.browser("trainee")
    home = trainee.get("/counter").text
    for one in ERRANDS:
        assert f'href="/counter/{one.name}"' in home
        page = trainee.get(f"/counter/{one.name}")
        assert page.status_code == 200, page.text
        assert 'name="pin"' not in page.text
        assert 'name="once"' in page.text
    for path in ("/counter/read", "/counter/lost", "/counter/due", "/counter/black-list", "/counter/receipts"):
        assert trainee.get(path).status_code == 200
    assert trainee.get("/counter/nothing").status_code == 404
    assert "The pin pad is ready" in trainee.get("/counter/pad").text


@pytest.mark.proof
@pytest.mark.shows("PIN entry: a serial PIN pad with an encrypted block that the key service translates (proof)")
def test_activation_pin_change_and_reset_by_the_pad(counter: Counter) -> None:
    """One holder, three services: the digits are at the pad and on the card, and nowhere in between."""
    operator = counter.browser()
    counter.keys.pins = [PIN]
    assert "The card is activated." in counter.do(operator, "activate")
    assert state(counter) is CardState.ACTIVATED
    counter.keys.pins = [PIN, NEW, NEW]
    changed = counter.do(operator, "pin-change")
    assert "The PIN is changed." in changed
    assert takes(counter, NEW)
    counter.keys.pins = [PIN, PIN]
    assert "A new PIN is set." in counter.do(operator, "pin-reset")
    assert takes(counter, PIN)
    assert [(one.entry, one.again) for one in counter.keys.asked] == [
        ("current", False), ("current", False), ("new", False), ("new", True), ("new", False), ("new", True),
    ]  # fmt: skip
    assert PIN.encode() not in b"".join(counter.keys.lines)
    assert NEW.encode() not in b"".join(counter.keys.lines)
    assert NEW not in changed


@pytest.mark.proof
def test_two_new_pins_that_differ_change_nothing(counter: Counter) -> None:
    operator = counter.browser()
    counter.keys.pins = [PIN]
    counter.do(operator, "activate")
    counter.keys.pins = [PIN, NEW, "111111"]
    refused = counter.do(operator, "pin-change")
    assert "the two entries differ" in refused
    assert "CF-5640" in refused
    assert takes(counter, PIN)
    with counter.floor.base.database.reading() as tx:
        assert tx.services.all()[0].outcome == "refused", "nothing went to the card: not in doubt"


def test_a_wrong_pin_says_how_many_tries_are_left(counter: Counter) -> None:
    operator = counter.browser()
    counter.keys.pins = ["000000"]
    refused = counter.do(operator, "activate")
    assert "tries are left" in refused
    assert "CF-4510" in refused


@pytest.mark.proof
def test_the_receipt_is_shown_and_printed_in_three_sizes_and_later_as_a_copy(counter: Counter) -> None:
    operator = counter.browser()
    counter.keys.pins = [PIN]
    page = counter.do(operator, "activate")
    number = receipt_number(page)
    for form in ("roll", "a5", "a4"):
        paper = operator.get(f"/counter/receipts/{number}/{form}.pdf")
        assert paper.headers["content-type"] == "application/pdf"
        assert paper.content.startswith(b"%PDF")
    assert not events(counter.floor.base.database, "counter.receipt"), "who served prints the first one"
    supervisor = counter.browser("supervisor")
    assert supervisor.get(f"/counter/receipts/{number}/roll.pdf").content.startswith(b"%PDF")
    assert len(events(counter.floor.base.database, "counter.receipt")) == 1
    assert number in supervisor.get("/counter/receipts").text
    assert supervisor.get(f"/counter/receipts?number={number.lower()}").headers["location"].endswith(number)
    assert supervisor.get("/counter/receipts?number=//elsewhere").status_code == 200
    assert supervisor.get("/counter/receipts/HZ209901010001").status_code == 422


@pytest.mark.proof
def test_loss_in_two_steps_then_a_replacement(counter: Counter) -> None:
    operator = counter.browser()
    operator.get("/counter/lost")
    found = operator.post("/counter/lost/find", document="id-card", number=counter.number, level="formal", card="")
    assert found.status_code == 200, found.text
    assert counter.number not in found.text.replace(f'value="{counter.number}"', ""), "masked for an operator"
    with counter.floor.base.database.reading() as tx:
        assert not tx.black_list.all(), "nothing is listed before it is confirmed twice"
    both = {"level": "formal", "confirmed": "yes"}
    wrong = operator.post("/counter/lost", **counter.fields(operator, last_four="XXXX", **both))
    assert "not confirmed twice" in wrong.text
    last = found.text.split('<dd class="number">')[1].split("<")[0][-4:]
    operator.get("/counter/lost")
    operator.post("/counter/lost/find", document="id-card", number=counter.number, level="formal", card="")
    done = operator.post("/counter/lost", **counter.fields(operator, last_four=last, **both))
    assert "reported lost" in operator.follow(done).text
    assert state(counter) is CardState.LOST
    assert "****" in operator.get("/counter/black-list").text
    ordered = counter.do(operator, "replace", cause="loss", card="")
    assert "The replacement is ordered." in ordered
    assert "To be fetched from" in ordered
    assert "HZ" in operator.get("/counter/due").text
    assert "ordered already" in counter.do(operator, "replace", cause="loss", card="")


@pytest.mark.proof
def test_a_block_needs_a_second_person_by_their_own_login(counter: Counter) -> None:
    operator = counter.browser()
    alone = counter.do(operator, "block", reason="found in the street", application="")
    assert "A second person has to approve this service." in alone
    assert state(counter) is not CardState.BLOCKED
    self = counter.do(operator, "block", reason="found in the street", application="", second_login="operator")
    assert state(counter) is not CardState.BLOCKED, self
    done = counter.do(operator, "block", reason="found in the street", application="", second_login="supervisor")
    assert "The card is blocked for good." in done
    assert state(counter) is CardState.BLOCKED
    assert "approved by supervisor" in " ".join(done.split())


def test_a_service_without_its_duty_or_its_reason_is_refused(counter: Counter) -> None:
    supervisor = counter.browser("supervisor")
    assert supervisor.get("/counter/pin-reset").status_code == 403
    supervisor.get("/counter")
    assert supervisor.post("/counter/pin-reset", number=counter.number).status_code == 403
    operator = counter.browser()
    missing = counter.do(operator, "block", reason="  ", application="", second_login="supervisor")
    assert "The reason is missing." in missing
    assert state(counter) is CardState.MADE


def test_the_document_must_be_the_holders(counter: Counter) -> None:
    operator = counter.browser()
    counter.keys.pins = [PIN]
    refused = counter.do(operator, "activate", number="650199199803231208")
    assert "CF-7600" in refused
    assert counter.keys.pins == [PIN], "nobody was asked for a PIN"
    assert "cannot be right" in counter.do(operator, "activate", number="650199199803231209")


def test_an_agent_is_named_on_the_receipt_and_approved_by_another(counter: Counter) -> None:
    operator = counter.browser(language="zh")
    agent = {"relation": "agent", "number": "650199199803231208"}
    assert "CF-76" in counter.do(operator, "pin-unblock", **agent)
    done = counter.do(operator, "pin-unblock", **agent, second_login="supervisor")
    number = receipt_number(done)
    with counter.floor.base.database.reading() as tx:
        row = tx.services.by_receipt(number)
    assert (row.relation, row.approved_by, row.outcome) == ("代办人", "supervisor", "done")


@pytest.mark.proof
def test_read_shows_what_the_role_may_see(counter: Counter) -> None:
    operator = counter.browser()
    operator.get("/counter/read")
    counter.keys.pins = [PIN]
    page = operator.post("/counter/read", reader="", pin="yes")
    assert page.status_code == 200, page.text
    assert "The card is good." in page.text
    assert "Balance, yuan" in page.text
    assert counter.number not in page.text
    assert f"{counter.number[:6]} ******** {counter.number[-4:]}" in page.text
    assert f"{counter.number[6:10]}-**-**" in page.text, "the day of birth is in the number"
    sheet = operator.post("/counter/read", reader="", **{"as": "sheet"})
    assert sheet.content.startswith(b"%PDF")
    supervisor = counter.browser("supervisor")
    supervisor.get("/counter/read")
    seen = supervisor.post("/counter/read", reader="").text
    assert f"{counter.number[:6]} {counter.number[6:14]} {counter.number[14:]}" in seen
    listed = supervisor.get("/counter/read").text
    assert "job 1, " in listed or f", {PLAIN}" in listed, "a training card is chosen by its job"


@pytest.mark.proof
def test_the_statement_lies_with_its_receipt_and_the_count_is_cleared(counter: Counter) -> None:
    operator = counter.browser()
    counter.keys.pins = [PIN]
    counter.do(operator, "activate")
    counter.keys.pins = [PIN]
    assert "The account is loaded." in counter.do(operator, "load", amount="120.50")
    counter.keys.pins = [PIN]
    page = counter.do(operator, "statement")
    assert "The statement is printed, the count is cleared." in page
    number = receipt_number(page)
    paper = operator.get(f"/counter/receipts/{number}/statement")
    assert paper.content.startswith(b"%PDF")
    with counter.floor.base.database.reading() as tx:
        kept = tx.services.by_receipt(number).sealed or b""
    assert counter.number.encode() not in kept


def test_the_same_form_twice_is_one_service(counter: Counter) -> None:
    operator = counter.browser()
    operator.get("/counter/pin-unblock")
    fields = counter.fields(operator)
    first = operator.post("/counter/pin-unblock", **fields)
    again = operator.post("/counter/pin-unblock", **fields)
    assert first.headers["location"] == again.headers["location"]
    with counter.floor.base.database.reading() as tx:
        assert len(tx.services.all()) == 1


def test_a_station_without_pad_or_keys_at_its_reader_says_so(counter: Counter) -> None:
    floor = replace(counter.floor, base=replace(counter.floor.base, pin_pad=None))
    operator = Browser(floor).sign_in("operator")
    refused = counter.do(operator, "activate")
    assert "CF-5644" in refused
    assert "No pin pad" in operator.get("/counter/pad").text
