"""Errors: what happened, what to do, a code, an exit status."""

from __future__ import annotations

import dataclasses

import pytest

import cardfab
from cardfab.errors import (
    CardfabError,
    CardRefused,
    DeviceFault,
    InDoubt,
    InputRefused,
    KeyFault,
    PartlyDone,
    StockFault,
    Text,
    UsageRefused,
)

WHAT = Text("The card is gone.", "卡片不见了。")
DO = Text("Look for it.", "请查找。")
STATUSES = {
    CardfabError: (1, "CF-1000"),
    UsageRefused: (2, "CF-2000"),
    InputRefused: (3, "CF-3000"),
    CardRefused: (4, "CF-4000"),
    DeviceFault: (5, "CF-5000"),
    KeyFault: (6, "CF-6000"),
    StockFault: (7, "CF-7000"),
    PartlyDone: (8, "CF-8000"),
    InDoubt: (9, "CF-9000"),
}


@pytest.mark.parametrize("cls", STATUSES)
def test_exit_statuses_are_a_promise(cls: type[CardfabError]) -> None:
    error = cls(WHAT)
    assert (error.exit_status, error.code) == STATUSES[cls]
    assert isinstance(error, CardfabError)
    assert (error.what, error.do) == (WHAT, None)
    assert getattr(cardfab, cls.__name__) is cls


def test_the_tree_has_no_other_families() -> None:
    own = [cls for cls in CardfabError.__subclasses__() if cls.__module__ == "cardfab.errors"]
    assert {CardfabError, *own} == set(STATUSES)
    assert all(cls.__bases__ == (CardfabError,) for cls in own)


def test_the_tree_is_drawn_in_the_docstring() -> None:
    drawn = cardfab.errors.__doc__ or ""
    for cls, (status, _) in STATUSES.items():
        line = next(line for line in drawn.splitlines() if f" {cls.__name__} " in f" {line} ")
        assert str(status) in line.split()


def test_sentences() -> None:
    error = DeviceFault(WHAT, do=DO, code="CF-5999")
    assert str(error) == "The card is gone."
    assert error.sentence("en") == "The card is gone. Look for it. [CF-5999]"
    assert error.sentence("zh") == "卡片不见了。请查找。 [CF-5999]"
    assert error.sentence("fr") == error.sentence("en")
    assert DeviceFault(WHAT).sentence("en") == "The card is gone. [CF-5000]"


def test_a_code_of_one_error_leaves_its_class_alone() -> None:
    assert InputRefused(WHAT, code="CF-3999").code == "CF-3999"
    assert InputRefused(WHAT).code == InputRefused.default_code == "CF-3000"


def test_a_text() -> None:
    assert WHAT.of("zh") == "卡片不见了。"
    assert WHAT.of("en") == WHAT.of("") == str(WHAT) == f"{WHAT}" == "The card is gone."
    with pytest.raises(dataclasses.FrozenInstanceError):
        WHAT.en = "x"  # type: ignore[misc]
