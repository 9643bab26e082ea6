"""Sentences that are shown once, on the next page of who they are for; they go through no address and no cookie."""

from __future__ import annotations

import threading

from cardfab.errors import Text


class Notices:
    """At most one sentence a person."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Text] = {}

    def leave(self, login: str, said: Text) -> None:
        """Keep a sentence for the person's next page."""
        with self._lock:
            self._waiting[login] = said

    def take(self, login: str) -> Text | None:
        """The sentence, which is then gone."""
        with self._lock:
            return self._waiting.pop(login, None)
