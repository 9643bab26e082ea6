"""The station and its keys in the hands of custodians."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cardfab.cli.keymanager import SHARE, in_a_file, open_manager
from cardfab.cli.output import Talk, open_desk
from cardfab.cli.wiring import prompt
from cardfab.cli.words import Words, asker, wipe
from cardfab.errors import Text
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.keys.label import KeyInfo
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.store import KeyManager, KeyUnknown
from cardfab.production import Act
from cardfab.station.access import AskWord
from cardfab.station.desk import Desk
from cardfab.station.keychange import require_custodians

if TYPE_CHECKING:
    from cardfab.keys.pkcs11.store import Pkcs11KeyStore


@contextmanager
def custody(talk: Talk, second: str | None = None, *, changes: bool = True) -> Iterator[tuple[Desk, KeyManager]]:
    """The station and its keys, in file or token, in the hands of a custodian; outside training of two.

    Without ``changes`` nobody else is needed yet: a ceremony has its people prove themselves step by step.
    """
    if not talk.located().values.keystore.token:
        with file_custody(talk, second, changes=changes) as (desk, manager):
            yield desk, manager
        return
    with _desk(talk) as (desk, _, _):
        if changes:
            require_custodians(desk, second, training=desk.training)
        yield desk, token_of(desk).manager(training=desk.training)


@contextmanager
def file_custody(
    talk: Talk, second: str | None = None, *, changes: bool = True
) -> Iterator[tuple[Desk, SoftKeyManager]]:
    """The same of a key file; without ``changes`` nobody else is needed."""
    with _desk(talk) as (desk, ask, words):
        manager = open_manager(talk.located(), ask, words, desk.now)
        try:
            if changes:
                require_custodians(desk, second, training=manager.training)
            yield desk, manager
        finally:
            manager.close()


class _Remembered:
    """Asks for the word of a share once in a command: the desk and the keys are opened by the same shares.

    A person's password is never remembered: who proves themselves again is asked again.
    """

    def __init__(self, ask: Words) -> None:
        self._ask = ask
        self._given: dict[str, bytearray] = {}

    def __call__(self, login: str, *, new: bool = False) -> bytearray:
        if new or not login.startswith(SHARE):
            return self._ask(login, new=new)
        if login not in self._given:
            self._given[login] = self._ask(login)
        return bytearray(self._given[login])

    def wipe(self) -> None:
        """Overwrite every word."""
        for word in self._given.values():
            wipe(word)


@contextmanager
def _desk(talk: Talk) -> Iterator[tuple[Desk, Callable[[str], str], AskWord | None]]:
    found = asker(talk.password_fd, talk.of)
    words = None if found is None else _Remembered(found)
    given: dict[str, str] = {}

    def ask(what: str) -> str:
        """Each word once, although the desk and the keys both open the file."""
        if what not in given:
            given[what] = prompt(what)
        return given[what]

    def tell(advice: Text) -> None:
        talk.say(advice.en, advice.zh)

    try:
        with open_desk(talk.located(), ask=ask, ask_word=words, tell=tell) as desk:
            desk.must(Act.KEYS)
            yield desk, ask, words
    finally:
        if words is not None:
            words.wipe()


def token_of(desk: Desk) -> Pkcs11KeyStore:
    """The token behind a desk."""
    from cardfab.keys.pkcs11.store import Pkcs11KeyStore

    store = desk.keys.inner if isinstance(desk.keys, AuditedKeyStore) else desk.keys
    if not isinstance(store, Pkcs11KeyStore):
        raise in_a_file()
    return store


def info_in(manager: KeyManager, label: str) -> KeyInfo:
    """One key's attributes; raises :class:`~cardfab.keys.store.KeyUnknown`."""
    for info in manager.infos():
        if info.label == label:
            return info
    raise KeyUnknown(label)
