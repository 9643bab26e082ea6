"""What waits for the host: kept, told in order, refused what may not wait, taken off only by a supervisor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from cardfab.audit import AuditEvent, account
from cardfab.cli import wiring
from cardfab.errors import DeviceFault, InDoubt
from cardfab.production import NotAllowed
from cardfab.settings import read_settings
from cardfab.simulator.host import Mood, TrainingHost
from cardfab.station.desk import Desk
from cardfab.station.host import Call, Done, Fields, HostCode, Operation, Reply, Unknown
from cardfab.station.hostdesk import HostAway, HostDesk, HostRefused
from cardfab.station.hostline import LineHost, NotConnected
from cardfab.station.hosts.courier import Courier
from cardfab.station.hosts.notes import DeskNotes
from cardfab.station.hosts.outbox import HAND_OVER, MayNotWait, ToldNothing, drain, queue, settle, tell
from tests.integration.conftest import World

HOLDER: Fields = {"number": "440101199003071234", "name": "样卡"}


class Line:
    """A line to the training host that can be cut."""

    def __init__(self, mood: Mood | None = None) -> None:
        self.host, self.away = TrainingHost(mood=mood), False

    def exchange(self, line: bytes) -> bytes:
        if self.away:
            raise NotConnected
        answer = self.host.receive(line)
        if answer is None:
            raise TimeoutError
        return answer

    def of(self, desk: Desk) -> HostDesk:
        return HostDesk(desk, LineHost("x", self.exchange))


@contextmanager
def at(station: World, login: str = "trainee") -> Iterator[Desk]:
    with wiring.open_desk(read_settings((station.config,)), login=login) as desk:
        yield desk


def made(number: str, **more: str) -> tuple[Operation, str, Fields]:
    return Operation.COMPLETE, f"card:{number}", {**HOLDER, "card_number": number, "result": "success", **more}


def handed(number: str) -> tuple[Operation, str, Fields]:
    return Operation.ACTIVATE, f"card:{number}:handed", {**HOLDER, "card_number": number, "kind": HAND_OVER}


@pytest.mark.shows("The day again with the host unreachable for an hour: nothing lost, nothing made twice (test)")
def test_what_may_wait_waits_and_is_told_in_its_order(station: World) -> None:
    line = Line()
    with at(station) as desk:
        host = line.of(desk)
        line.away = True
        for number in ("T00000001", "T00000002"):
            assert tell(desk, host, *made(number)).waiting
            assert tell(desk, host, *handed(number)).waiting
        assert tell(desk, host, *made("T00000001")).waiting  # the same act is one entry
        assert queue(desk).waiting == 4
        assert drain(desk, host).waiting == 4
        line.away = False
        found = drain(desk, host)
        assert (found.done, found.waiting, found.refused) == (4, 0, 0)
        assert line.host.heard == ["complete", "activate", "complete", "activate"]
        assert tell(desk, host, *made("T00000001")).again
        assert line.host.heard.count("complete") == 2
    assert all(card["handed_over"] for card in line.host.books.cards.values())


def test_an_answer_that_was_lost_is_settled_and_not_told_twice(station: World) -> None:
    line = Line(Mood({"complete": "silent-after", "status": "silent-before"}, {"complete": 1, "status": 3}))
    with at(station) as desk:
        host = line.of(desk)
        assert tell(desk, host, *made("T00000001")).waiting
        assert drain(desk, host).done == 1
    assert line.host.heard.count("complete") == 1


def test_one_that_is_told_takes_along_what_waits_of_its_card(station: World) -> None:
    line = Line()
    with at(station) as desk:
        host = line.of(desk)
        line.away = True
        tell(desk, host, *made("T00000001"))
        line.away = False
        assert tell(desk, host, *handed("T00000001")).outcome == "done"
        assert line.host.heard == ["complete", "activate"]
        assert queue(desk).entries == ()


@pytest.mark.parametrize("operation", [Operation.APPLY, Operation.LOSS, Operation.ACTIVATE])
def test_what_may_not_wait_is_refused_by_a_sentence_that_says_so(station: World, operation: Operation) -> None:
    line = Line()
    line.away = True
    with at(station) as desk:
        with pytest.raises(MayNotWait) as refused:
            tell(desk, line.of(desk), operation, "x", {**HOLDER, "card_number": "T1"})
        assert "cannot wait" in refused.value.what.en
        assert "不能离线" in refused.value.what.zh
        with pytest.raises(HostAway) as away:
            line.of(desk).change(operation, "x", HOLDER, HOLDER, lambda said: None)
        assert "was not sent" in away.value.what.en
        assert queue(desk).entries == ()
        line.away = False
        with suppress(HostRefused, InDoubt):  # a new request: nothing of the first is in doubt
            line.of(desk).change(operation, "x", {**HOLDER, "kind": "?"}, HOLDER, lambda said: None)
        assert line.host.heard == [str(operation)]


def test_a_refused_message_stops_its_card_until_somebody_settles_it(station: World) -> None:
    line = Line(Mood({"complete": "mismatch"}, {"complete": 1}))
    with at(station) as desk:
        host = line.of(desk)
        with pytest.raises(HostRefused):
            tell(desk, host, *made("T00000001"))
        assert tell(desk, host, *made("T00000002")).outcome == "done"
        assert (queue(desk).refused, drain(desk, host).done) == (1, 0)
        [entry] = queue(desk).entries
        assert entry.code == HostCode.MISMATCH
        assert "T00000001" not in repr(entry)
        assert drain(desk, host, entry.id).done == 1
        with pytest.raises(ToldNothing):
            drain(desk, host, entry.id)


def test_only_a_supervisor_takes_one_off_and_says_why(station: World) -> None:
    line = Line(Mood({"complete": "mismatch"}))
    with at(station) as desk, pytest.raises(HostRefused):
        tell(desk, line.of(desk), *made("T00000001"))
    with at(station, "operator") as desk:
        [entry] = queue(desk).entries
        with pytest.raises(NotAllowed):
            settle(desk, entry.id, "called")
    with at(station, "supervisor") as desk:
        settle(desk, entry.id, "called the card centre")
        assert queue(desk).entries == ()


def test_a_host_without_such_a_step_has_nothing_to_be_told(station: World) -> None:
    class Without:
        name = "without"

        def ask(self, call: Call) -> Reply:
            from cardfab.station.host import Refused

            return Refused(HostCode.NOT_SUPPORTED)

    with at(station) as desk:
        assert tell(desk, Without(), *handed("T00000001")).outcome == "done"
        assert tell(desk, None, *handed("T00000002")).outcome == "none"
        assert queue(desk).entries == ()


def test_the_age_and_the_courier(station: World) -> None:
    line = Line()
    line.away = True
    with at(station, "operator") as desk:
        tell(desk, line.of(desk), *made("T00000001"))
    with at(station) as desk:
        assert timedelta() <= queue(desk).age < timedelta(minutes=1)
        courier = Courier(desk, lambda one: LineHost("x", line.exchange), 60.0)
        assert courier.round() == 0
        line.away = False
        assert courier.round() == 1
        with desk.database.reading() as tx:
            assert [row.asked_by for row in tx.host.all() if row.operation == "complete"][-1] == "operator"


def test_nothing_of_the_holder_lies_open(station: World) -> None:
    line = Line()
    line.away = True
    with at(station) as desk:
        tell(desk, line.of(desk), *made("T00000001"))
        DeskNotes(desk).put("440101199003071234", {"batch": "P000000001"})
        assert DeskNotes(desk).get("440101199003071234") == {"batch": "P000000001"}
    for file in Path(station.folder).glob("station.db*"):
        data = file.read_bytes()
        assert b"440101199003071234" not in data
        assert b"P000000001" not in data
        assert b"T00000001" not in data


def test_a_power_cut_between_sending_and_booking(station: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has the request, the outbox has the entry, the host has done it: it is not told again."""
    line = Line()
    with at(station) as desk:
        host = line.of(desk)

        def cut(*_: object) -> None:
            raise DeviceFault(Text("cut", "断电"))

        from cardfab.errors import Text

        with monkeypatch.context() as torn:
            torn.setattr(HostDesk, "_book", cut)
            with pytest.raises(DeviceFault):
                tell(desk, host, *made("T00000001"))
        assert drain(desk, host).done == 1
        assert line.host.heard == ["complete", "status"]


def test_unknown_is_never_repeated_blindly(station: World) -> None:
    asked: list[Operation] = []

    class Silent:
        name = "silent"

        def ask(self, call: Call) -> Reply:
            asked.append(call.operation)
            return Unknown()

    with at(station) as desk:
        assert tell(desk, Silent(), *made("T00000001")).waiting
        drain(desk, Silent())
    assert asked.count(Operation.COMPLETE) == 1


def test_a_try_without_an_answer_is_over_on_record_when_the_next_begins(station: World) -> None:
    answers: list[Reply] = [Unknown(), Done({})]

    class Late:
        name = "late"

        def ask(self, call: Call) -> Reply:
            return answers.pop(0) if call.operation is not Operation.STATUS else Done({})

    with at(station) as desk:
        line = HostDesk(desk, Late())
        change = (Operation.COMPLETE, "card:T00000001", HOLDER, HOLDER, lambda said: None)
        with pytest.raises(InDoubt):
            line.change(*change)
        line.change(*change)
        desk.database.sequence()
        with desk.database.reading() as tx:
            said = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    assert [one.outcome for one in said if one.action == "host.ask"] == ["intent", "failed", "intent", "done"]
    assert not account(said).in_doubt


def test_the_same_act_is_answered_from_the_journal(station: World) -> None:
    """An application and a card that was made are asked for once, whoever asks again and after every restart."""
    line = Line()
    apply = (Operation.APPLY, "card:T00000001", {**HOLDER, "kind": "new"}, HOLDER, lambda said: None)
    with at(station) as desk:
        first = line.of(desk).change(*apply)
        tell(desk, line.of(desk), *made("T00000001"))
    with at(station, "operator") as desk:
        again = line.of(desk).change(*apply)
        assert (again.again, again.answer["application"]) == (True, first.answer["application"])
        assert tell(desk, line.of(desk), *made("T00000001")).again
    assert line.host.heard == ["apply", "complete"]


def test_keys_from_the_host_are_sealed_before_anybody_can_use_them(station: World) -> None:
    """When the answer is given back it is in the journal already; a second run gets the first one's keys."""
    line = Line()
    asked = {**HOLDER, "card_number": "T00000001", "chip_id": "11" * 16, "public_key": "AB" * 64}
    with at(station) as desk:
        first = line.of(desk).change(Operation.CERTIFICATE, "chip:1", asked, HOLDER, lambda said: None)
        with desk.database.reading() as tx:
            [row] = [one for one in tx.host.all() if one.operation == "certificate"]
        assert row.outcome == "done"
        assert row.sealed
        assert str(first.answer["manager_pin"]).encode() not in row.sealed
    with at(station) as desk:
        again = line.of(desk).change(Operation.CERTIFICATE, "chip:1", asked, HOLDER, lambda said: None)
        assert again.answer == first.answer
    assert line.host.heard == ["certificate"]
