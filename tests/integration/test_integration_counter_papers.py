"""A report of loss taken back; receipts printed again; what the papers of the counter say."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cardfab.documents import receipt_pdf
from cardfab.errors import InputRefused, Text
from cardfab.production import CardState
from cardfab.profile.shares import ShareRules
from cardfab.resources import data_folder
from cardfab.station.counter import medical
from cardfab.station.counter.activation import activate
from cardfab.station.counter.blocking import block_application
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.finding import card_of
from cardfab.station.counter.found import NotTakenBack, take_back
from cardfab.station.counter.kept import from_plain, to_plain
from cardfab.station.counter.loss import Confirmed, report_loss
from cardfab.station.counter.offsite import approve
from cardfab.station.counter.presented import ApplicationBlocked, NotServed
from cardfab.station.counter.reading import NothingInsured, read, settlement, settlement_paper, sheet
from cardfab.station.counter.release import release
from cardfab.station.counter.replace import replace_card
from cardfab.station.counter.reprint import NoReceiptKept, reprint
from cardfab.station.counter.service import SecondNeeded, Served
from cardfab.station.counter.updating import update
from cardfab.terminal.reason import Denied
from cardfab.terminal.settlement import Bill
from tests.counter_place import CLINIC, HOSPITAL, KIND, NEW, PIN, Place
from tests.integration.conftest import PLAIN, cardfab

INSURED = {KIND: "31000000", "DF04/EF05/84": "440199", "DF04/EF05/8C": "11"}


def lose(place: Place, level: Any = "temporary") -> Served:
    with place.counter() as counter:
        subject = card_of(counter.desk, PLAIN)
        return report_loss(counter, subject, place.holder(), Confirmed(True, subject.card_number[-4:]), level)


def found(place: Place, reason: str = "found at home", second: str | None = "supervisor") -> Served:
    with place.card() as here:
        return take_back(here, place.holder(second), reason)


# ---------------------------------------------------------------------------------------------- the card is found again


@pytest.mark.proof
def test_a_loss_for_a_time_is_taken_back_by_a_supervisor_who_says_why(place: Place) -> None:
    place.activated()
    lose(place)
    with pytest.raises(SecondNeeded):
        found(place, second=None)
    with pytest.raises(InputRefused) as silent:
        found(place, reason="  ")
    assert (silent.value.code, place.state()) == ("CF-3580", CardState.LOST)
    done = found(place)
    assert (done.values["host"], done.values["black_list"], done.receipt.approved_by) == ("done", False, "supervisor")
    assert place.state() is CardState.ACTIVATED
    with place.card() as here:
        assert not here.listed
        assert medical.load(here, place.holder(), PIN, 100).values["balance"] == 12_445
    [event] = place.events("card.off-black-list")
    assert event.details["reason"] == "found at home"
    lose(place)  # and again: another report, which the host hears
    assert place.host is not None
    assert place.host.heard.count("loss") == 3
    assert place.state() is CardState.LOST


def test_a_card_that_was_never_activated_is_to_be_activated_again(place: Place) -> None:
    lose(place)
    assert found(place).values["state"] == "HANDED_OVER"
    place.activated()


def test_what_is_not_taken_back(place: Place) -> None:
    with pytest.raises(NotTakenBack) as nothing:
        found(place)
    assert nothing.value.code == "CF-7635"
    lose(place)
    lose(place, "formal")  # what was for a time becomes formal
    with pytest.raises(NotTakenBack) as formal:
        found(place)
    assert formal.value.code == "CF-7636"
    assert place.state() is CardState.LOST


@pytest.mark.proof
def test_nothing_is_taken_back_once_a_replacement_is_ordered_or_without_the_hosts_word(place: Place) -> None:
    place.activated()
    lose(place)
    host, place.host = place.host, None
    assert found(place).values["host"] == "none"
    place.host = host
    lose(place)
    with place.counter() as counter:
        replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss")
    with pytest.raises(NotTakenBack):
        found(place)


# --------------------------------------------------------------------------------------------- a receipt, once more


@pytest.mark.proof
def test_a_receipt_is_printed_again_as_it_was_and_says_so(place: Place) -> None:
    with place.card() as here:
        first = activate(here, place.holder(), PIN).receipt
    with place.counter("supervisor") as counter:
        again = reprint(counter, first.made.number.lower())
        assert receipt_pdf(again, counter.desk.fonts, form="a4")[:5] == b"%PDF-"
    assert again.lines[:-1] == first.lines
    assert again.lines[-1].label.zh == "补打"
    assert (again.made, again.outcome, again.next_steps, again.document) == (
        first.made, first.outcome, first.next_steps, first.document,
    )  # fmt: skip
    assert "*" in again.holder.social_security_number
    assert [event.outcome for event in place.events("counter.receipt")] == ["done"]


def test_a_refused_service_has_a_receipt_that_says_it_was_not_done(place: Place) -> None:
    with place.card() as here, pytest.raises(NotServed):
        medical.load(here, place.holder(), PIN, 100)
    with place.counter() as counter:
        with counter.desk.database.reading() as tx:
            number = tx.services.all(last=1)[0].receipt
        again = reprint(counter, number)
    assert not again.done
    assert "not activated" in again.outcome.en


def test_a_receipt_that_is_not_kept(place: Place) -> None:
    with place.counter() as counter:
        with pytest.raises(InputRefused) as unknown:
            reprint(counter, "HZ202611220999")
        assert unknown.value.code == "CF-3151"
    place.activated()
    with place.counter() as counter:
        with counter.desk.database.transaction("erased") as tx:
            row = tx.services.all(last=1)[0]
            tx.services.end(row.id, "done", row.begun_at)
        with pytest.raises(NoReceiptKept):
            reprint(counter, row.receipt)


def test_a_kept_receipt_is_whole_and_masked(place: Place) -> None:
    with place.card() as here:
        made = update(here, place.holder(), INSURED).receipt
    assert place.number not in str(to_plain(made))
    assert to_plain(from_plain(to_plain(made))) == to_plain(made)
    with pytest.raises(KeyError):
        from_plain({"name": "", "card": "", "lines": []})


# ---------------------------------------------------------------------------------------------------- what papers say


def test_off_site_changes_one_flag_and_the_paper_says_which(place: Place) -> None:
    with place.card() as here:
        empty = update(here, place.holder(), INSURED).receipt
        done = approve(here, place.holder(), [CLINIC]).receipt
    assert [one.old for one in empty.changes] == ["", "", ""]  # an item that was empty is not one that is not shown
    assert [(one.label.zh, one.old, one.new) for one in done.changes] == [
        ("异地就诊审批标识", Text("no", "否"), Text("yes", "是")),
        ("定点医疗机构代码1", "", Text(CLINIC, CLINIC)),
    ]
    assert not any("DF04" in one.label.zh for one in empty.changes)


@pytest.mark.proof
def test_every_service_ends_in_a_sentence_of_its_own(place: Place) -> None:
    place.activated()
    said = [lose(place).receipt, found(place).receipt, lose(place, "formal").receipt]
    with place.card() as here:
        said.append(medical.recover(here, place.holder(), PIN).receipt)
    with place.counter() as counter:
        said.append(replace_card(counter, card_of(counter.desk, PLAIN), place.holder(), "loss").receipt)
    with place.counter("supervisor") as counter, pytest.raises(InputRefused, match="reason"):
        release(counter, card_of(counter.desk, PLAIN), place.holder(), "")
    assert all(one.outcome != Text("done", "办理成功") for one in said)
    assert all(one.outcome.zh.endswith("。") and one.outcome.en.endswith(".") for one in said)


@pytest.mark.proof
def test_the_settlement_is_in_words_and_a_card_without_insurance_says_so(place: Place) -> None:
    place.activated()
    rules = ShareRules.model_validate(_training_rules())
    with place.card() as here:
        with pytest.raises(NothingInsured) as none:
            settlement(here, read(here, PIN), rules, None)
        assert "card update" in (none.value.do or Text("", "")).en
        update(here, place.holder(), INSURED)
        seen = read(here, PIN)
        asked = Bill(100_000, 0, HOSPITAL, "440199", datetime(2026, 11, 22, tzinfo=UTC).date())
        settled = settlement(here, seen, rules, asked)
        paper = settlement_paper(seen.book, settled, asked.day)
        assert not sheet(here, seen, settled).areas[1].unread  # reserved files that the card does without
    assert paper.lines[0].value == Text("employee basic medical insurance", "职工基本医疗保险")
    assert all("（元）" in one.label.zh for one in paper.lines[5:])


def test_nothing_is_loaded_by_nothing(place: Place) -> None:
    place.activated()
    with place.card() as here, pytest.raises(InputRefused) as zero:
        medical.load(here, place.holder(), PIN, 0)
    assert zero.value.code == "CF-3579"


def test_papers_and_the_card_go_by_the_time_of_china(place: Place) -> None:
    place.now = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)  # half past one, next morning
    with place.card() as here:
        done = activate(here, place.holder(), PIN)
        entries = medical.account(here, PIN).entries
    assert done.receipt.made.at.isoformat()[:16] == "2026-11-23T01:30"
    assert done.receipt.made.number.startswith("HZ20261123")
    assert entries[0].time == datetime(2026, 11, 23, 1, 30)
    assert in_china("2026-11-22T17:30:00+00:00").hour == 1


# ------------------------------------------------------------------------------------------------------- the commands


@pytest.mark.proof
def test_the_commands_of_papers(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config, reader = ("--config", place.folder / "cardfab.toml"), ("--reader", f"file:{place.file}")

    def ask(lines: str, *words: str | Path) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(lines))
        return cardfab(*config, "card", *words)

    person, paper = f"{place.number}\n", tmp_path / "again.pdf"
    said = ask(f"{person}{PIN}\n{NEW}\n", "pin-change", *reader, "--receipt", tmp_path / "one.pdf", "--paper", "a5")
    assert said.exit == 0
    number = next(word for word in said.out.split() if word.startswith("HZ"))
    assert ask("", "receipt", number, paper).out.strip() == str(paper)
    assert paper.read_bytes()[:5] == b"%PDF-"
    assert ask("", "read", *reader).out.startswith("Card made, not handed over; 6 PIN tries left.")
    assert ask("", "verify", *reader).out.endswith("The card is good.\n")
    last = ask("", "read", *reader, "--json").json()["card_number"][-4:]
    assert ask(f"{person}yes\n{last}\n", "lost", "--level", "temporary").exit == 0
    assert "lost, reported for a time" in ask("", "black-list").out
    assert ask(person, "found", *reader, "--reason", "found at home", "--second", "supervisor").exit == 0
    assert "empty" in ask("", "black-list").out
    for words, exit_, code in (
        (("read", "--bill", "1000"), 2, "CF-2236"),
        (("load", "1", *reader, "--receipt", tmp_path / "nowhere" / "x.pdf"), 2, "CF-2237"),
        (("read", *reader, "--rules", place.folder / "cardfab.toml"), 3, "CF-3161"),
        (("read", "--reader", "job:2"), 3, "CF-3160"),
        (("replace", "--reason", "whim"), 3, "CF-3572"),
        (("replace",), 3, "CF-3152"),
    ):
        said = ask(person, *words)
        assert (said.exit, code in said.err, len(said.err) < 600) == (exit_, True, True), said.err


@pytest.mark.proof
def test_a_receipt_that_cannot_be_written_does_not_hide_that_the_service_is_done(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cardfab.cli.counterdesk.receipt_pdf", full)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{place.number}\n{PIN}\n"))
    words = ("card", "activate", "--reader", f"file:{place.file}", "--receipt", tmp_path / "x.pdf")
    said = cardfab("--config", place.folder / "cardfab.toml", *words)
    assert said.exit == 0
    assert "The card is activated." in said.out
    assert "cardfab card receipt HZ" in said.err


def _training_rules() -> dict[str, Any]:
    import tomllib

    return tomllib.loads((data_folder("profiles") / "shares" / "training.toml").read_text(encoding="utf-8"))


@pytest.mark.proof
def test_an_application_that_is_blocked_leaves_the_rest_readable(place: Place) -> None:
    place.activated()
    with place.card() as here:
        block_application(here, place.holder("supervisor"), "DF04", "misused")
    with place.card() as here:
        seen = read(here, PIN)
        assert seen.account is None
        assert seen.reading.values["SSSE/EF06/08"] == place.number
        assert {one.denied for one in seen.reading.files if one.directory == "DF04"} == {Denied.BLOCKED}
        with pytest.raises(ApplicationBlocked) as blocked:
            medical.load(here, place.holder(), PIN, 100)
    assert blocked.value.code == "CF-4613"
