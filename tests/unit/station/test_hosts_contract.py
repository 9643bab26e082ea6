"""Every adapter against the training host of its family, over real sockets: ten operations, every outcome."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.simulator.host import Mood
from cardfab.station.host import Done, Fields, HostCode, Operation, Refused, Unknown
from tests.hostrig import FAMILIES, HOLDER, HostRig, host_rig

ALL = [pytest.param(family, id=family) for family in FAMILIES]
QUICK = [one for one in ALL if one.id != "file"]
"""Without the folder, where each answer takes a look of the other side."""

CHIP: Fields = {
    "chip_id": "11" * 16, "atr": "3B" + "00" * 12, "bank_number": "6299990000000001", "bank": "95533",
    "chip_account": "1234", "bank_account": "6299990000000001", "card_version": "3.00", "algorithm": "03",
}  # fmt: skip
MADE: Fields = {
    **CHIP, "result": "success", "made_at": "2026-11-22T09:00:00.000+00:00", "expires_on": "2036-11-22",
}  # fmt: skip
RANDOMS: Fields = {
    "internal_factor": "0" * 16, "internal_original": "1" * 16, "external_factor": "2" * 16,
    "external_original": "3" * 16,
}  # fmt: skip


@pytest.fixture
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HostRig]:
    with host_rig(request.param, tmp_path) as one:
        one.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        yield one


def of(family: list[object]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rig", family, indirect=True)


def done(reply: object) -> Fields:
    assert isinstance(reply, Done), reply
    return reply.answer


def applied(rig: HostRig) -> None:
    done(rig.ask(Operation.APPLY, kind="new", bank="95533", photo="AAAA"))


def made(rig: HostRig) -> str:
    """A card of the holder, through every step; its number."""
    applied(rig)
    number = str(done(rig.ask(Operation.RESERVE, kind="new", bank="95533"))["card_number"])
    done(rig.ask(Operation.COMPLETE, card_number=number, **MADE))
    return number


@of(ALL)
def test_ten_operations(rig: HostRig) -> None:
    assert done(rig.ask(Operation.PERSON))["name"] == HOLDER["name"]
    assert done(rig.ask(Operation.CHECK, kind="new"))["allowed"] in (True, "yes")
    applied(rig)
    assert done(rig.ask(Operation.STATUS))["application"]
    reserved = done(rig.ask(Operation.RESERVE, kind="new", bank="95533"))
    number = str(reserved["card_number"])
    asked = rig.ask(Operation.CHIP_AUTH, kind="read", **CHIP, **RANDOMS)
    if rig.family in ("henan", "jilin"):
        assert asked == Refused(HostCode.NOT_SUPPORTED)
    else:
        assert len(str(done(asked)["value"])) >= 16
    certified = done(rig.ask(Operation.CERTIFICATE, card_number=number, public_key="AB" * 64, **CHIP))
    again = done(rig.ask(Operation.CERTIFICATE, card_number=number, public_key="AB" * 64, **CHIP))
    assert certified["signing_certificate"] == again["signing_certificate"]
    other = rig.ask(Operation.CERTIFICATE, card_number=number, public_key="CD" * 64, **CHIP)
    assert isinstance(other, Refused)
    assert other.code is HostCode.CERT_REFUSED
    assert done(rig.ask(Operation.COMPLETE, card_number=number, **MADE))["state"]
    told = rig.ask(Operation.COMPLETE, card_number=number, **{**MADE, "batch": str(reserved.get("batch", ""))})
    already = isinstance(told, Refused) and told.code is HostCode.ALREADY
    assert already or (isinstance(told, Done) and told.again)
    assert done(rig.ask(Operation.ACTIVATE, card_number=number, kind="social"))["state"]
    status = done(rig.ask(Operation.STATUS, card_number=number))
    assert (status["state"], status["activated"]) == ("normal", True)
    assert done(rig.ask(Operation.LOSS, card_number=number, level="formal", reason="lost"))["state"] == "formal loss"
    assert done(rig.ask(Operation.STATUS, card_number=number))["state"] == "formal loss"


_COMMON = [HostCode.NOT_FOUND, HostCode.NAME_MISMATCH, HostCode.DEAD, HostCode.BUSY, HostCode.CREDENTIALS]


@of(QUICK)
def test_every_refusal_arrives_as_its_code(rig: HostRig) -> None:
    for code in list(HostCode) if rig.family == "json" else _COMMON:
        rig.books.mood.take_over(Mood({"person": str(code)}))
        reply = rig.ask(Operation.PERSON)
        assert isinstance(reply, Refused), (code, reply)
        assert reply.code is code


@pytest.mark.parametrize(
    ("family", "operation", "code"),
    [
        ("henan", "apply", "payment_needed"), ("henan", "apply", "photo_refused"), ("henan", "loss", "state_conflict"),
        ("henan", "loss", "region_denied"), ("henan", "reserve", "locked_by_other"), ("henan", "batch", "batch_locked"),
        ("henan", "batch", "blank_bank_mismatch"), ("henan", "complete", "mismatch"),
        ("henan", "certificate", "cert_refused"),
        ("jilin", "loss", "region_denied"), ("proxy", "apply", "authorisation_needed"), ("proxy", "apply", "duplicate"),
        ("proxy", "reserve", "in_making"), ("proxy", "reserve", "blank_bank_mismatch"),
        ("proxy", "chip_auth", "hsm_refused"),
        ("proxy", "chip_auth", "key_missing"), ("proxy", "check", "not_allowed"), ("proxy", "loss", "state_conflict"),
    ],
)  # fmt: skip
def test_refusals_of_the_provinces(family: str, operation: str, code: str, tmp_path: Path) -> None:
    act = Operation("reserve" if operation == "batch" else operation)
    asked = {
        Operation.APPLY: {"kind": "new"}, Operation.LOSS: {"card_number": "S00000001", "level": "formal"},
        Operation.RESERVE: {"kind": "new"}, Operation.CHECK: {"kind": "new"},
        Operation.COMPLETE: {"card_number": "S00000001", "batch": "P1", **MADE},
        Operation.CERTIFICATE: {"card_number": "S00000001", "public_key": "AB" * 64, **CHIP},
        Operation.CHIP_AUTH: {"kind": "read", **CHIP, **RANDOMS},
    }[act]  # fmt: skip
    with host_rig(family, tmp_path) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        if act is Operation.RESERVE:
            applied(rig)
        rig.books.mood.take_over(Mood({operation: code}))
        reply = rig.ask(act, **{name: str(value) for name, value in asked.items()})
        assert isinstance(reply, Refused), reply
        assert reply.code == code


@of(QUICK)
def test_silence_and_garbage_are_unknown_and_nothing_is_lost(rig: HostRig) -> None:
    for word, happened in (("silent-before", False), ("silent-after", True), ("garbled", True)):
        rig.books.books.applications.clear()
        rig.books.mood.take_over(Mood({"apply": word}, {"apply": 1}))
        assert isinstance(rig.ask(Operation.APPLY, kind="new"), Unknown), word
        status = rig.ask(Operation.STATUS)
        known = isinstance(status, Done) and bool(status.answer.get("application"))
        assert known is happened, word


@of(QUICK)
def test_a_slow_host_is_unknown_in_time(rig: HostRig) -> None:
    adapter = rig.adapter
    rig.books.mood.seconds = 0.4
    with host_rig(rig.family, Path(), mood=Mood(seconds=0.6), seconds=0.2) as slow:
        assert isinstance(slow.ask(Operation.PERSON), Unknown)
    assert adapter is rig.adapter


@of(QUICK)
def test_a_host_that_is_not_there_was_sent_nothing(rig: HostRig) -> None:
    with host_rig(rig.family, Path()) as gone:
        pass
    reply = gone.ask(Operation.PERSON)
    assert isinstance(reply, Unknown)
    assert not reply.sent


def test_a_folder_without_a_host(tmp_path: Path) -> None:
    with host_rig("file", tmp_path, seconds=0.1) as rig:
        rig.books.mood.take_over(Mood({"apply": "silent-before"}))
        reply = rig.ask(Operation.APPLY, "same", kind="new")
        assert reply == Unknown(HostCode.TIMEOUT)
        lying = list((tmp_path / "out").iterdir())
        before = lying[0].read_bytes()
        assert rig.files is not None
        rig.books.mood.take_over(Mood())
        rig.files.forget()
        rig.ask(Operation.APPLY, "same", kind="new")
        assert [one.read_bytes() for one in (tmp_path / "out").iterdir()] == [before]


def test_files_stay_until_the_journal_has_the_answer(tmp_path: Path) -> None:
    with host_rig("file", tmp_path) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        done(rig.ask(Operation.APPLY, "one", kind="new"))
        assert [one.name for one in sorted(tmp_path.rglob("*.json"))] == ["one.answer.json", "one.request.json"]
        assert rig.ask(Operation.APPLY, "one", kind="new") == rig.ask(Operation.APPLY, "one", kind="new")
        assert rig.books.heard == ["apply"]
        rig.adapter.booked("one")  # type: ignore[attr-defined]
        assert list(tmp_path.rglob("*.json")) == []


@of([one for one in ALL if one.id in ("json", "file")])
@pytest.mark.parametrize(("spoil", "raw"), [("signature", "signature"), ("old", "stale"), ("other", "replayed")])
def test_an_answer_that_is_not_signed_for_this_request_is_none(rig: HostRig, spoil: str, raw: str) -> None:
    assert rig.json is not None
    rig.json.spoil = spoil
    assert rig.ask(Operation.PERSON) == Unknown(HostCode.FORMAT, raw)


def test_a_request_that_is_sent_twice_on_the_line_is_refused() -> None:
    with host_rig("json", Path()) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        sent = []
        post = rig.adapter.post  # type: ignore[attr-defined]
        original = type(post).__call__

        def twice(self: object, body: bytes, headers: dict[str, str]) -> object:
            sent.append(original(self, body, headers))
            return original(self, body, headers)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(post), "__call__", twice)
            reply = rig.ask(Operation.PERSON)
        assert sent[0].status == 200
        assert reply == Refused(HostCode.CREDENTIALS, "replay")
        assert rig.books.heard == ["person"]


@of(QUICK)
def test_no_personal_data_in_an_address(rig: HostRig) -> None:
    made(rig)
    assert rig.web is not None
    assert set(rig.web.addresses) == {"/host"}


@of([one for one in ALL if one.id in ("henan", "jilin")])
class TestTheSoapFamily:
    def test_the_whole_reservation_in_its_order(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.heard.clear()
        answer = done(rig.ask(Operation.RESERVE, kind="new"))
        assert rig.books.heard == ["mark", "count", "persons", "batch_number", "batch", "data"]
        assert answer["community"] == "样村（二）"
        assert answer["household_address"] == "样区某街1号，附2室 <东>"

    def test_the_number_of_the_batch_is_written_down_before_the_batch(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood({"batch": "silent-before"}))
        assert isinstance(rig.ask(Operation.RESERVE, kind="new"), Unknown)
        note = rig.notes.kept[str(HOLDER["number"])]
        assert note["batch"] in rig.books.books.batches

    @pytest.mark.parametrize("word", ["silent-after", "garbled"])
    def test_a_batch_that_was_confirmed_is_found_and_not_made_again(self, rig: HostRig, word: str) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood({"batch": word}, {"batch": 1}))
        assert isinstance(rig.ask(Operation.RESERVE, kind="new"), Unknown)
        answer = done(rig.ask(Operation.RESERVE, kind="new"))
        assert rig.books.heard.count("batch") == 1
        assert rig.books.heard.count("batch_number") == 1
        assert rig.books.heard.count("find_batch") == 1
        assert answer["card_number"] == rig.books.books.applications[str(HOLDER["number"])]["card_number"]

    def test_a_batch_that_was_not_confirmed_is_sent_again_with_its_number(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood({"batch": "silent-before"}, {"batch": 1}))
        assert isinstance(rig.ask(Operation.RESERVE, kind="new"), Unknown)
        done(rig.ask(Operation.RESERVE, kind="new"))
        assert rig.books.heard.count("batch_number") == 1
        assert len(rig.books.books.batches) == 1

    def test_another_station_with_the_same_person_finds_the_batch(self, rig: HostRig) -> None:
        """已经有批次号: a station without a note asks which, and goes on."""
        applied(rig)
        first = done(rig.ask(Operation.RESERVE, kind="new"))
        rig.notes.kept.clear()
        second = done(rig.ask(Operation.RESERVE, kind="new"))
        assert (second["card_number"], second["batch"]) == (first["card_number"], first["batch"])

    def test_a_locked_batch_waits_and_keeps_its_number(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.books.locked_until = 4e9
        reply = rig.ask(Operation.RESERVE, kind="new")
        assert isinstance(reply, Refused)
        assert reply.code is HostCode.BATCH_LOCKED
        rig.books.books.locked_until = 0.0
        done(rig.ask(Operation.RESERVE, kind="new"))
        assert len(rig.books.books.batches) == 1

    def test_a_host_that_refuses_everything_after_a_step(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood(fails_after="batch"))
        reply = rig.ask(Operation.RESERVE, kind="new")
        assert isinstance(reply, Refused)
        assert reply.code is HostCode.BUSY
        rig.books.mood.take_over(Mood())
        done(rig.ask(Operation.RESERVE, kind="new"))
        assert rig.books.heard.count("batch") == 1

    def test_a_row_of_another_person_stops(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood({"batch": "wrong-name"}))
        assert rig.ask(Operation.RESERVE, kind="new") == Refused(HostCode.MISMATCH, "姓名")

    def test_a_failed_card_keeps_its_number_and_its_row_says_so(self, rig: HostRig) -> None:
        applied(rig)
        number = str(done(rig.ask(Operation.RESERVE, kind="new"))["card_number"])
        told = rig.ask(Operation.COMPLETE, card_number=number, result="failure", stage="make", reason="芯片损坏")
        assert done(told) == {"state": "failed"}
        assert number not in rig.books.books.cards
        assert done(rig.ask(Operation.RESERVE, kind="new"))["card_number"] == number

    def test_what_no_message_can_carry_is_refused_before_anything_is_sent(self, rig: HostRig) -> None:
        heard = list(rig.books.heard)
        longest = rig.ask(
            Operation.COMPLETE, card_number="S1", result="failure", stage="make", reason="坏" * 26, batch="P1"
        )
        assert longest == Refused(HostCode.FIELD_BAD, "失败原因")
        bare = rig.ask(Operation.COMPLETE, card_number="S1", batch="P1", **{**MADE, "bank_number": ""})
        assert bare == Refused(HostCode.FIELD_MISSING, "银行卡号")
        date = rig.ask(Operation.COMPLETE, card_number="S1", batch="P1", **{**MADE, "expires_on": "2036"})
        assert isinstance(date, Refused)
        assert date.code is HostCode.FIELD_BAD
        assert rig.books.heard == heard

    def test_an_unknown_sentence_stops(self, rig: HostRig) -> None:
        applied(rig)
        rig.books.mood.take_over(Mood({"mark": "never_heard_of"}))
        reply = rig.ask(Operation.RESERVE, kind="new")
        assert isinstance(reply, Unknown)
        assert reply.raw == "未知错误never_heard_of"


def test_states_by_letter_differ_between_provinces(tmp_path: Path) -> None:
    """A is a loss for a time in Jilin and a card not enabled in Shandong, which calls that loss B."""
    for family, level in (("jilin", "temporary"), ("proxy", "temporary")):
        with host_rig(family, tmp_path) as rig:
            rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
            number = made(rig)
            done(rig.ask(Operation.LOSS, card_number=number, level=level))
            assert done(rig.ask(Operation.STATUS, card_number=number))["state"] == "temporary loss"
    with host_rig("henan", tmp_path) as rig:
        assert rig.ask(Operation.LOSS, card_number="S1", level="temporary") == Refused(HostCode.NOT_SUPPORTED)


def test_a_number_that_was_given_is_resumed_and_not_refused(tmp_path: Path) -> None:
    """Errcode 4 with the text 放号."""
    with host_rig("proxy", tmp_path) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        applied(rig)
        first = done(rig.ask(Operation.RESERVE, bank="95533"))
        assert done(rig.ask(Operation.CHECK, kind="new"))["resume"] == "number given"
        assert done(rig.ask(Operation.RESERVE, bank="95533"))["card_number"] == first["card_number"]


@pytest.mark.parametrize("name", ["sbkh", "kh"])
def test_both_names_of_the_card_number(name: str, tmp_path: Path) -> None:
    with host_rig("proxy", tmp_path) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        applied(rig)
        assert rig.web is not None
        rig.web._server.face._name = name  # type: ignore[attr-defined]
        assert done(rig.ask(Operation.RESERVE, bank="95533"))["card_number"] == "S00000001"


@pytest.mark.parametrize("family", ["json", "proxy"])
def test_rare_characters_arrive_as_they_are(family: str, tmp_path: Path) -> None:
    """𠅤 is not in GBK: as a character reference where XML carries it."""
    with host_rig(family, tmp_path) as rig:
        rig.books.books.person(str(HOLDER["number"]), "张𠅤")
        answer = done(rig.ask(Operation.PERSON, name="张𠅤"))
        assert answer["name"] == "张𠅤"


def test_a_character_that_the_host_lacks_is_refused_and_not_replaced(tmp_path: Path) -> None:
    with host_rig("henan", tmp_path) as rig:
        reply = rig.ask(Operation.PERSON, name="张𠅤")
        assert isinstance(reply, Refused)
        assert reply.code is HostCode.FIELD_BAD
        assert rig.books.heard == []
