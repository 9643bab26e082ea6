"""The record of a working station: every key use, every refusal, every change of what the station stands on."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import pytest

from cardfab.audit import AuditEvent, account, verify_export
from cardfab.errors import CardfabError
from cardfab.keys import KeyUnknown
from cardfab.keys.auditing import KeyUse, about, foreseen
from cardfab.settings import read_settings
from cardfab.simulator.chip import make_blank
from cardfab.station import opening
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.station.keychange import key_change
from cardfab.station.keyrecord import KeyRecord
from cardfab.station.outside import Outside, OutsideRefused
from cardfab.store import Database, DatabaseBusy, RecordUnwritten
from tests.integration.conftest import PLAIN, UNAPPROVED, World


def events(world: World) -> list[AuditEvent]:
    database = Database(world.folder / "station.db")
    try:
        database.sequence()
        with database.reading() as tx:
            return [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    finally:
        database.close()


def change(world: World, statement: str) -> None:
    """As somebody with the database file does it."""
    with closing(sqlite3.connect(world.folder / "station.db")) as raw, raw:
        raw.execute(statement)


@pytest.mark.proof
def test_K15_every_use_of_a_key_for_a_card_is_on_record(world: World) -> None:
    assert world.cli("issue", PLAIN).exit == 0
    [job] = world.jobs(PLAIN)
    said = events(world)
    uses = [event for event in said if event.action == "key.use" and event.subject == job.token]
    intents = [event for event in uses if event.outcome == "intent"]
    done = [event for event in uses if event.outcome == "done"]
    assert len(intents) == len(done) > 5
    assert not account(said).in_doubt
    for event in uses:
        assert event.actor == "trainee"
        assert event.station == "integration-01"
        assert set(event.details) == {"label", "kcv", "act", "count"}
    labels = {event.details["label"] for event in uses}
    assert {"bank/KMC", "ss/DF01/UK1"} <= labels
    with world.desk() as desk:
        for event in uses:
            assert event.details["kcv"] == ",".join(
                desk.keys.info(label).kcv for label in event.details["label"].split(",")
            )
    order = [(event.action, event.outcome) for event in said if event.subject == job.token]
    encode = order.index(("chip.encode", "intent"))
    assert ("key.use", "intent") in order[encode:], "the keys are used while the chip is written"
    assert order.index(("chip.encode", "done")) > encode


def test_K15_data_at_rest_is_counted_once_a_closing(station: World) -> None:
    before = len([event for event in events(station) if event.action == "key.count"])
    assert station.cli("request", "show", PLAIN).exit == 0
    counts = [event for event in events(station) if event.action == "key.count"][before:]
    assert len(counts) == 1
    assert "station/seal unseal 1" in counts[0].details["uses"]
    assert AUDIT_KEY not in counts[0].details["uses"]


def test_K16_a_key_that_is_made_is_on_record_with_date_key_and_user(station: World) -> None:
    """Intent before and outcome after; a refused change is there too."""

    def refuse(desk: Desk) -> None:
        with key_change(desk, "generate", label="bank/NEW"):
            raise KeyUnknown("bank/NEW")

    with station.desk() as desk:
        with key_change(desk, "generate", label="bank/NEW", algorithm="AES-256") as told:
            told["kcv"] = "AABBCC"
        with pytest.raises(KeyUnknown):
            refuse(desk)
    made = [event for event in events(station) if event.action == "key.generate"]
    assert [event.outcome for event in made] == ["intent", "done", "intent", "refused"]
    assert all(event.actor == "trainee" and event.details["label"] == "bank/NEW" for event in made)
    assert made[1].details["kcv"] == "AABBCC"
    assert made[0].time <= made[1].time


def test_L1_an_event_has_user_type_time_outcome_origin_and_what_it_was_done_to(world: World) -> None:
    """PCI CP-L 6.4: and the log of who looked at the log; and what was refused."""
    assert world.cli("issue", UNAPPROVED).exit == 7
    assert world.cli("audit", "export", world.folder / "out.audit").exit == 0
    said = events(world)
    for event in said:
        assert event.actor
        assert event.station == "integration-01"
        assert isinstance(event.time, datetime)
        assert event.outcome in ("intent", "done", "refused", "failed")
    [refused] = [event for event in said if event.outcome == "refused"]
    assert (refused.action, refused.details["code"]) == ("act.refuse", "CF-7310")
    assert world.cli("audit", "show", "--person", "trainee").exit == 0
    looks = [event for event in events(world) if event.action.startswith("audit.")]
    assert [event.action for event in looks] == ["audit.export", "audit.show"]
    assert looks[1].details == {"person": "trainee"}
    verify_export((world.folder / "out.audit").read_bytes(), None)


def test_L1_a_change_of_settings_profiles_or_program_is_on_record(station: World) -> None:
    def changes() -> Counter[str]:
        return Counter(event.details["thing"] for event in events(station) if event.action == "config.change")

    assert station.cli("job", "list").exit == 0
    at_first = changes()
    assert station.cli("job", "list").exit == 0
    assert changes() == at_first
    with station.config.open("a", encoding="utf-8") as settings:
        settings.write("\n# changed\n")
    (station.folder / "profiles" / "printers" / "quick.toml").write_text("name = 1\n", encoding="utf-8")
    assert station.cli("job", "list").exit == 0
    assert changes() - at_first == Counter({"settings": 1, "profiles": 1})
    change(station, "UPDATE audit_known SET digest = '0000' WHERE thing = 'schema'")
    assert station.cli("job", "list").exit == 0
    assert (changes() - at_first)["schema"] == 1


CHANGES = {
    "changed": "UPDATE audit_leaf SET leaf = replace(leaf, 'trainee', 'nobody!') WHERE position = 3",
    "missing": "DELETE FROM audit_leaf WHERE position = 3",
    "cut": "DELETE FROM audit_leaf WHERE position > 3",
    "tree": "UPDATE audit_tree SET size = 0, hashes = x''",
    "checkpoint": "UPDATE audit_checkpoint SET note = replace(note, 'time 2026', 'time 2025')",
}
NAMED = {
    "changed": "Event 3 was changed",
    "missing": "Event 3 is missing",
    "cut": "it was cut",
    "tree": "do not give the tree",
    "checkpoint": "A checkpoint does not hold",
}


@pytest.mark.parametrize("what", CHANGES)
def test_L2_a_change_of_existing_log_data_raises_an_alert(station: World, what: str) -> None:
    change(station, CHANGES[what])
    doctor = station.cli("doctor")
    if what != "checkpoint":  # a signature is looked at by who opens the key store
        assert doctor.exit == 5
        assert "ALERT" in doctor.text
    said = station.cli("audit", "verify")
    assert said.exit == 3
    assert "CF-3518" in said.err
    assert NAMED[what] in said.err
    if what != "tree":  # there a new leaf has no place that is free
        assert NAMED[what] in station.cli("job", "list").err
        assert "audit.alert" in {event.action for event in _leaves(station)}


def _leaves(world: World) -> list[AuditEvent]:
    """Every leaf, with a place or waiting, as it lies in the file."""
    with closing(sqlite3.connect(world.folder / "station.db")) as raw:
        rows = raw.execute("SELECT leaf FROM audit_leaf UNION ALL SELECT leaf FROM audit_pending")
        found = []
        for (leaf,) in rows:
            with suppress(CardfabError):
                found.append(AuditEvent.decode(bytes(leaf) if isinstance(leaf, bytes) else leaf.encode()))
        return found


@pytest.mark.proof
def test_L2_appending_raises_none(world: World) -> None:
    for command in (("job", "list"), ("issue", PLAIN), ("job", "list"), ("audit", "verify")):
        said = world.cli(*command)
        assert said.exit == 0
        assert "ALERT" not in said.text
    assert "audit.alert" not in {event.action for event in events(world)}


def test_L2_a_database_of_an_older_backup_is_seen(station: World) -> None:
    assert station.cli("job", "list").exit == 0
    older = (station.folder / "station.db").read_bytes()
    assert station.cli("stock", "receive", "training-ssc2", "5").exit == 0
    assert "ALERT" not in station.cli("job", "list").err
    for file in station.folder.glob("station.db*"):
        file.unlink()
    (station.folder / "station.db").write_bytes(older)
    assert "of an older backup" in station.cli("job", "list").err
    assert "audit.alert" in {event.action for event in events(station)}


def test_a_long_record_is_looked_at_from_where_the_last_start_ended(
    station: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cardfab.station.record._WHOLE", 3)
    from cardfab.station.record import check_start

    for _ in range(3):
        assert "ALERT" not in station.cli("job", "list").err
    with station.desk() as desk:
        checked = check_start(desk)
        assert checked.alerts == ()
        assert checked.looked_at < 3 < checked.size
    change(station, CHANGES["changed"])
    assert "ALERT" not in station.cli("job", "list").err, "this event is older than the mark"
    assert station.cli("audit", "verify").exit == 3


def test_what_the_record_cannot_take_is_not_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No audit write, no operation: the key is not asked, the card is accounted for."""
    with world.desk() as desk:

        def full(*_: object, **__: object) -> None:
            raise RecordUnwritten

        asked: list[str] = []
        inner = desk.keys.inner  # type: ignore[attr-defined]
        monkeypatch.setattr(inner, "card_key", lambda *given: asked.append("key"))
        monkeypatch.setattr(desk.database, "note", full)
        with pytest.raises(RecordUnwritten):
            desk.keys.card_key("ss/DF01/UK1", "000000", bytes(13))
        assert asked == []
        monkeypatch.undo()


def test_a_refused_use_and_a_failed_one_say_so_at_once(station: World) -> None:
    with station.desk() as desk:
        record = KeyRecord(desk.database, desk.event)
        good = KeyUse("bank/KMC", "AABBCC", "channel", 1, "token")
        record.intent(good)
        record.outcome(good, "done", "")
        bad = KeyUse("bank/KMC", "AABBCC", "channel", 1, "token")
        record.intent(bad)
        record.outcome(bad, "refused", "CF-6200")
        with suppress(CardfabError):
            desk.keys.card_key("bank/KMC", "000000", bytes(13))
        desk.database.sequence()
        with desk.database.reading() as tx:
            said = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    uses = [event for event in said if event.action == "key.use"][-4:]
    assert [(event.subject, event.outcome) for event in uses] == [
        ("token", "intent"),
        ("token", "refused"),
        ("-", "intent"),
        ("-", "refused"),
    ]
    assert uses[1].details | {"done": "1", "count": "1", "code": "CF-6200"} == uses[1].details
    assert uses[3].details["code"] == "CF-6200"
    assert not account(said).in_doubt


def test_a_second_use_under_one_intent_costs_no_commit(station: World) -> None:
    commits: list[str] = []
    with station.desk(watch=commits.append) as desk:
        commits.clear()
        for _ in range(5):
            desk.keys.card_key("ss/DF01/UK1", "000000", bytes(13))
        assert commits == ["before:commit:key.use card_key", "after:commit:key.use card_key"]
    done = [event for event in events(station) if event.action == "key.use" and event.outcome == "done"][-1]
    assert done.details["count"] == "5"


def test_uses_that_are_to_come_have_their_intents_in_one_commit(station: World) -> None:
    """What is told behind them is how many there were; what was refused among them is said at once."""
    commits: list[str] = []
    uses = {("card_key", "ss/DF01/UK1"): 3, ("card_key", "ss/DF01/UK2"): 1, ("channel", "bank/KMC"): 1}
    with station.desk(watch=commits.append) as desk, about("foreseen"):
        commits.clear()
        with foreseen(desk.keys, uses):
            assert commits == ["before:commit:key.use ahead", "after:commit:key.use ahead"]
            for _ in range(2):
                desk.keys.card_key("ss/DF01/UK1", "000000", bytes(13))
            desk.database.flush()  # a commit in the block ends none of them
            desk.keys.card_key("ss/DF01/UK2", "000000", bytes(13))
            with suppress(CardfabError):
                desk.keys.card_key("bank/KMC", "000000", bytes(13))
            assert len(commits) == 6
        desk.keys.card_key("ss/DF01/UK1", "000000", bytes(13))  # under the same intent still: nothing was committed
        assert len(commits) == 6
    said = [event for event in events(station) if event.subject == "foreseen"]
    assert not account(said).in_doubt
    told = [(event.details["label"], event.details["act"], event.outcome, event.details["count"]) for event in said]
    assert told[:3] == [(label, act, "intent", str(count)) for (act, label), count in uses.items()]
    assert sorted(told[3:]) == [
        ("bank/KMC", "card_key", "intent", "1"),
        ("bank/KMC", "card_key", "refused", "1"),
        ("bank/KMC", "channel", "done", "0"),
        ("ss/DF01/UK1", "card_key", "done", "3"),
        ("ss/DF01/UK2", "card_key", "done", "1"),
    ]


def test_nothing_is_used_that_was_foreseen_where_the_record_takes_nothing(station: World) -> None:
    def broken(name: str) -> None:
        if name == "before:commit:key.use ahead":
            raise DatabaseBusy

    before = len([event for event in events(station) if event.action == "key.use"])
    with (
        station.desk(watch=broken) as desk,
        pytest.raises(RecordUnwritten),
        foreseen(desk.keys, {("card_key", "ss/DF01/UK1"): 1}),
    ):
        pytest.fail("the block was entered")
    assert len([event for event in events(station) if event.action == "key.use"]) == before


def test_checkpoints_go_outside_and_are_never_written_over(station: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with station.config.open("a", encoding="utf-8") as settings:
        settings.write(f'\n[audit]\noutside = "{outside}"\n')
    assert station.cli("stock", "receive", "training-ssc2", "5").exit == 0
    first = sorted(outside.iterdir())
    assert first
    kept = first[-1].read_bytes()
    assert station.cli("audit", "checkpoint").exit == 0
    assert station.cli("audit", "verify").exit == 0
    assert first[-1].read_bytes() == kept
    place = Outside(outside, "integration-01")
    place.keep(kept)  # the same one again: nothing happens
    place.keep(kept.replace(b"time 2026", b"time 2025"))  # the same tree, signed at another time
    lines = kept.split(b"\n")
    with pytest.raises(OutsideRefused) as refused:
        place.keep(b"\n".join([*lines[:2], b"A" * 43 + b"=", *lines[3:]]))
    assert refused.value.code == "CF-5721"
    assert first[-1].read_bytes() == kept
    change(station, "DELETE FROM audit_leaf WHERE position > 3")
    change(station, "DELETE FROM audit_checkpoint")
    (station.folder / "station.head").unlink()
    assert "it was cut" in station.cli("audit", "verify").err


def test_a_place_outside_that_is_gone_is_recorded_or_ends_the_work(station: World, tmp_path: Path) -> None:
    base = station.config.read_text(encoding="utf-8")
    station.config.write_text(f'{base}\n[audit]\noutside = "{tmp_path / "gone"}"\n', encoding="utf-8")
    said = station.cli("stock", "receive", "training-ssc2", "5")
    assert said.exit == 0
    assert "cannot be put outside" in said.err
    assert "audit.outside" in {event.action for event in events(station)}
    station.config.write_text(f'{base}\n[audit]\noutside = "{tmp_path / "gone"}"\nrequired = true\n', encoding="utf-8")
    said = station.cli("stock", "receive", "training-ssc2", "5")
    assert said.exit == 5
    assert "CF-5720" in said.err


def test_the_digest_of_a_folder_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    before = opening.digest_of(tmp_path, tmp_path / "absent")
    (tmp_path / "b").rename(tmp_path / "c")
    assert opening.digest_of(tmp_path) != before
    (tmp_path / "c").rename(tmp_path / "b")
    assert opening.digest_of(tmp_path) == before


def test_refusals_inside_the_desk_are_recorded_once(station: World) -> None:
    def act() -> None:
        with station.desk(login="auditor") as desk:
            try:
                desk.product("absent")
            except CardfabError as error:
                desk.refused(error)
                raise

    with pytest.raises(CardfabError):
        act()
    said = [event for event in events(station) if event.action == "act.refuse"]
    assert [(event.actor, event.outcome) for event in said] == [("auditor", "refused")]


@pytest.mark.proof
def test_issuing_says_on_record_why_a_card_failed(new_world: Callable[..., World]) -> None:
    world = new_world(make_blank(serial=77))
    assert world.cli("issue", PLAIN, UNAPPROVED).exit == 8
    codes = [event.details["code"] for event in events(world) if event.action == "act.refuse"]
    assert codes == ["CF-7310"]
    assert read_settings((world.config,)).values.audit.outside == "none"
