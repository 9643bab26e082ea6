"""Loading: ``extends`` merges, a circle and a missing profile are refused, and a mistake is named by file and line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import Field

from cardfab.profile.application import FileApplication
from cardfab.profile.base import Hex, Strict
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import Finding, ProfileRefused, ProfileSource, digest, line_of, load, parse, read_toml
from cardfab.profile.product import Product
from cardfab.resources import ProfileFolders

Source = Callable[..., ProfileSource]


class Ink(Strict):
    colour: str
    grams: int = Field(default=1, ge=1)


class Machine(Strict):
    name: str
    speed: int = Field(ge=0)
    token: Hex = b""
    ink: Ink
    parts: tuple[str, ...] = ()


BASE = """name = "base"
speed = 5
token = "C0FFEE"
parts = ["a", "b"]

[ink]
colour = "black"
grams = 7
"""


def _findings(source: ProfileSource, name: str = "top", model: type[Strict] = Machine) -> list[str]:
    with pytest.raises(ProfileRefused) as refused:
        load(source, "machines", name, model)
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3200")
    assert all(str(finding) in refused.value.what.en for finding in refused.value.findings)
    return [str(finding) for finding in refused.value.findings]


def test_a_profile_by_itself(texts: Source) -> None:
    machine = load(texts(top=BASE), "machines", "top", Machine)
    assert machine == Machine(
        name="base", speed=5, token=bytes.fromhex("C0FFEE"), ink=Ink(colour="black", grams=7), parts=("a", "b")
    )


def test_extends_merges_tables_and_replaces_the_rest(texts: Source) -> None:
    top = 'extends = "middle"\nname = "top"\n[ink]\ngrams = 9\n'
    middle = 'extends = "base"\nspeed = 8\nparts = ["c"]\n'
    machine = load(texts(base=BASE, middle=middle, top=top), "machines", "top", Machine)
    assert (machine.name, machine.speed, machine.parts) == ("top", 8, ("c",))
    assert machine.ink == Ink(colour="black", grams=9)
    assert machine.token == bytes.fromhex("C0FFEE")


def test_the_base_stays_as_it_is(texts: Source) -> None:
    source = texts(base=BASE, top='extends = "base"\n[ink]\ncolour = "red"\n')
    assert load(source, "machines", "top", Machine).ink.colour == "red"
    assert load(source, "machines", "base", Machine).ink.colour == "black"


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle(texts: Source, length: int) -> None:
    ring = [f"m{number}" for number in range(length)]
    given = {name: f'extends = "{ring[(place + 1) % length]}"\n' for place, name in enumerate(ring)}
    (finding,) = _findings(texts(**given), "m0")
    assert "circle" in finding
    assert " > ".join([*ring, "m0"]) in finding


def test_a_profile_that_is_not_there(texts: Source) -> None:
    assert _findings(texts(base=BASE)) == ["machines/top.toml:1: there is no such profile; known: base"]
    assert _findings(texts()) == ["machines/top.toml:1: there is no such profile; known: none"]
    missing = _findings(texts(top='extends = "gone"\n'))
    assert missing == ["machines/gone.toml:1: there is no such profile; known: top"]


MISTAKES = [
    ("speed = 5", "speed = -5", 2, "speed"),
    ("speed = 5", 'speed = "fast"', 2, "speed"),
    ("speed = 5", "sped = 5", 2, "sped"),
    ('token = "C0FFEE"', 'token = "COFFEE"', 3, "token"),
    ('colour = "black"', "colour = 3", 7, "ink.colour"),
    ("grams = 7", "grams = 0", 8, "ink.grams"),
    ("grams = 7", "gram = 7", 8, "ink.gram"),
    ('parts = ["a", "b"]', "parts = [1]", 4, "parts.0"),
]


@pytest.mark.parametrize(("old", "new", "line", "name"), MISTAKES)
def test_a_mistake_is_named_by_its_line(texts: Source, old: str, new: str, line: int, name: str) -> None:
    assert BASE.splitlines()[line - 1] == old
    found = _findings(texts(top=BASE.replace(old, new)))
    assert any(finding.startswith(f"machines/top.toml:{line}: {name}: ") for finding in found)


def test_every_mistake_is_named(texts: Source) -> None:
    wrong = BASE.replace("speed = 5", "speed = -5").replace("grams = 7", "grams = 0").replace('name = "base"\n', "")
    found = _findings(texts(top=wrong))
    assert [finding.split(": ")[1] for finding in found] == ["name", "speed", "ink.grams"]


def test_a_mistake_in_the_base_is_named_in_the_base(texts: Source) -> None:
    """What is wrong stands in the file that the profile extends: there a person must look."""
    source = texts(base=BASE.replace("grams = 7", "grams = 0"), top='extends = "base"\nspeed = 6\n')
    (finding,) = _findings(source)
    assert finding.startswith("machines/base.toml:8: ink.grams: ")


def test_a_mistake_over_a_good_base_is_named_at_the_top(texts: Source) -> None:
    source = texts(base=BASE, top='extends = "base"\n\n[ink]\ngrams = 0\n')
    (finding,) = _findings(source)
    assert finding.startswith("machines/top.toml:4: ink.grams: ")


@pytest.mark.parametrize(
    ("text", "line"), [("name = ", 1), ("name = 1\nname = 2", 2), ("a = 1\n\n[b\n", 3), ("a = 1\nb = 1979-13-01\n", 2)]
)
def test_what_is_no_toml(texts: Source, text: str, line: int) -> None:
    (finding,) = _findings(texts(top=text))
    assert finding.startswith(f"machines/top.toml:{line}: ")
    with pytest.raises(ProfileRefused):
        read_toml(text, "x.toml")


def test_line_of_nothing_is_the_first() -> None:
    assert line_of("", ("a",)) == 1
    assert line_of(BASE, ()) == 1
    assert line_of(BASE, ("nothing",)) == 1
    assert line_of(BASE, ("ink", "nothing")) == 6


def test_a_comment_is_no_key() -> None:
    assert line_of('# speed = 3 was too slow\nname = "x"\nspeed = 5\n', ("speed",)) == 3


def test_a_key_of_another_table_is_not_taken_for_it() -> None:
    text = 'name = "x"\n[ink]\nspeed = 1\n[drive]\nspeed = 2\n'
    assert line_of(text, ("drive", "speed")) == 5
    assert line_of("[ink]\nspeed = 1\n[drive.motor]\nspeed = 2\n[drive]\nspeed = 3\n", ("drive", "speed")) == 6


# The packaged profiles, changed in one line: the finding names that line.
CHANGES: list[tuple[str, str, type[Strict], str, str]] = [
    ("products", "debit", Product, "validity_years = 10", "validity_years = 100"),
    ("products", "debit", Product, "first = 1", 'first = "x"'),
    ("products", "debit", Product, "days = 60", "days = 600"),
    ("products", "debit", Product, "training = true", "training = true\nprice = 5"),
    ("applications", "pboc-debit-contact", FinancialApplication, "tries = 3", "tries = 33"),
    ("applications", "pboc-debit-contact", FinancialApplication, 'tag = "5A"', 'tag = "5G"'),
    ("applications", "pboc-debit-contact", FinancialApplication, "[records.0302]", "[records.0300]"),
    ("applications", "pboc-debit-contact", FinancialApplication, "[records.0401]", "[records.2801]"),
    ("applications", "ssc-v2", FileApplication, 'id = "8E"', 'id = "8"'),
    ("applications", "ssc-v2", FileApplication, "0D = { name_zh", "0D0D = { name_zh"),
    ("applications", "ssc-v2", FileApplication, 'length = 15, rule = "phone", source', "length = 0, source"),
    ("applications", "ssc-v2", FileApplication, 'sfi = "0A"', 'sfi = "0A0A"'),
    ("applications", "ssc-v2", FileApplication, 'fid = "DF07"', 'fid = "DF"'),
    ("applications", "ssc-v2", FileApplication, "category = { name_zh", "Category = { name_zh"),
    ("applications", "ssc-v2", FileApplication, 'tac = "DTKDF04"', 'tac = "DTKDF04"\ntoo = 1'),
]


@pytest.mark.parametrize(
    ("kind", "name", "model", "old", "new"), CHANGES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_mistake_in_a_packaged_profile(
    packaged: ProfileFolders, kind: str, name: str, model: type[Strict], old: str, new: str
) -> None:
    text = packaged.text(kind, name) or ""
    lines = text.splitlines()
    (line,) = [number for number, content in enumerate(lines, 1) if old in content and not content.startswith("#")]
    wrong = "\n".join(lines).replace(lines[line - 1], lines[line - 1].replace(old, new))
    with pytest.raises(ProfileRefused) as refused:
        parse(read_toml(wrong, "x.toml"), model, "x.toml", wrong)
    assert [finding.line for finding in refused.value.findings] == [line + new.count("\n")]


def test_a_finding_reads_as_editors_want_it() -> None:
    assert str(Finding("cards/x.toml", 3, "reason")) == "cards/x.toml:3: reason"


# The digest of a profile


def test_the_digest_is_of_the_content(texts: Source) -> None:
    one = digest(texts(top=BASE), "machines", "top")
    assert one == digest(
        texts(top="# a comment\n" + BASE.replace("speed = 5\n", "").replace("token", "speed = 5\ntoken")),
        "machines",
        "top",
    )
    assert one != digest(texts(top=BASE.replace("speed = 5", "speed = 6")), "machines", "top")
    extended = texts(base=BASE, top='extends = "base"\n')
    assert digest(extended, "machines", "top") == one
    assert (
        digest(texts(base=BASE.replace("speed = 5", "speed = 6"), top='extends = "base"\n'), "machines", "top") != one
    )
    assert len(one) == 32
