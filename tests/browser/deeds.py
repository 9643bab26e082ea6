"""The acts of a day as somebody does them whose service may die at any moment.

Each deed has an end that the books show and a way that the pages show: after a death the clerk starts the service,
signs in, reads what the page says, and does that. Nothing is repeated because the clerk remembers it.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from cardfab.production import INTERRUPTIBLE, CardState, JobState
from cardfab.production.temporary import TemporaryState
from cardfab.station.counter.doubts import doubts
from cardfab.store import JobRow, ServiceRow
from tests.browser.books import WHOLE, check_always
from tests.browser.clerk import Clerk, Form, Screen
from tests.browser.day import REQUESTS
from tests.browser.hands import Tongue, catalogue
from tests.browser.outlet import STOCK, WORDS, Outlet

STEPS = 200
EARLY = 7
"""Of so many deaths one is drawn from the start of the service on, the others from a login on."""
LED = {
    JobState.CLAIMED: {"zh": "送卡时中断", "en": "A blank was to be fed when the work was cut off."},
    JobState.ENCODING: {"zh": "写卡时中断", "en": "The chip was being written."},
    JobState.VERIFYING: {"zh": "芯片已写完", "en": "The chip is written."},
    JobState.PRINTING: {"zh": "打印时中断", "en": "The face was being printed."},
}
"""How the page begins to lead through a job that was cut off there."""
CUT_OFF = {"zh": "存疑柜面业务：须读卡核对", "en": "Counter services in doubt: read the card"}
"""How the home page leads to a service of the counter that was cut off."""
PATIENCE = 1800.0
"""Seconds for one deed, with every death that comes in between."""


class Reaper:
    """Kills the service at moments drawn from a seed, counted from when it answered; ``left`` times."""

    def __init__(self, outlet: Outlet, seed: int, kills: int, longest: float) -> None:
        self._outlet, self._draw, self.left, self._longest = outlet, random.Random(seed), kills, longest
        self._timer: threading.Timer | None = None
        self.moments: list[float] = []

    def next(self) -> None:
        """The service is up: the next death is drawn."""
        if self.left:
            self.moments.append(round(self._draw.uniform(0.02, self._longest), 3))
            self._timer = threading.Timer(self.moments[-1], self._strike)
            self._timer.start()

    def _strike(self) -> None:
        self.left -= 1
        self._outlet.kill()

    def stop(self) -> None:
        """No more deaths."""
        self.left = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()

    def wait(self) -> None:
        """Until the death that was drawn has come."""
        if self._timer is not None:
            self._timer.join()


@dataclass
class Deeds:
    """One outlet, its clerks, and what they were told."""

    outlet: Outlet
    tongue: Tongue = "zh"
    reaper: Reaper | None = None
    told: list[str] = field(default_factory=list)
    """What the page said after each death."""
    clerk: Clerk | None = None
    login: str = ""

    def __enter__(self) -> Deeds:
        return self

    def __exit__(self, *_: object) -> None:
        if self.clerk is not None:
            self.clerk.close()
        if self.reaper is not None:
            self.reaper.stop()

    def pace(self) -> float:
        """How long this machine takes to let somebody in, in seconds; what is drawn is stretched by it."""
        begun = time.monotonic()
        self._signed_in("li")
        return time.monotonic() - begun

    def _second(self) -> dict[str, str]:
        """The supervisor who approves; the other one where a death in the middle of each try has locked the first."""
        with self.outlet.database() as database, database.reading() as tx:
            locked = tx.people.access("zhao").locked_until is not None
        return _second("qian" if locked else "zhao")

    def words(self, english: str) -> str:
        return catalogue().get(english, english) if self.tongue == "zh" else english

    # one deed until it is done

    def until(self, login: str, done: Callable[[], bool], way: Callable[[Clerk], None]) -> None:
        """As ``login``, go the way until the books show the end of it."""
        begun = time.monotonic()
        while not self._shown(done):
            assert time.monotonic() - begun < PATIENCE, f"no end of it: {self.page()}"
            try:
                way(self._signed_in(login))
            except httpx.TransportError:
                self._after_death()
            check_always(self.outlet)

    def _shown(self, done: Callable[[], bool]) -> bool:
        return done()

    def page(self) -> str:
        return "" if self.clerk is None or self.clerk.screen is None else self.clerk.screen.text

    def _signed_in(self, login: str) -> Clerk:
        if self.clerk is not None and self.login == login:
            return self.clerk
        if self.clerk is not None:
            self.clerk.close()
        self.clerk, self.login = Clerk(self.outlet.address, self.tongue), login
        screen = self.clerk.open("/login")
        screen = self.clerk.send(screen.form("/login"), {"person": login, "word": WORDS[login]})
        assert screen.status == 200, screen.text
        return self.clerk

    def _after_death(self) -> None:
        """Start it again, come in, and read what is to be done; again, where it dies meanwhile."""
        assert self.reaper is not None, self.outlet.log()
        login = self.login
        while True:
            self.reaper.wait()
            assert self.outlet.service is None, "the service answers no more, and nobody killed it"
            check_always(self.outlet)
            self.login = ""
            self.outlet.serve()
            held = [job for job in self.outlet.jobs() if job.state in INTERRUPTIBLE or job.state is JobState.IN_DOUBT]
            # Mostly it lives until somebody is in: a login cut off counts as a bad one, and six lock the person.
            early = self.reaper.left % EARLY == 0
            if early:
                self.reaper.next()
            try:
                clerk = self._signed_in(login)
                if not early:
                    self.reaper.next()
                self._read(clerk, login, held)
            except httpx.TransportError:
                self.told.append("it died while somebody came in")
                continue
            return

    def _read(self, clerk: Clerk, login: str, held: list[JobRow]) -> None:
        """What the pages say to who comes in after a death."""
        home = clerk.open("/")
        if cut := self.in_doubt():
            assert CUT_OFF[self.tongue] in home.text, home.text
            told = clerk.open("/counter/doubt").text
            assert all(row.receipt in told for row in cut), told
            assert self.words("What to do now") in told
        if held and login != "zhao":
            (job,) = held
            page = clerk.open(f"/jobs/{job.id}")
            now = self.outlet.jobs()[[one.id for one in self.outlet.jobs()].index(job.id)]
            if now.state is JobState.IN_DOUBT and page.has(f"/jobs/{job.id}/settle"):
                assert now.doubt_from is not None
                assert LED[now.doubt_from][self.tongue] in page.text, page.text
                assert self.words("What to do now") in page.text
                self.told.append(LED[now.doubt_from][self.tongue])
                return
            self.told.append(f"settled by itself: {now.state}")
            return
        start = clerk.open("/issue") if login == "li" else home
        if self.words("Your open cases") in start.text:
            sentence = self.words("To go on with one, scan the holder's identity card again.")
            assert sentence in start.text
            self.told.append(sentence)
        else:
            self.told.append(home.heading)

    # the stock

    def receive(self, count: int, drawn: int) -> None:
        both = {"count": str(count), "counted": str(count), "second_count": str(count)} | _second("li")
        note = {"note": "SH-2026-0611", "stock": STOCK, "to": "vault"}
        self.until(
            "zhao", lambda: self.outlet.account().opening == count, lambda one: self._stock(one, "receive", both | note)
        )
        draw = {name: str(drawn) for name in ("count", "counted", "second_count")} | {"stock": STOCK} | _second("li")
        self.until("zhao", lambda: self.outlet.account().remaining == drawn, lambda one: self._stock(one, "draw", draw))
        assert self.outlet.account().opening == count
        assert self.outlet.account().vault == count - drawn

    def _stock(self, clerk: Clerk, act: str, values: Mapping[str, str]) -> None:
        screen = clerk.open(f"/stock/{act}")
        screen = clerk.send(screen.form(f"/stock/{act}"), values)
        assert screen.status == 200, screen.text

    # a card

    def card(self, number: str, *, reject: bool = False) -> None:
        """From the identity card to the signed receipt; the first good card is rejected where that is wished."""
        wished = {"reject": reject}
        self.until("li", lambda: self._given(number), lambda clerk: self._card(clerk, number, wished))

    def made(self, number: str) -> None:
        """As far as the card is made; it is not handed over yet."""
        self.until("li", lambda: self.outlet.job(REQUESTS[number]).state is JobState.DONE,
                   lambda clerk: self._card(clerk, number, {}))  # fmt: skip

    def worn_out(self) -> None:
        """The machine was quicker than death: it goes on until every death that was due has come, and lives again."""
        assert self.reaper is not None
        while self.reaper.left:
            self.look()
        self.reaper.wait()
        if self.outlet.service is None:
            self.look()

    def look(self) -> None:
        """Somebody looks at the pages until the next death comes."""
        try:
            self._signed_in("li").open("/jobs")
        except httpx.TransportError:
            self._after_death()

    def tries(self, path: str, values: Mapping[str, str]) -> Screen:
        """A form of a page is sent once, whatever comes of it."""
        clerk = self._signed_in("li")
        screen = clerk.open(path)
        return clerk.send(screen.form(path.partition("?")[0]), values)

    def sent(self, *, waiting: bool) -> None:
        """What waits for the host is sent now, as the page offers it."""
        clerk = self._signed_in("li")
        screen = clerk.open("/queue")
        clerk.send(screen.form("/queue/send"))
        with self.outlet.database() as database, database.reading() as tx:
            assert bool(tx.host_outbox.open()) is waiting, self.page()

    def card_as_far_as_it_goes(self, number: str) -> None:
        """Once through the pages; the last one says why it goes no further."""
        self._card(self._signed_in("li"), number, {})

    def void(self) -> None:
        """What was issued for spoiled cards is taken back, as the list of jobs offers it while some waits."""

        def taken_back() -> bool:
            with self.outlet.database() as database, database.reading() as tx:
                return not tx.outlet.to_void()

        def take_back(clerk: Clerk) -> None:
            screen = clerk.open("/jobs")
            clerk.send(screen.form("/jobs/void"))

        self.until("li", taken_back, take_back)

    def in_doubt(self) -> tuple[ServiceRow, ...]:
        """The services at the counter of which nothing says what became of them; none is begun while nobody serves."""
        with self.outlet.database() as database, database.reading() as tx:
            assert not tx.services.with_outcome("begun")
            return doubts(tx)

    def no_service_in_doubt(self) -> None:
        """What was cut off, and found done when it was called again, is looked into; the page has a button for it."""
        self.until("li", lambda: not self.in_doubt(), self._look_into)

    def _look_into(self, clerk: Clerk) -> None:
        screen = clerk.open("/counter/doubt")
        clerk.send(screen.form("/counter/doubt"))

    def loss_told(self, number: str) -> None:
        """A report that the host did not answer is made again: the same report, told once."""
        told = self.outlet.told_host
        self.until(
            "li",
            lambda: "formal loss" in {card["state"] for card in told()["cards"].values() if card["holder"] == number},
            self._reporting(number),
        )

    def restarted(self, *, later: float = 0.0) -> None:
        """The service was ended and started again; somebody signs in anew."""
        self.outlet.kill()
        self.login = ""
        self.outlet.serve(later=later)

    def _given(self, number: str) -> bool:
        job = self.outlet.job(REQUESTS[number])
        with self.outlet.database() as database, database.reading() as tx:
            given = tx.outlet.given_of(job.id)
        return given is not None and given.signed_at is not None

    def _card(self, clerk: Clerk, number: str, wished: dict[str, bool]) -> None:
        screen = clerk.open("/issue")
        screen = clerk.send(screen.form("/issue/find"), {"number": number})
        until, steps = time.monotonic() + PATIENCE, 0
        while steps < STEPS and time.monotonic() < until:
            following = self._step(clerk, screen, number, wished)
            if following is None:
                return
            steps += following.url != screen.url or following.text != screen.text  # else the machine is at work
            screen = following
        raise AssertionError(f"the page leads nowhere: {screen.url}\n{screen.text}")

    def _step(self, clerk: Clerk, screen: Screen, number: str, wished: dict[str, bool]) -> Screen | None:
        """The one thing that the page asks for; None when the case is over."""
        assert screen.status != 500, screen.text
        if screen.status >= 400:
            return None
        if screen.has("/papers"):
            form = screen.form("/papers")
            numbers = {name: number for name in form.fields if name.startswith("number_")}
            return clerk.send(form, {"seen": form.boxes["seen"], **numbers})
        if screen.has("/approve"):
            return clerk.send(screen.form("/approve"), self._second())
        if screen.has("/make"):
            return clerk.send(screen.form("/make"))
        if screen.has("/again"):
            return clerk.send(screen.form("/again"), self._second())
        if screen.has("/look"):
            good, bad = (form for form in screen.forms if form.action.endswith("/look"))
            if wished.pop("reject", False):
                return clerk.send(bad, {"reason": bad.options["reason"][0][0]})
            return clerk.send(good)
        if screen.has("/hand"):
            return clerk.send(screen.form("/hand"), {"number": number})
        if screen.has("/signed"):
            clerk.send(screen.form("/signed"))
            return None
        doubt = [link for link, _ in screen.links if re.match(r"/jobs/\d+", link)]
        if doubt:
            return self._settle(clerk, doubt[0], screen.url)
        time.sleep(0.05)
        return clerk.open(screen.url)

    def _settle(self, clerk: Clerk, link: str, back: str) -> Screen:
        """A job in doubt: read back, and say what is seen where the page asks for an eye."""
        screen = clerk.open(link)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if screen.has("/settle"):
                assert self.words("What to do now") in screen.text
                forms = [form for form in screen.forms if form.action.endswith("/settle")]
                screen = clerk.send(self._seen(forms, int(link.split("/")[2].partition("?")[0])))
            elif self.words("The machine is at work.") in screen.text or screen.refresh:
                time.sleep(0.05)
                screen = clerk.open(link)
            else:
                return clerk.open(back)
        raise AssertionError(f"no end of the doubt:\n{screen.text}")

    def _seen(self, forms: list[Form], job_id: int) -> Form:
        """The form to send: to read back, or good or bad as the card or the feeder is seen to be."""
        asked = next(form for form in forms if form.fields["eye"] in ("", "good"))
        if asked.fields["eye"] == "":
            return asked
        (job,) = [one for one in self.outlet.jobs() if one.id == job_id]
        if job.doubt_from is JobState.CLAIMED:
            account = self.outlet.account()
            whole = len(self.outlet.lying("hopper")) == account.remaining + account.vault + account.in_doubt
        else:
            mine = [card for card in self.outlet.lying("output") if card["chip"] == job.chip]
            whole = bool(mine) and mine[0]["front"] == mine[0]["back"] == WHOLE and not mine[0]["ruined"]
        return next(form for form in forms if form.fields["eye"] == ("good" if whole else "bad"))

    # papers and the counter

    def temporary(self, number: str) -> None:
        request = REQUESTS[number]

        def approved() -> bool:
            return self.outlet.job(request).state is JobState.QUEUED

        def approve(clerk: Clerk) -> None:
            screen = clerk.open("/issue")
            screen = clerk.send(screen.form("/issue/find"), {"number": number})
            for _ in range(4):
                if screen.has("/make") or screen.status >= 400:
                    break
                screen = self._step(clerk, screen, number, {}) or screen
            if screen.has("/leave"):
                clerk.send(screen.form("/leave"))

        def in_force() -> bool:
            with self.outlet.database() as database, database.reading() as tx:
                papers = tx.temporary_cards.of_request(request)
            assert len([one for one in papers if one.state is TemporaryState.ISSUED]) <= 1
            return bool(papers)

        def issue(clerk: Clerk) -> None:
            screen = clerk.open(f"/temporary/issue?request={request}")
            clerk.send(screen.form("/temporary/issue"), {"number": number})

        self.until("li", approved, approve)
        self.until("li", in_force, issue)

    def service(self, name: str, number: str, kind: str) -> None:
        """A service at the counter; done when the books have one of that kind that was done."""
        before = self._services(kind)

        def serve(clerk: Clerk) -> None:
            screen = clerk.open(f"/counter/{name}")
            clerk.send(screen.form(f"/counter/{name}"), {"number": number})

        self.until("li", lambda: self._services(kind) > before, serve)

    def _services(self, kind: str) -> int:
        with self.outlet.database() as database, database.reading() as tx:
            return sum(row.service == kind and row.outcome == "done" for row in tx.services.all())

    def activate(self, number: str) -> None:
        chip = self.outlet.job(REQUESTS[number]).chip
        assert chip is not None
        self.outlet.hand("put", chip=chip)

        def serve(clerk: Clerk) -> None:
            screen = clerk.open("/counter/activate")
            clerk.send(screen.form("/counter/activate"), {"number": number})

        self.until("li", lambda: self.state(number) is CardState.ACTIVATED, serve)

    def state(self, number: str) -> CardState:
        job = self.outlet.job(REQUESTS[number])
        with self.outlet.database() as database, database.reading() as tx:
            return tx.cards.get(job.id).state

    def loss(self, number: str) -> None:
        self.until("li", lambda: self.state(number) is CardState.LOST, self._reporting(number))

    def _reporting(self, number: str) -> Callable[[Clerk], None]:
        def report(clerk: Clerk) -> None:
            screen = clerk.open("/counter/lost")
            screen = clerk.send(screen.form("/counter/lost/find"), {"number": number, "level": "formal"})
            if screen.status >= 400:
                return
            shown = screen.text.split("****")[-1]
            last = "".join(one for one in shown.split(" ")[0] if one.isalnum())[-4:]
            form = next(one for one in screen.forms if one.action == "/counter/lost")
            clerk.send(form, {"confirmed": "yes", "last_four": last})

        return report

    def replace(self, number: str) -> None:
        def ordered() -> bool:
            with self.outlet.database() as database, database.reading() as tx:
                found = tx.replacements.open()
            assert len(found) <= 1
            return bool(found)

        def order(clerk: Clerk) -> None:
            screen = clerk.open("/counter/replace")
            clerk.send(screen.form("/counter/replace"), {"number": number, "cause": "loss"})

        self.until("li", ordered, order)

    # the end

    def close(self) -> None:
        """The supervisor counts what lies there and closes."""

        def closed() -> bool:
            with self.outlet.database() as database, database.reading() as tx:
                return tx.stock.days.open() is None

        def close(clerk: Clerk) -> None:
            account, hopper = self.outlet.account(), len(self.outlet.lying("hopper"))
            out = sum(len(self.outlet.lying(place)) for place in ("output", "rejected", "removed"))
            counts = [hopper - account.vault, account.vault, out - account.issued, 0]
            screen = clerk.open("/day")
            if screen.has("/day/count"):
                form = screen.form("/day/count")
                names = sorted((name for name in form.fields if name.startswith("count.")), key=list(form.fields).index)
                screen = clerk.send(form, dict(zip(names, map(str, counts), strict=True)))
            if screen.has("/day/close"):
                clerk.send(screen.form("/day/close"))

        self.until("zhao", closed, close)


def _second(login: str) -> dict[str, str]:
    return {"second_login": login, "second_word": WORDS[login]}
