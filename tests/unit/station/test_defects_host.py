"""The 24 defects seen in existing stations (facts on the issuing host, 3.6), and the test that holds each."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cardfab.cli.wiring import profile_source
from cardfab.profile.host import HostProfile
from cardfab.profile.loader import load
from cardfab.simulator.host import Mood
from cardfab.simulator.host.soapface import SoapFace
from cardfab.station.host import Done, Fields, HostCode, Operation, Refused, Unknown
from cardfab.station.hosts.soap import understood
from cardfab.station.hosts.steps import Outgoing
from cardfab.station.hosts.values import Unreadable
from tests.hostrig import HOLDER, host_rig, profile

ROOT = Path(__file__).parents[3]
HERE = "tests/unit/station/test_defects_host.py"
CONTRACT, CODEC = "tests/unit/station/test_hosts_contract.py", "tests/unit/station/test_hosts_codec.py"
OUTBOX, LINES = "tests/integration/test_hosts_outbox.py", "tests/integration/test_hosts_settings.py"
MAKING, LOSS = "tests/web/test_defects_making.py", "tests/integration/test_integration_counter_loss.py"

DEFECTS: dict[str, tuple[str, str]] = {
    "1 applied twice: the flag is written under one key and read under another":
        (OUTBOX, "test_the_same_act_is_answered_from_the_journal"),
    "2 a success row is sent for a spoilt card": (HERE, "test_a_failure_can_say_nothing_of_a_success"),
    "3 placeholders are sent in real messages": (HERE, "test_nothing_is_filled_in_that_nobody_gave"),
    "4 progress set back: the next run applies again for an issued card":
        (OUTBOX, "test_the_same_act_is_answered_from_the_journal"),
    "5 two arguments swapped": (HERE, "test_fields_go_by_name"),
    "6 every answer that begins with 02 is a success": (HERE, "test_an_answer_means_something_whole_or_nothing"),
    "7 local state says enabled, the host was never told": (HERE, "test_the_state_is_the_hosts"),
    "8 some rows count as all rows": (HERE, "test_rows_are_counted"),
    "9 nothing is compared after the chip was written":
        ("tests/integration/test_integration_refused_chip.py", "test_a_read_back_that_differs_spoils_the_card"),
    "10 one photo file for all persons":
        (MAKING, "test_the_photo_is_the_jobs_own_and_the_operator_is_named_in_every_record"),
    "11 the manager's PIN and the master key are changed before they are stored":
        (OUTBOX, "test_keys_from_the_host_are_sealed_before_anybody_can_use_them"),
    "12 PINs and keys in source and settings":
        ("tests/architecture/test_keys_in_code.py", "test_K4_no_key_is_in_the_code"),
    "13 what a device or host says is run as a program": (CODEC, "test_the_service_answers_nothing_else"),
    "14 a refresh between print and write-back loses the evidence":
        ("tests/fault/test_fault_every_kill.py", "test_one_kill_in_every_state"),
    "15 activation is a success whatever the answer": (HERE, "test_an_activation_is_what_the_host_says"),
    "16 the lock of a batch is not seen, names differ in their case":
        (CONTRACT, "test_a_locked_batch_waits_and_keeps_its_number"),
    "17 a failed print says nothing, two programs at one device":
        (MAKING, "test_after_a_jam_the_job_is_in_doubt_and_the_page_leads_to_the_end"),
    "18 an unfinished card goes out, nobody is identified again":
        (MAKING, "test_after_a_jam_the_job_is_in_doubt_and_the_page_leads_to_the_end"),
    "19 loss is sent before anything else is known to be good":
        (LOSS, "test_a_loss_is_confirmed_twice_and_listed_at_once"),
    "20 nobody knows who did it": (MAKING, "test_the_photo_is_the_jobs_own_and_the_operator_is_named_in_every_record"),
    "21 passwords in clear, personal data in addresses, plain HTTP": (LINES, "test_a_line_that_may_not_be_used"),
    "22 photos, numbers and passwords in files and logs": (OUTBOX, "test_nothing_of_the_holder_lies_open"),
    "23 waste is not recorded": (MAKING, "test_a_chip_that_fails_spoils_one_blank_and_the_page_says_what_to_do"),
    "24 what the host says is copied without a bound": (LINES, "test_an_answer_without_an_end_is_cut"),
}  # fmt: skip


def test_every_defect_has_a_test_that_is_there() -> None:
    assert [name.partition(" ")[0] for name in DEFECTS] == [str(number) for number in range(1, 25)]
    missing = []
    for file, name in DEFECTS.values():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        if name not in names:
            missing.append(f"{file}::{name}")
    assert missing == []


def profiles() -> list[HostProfile]:
    source = profile_source(None)
    return [load(source, "hosts", name, HostProfile) for name in source.names("hosts")]


def test_a_failure_can_say_nothing_of_a_success() -> None:
    """The rows of a failure have no field from which identity, dates, chip or account could come."""
    for found in profiles():
        steps = found.operations[Operation.COMPLETE]
        if "failure" not in steps.messages:
            continue
        for name in steps.messages["failure"]:
            given = {one.field for one in found.messages[name].rows if one.field}
            assert given == {"card_number", "number", "name", "stage", "reason"}
            wanted = {one.field for one in found.messages[name].rows if one.required}
            assert {"stage", "reason"} <= wanted


def test_nothing_is_filled_in_that_nobody_gave() -> None:
    """Constants of a write-back are its place in the batch and the columns that stay empty."""
    for found in profiles():
        for names in found.operations[Operation.COMPLETE].messages.values():
            for name in names:
                message = found.messages[name]
                constants = {one.constant for one in (*message.send, *message.rows) if one.constant is not None}
                assert constants <= {"", "1", "26"}, name
    with host_rig("henan", Path()) as rig:
        bare = {"result": "success", "batch": "P1", "made_at": "2026-11-22", "expires_on": "2036-11-22"}
        assert isinstance(rig.ask(Operation.COMPLETE, card_number="S1", **bare), Refused)
        assert rig.books.heard == []


def test_fields_go_by_name() -> None:
    """The order in which fields are given changes nothing; no two columns have one source but two names of a number."""
    for found in profiles():
        for name, message in found.messages.items():
            columns = [one.field for one in (*message.send, *message.rows) if one.field]
            twice = {one for one in columns if columns.count(one) > 1}
            assert twice <= {"number"}, f"{found.name}: {name}"
    with host_rig("henan", Path()) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        turned: Fields = dict(reversed(list({**HOLDER, "kind": "new"}.items())))
        reply = rig.ask(Operation.APPLY, **{name: str(value) for name, value in turned.items()})
        assert isinstance(reply, Done)
        assert list(rig.books.books.applications) == [HOLDER["number"]]


@pytest.mark.parametrize("said", ["02", "02失败", "020", "00失败", " 成功", "OK了", "001", "err", "0", "True", "{}"])
def test_an_answer_means_something_whole_or_nothing(said: str) -> None:
    found = profile("henan")
    message = found.messages["apply"]
    assert message.answers.get(understood(Outgoing(message, ()), said).code) is None


def test_names_in_an_answer_are_those_of_the_profile_to_the_letter() -> None:
    message = profile("henan").messages["find_batch"]
    came = understood(Outgoing(message, ()), "<err>OK</err><aaz500>1</aaz500>", profile("henan").wire.code)
    assert (came.code, came.fields.get("AAZ500")) == ("", None)


def test_the_state_is_the_hosts() -> None:
    """Whatever this station believes, a card is in the state that the host says when asked."""
    with host_rig("proxy", Path()) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        rig.ask(Operation.APPLY, kind="new")
        number = str(rig.ask(Operation.RESERVE).answer["card_number"])  # type: ignore[union-attr]
        chip = {"chip_account": "1", "bank_account": "2", "chip_id": "11" * 16, "atr": "3B", "card_version": "3.00"}
        assert isinstance(rig.ask(Operation.COMPLETE, card_number=number, result="success", **chip), Done)
        rig.books.books.cards[number]["state"] = "cancelled"
        reply = rig.ask(Operation.STATUS, card_number=number)
        assert isinstance(reply, Done)
        assert (reply.answer["state"], reply.answer["activated"]) == ("cancelled", False)


def test_an_activation_is_what_the_host_says() -> None:
    with host_rig("proxy", Path()) as rig:
        rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
        gone = rig.ask(Operation.ACTIVATE, card_number="S1", kind="social")
        assert gone == Refused(HostCode.NOT_FOUND, "卡号不存在")
        rig.books.mood.take_over(Mood({"activate": "state_conflict"}))
        refused = rig.ask(Operation.ACTIVATE, card_number="S1", kind="social")
        assert refused == Refused(HostCode.STATE_CONFLICT, "卡状态不允许")
        rig.books.mood.take_over(Mood({"activate": "garbled"}))
        assert isinstance(rig.ask(Operation.ACTIVATE, card_number="S1", kind="social"), Unknown)


def test_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many rows as the answer says, or it is no answer; a torn row is none either."""
    confirmed = SoapFace._batch
    for wrong in (",2\r\n", ",0\r\n", ",\r\n"):
        with host_rig("henan", Path()) as rig, monkeypatch.context() as lying:
            rig.books.books.person(str(HOLDER["number"]), str(HOLDER["name"]))
            assert isinstance(rig.ask(Operation.APPLY, kind="new"), Done)
            lying.setattr(SoapFace, "_batch", lambda *given, as_=wrong: confirmed(*given).replace(",1\r\n", as_, 1))
            assert rig.ask(Operation.RESERVE, kind="new") == Unknown(HostCode.FORMAT)
    message = profile("henan").messages["batch"]
    with pytest.raises(Unreadable):
        understood(Outgoing(message, ()), "OK,P1,1\r\n序号,社保卡号,社会保障号码,姓名\r\n1,S1,N1")
