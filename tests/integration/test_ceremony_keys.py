"""Ceremonies that change a key file: entered, exported, sent, received, destroyed, broken off; each with its record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cardfab.documents.signedpdf import PaperRefused, signed_by
from cardfab.documents.signing import certified_key
from cardfab.keys import KeySpec, Level, Usage
from cardfab.keys.ceremony import (
    CeremonyRecord,
    CeremonyRefused,
    ComponentRefused,
    CustodianRefused,
    Kind,
    SignedRecord,
)
from cardfab.keys.label import State
from cardfab.production import NotAllowed
from cardfab.station.ceremony import PackageRefused, kept_record, settle_cut
from cardfab.station.ceremonyrecord import ceremony_paper, sign_ceremony
from tests.ceremonies import CUSTODIANS, PEOPLE, CeremonyRoom, Clock, Script, ceremony_room, found_room
from tests.people import events

A = "0123456789ABCDEFFEDCBA9876543210"
B = "11112222333344445555666677778888"
ENTERED = ["", A, "", "", B, "", ""]
"""What two custodians answer who have no package and no check value on their forms."""
KBPK = KeySpec("bank/KBPK", "AES-256", Usage.KEY_BLOCK, Level.BANK)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found_room(tmp_path_factory.mktemp("founded") / "room")


@pytest.fixture
def room(founded: Path, tmp_path: Path) -> Iterator[CeremonyRoom]:
    with ceremony_room(founded, tmp_path / "room") as made:
        yield made


def entered(room: CeremonyRoom, *answers: str | None, people: tuple[str, ...] = CUSTODIANS[:2]) -> CeremonyRecord:
    return room.hold(room.sitting(Kind.ENTER, custodians=people), Script(list(answers) or list(ENTERED))).record()


def labels(room: CeremonyRoom) -> set[str]:
    return {info.label for info in room.keys.infos() if info.state is not State.DESTROYED}


def newest(room: CeremonyRoom) -> CeremonyRecord:
    with room.desk.database.reading() as tx:
        return kept_record(room.desk, tx.ceremonies.all()[-1].id)


def test_a_key_is_entered_and_is_for_training_no_more(room: CeremonyRoom) -> None:
    record = entered(room)
    info = room.keys.info("bank/ZPK")
    assert (info.training, info.ceremony, info.kcv) == (False, record.id, record.kcv)
    assert record.outcome == "closed"
    assert [step.event for step in record.steps] == ["prove", "enter", "enter", "combine", "load", "close"]
    assert {one.login: one.component for one in record.people} == {"custodian": 1, "custodian-2": 2}
    assert record == kept_record(room.desk, record.id)  # what the database says is what was held


def test_K3_both_people_prove_themselves_and_again_when_it_took_long(room: CeremonyRoom) -> None:
    entered(room)
    assert room.proved == ["custodian", "custodian-2"]
    clock = room.desk.now
    assert isinstance(clock, Clock)
    clock.by = timedelta(minutes=5)
    room.hold(room.sitting(Kind.ENTER), Script(["", A[::-1], "", "", B[::-1], "", ""]))
    assert len(room.proved) > 4
    for step in newest(room).steps:
        assert len(set(step.people)) == 2


def test_K3_who_is_no_custodian_holds_no_component(room: CeremonyRoom) -> None:
    with pytest.raises(NotAllowed):
        entered(room, people=("custodian", "auditor"))
    assert newest(room).outcome == "interrupted"
    room.desk = replace(room.desk, person=PEOPLE[-1])
    with pytest.raises(NotAllowed):  # nor leads a ceremony
        entered(room)


def test_K7_a_component_is_nowhere_after_its_ceremony(room: CeremonyRoom) -> None:
    script = Script(list(ENTERED))
    room.hold(room.sitting(Kind.ENTER), script)
    assert len(script.unseen) == 2
    assert not any(any(typed) for typed in script.unseen)
    for file in room.folder.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        for secret in (A, B):
            assert bytes.fromhex(secret) not in data
            assert secret.encode() not in data
            assert secret.lower().encode() not in data
    assert A not in script.text


def test_a_wrong_check_value_is_told_and_the_component_typed_again(room: CeremonyRoom) -> None:
    script = Script(["", A, "000000", A, "08 d7 b4", "", B, "", ""])
    record = room.hold(room.sitting(Kind.ENTER), script).record()
    assert "CF-6526" in script.text
    assert record.outcome == "closed"
    with pytest.raises(ComponentRefused) as refused:  # the sum is not what was told
        entered(room, "", A[::-1], "", "", B[::-1], "", "FFFFFF")
    assert refused.value.code == "CF-6527"
    assert room.keys.info("bank/ZPK").version == 1


def test_three_bad_tries_end_it_and_leave_nothing(room: CeremonyRoom) -> None:
    with pytest.raises(ComponentRefused):
        entered(room, "", "00" * 16, "12", A + "0")
    record = newest(room)
    assert (record.outcome, record.kcv) == ("interrupted", "")
    assert record.reason.startswith("CF-6525")
    assert "bank/ZPK" not in labels(room)


@pytest.mark.parametrize("place", range(len(ENTERED)))
def test_broken_off_anywhere_it_says_so_and_nothing_is_half_made(room: CeremonyRoom, place: int) -> None:
    before = (room.folder / "station.keys").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        entered(room, *ENTERED[:place], None)
    record = newest(room)
    assert (record.outcome, record.reason, record.steps[-1].event) == (
        "interrupted", "stopped at the terminal", "abandon",
    )  # fmt: skip
    assert (room.folder / "station.keys").read_bytes() == before
    assert "bank/ZPK" not in labels(room)
    assert [event.outcome for event in events(room.desk.database, "key.ceremony")][-1] == "failed"
    entered(room)  # and it can be held again


def test_cut_off_by_a_kill_it_is_found_with_or_without_the_key(founded: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    commits: list[str] = []
    dies = [-1]

    def watch(point: str) -> None:
        if dies[0] >= 0 and point == "before:commit:ceremony":
            commits.append(point)
            if len(commits) > dies[0]:
                raise Killed

    with ceremony_room(founded, tmp_path / "room", watch) as room:
        found = set()
        for at in range(40):
            commits.clear()
            dies[0] = at
            version = next((info.version for info in room.keys.infos() if info.label == "bank/ZPK"), 0)
            sitting = room.sitting(Kind.GENERATE)
            try:
                room.hold(sitting, Script(["yes"]))
            except Killed:
                pass
            else:
                break
            dies[0] = -1
            there = next((info for info in room.keys.infos() if info.ceremony == sitting.id), None)
            settle_cut(room.desk, room.keys.infos())
            with room.desk.database.reading() as tx:
                known = {row.id for row in tx.ceremonies.all()}
            if sitting.id not in known:  # it had not begun: and then no key is there
                assert there is None
                continue
            record = kept_record(room.desk, sitting.id)
            assert record.outcome == "interrupted"
            assert (record.kcv != "") == (there is not None)
            assert there is None or there.version == version + 1
            found.add(there is not None)
        assert found == {True, False}


def test_K17_a_custodian_of_an_earlier_ceremony_holds_no_other_component(room: CeremonyRoom) -> None:
    entered(room)
    room.keys.destroy("bank/ZPK")
    spec = KeySpec("bank/ZPK", "3DES", Usage.PIN_TRANSPORT, Level.BANK, 1)
    for people in (("custodian-2", "custodian"), ("custodian-3", "custodian")):
        with pytest.raises(CustodianRefused):
            room.sitting(Kind.ENTER, custodians=people, spec=spec)
    # The same people with the same numbers, but another value: another component of the key.
    with pytest.raises(CustodianRefused):
        room.hold(room.sitting(Kind.ENTER, spec=spec), Script(["", B, "", ""]))
    # A new version is another key.
    swapped = room.sitting(Kind.ENTER, custodians=("custodian-2", "custodian"))
    room.hold(swapped, Script(["", A[::-1], "", "", B[::-1], "", ""]))


def test_K17_the_history_stays_when_a_ceremony_was_broken_off(room: CeremonyRoom) -> None:
    with pytest.raises(KeyboardInterrupt):
        entered(room, "", A, "", None)
    with pytest.raises(CustodianRefused):
        entered(room, people=("custodian-3", "custodian"))


def exported(room: CeremonyRoom, *answers: str | None) -> tuple[CeremonyRecord, list[bytes], Script]:
    pages: list[bytes] = []
    script = Script(list(answers) or ["yes", "S-1", "yes", "S-2"])
    record = room.hold(room.sitting(Kind.EXPORT, spec=KBPK), script, pages).record()
    return record, pages, script


def digits(page: bytes) -> str:
    """The component on a printed page."""
    lines = [line.replace(" ", "") for line in page.decode("gb18030").split("\r\n")]
    return next(line for line in lines if len(line) == 64)


def test_K6_each_component_is_on_its_own_blind_page_and_nowhere_else(room: CeremonyRoom) -> None:
    record, pages, script = exported(room, "yes", "S-1", "yes", "", "yes", "S-2")
    assert len(pages) == 3  # the second was spoiled
    components = [digits(page) for page in pages]
    assert len(set(components)) == 3
    for page, custodian in zip(pages, ("custodian", "custodian-2", "custodian-2"), strict=True):
        text = page.decode("gb18030")
        assert f"Custodian: {custodian}\r\n" in text
        assert sum(each in text.replace(" ", "") for each in components) == 1
    assert [(one.serial, one.custodian) for one in record.packages] == [("S-1", "custodian"), ("S-2", "custodian-2")]
    kept = json.dumps(record.steps, default=lambda one: {name: getattr(one, name) for name in one.__slots__})
    assert not any(each in kept + script.text for each in components)
    key = bytes(a ^ b for a, b in zip(bytes.fromhex(components[0]), bytes.fromhex(components[2]), strict=True))
    for file in room.folder.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert key not in data
        assert not any(bytes.fromhex(each) in data or each.encode() in data for each in components)


def test_K8_components_go_by_different_ways_and_come_in_after_their_serials_were_checked(
    founded: Path, tmp_path: Path, room: CeremonyRoom
) -> None:
    sender = room
    with ceremony_room(founded, tmp_path / "receiver") as receiver:
        record, pages, _ = exported(sender)
        sent = sender.hold(
            sender.sitting(Kind.SEND, spec=KBPK), script := Script(["courier A", "courier A", "courier B"])
        ).record()
        assert "CF-6543" in script.text
        assert [(one.serial, one.channel, one.state) for one in sent.packages] == [
            ("S-1", "courier A", "sent"), ("S-2", "courier B", "sent"),
        ]  # fmt: skip
        receiver.hold(receiver.sitting(Kind.RECEIVE, spec=KBPK), Script(["S-1", "S-2", "S-1", "yes", "S-2", "yes"]))
        first, second = map(digits, pages)
        for serial in ("", "S-9", "S-2"):  # none, unknown, the other custodian's
            with pytest.raises(PackageRefused) as refused:
                receiver.hold(receiver.sitting(Kind.ENTER, spec=KBPK), Script([serial]))
            assert refused.value.code == "CF-6540"
        came = receiver.hold(
            receiver.sitting(Kind.ENTER, spec=KBPK), Script(["S-1", first, "", "S-2", second, "", record.kcv])
        ).record()
        assert came.kcv == record.kcv == sender.label_kcv(KBPK.label) == receiver.label_kcv(KBPK.label)
        assert {one.state for one in came.packages} == {"used"}


def test_K8_a_package_that_was_not_checked_is_not_used(room: CeremonyRoom) -> None:
    with pytest.raises(KeyboardInterrupt):
        room.hold(room.sitting(Kind.RECEIVE), Script(["S-1", "S-2", None]))  # told, never looked at
    with pytest.raises(PackageRefused):
        entered(room, "S-1")


@pytest.mark.parametrize(("serial", "whole"), [("S-2", "no"), ("S-7", "yes")])
def test_K9_a_tampered_package_takes_the_key_and_all_under_it(room: CeremonyRoom, serial: str, whole: str) -> None:
    exported(room)
    under = KeySpec("bank/CVK", "3DES", Usage.CVN, Level.BANK, parent=KBPK.label)
    lower = KeySpec("bank/PVK", "3DES", Usage.PVV, Level.BANK, parent="bank/CVK")
    beside = KeySpec("bank/KMC", "3DES", Usage.CHANNEL_ROOT, Level.BANK)
    for spec in (under, lower, beside):
        room.keys.generate(spec, ceremony="C-test")
    script = Script(["S-1", "S-2", "S-1", "yes", serial, whole, "bank/other", KBPK.label])
    record = room.hold(room.sitting(Kind.RECEIVE, spec=KBPK), script).record()
    assert [step.event for step in record.steps][-3:] == ["tamper", "replace", "close"]
    assert {one.state for one in record.packages} == {"destroyed"}
    assert not {KBPK.label, "bank/CVK", "bank/PVK"} & labels(room)
    assert "bank/KMC" in labels(room)
    assert record.steps[-2].details["keys"] == "bank/PVK bank/CVK bank/KBPK"
    with pytest.raises(PackageRefused) as refused:  # no component of that version is used any more
        room.hold(room.sitting(Kind.ENTER, spec=KBPK), Script(["S-1"]))
    assert refused.value.code == "CF-6541"


def test_K9_a_ceremony_that_found_tampering_does_not_close_without_destruction(room: CeremonyRoom) -> None:
    exported(room)
    with pytest.raises(KeyboardInterrupt):
        room.hold(room.sitting(Kind.RECEIVE, spec=KBPK), Script(["S-1", "S-2", "S-3", "yes", None]))
    record = newest(room)
    assert (record.outcome, record.packages[0].state) == ("interrupted", "tampered")
    with pytest.raises(PackageRefused):
        room.hold(room.sitting(Kind.ENTER, spec=KBPK), Script(["S-2"]))


def test_K7_a_destruction_is_confirmed_by_two_witnessed_and_on_record(room: CeremonyRoom) -> None:
    exported(room)
    script = Script(["wrong", KBPK.label, KBPK.label, "yes"])
    sitting = room.sitting(Kind.DESTROY, witnesses=("auditor",), spec=KBPK)
    record = room.hold(sitting, script).record()
    assert "CF-6518" in script.text
    assert [step.event for step in record.steps] == ["prove", "confirm", "destroy", "witness", "close"]
    assert record.steps[2].details == {"keys": KBPK.label, "packages": "S-1 S-2"}
    assert all("auditor" in step.people for step in record.steps)
    assert room.keys.info(KBPK.label).state is State.DESTROYED
    told = [event.details for event in events(room.desk.database, "key.ceremony") if event.subject == record.id]
    assert any(details.get("step") == "destroy" and details.get("keys") == KBPK.label for details in told)


def test_K7_a_destruction_that_was_not_witnessed_is_interrupted(room: CeremonyRoom) -> None:
    exported(room)
    sitting = room.sitting(Kind.DESTROY, witnesses=("auditor",), spec=KBPK)
    with pytest.raises(CeremonyRefused) as refused:
        room.hold(sitting, Script([KBPK.label, KBPK.label, "no"]))
    assert refused.value.code == "CF-6517"
    assert newest(room).outcome == "interrupted"


@pytest.mark.proof
def test_the_record_is_signed_on_paper_and_as_json(room: CeremonyRoom) -> None:
    record = entered(room)
    signed = sign_ceremony(room.desk, record)
    public = room.desk.keys.public("station/documents")
    data = signed.to_json_bytes()
    SignedRecord.from_json_bytes(data).require_trusted(frozenset({public}))
    paper = ceremony_paper(room.desk, signed, "zh")
    assert certified_key(signed_by(paper)) == public
    changed = bytearray(paper)
    changed[len(paper) // 3] ^= 1
    for bad in (bytes(changed), paper + b"\n% more\n", b"%PDF-1.4\n", data):
        with pytest.raises(PaperRefused):
            signed_by(bad)
    for secret in (A, B):
        assert secret.encode() not in data + paper


def test_the_audit_record_has_the_intent_before_each_change(room: CeremonyRoom) -> None:
    record = entered(room)
    told = [event for event in events(room.desk.database, "key.ceremony") if event.subject == record.id]
    assert told[0].outcome == "intent"
    loads = [event.outcome for event in told if event.details.get("step") == "load"]
    assert loads == ["intent", "done"]
