"""A station that has just started compiles its pages before somebody asks for them."""

from __future__ import annotations

import gc

from cardfab.web.warming import warm
from cardfab.web.words import LANGUAGES, pages


def test_every_page_is_compiled_and_what_is_loaded_is_not_searched_again() -> None:
    pages.cache_clear()
    try:
        warm("en").join()
        assert gc.get_freeze_count() > 0
        for language in LANGUAGES:
            made = pages(language)
            assert made.cache is not None
            assert len(made.cache) == len(made.list_templates())
    finally:
        gc.unfreeze()
