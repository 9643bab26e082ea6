"""Key uses are on record under the person whose request they are for, also when many ask at once."""

from __future__ import annotations

import threading
from contextlib import nullcontext

from cardfab.station.acting import acting
from cardfab.web.floor import Floor
from tests.people import events


def test_each_use_of_a_key_is_under_the_person_of_its_request(floor: Floor) -> None:
    people = ["operator", "supervisor", "auditor", None]
    before = len(events(floor.base.database, "key.use"))
    together = threading.Barrier(len(people))

    def use(login: str | None) -> None:
        with acting(login) if login else nullcontext():
            together.wait()
            floor.base.keys.random_pin(6, "probe")

    threads = [threading.Thread(target=use, args=(login,)) for login in people]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = [(one.actor, one.outcome) for one in events(floor.base.database, "key.use")[before:]]
    for login in people:
        assert next(how for actor, how in found if actor == (login or "-")) == "intent", login
