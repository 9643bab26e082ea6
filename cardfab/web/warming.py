"""What a station that has just started does while nobody asks: the first page of the day is as quick as the others."""

from __future__ import annotations

import gc
import threading

from cardfab.documents.counter import Language
from cardfab.web.words import LANGUAGES, pages


def warm(first: Language) -> threading.Thread:
    """Begin: every page is compiled, those of the station's language first, then the memory is settled."""
    thread = threading.Thread(target=_warm, args=(first,), name="warming", daemon=True)
    thread.start()
    return thread


def _warm(first: Language) -> None:
    for language in sorted(LANGUAGES, key=lambda one: one != first):
        made = pages(language)
        for name in made.list_templates():
            made.get_template(name)
    settle()


def settle() -> None:
    """What is loaded by now stays: a search for cycles that went through all of it held up a page for 0.2 s."""
    gc.collect()
    gc.freeze()
