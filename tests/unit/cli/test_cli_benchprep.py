"""The figures of ``cardfab bench dataprep``: that they are there, and those that no clock decides."""

from __future__ import annotations

import json

import pytest

from cardfab.cli.benchprep import measure, wire
from cardfab.cli.main import run


@pytest.mark.shows("cardfab bench dataprep: wire figures at most 1.10 times the least (test)")
def test_a_card_on_the_wire_is_as_short_as_its_data_allows() -> None:
    """One DGI a command, and packed: beside the least of that form, which counts data, headers and MACs only."""
    figures = {one.name: one for one in wire()}
    assert all(1.0 <= one.ratio <= 1.10 for one in figures.values()), figures
    for name, one in figures.items():
        if not name.endswith("packed"):
            packed = figures[f"{name}; packed"]
            assert packed.commands < one.commands
            assert packed.sent < one.sent


def test_every_kind_of_card_has_its_floor() -> None:
    figures = measure(1, rounds=1)
    assert [one.name for one in figures] == [
        "symmetric only", "RSA, key from the pool", "RSA, two paths", "SM2", "RSA and SM2, two paths each",
    ]  # fmt: skip
    assert all(one.floor > 0 and one.cards_a_second > 0 for one in figures)
    by_name = {one.name: one.floor for one in figures}
    assert by_name["symmetric only"] < by_name["RSA, key from the pool"]


@pytest.mark.proof
def test_the_command_gives_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "bench", "dataprep", "--count", "1"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {"preparation", "wire"} <= set(value)
    assert {"name", "microseconds", "floor", "ratio", "cards_a_second"} == set(value["preparation"][0])
    assert {"name", "commands", "sent", "least", "ratio"} == set(value["wire"][0])
