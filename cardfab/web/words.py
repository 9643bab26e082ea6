"""The words of the pages in both languages: message ids are English, Chinese comes from the ``.po`` files beside."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import i18n

from cardfab.documents.counter import Language
from cardfab.errors import Text
from cardfab.production import Person, Role
from cardfab.station.counter.clock import in_china
from cardfab.web.places import at_page

HERE = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_PO = HERE / "words" / "zh_CN"


def catalogues() -> Iterator[tuple[str, Catalog]]:
    """Every ``.po`` file by its area."""
    for file in sorted(_PO.glob("*.po")):
        with file.open("rb") as source:
            yield file.stem, read_po(source, locale="zh_CN", abort_invalid=True)


@cache
def chinese() -> Mapping[str, str]:
    """Chinese by message id, of all areas."""
    return {
        str(message.id): str(message.string)
        for _, catalogue in catalogues()
        for message in catalogue
        if message.id and message.string
    }


@dataclass(frozen=True, slots=True)
class Words:
    """One language of the pages."""

    language: Language
    _of: Mapping[str, str] = field(repr=False)

    def gettext(self, message: str) -> str:
        """The message in this language; a message id is the English itself."""
        return self._of.get(message, message)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Chinese has no plural."""
        return self.gettext(one if count == 1 and one not in self._of else many if many in self._of else one)

    def say(self, text: Text | str | None) -> str:
        """A text of the station in this language."""
        said = "" if text is None else text.of(self.language) if isinstance(text, Text) else text
        return at_page(said, self.language)


@cache
def words(language: Language) -> Words:
    """The words of a language."""
    return Words(language, chinese() if language == "zh" else {})


@cache
def pages(language: Language) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=[i18n],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    spoken = words(language)
    made.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"say": spoken.say, "language": language, "Text": Text, "once_key": lambda: secrets.token_hex(16)}
    made.filters |= {
        "grouped": number_for,
        "clock": lambda at: f"{in_china(at):%Y-%m-%d %H:%M}",
        "say_column": lambda one: spoken.say(one if isinstance(one, str | Text) else one[0]),
    }
    made.tests["text"] = lambda one: isinstance(one, Text)
    return made


_SEES_NUMBERS = frozenset({Role.SUPERVISOR, Role.AUDITOR})


def number_for(number: str, person: Person | None) -> str:
    """A social security number in groups of 6, 8, 4; its date and the sex digit are for supervisors and auditors."""
    first, middle, last = number[:6], number[6:-4], number[-4:]
    if person is None or _SEES_NUMBERS.isdisjoint(person.roles):
        middle = "*" * len(middle)
    return " ".join(filter(None, (first, middle, last)))


def preferred(header: str, default: Language) -> Language:
    """The language that an ``Accept-Language`` header wants most, of the two there are."""
    best: tuple[float, Language] | None = None
    for part in header.split(",")[:20]:
        name, _, rest = part.strip().partition(";")
        base = name.split("-")[0].lower()
        language = next((one for one in LANGUAGES if one == base), None)
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            continue
        if language is not None and weight > 0 and (best is None or weight > best[0]):
            best = weight, language
    return default if best is None else best[1]
