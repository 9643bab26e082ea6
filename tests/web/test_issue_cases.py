"""A case at the counter: found, taken by one, identified, papers seen, data judged, the photo taken in safely."""

from __future__ import annotations

import io
import re
import shutil
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cardfab.cli.output import Talk
from cardfab.cli.serving import open_floor
from cardfab.production import JobState, Person
from cardfab.settings import read_settings
from cardfab.station.outlet import cases, papers
from cardfab.store import CaseTaken
from cardfab.web.floor import Floor
from tests.web.browser import Browser
from tests.web.holders import DATA, bad_photo, begin, good_photo, holder_of, number, see


@pytest.fixture(scope="module")
def floor(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """One station for all tests of this file: each has a holder of its own."""
    folder = tmp_path_factory.mktemp("cases") / "station"
    shutil.copytree(founded, folder)
    with open_floor(read_settings((folder / "cardfab.toml",)), Talk(language="en"), names=("testserver",)) as joined:
        yield joined


@pytest.mark.proof
def test_a_new_holder_becomes_a_request_through_papers_photo_and_data(floor: Floor, operator: Browser) -> None:
    at, desk = begin(operator, floor), floor.base
    page = operator.get(at).text
    assert "Take it in" in page, "the photo comes next"
    operator.post(f"{at}/photo", files={"photo": ("../../etc/x.jpg", bad_photo(desk), "image/png")})
    page = operator.get(f"{at}?step=photo").text
    assert "The background is not plain white" in page
    assert "Take the photo again" in page, "the verdict says what to do"
    assert operator.get(f"{at}/picture.jpg").headers["content-type"] == "image/jpeg"
    operator.get(f"{at}?step=photo")
    operator.post(f"{at}/photo", files={"photo": ("p.jpg", good_photo(desk), "image/jpeg")})
    assert "The photo is good" in operator.get(f"{at}?step=photo").text
    assert "File the request" in operator.get(at).text

    wrong = operator.post(f"{at}/request", **{**DATA, "birthplace": "12", "phone": ""})
    assert wrong.status_code == 422
    assert re.search(r'id="birthplace"[^>]*aria-invalid="true"', wrong.text), "the field is marked"
    assert "林晓雨" in wrong.text, "what was typed is kept"
    assert operator.post(f"{at}/request", **DATA).status_code == 303
    with desk.database.reading() as tx:
        row = tx.outlet.case(at.rpartition("/")[2])
        assert row.typed is None
        assert row.picture is None
        assert row.portrait is None, "what the request holds is not kept twice"
        job = tx.jobs.of_request(str(row.request_id))
        assert job.state is JobState.REQUESTED
        seen = tx.outlet.papers_of(row.id)
    assert {one.paper for one in seen} == {"identity-card", "photo"}
    assert {one.seen_by for one in seen} == {"operator"}

    assert operator.get(at).text.count("second_word") > 0
    assert operator.post(f"{at}/approve", second_login="operator", second_word="").status_code in (403, 409)
    assert operator.post(f"{at}/approve", second_login="supervisor", second_word="").status_code == 303
    page = operator.get(at).text
    assert "face-front.png" in page
    assert number(17) not in page, "an operator's page shows the number in part"
    assert operator.client.get(f"{at}/face-front.png").content.startswith(b"\x89PNG")


@pytest.mark.proof
def test_a_file_that_is_no_picture_is_refused_by_its_content(floor: Floor, operator: Browser) -> None:
    at = begin(operator, floor, 31)
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (30000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    bomb = header + zlib.crc32(header[12:]).to_bytes(4, "big")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    for name, data in {"a.jpg": svg, "b.png": bomb, "c.jpg": b"", "d.jpg": b"\xff\xd8\xff\xe0 cut"}.items():
        operator.get(at)
        answer = operator.post(f"{at}/photo", files={"photo": (name, data, "image/jpeg")})
        assert answer.status_code == 422, name
        assert "CF-33" in answer.text or "CF-34" in answer.text
    with floor.base.database.reading() as tx:
        assert tx.outlet.case(at.rpartition("/")[2]).picture is None


@pytest.mark.proof
def test_what_else_a_camera_puts_into_a_file_does_not_get_in(floor: Floor, operator: Browser) -> None:
    at = begin(operator, floor, 32)
    exif = Image.Exif()
    exif[0x010E] = "Sekretariat 4711"
    large = Image.open(io.BytesIO(good_photo(floor.base))).resize((2864, 3528))
    out = io.BytesIO()
    large.save(out, "JPEG", exif=exif)
    assert b"Sekretariat" in out.getvalue()
    operator.get(at)
    assert operator.post(f"{at}/photo", files={"photo": ("p", out.getvalue(), "x/y")}).status_code == 303
    for path in ("picture.jpg", "portrait.jpg"):
        data = operator.client.get(f"{at}/{path}").content
        assert data.startswith(b"\xff\xd8")
        assert b"Sekretariat" not in data
    operator.get(f"{at}?step=photo")
    moved = operator.post(f"{at}/crop", middle="500", top="20", zoom="90")
    assert "zoom=90" in moved.headers["location"]
    assert operator.post(f"{at}/crop", middle="-1", top="x", zoom="99999").status_code in (303, 422)


def test_papers_are_those_of_the_policy_and_a_closed_category_cannot_be_chosen(floor: Floor, operator: Browser) -> None:
    operator.get("/issue")
    at = operator.post("/issue/find", number=number(21)).headers["location"]
    page = operator.get(at).text
    assert re.search(r'value="old-card-holder"[^>]* disabled', page)
    assert operator.post(f"{at}/category", category="old-card-holder", bearer="holder").status_code == 409
    assert operator.post(f"{at}/category", category="no-such", bearer="holder").status_code == 409
    assert operator.post(f"{at}/category", category="new-enrolment", bearer="guardian").status_code == 422
    operator.post(f"{at}/category", category="loss-reissue", bearer="agent")
    seen = re.findall(r'name="seen" value="([^"]+)"', operator.get(at).text)
    assert seen == ["identity-card", "agent-card", "authority", "fee"]
    somebody = {"form_token": operator.token, "seen": ["identity-card"], "number_identity-card": number(22)}
    answer = operator.client.post(f"{at}/papers", data=somebody)
    assert answer.status_code == 422
    assert "CF-3316" in answer.text, "the card of somebody else is not the holder's"


def test_a_childs_guardian_comes_with_their_papers(floor: Floor, operator: Browser) -> None:
    operator.get("/issue")
    at = operator.post("/issue/find", number=number(5, "20180505")).headers["location"]
    operator.get(at)
    assert operator.post(f"{at}/category", category="new-enrolment", bearer="holder").status_code == 422
    assert operator.post(f"{at}/category", category="new-enrolment", bearer="guardian").status_code == 303
    seen = re.findall(r'name="seen" value="([^"]+)"', operator.get(at).text)
    assert seen == ["identity-card", "photo", "guardian-card", "household"]


def test_urgent_requests_come_first_and_the_same_click_takes_one(floor: Floor, operator: Browser) -> None:
    operator.get("/issue")
    once = operator.hidden("once")
    first = operator.post("/issue/next", once=once).headers["location"]
    again = operator.post("/issue/next", once=once).headers["location"]
    assert first == again
    with floor.base.database.reading() as tx:
        row = tx.outlet.case(first.rpartition("/")[2])
        assert tx.requests.get(str(row.request_id)).urgent


def test_one_request_taken_by_many_at_the_same_moment_is_in_one_hand(floor: Floor) -> None:
    with floor.base.database.reading() as tx:
        requests = [one.id for one in tx.requests.all() if tx.outlet.open_case_of(one.id) is None][:6]
        people = {login: tx.people.get(login) for login in ("operator", "trainee")}
    for request_id in requests:
        ready, won, lost = threading.Barrier(4), [], []

        def take(login: str, request_id: str = request_id, ready: threading.Barrier = ready,
                 won: list[str] = won, lost: list[str] = lost) -> None:  # fmt: skip
            ready.wait(5)
            try:
                won.append(cases.take_request(floor.desk(people[login]), request_id, login).token)
            except CaseTaken:
                lost.append(login)

        threads = [threading.Thread(target=take, args=(login,)) for login in ("operator", "trainee") * 2]
        for one in threads:
            one.start()
        for one in threads:
            one.join(20)
        assert (len(won), len(lost)) == (1, 3)


@pytest.mark.proof
def test_resuming_identifies_the_holder_again(floor: Floor, operator: Browser) -> None:
    """3.6: resume skips the identity check."""
    at = begin(operator, floor, 33)
    assert operator.get(at).status_code == 200
    other = Browser(floor).sign_in("operator")
    answer = other.get(at)
    assert answer.status_code == 409
    assert "Scan or type the number" in answer.text
    other.get("/issue")
    assert other.post("/issue/find", number=number(33)).headers["location"] == at
    assert other.get(at).status_code == 200
    stranger = Browser(floor).sign_in("trainee")
    assert stranger.get(at).status_code == 409


def test_nobody_without_the_duty_sees_a_case_or_takes_one(floor: Floor, operator: Browser, supervisor: Browser) -> None:
    at = begin(operator, floor, 34)
    for path in ("/issue", at, f"{at}/portrait.jpg", f"{at}/face-front.png"):
        assert supervisor.get(path).status_code == 403, path
    assert supervisor.post("/issue/next", once="1" * 32).status_code == 403


def test_a_card_is_not_made_before_the_papers_were_seen(floor: Floor, operator: Browser) -> None:
    operator.get("/issue")
    at = operator.post("/issue/next", once="2" * 32).headers["location"]
    operator.get(at)
    answer = operator.post(f"{at}/make")
    assert answer.status_code == 409
    assert "CF-7331" in answer.text
    with floor.base.database.reading() as tx:
        row = tx.outlet.case(at.rpartition("/")[2])
        assert tx.jobs.of_request(str(row.request_id)).state in (JobState.QUEUED, JobState.REQUESTED)
        ssn = holder_of(floor.base, str(row.request_id))
    see(operator, at, ssn)
    case = cases.open_case(floor.desk(operator_of(floor)), row.token, row.sitting)
    assert papers.require_papers(floor.desk(operator_of(floor)), case).complete


def operator_of(floor: Floor) -> Person:
    with floor.base.database.reading() as tx:
        return tx.people.get("operator")
