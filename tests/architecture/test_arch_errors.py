"""The error tree: stable codes, one meaning each, in the family of their exit status, in both languages."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from cardfab.errors import CardfabError
from cardfab.printer.fault import Fault, PrinterFault

Source = Any
CODE = re.compile(r"CF-[1-9][0-9]{3}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def _subclasses(cls: type[CardfabError]) -> Iterator[type[CardfabError]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from _subclasses(sub)


@pytest.fixture(scope="session")
def tree(modules: dict[str, ModuleType]) -> tuple[type[CardfabError], ...]:
    """Every error class, once all modules are imported."""
    return tuple(cls for cls in dict.fromkeys(_subclasses(CardfabError)) if cls.__module__.split(".")[0] == "cardfab")


def _family(code: str) -> int:
    return int(code[3])


def test_no_two_errors_have_one_code(tree: tuple[type[CardfabError], ...]) -> None:
    """Every class has a code of its own, but the one whose code is that of the printer's fault."""
    by_code = defaultdict(set)
    for cls in tree:
        if "default_code" in vars(cls):
            by_code[cls.default_code].add(cls)
    assert {code: names for code, names in by_code.items() if len(names) > 1} == {}
    assert [cls for cls in tree if "default_code" not in vars(cls)] == [PrinterFault]


def test_codes_have_their_form_and_their_family(tree: tuple[type[CardfabError], ...]) -> None:
    for cls in tree:
        assert CODE.fullmatch(cls.default_code), cls
        assert _family(cls.default_code) == cls.exit_status, cls


def test_every_error_says_what_it_means(tree: tuple[type[CardfabError], ...]) -> None:
    families = set(CardfabError.__subclasses__())
    assert [cls.__qualname__ for cls in tree if not cls.__doc__ and cls not in families] == []


def _given_codes(source: Source) -> Iterator[tuple[str, str]]:
    """The class and the code of every ``Error(…, code="CF-…")``."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                    yield ast.unparse(node.func), str(keyword.value.value)


def test_codes_given_where_an_error_is_raised(
    sources: tuple[Source, ...], tree: tuple[type[CardfabError], ...]
) -> None:
    """They belong to one room, are nobody's default, and are of the family of what is raised."""
    defaults = {cls.default_code for cls in tree}
    classes = {cls.__name__: cls for cls in tree}
    places = defaultdict(set)
    for source in sources:
        for name, code in _given_codes(source):
            assert CODE.fullmatch(code), source.name
            places[code].add(source.room)
            if name in classes:
                assert _family(code) == classes[name].exit_status, f"{source.name}: {code}"
    assert {code: names for code, names in places.items() if len(names) > 1} == {}
    assert set(places) & defaults == set()


def test_the_faults_of_a_printer_have_codes_of_their_own(
    sources: tuple[Source, ...], tree: tuple[type[CardfabError], ...]
) -> None:
    codes = [fault.code for fault in Fault]
    assert len(set(codes)) == len(codes)
    taken = {cls.default_code for cls in tree} | {code for source in sources for _, code in _given_codes(source)}
    assert set(codes) & taken == set()
    for fault in Fault:
        assert CODE.fullmatch(fault.code)
        assert _family(fault.code) == 5
        for text in (fault.what, fault.do):
            assert text.en
            assert CHINESE.search(text.zh)


# Sentences


def _spoken(node: ast.expr) -> str | None:
    """The fixed words of a string; None when it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _spoken(node.left), _spoken(node.right)
        return None if left is None or right is None else left + right
    return None


def _text(node: ast.AST) -> tuple[int, str, str] | None:
    """The fixed words of a ``Text(en, zh)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
        words = [_spoken(argument) for argument in node.args]
        if len(words) == 2 and words[0] is not None and words[1] is not None:
            return node.lineno, words[0], words[1]
    return None


def _texts(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    yield from (found for node in ast.walk(tree) if (found := _text(node)))


def test_every_text_is_in_both_languages(sources: tuple[Source, ...]) -> None:
    """English without Chinese characters, Chinese with some: neither side was filled in with the other.

    Values alone, and what is the same everywhere, such as a command to type, have no language.
    """
    wrong, seen = [], 0
    for source in sources:
        for line, en, zh in _texts(source.tree):
            seen += 1
            same = en.strip() == zh.strip() and not en.strip().endswith(".")
            chinese = CHINESE.search(zh)
            # A measure word of Chinese ("年度", "位") may have nothing on the other side.
            measure = len(re.findall(CHINESE, zh)) <= 2 and not re.search(r"[A-Za-z]", en)
            only_one = re.search(r"[A-Za-z]{2}", en) is None if chinese else re.search(r"[a-z]{2}", en) is not None
            only_one = only_one and not measure
            if not same and (only_one or CHINESE.search(en)):
                wrong.append(f"{source.name}:{line}: {en!r} {zh!r}")
    assert seen > 300
    assert wrong == []


PART = {
    "KeyBlockRefused", "KeyNotInForce", "PrinterFault", "RecordChanged", "RightMissing", "_refused", "value_refused",
}  # fmt: skip


def _sentences(source: Source) -> Iterator[tuple[int, str, str]]:
    """Texts given to an error where it is raised; those of ``PART`` make a sentence of it themselves."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) not in PART:
            given = [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
            yield from (found for argument in given if (found := _text(argument)))


def test_what_an_error_says_is_a_sentence(sources: tuple[Source, ...]) -> None:
    wrong = [
        f"{source.name}:{line}"
        for source in sources
        for line, en, zh in _sentences(source)
        # "{name}: {sentence}" ends as the other sentence does.
        if en.strip(": ") and not (en.rstrip().endswith((".", "?")) and zh.rstrip().endswith(("。", "？")))
    ]
    assert wrong == []
