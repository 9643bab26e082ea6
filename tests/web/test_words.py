"""The words of the pages: each in both languages, each once."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from babel.messages.extract import extract
from jinja2.ext import babel_extract

from cardfab.errors import Text
from cardfab.production import Person, Role
from cardfab.web.words import HERE, catalogues, chinese, number_for, pages, preferred, words
from tests.web.browser import Browser

KEYWORDS = dict.fromkeys(("_", "gettext", "ngettext"))


def _messages() -> Iterator[tuple[str, str]]:
    """Every message id with the file it stands in."""
    for file in sorted(HERE.rglob("*.html")):
        with file.open("rb") as source:
            for _, _, message, _ in babel_extract(source, KEYWORDS, (), {"trim_blocks": "true", "silent": "false"}):
                yield from ((one, file.name) for one in ([message] if isinstance(message, str) else message) if one)
    for file in sorted(HERE.rglob("*.py")):
        with file.open("rb") as source:
            for _, message, _, _ in extract("python", source, KEYWORDS):
                yield from ((one, file.name) for one in ([message] if isinstance(message, str) else message) if one)


def test_every_message_of_the_pages_has_chinese() -> None:
    known = chinese()
    found = list(_messages())
    assert len(found) > 50
    assert not sorted({f"{file}: {message}" for message, file in found if message not in known})


def test_no_message_is_translated_two_ways_and_none_is_left_over() -> None:
    used = {message for message, _ in _messages()}
    said: dict[str, str] = {}
    for area, catalogue in catalogues():
        for message in catalogue:
            if message.id:
                assert not message.fuzzy, (area, message.id)
                assert said.setdefault(str(message.id), str(message.string)) == message.string, message.id
    assert set(said) <= used, sorted(set(said) - used)


def test_a_translation_takes_the_same_values_as_its_message() -> None:
    holes = re.compile(r"%\(\w+\)s")
    for message, said in chinese().items():
        assert sorted(holes.findall(message)) == sorted(holes.findall(said)), message


def test_chinese_is_chinese() -> None:
    """Letters of the message are left only where they are names: PIN, ID, UTC."""
    for message, said in chinese().items():
        plain = re.sub(r"%\(\w+\)s", "", said)
        assert re.search(r"[\u3001\u4e00-\u9fff]|^[A-Z0-9 ./:-]*$", plain), message
        assert "!" not in plain
        assert "！" not in plain


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_template_can_be_read(language: str) -> None:
    environment = pages("zh" if language == "zh" else "en")
    for name in environment.list_templates():
        environment.get_template(name)


@pytest.mark.proof
def test_every_page_without_a_number_renders_in_both_languages(shared: Browser) -> None:
    shared.sign_in("trainee")
    tried = []
    for route in shared.routes():
        if "GET" in route.methods and "{" not in route.path and not route.path.startswith("/api"):
            for language in ("zh", "en"):
                shared.client.cookies.set("cardfab_language", language)
                answer = shared.get(route.path)
                assert answer.status_code < 500, (route.path, answer.text)
                tried.append(route.path)
    shared.client.cookies.delete("cardfab_language")
    assert len(tried) >= 6


def test_the_language_that_a_browser_wants_most_is_taken() -> None:
    assert preferred("zh-CN,zh;q=0.9,en;q=0.8", "en") == "zh"
    assert preferred("de,en-US;q=0.7,zh;q=0.3", "zh") == "en"
    assert preferred("zh;q=0, fr", "en") == "en"
    assert preferred("zh;q=no,en;q=0.1", "zh") == "en"
    assert preferred("", "zh") == "zh"


def test_a_text_of_the_station_is_said_in_the_language_of_the_page() -> None:
    text = Text("ready", "就绪")
    assert (words("zh").say(text), words("en").say(text), words("en").say(None)) == ("就绪", "ready", "")


def test_an_operator_sees_a_number_in_part_and_a_supervisor_whole() -> None:
    operator = Person("li", "Li", frozenset({Role.OPERATOR}))
    supervisor = Person("wang", "Wang", frozenset({Role.SUPERVISOR}))
    assert number_for("440199195109028085", operator) == "440199 ******** 8085"
    assert number_for("440199195109028085", supervisor) == "440199 19510902 8085"
    assert number_for("440199195109028085", None) == "440199 ******** 8085"
