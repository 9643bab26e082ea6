"""The defects of known stations that concern making (facts 3.6), each as what this station does instead."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from cardfab.production import JobState, Person
from cardfab.settings import Located
from cardfab.simulator.chip import make_blank, make_card
from cardfab.simulator.rig.control import arm
from cardfab.station.host import Operation
from cardfab.station.outlet import handing, voiding
from cardfab.station.vault import open_card
from cardfab.store import JobRow
from cardfab.web.floor import Floor
from tests.web.browser import Browser
from tests.web.holders import DATA, begin, good_photo, holder_of, make, number, wait
from tests.web.machine import at_machine, draw

pytestmark = pytest.mark.proof


def ready(floor: Floor, serial: int, product: str = "debit") -> tuple[Browser, str]:
    """An operator before the button Issue."""
    operator = Browser(floor).sign_in("operator")
    at = begin(operator, floor, serial)
    operator.get(at)
    operator.post(f"{at}/photo", files={"photo": ("p", good_photo(floor.base), "image/jpeg")})
    operator.get(at)
    sex = "1" if serial % 2 else "2"
    filed = operator.post(f"{at}/request", **{**DATA, "sex": sex, "bank_product": product})
    assert filed.status_code == 303, re.findall(r'class="error"[^>]*>([^<]*)', filed.text)
    operator.get(at)
    approved = operator.post(f"{at}/approve", second_login="supervisor", second_word="")
    assert approved.status_code == 303, approved.text
    operator.get(at)
    return operator, at


def job_of(floor: Floor, job_id: int) -> JobRow:
    with floor.base.database.reading() as tx:
        return tx.jobs.get(job_id)


def spoiled(floor: Floor, stock: str = "training-ssc2") -> int:
    with floor.base.database.reading() as tx:
        return tx.stock.account(stock).spoiled


def test_a_rejected_card_is_waste_void_at_host_and_authority_and_made_again_with_other_numbers(
    located: Located,
) -> None:
    """3.6: the failure write-back never passes its flag; waste is not recorded; certificates of waste stay good."""
    with at_machine(located, [make_card("training-ssc3", one) for one in (801, 802)]) as (floor, _):
        draw(floor, "training-ssc3", 2)
        operator, at = ready(floor, 41, "debit-v3")
        first = make(operator, floor, at)
        assert job_of(floor, first).state is JobState.INSPECTED, floor.line.events(first)[-1]
        with floor.base.database.reading() as tx:
            assert [one.revoked_at for one in tx.outlet.certificates_of(first)] == [None, None]
        operator.get(at)
        assert operator.post(f"{at}/look", verdict="bad", reason="no-such").status_code == 422, "a reason of the list"
        operator.get(at)
        assert operator.post(f"{at}/look", verdict="bad", reason="print-stain").status_code == 303
        waste = job_of(floor, first)
        assert waste.state is JobState.SPOILED
        assert "print-stain" in str(waste.reason)
        assert spoiled(floor, "training-ssc3") == 1

        with floor.base.database.reading() as tx:
            given = tx.outlet.certificates_of(first)
            void = tx.outlet.void_of(first)
            card = open_card(floor.base.keys, waste, tx.requests.get(waste.request_id))
            look = tx.outlet.look_of(first)
        assert all(one.revoked_at for one in given), "every certificate of the waste"
        authority = floor.base.authority
        assert authority is not None
        from asn1crypto import crl

        listed = crl.CertificateList.load(authority.revocations())["tbs_cert_list"]["revoked_certificates"]
        assert {f"{one['user_certificate'].native:x}" for one in listed} == {one.serial for one in given}
        assert void is not None
        assert void.state == "done"
        assert look is not None
        assert (look.verdict, look.reason, look.seen_by) == ("bad", "print-stain", "operator")
        host = floor.counter(replace(floor.base, person=person(floor, "operator")), "en").host
        assert host is not None
        about = {"number": number(41), "name": "林晓雨", "card_number": card.card_number, "blank": str(waste.chip)}
        told = host.read(Operation.STATUS, "test", about)
        assert told["failure"] is True, "the host has a failure, not a card"
        assert "state" not in told

        operator.get(at)
        assert operator.post(f"{at}/again", second_login="operator", second_word="").status_code != 303
        operator.get(at)
        assert operator.post(f"{at}/again", second_login="supervisor", second_word="").status_code == 303
        operator.get(at)
        second = make(operator, floor, at)
        new = job_of(floor, second)
        assert (new.remake_of, new.state) == (first, JobState.INSPECTED)
        assert new.card_number_index != waste.card_number_index, "a void number is on no card"
        operator.get(at)
        assert operator.post(f"{at}/look", verdict="good").status_code == 303
        with floor.base.database.reading() as tx:
            assert [one.revoked_at for one in tx.outlet.certificates_of(second)] == [None, None]
        assert voiding.void_spoiled(replace(floor.base, person=person(floor, "operator")), host).left == ()


def person(floor: Floor, login: str) -> Person:
    with floor.base.database.reading() as tx:
        return tx.people.get(login)


def test_what_cannot_be_taken_back_now_stays_due_and_the_card_stays_at_the_outlet(located: Located) -> None:
    """3.6: a host that is away: nothing is handed over before the host has taken that the card was made."""
    with at_machine(located, [make_blank(serial=811), make_blank(serial=812)], host="tcp://127.0.0.1:9") as (floor, _):
        operator, at = ready(floor, 42)
        job = make(operator, floor, at)
        operator.get(at)
        operator.post(f"{at}/look", verdict="bad", reason="body-bent")
        assert voiding.due(floor.base) == 1
        operator.get(at)
        operator.post(f"{at}/again", second_login="supervisor", second_word="")
        operator.get(at)
        job = make(operator, floor, at)
        operator.get(at)
        operator.post(f"{at}/look", verdict="good")
        page = operator.get(at).text
        assert "Hand over" in page
        answer = operator.post(f"{at}/hand", document="id-card", number=number(42))
        assert answer.status_code == 503
        assert handing.HostNotTold.default_code in answer.text
        assert handing.given_of(floor.base, job) is None
        assert "spoiled cards wait" in operator.get("/jobs").text
        assert operator.post("/jobs/void").status_code == 303
        assert "still wait" in operator.get("/jobs").text


def test_a_chip_that_fails_spoils_one_blank_and_the_page_says_what_to_do(located: Located) -> None:
    """3.6: print failure without message; waste and retract not recorded."""
    with at_machine(located, [make_blank(serial=821, wrong_update_key=True), make_blank(serial=822)]) as (floor, rig):
        operator, at = ready(floor, 43)
        job = make(operator, floor, at)
        assert job_of(floor, job).state is JobState.SPOILED
        assert len(rig.printer.machine.rejected) == 1, "the waste is in the reject box"
        assert spoiled(floor) == 1
        page = operator.get(at).text
        assert "Make it again" in page
        assert "box for spoiled cards" in page


def test_after_a_jam_the_job_is_in_doubt_and_the_page_leads_to_the_end(located: Located) -> None:
    """3.6: refresh between print and write-back loses the evidence; a doubtful card is printed or issued again."""
    with at_machine(located, [make_blank(serial=831), make_blank(serial=832)]) as (floor, rig):
        operator, at = ready(floor, 44)
        arm(rig.printer, "jam:Se")
        job = make(operator, floor, at)
        found = job_of(floor, job)
        assert found.state is JobState.IN_DOUBT, (found.state, [one.stage for one in floor.line.events(job)])
        assert found.doubt_from is JobState.PRINTING, "that it would be printed was on the disk before it was"
        page = operator.get(at).text
        assert "Settle it step by step" in page
        assert operator.post(f"{at}/make").status_code == 303
        assert job_of(floor, job).state is JobState.IN_DOUBT, "the machine repeats nothing"
        rig.printer.mend()
        page = operator.get(f"/jobs/{job}").text
        assert "never printed again" in page
        operator.post(f"/jobs/{job}/settle", eye="")
        wait(floor, job)
        page = operator.get(f"/jobs/{job}").text
        assert "spoils 1 blank card" in page
        assert operator.post(f"/jobs/{job}/settle", eye="bad").status_code == 303
        wait(floor, job)
        assert job_of(floor, job).state is JobState.SPOILED
        assert spoiled(floor) == 1
        with floor.base.database.reading() as tx:
            assert len(tx.jobs.every_of(found.request_id)) == 1, "nothing was made a second time by itself"


def test_the_photo_is_the_jobs_own_and_the_operator_is_named_in_every_record(located: Located) -> None:
    """3.6: one fixed photo file for all persons; operator unknown (constant); no default in a message."""
    with at_machine(located, [make_blank(serial=841)]) as (floor, _):
        operator, at = ready(floor, 45)
        job = make(operator, floor, at)
        row = job_of(floor, job)
        assert holder_of(floor.base, row.request_id) == number(45)
        with floor.base.database.reading() as tx:
            card = open_card(floor.base.keys, row, tx.requests.get(row.request_id))
            history = tx.jobs.history(job)
        assert card.photo == good_photo(floor.base)
        assert {one.by for one in history} <= {"operator", "supervisor"}
        assert {one.by for one in history if one.event in ("claim", "encode", "print")} == {"operator"}
        operator.get(at)
        operator.post(f"{at}/look", verdict="good")
        operator.get(at)
        wrong = operator.post(f"{at}/hand", document="id-card", number=number(46))
        assert wrong.status_code == 409, "somebody else's document"
        operator.get(at)
        assert operator.post(f"{at}/hand", document="id-card", number=number(45)).status_code == 303
        assert operator.post(f"{at}/hand", document="id-card", number=number(45)).status_code == 303, "twice is once"
        page = operator.get(at).text
        assert "HZ" in page
        assert operator.client.get(f"{at}/receipt.pdf").content.startswith(b"%PDF")
        operator.get(at)
        assert operator.post(f"{at}/signed").status_code == 303
        given = handing.given_of(floor.base, job)
        assert given is not None
        assert (given.given_by, given.signed_by) == ("operator", "operator")


def test_a_stream_that_broke_goes_on_after_the_last_event(located: Located) -> None:
    with at_machine(located, [make_blank(serial=851)]) as (floor, _):
        operator, at = ready(floor, 46)
        job = make(operator, floor, at)
        told = operator.client.get(f"/jobs/{job}/events").text
        numbers = [int(one) for one in re.findall(r"(?m)^id: (\d+)$", told)]
        assert numbers == sorted(numbers)
        assert "event: over" in told
        last = str(numbers[-1])
        rest = operator.client.get(f"/jobs/{job}/events", headers={"last-event-id": last}).text
        assert "event: step" not in rest, "nothing is told twice"
        assert "event: over" in rest
        assert operator.client.get(f"/jobs/{job}/steps").status_code == 200, "who has no script asks"
