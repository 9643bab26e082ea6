"""The training station of the tests as if it were a real one: its people have passwords, and everybody is asked."""

from __future__ import annotations

import os
from dataclasses import replace

from cardfab.crypto.password import hash_password
from cardfab.production import Person
from cardfab.production.people import Role
from cardfab.resources import data_folder
from cardfab.web.floor import Floor
from tests.web.browser import Browser

WORDS = {
    "trainee": "a heron over the weir",
    "operator": "elf Pferde zwei Hasen",
    "operator2": "thirteen kites at dawn",
    "supervisor": "一二三四五六七八九十一二",
    "supervisor2": "salt on the north road",
    "auditor": "green stones in a river",
    "administrator": "lamp oil for the winter",
}


def real(floor: Floor) -> Floor:
    """The floor, not for training; passwords are those of :data:`WORDS`. The trainee becomes a second administrator."""
    with floor.base.database.transaction("passwords") as tx:
        for login, word in WORDS.items():
            if tx.people.find(login) is None:
                role = Role.SUPERVISOR if login.startswith("super") else Role.OPERATOR
                tx.people.add(Person(login, login.title(), frozenset({role})))
            tx.people.change(login, hash=hash_password(bytearray(word.encode()), os.urandom))
        tx.people.set_roles(Person("trainee", "-", frozenset({Role.ADMINISTRATOR})))
    tables = floor.folder / "profiles" / "codes"
    tables.mkdir(parents=True, exist_ok=True)
    training = (data_folder("profiles") / "codes" / "training.toml").read_text(encoding="utf-8")
    (tables / "station.toml").write_text(training.replace('name = "training"', 'name = "station"'), encoding="utf-8")
    door = replace(floor.base.entrance(), training=False)
    return replace(floor, base=replace(floor.base, training=False, door=door))


def come_in(floor: Floor, login: str) -> Browser:
    """A browser in which that person has signed in by password."""
    return Browser(floor).sign_in(login, WORDS[login])
