"""Holders who do not exist, at a counter that does: their numbers, their photo, what the operator types of them."""

from __future__ import annotations

import re
import time
from pathlib import Path

from cardfab.face.photo import judge_photo
from cardfab.prepare.gb11643 import check_character
from cardfab.resources import data_folder
from cardfab.station.desk import Desk
from cardfab.station.outlet.portrait import rules_of
from cardfab.station.vault import open_request
from cardfab.web.floor import Floor
from tests.web.browser import Browser

DATA = {
    "name": "林晓雨", "sex": "1", "ethnicity": "01", "birth_date": "19900101", "birthplace": "440199",
    "region": "440199", "card_class": "3", "household_type": "10", "household_address": "示例省示例市第8街道",
    "phone": "19900001111", "employer": "", "marital_status": "", "employment_status": "1",
    "identity_category": "80", "bank_product": "debit", "replaces_card": "",
}  # fmt: skip


def number(serial: int, born: str = "19900101") -> str:
    """A citizen number of a district that does not exist."""
    body = f"440199{born}{serial:03d}"
    return body + check_character(body)


def good_photo(desk: Desk) -> bytes:
    """A drawn portrait that the rules take."""
    rules = rules_of(desk)
    photos = sorted((data_folder("examples") / "photos").glob("*.jpg"))
    return next(one.read_bytes() for one in photos if judge_photo(one.read_bytes(), rules).ok)


def bad_photo(desk: Desk) -> bytes:
    """A drawn portrait on a coloured ground."""
    rules = rules_of(desk)
    photos: list[Path] = sorted((data_folder("examples") / "photos").glob("*.jpg"))
    return next(one.read_bytes() for one in photos if not judge_photo(one.read_bytes(), rules).ok)


def holder_of(desk: Desk, request_id: str) -> str:
    """The number of the holder of a request."""
    with desk.database.reading() as tx:
        return open_request(desk.keys, tx.requests.get(request_id)).social_security_number


def begin(browser: Browser, floor: Floor, serial: int = 17, category: str = "new-enrolment") -> str:
    """A case with its papers seen; the path of its page."""
    ssn = number(serial)
    browser.get("/issue")
    at = browser.post("/issue/find", number=ssn).headers["location"]
    browser.get(at)
    browser.post(f"{at}/category", category=category, bearer="holder")
    see(browser, at, ssn)
    return at


def see(browser: Browser, at: str, ssn: str) -> None:
    """Tick every paper of the page."""
    page = browser.get(at).text
    seen = re.findall(r'name="seen" value="([^"]+)"', page)
    data = {"form_token": browser.token, "seen": seen, "number_identity-card": ssn}
    assert browser.client.post(f"{at}/papers", data=data).status_code == 303


def make(browser: Browser, floor: Floor, at: str) -> int:
    """Issue, and wait for the machine; the job."""
    browser.get(at)
    assert browser.post(f"{at}/make").status_code == 303
    with floor.base.database.reading() as tx:
        case = tx.outlet.case(at.rpartition("/")[2])
        job = tx.jobs.of_request(str(case.request_id)).id
    wait(floor, job)
    return job


def wait(floor: Floor, job: int, seconds: float = 60) -> None:
    """Until the machine is done with a job."""
    end = time.monotonic() + seconds
    while floor.line.works_on(job):
        assert time.monotonic() < end, "the machine does not end"
        time.sleep(0.02)
