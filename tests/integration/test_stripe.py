"""The magnetic stripe in the life of a card: written between chip and print, read back, equal to the chip."""

from __future__ import annotations

import pytest

from cardfab.simulator.chip import TrainingChip
from cardfab.simulator.printer import Fault, stripe
from tests.integration.conftest import STOCK, UNAPPROVED, World
from tests.integration.test_integration_devices import rig_of
from tests.integration.test_integration_payment import change


def digits_of(chip: TrainingChip) -> str:
    """Tag 57 as it lies in the first record of the finished chip, found without any parser of ours."""
    record = chip.memory.under("debit/dgi/")["0101"]
    at = record.index(b"\x57") + 2
    return record[at : at + record[at - 1]].hex().upper().rstrip("F")


@pytest.mark.proof
@pytest.mark.parametrize("coercivity", ["high", "low"])
def test_the_stripe_says_what_the_chip_says(world: World, coercivity: str) -> None:
    change(world, "products", "debit", ("print = true", f'print = true\nstripe = "{coercivity}"'))
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    said = world.cli("issue", UNAPPROVED, "--json")
    assert said.exit == 0, said.text
    card = world.tray()
    assert isinstance(card.chip, TrainingChip)
    track2 = digits_of(card.chip).replace("D", "=")
    assert stripe.read(2, card.stripe[2]) == track2
    pan, _, rest = track2.partition("=")
    first = stripe.read(1, card.stripe[1]).split("^")
    assert (first[0], first[2][:7]) == (f"B{pan}", rest[:7])
    assert 3 not in card.stripe
    assert card.front.printed


@pytest.mark.proof
def test_a_stripe_that_does_not_read_as_written_stops_before_the_print(world: World) -> None:
    change(world, "products", "debit", ("print = true", 'print = true\nstripe = "high"'))
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    rig_of(world).printer.inject(Fault.STRIPE, on="Smw")
    said = world.cli("issue", UNAPPROVED, "--json")
    assert said.exit == 9, said.text
    assert "magnetic stripe" in said.json()["what"]["en"]
    inside = rig_of(world).inside
    assert inside is not None
    assert not inside.front.printed
    settled = world.cli("job", "resolve", UNAPPROVED)
    assert settled.exit == 0, settled.text
    [card] = rig_of(world).rejected  # spoiled and counted: a stripe that lies is not given out
    assert not card.front.printed
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)


@pytest.mark.proof
def test_a_printer_without_a_magnetic_head_is_refused_before_a_blank_moves(world: World) -> None:
    change(world, "products", "debit", ("print = true", 'print = true\nstripe = "high"'))
    change(
        world, "printers", "evolis-ymcko", ('stripe = { high = "Pmc;h", low = "Pmc;l" }', 'stripe = { low = "Pmc;l" }')
    )
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    before = len(rig_of(world).hopper)
    said = world.cli("issue", UNAPPROVED, "--json")
    assert (said.exit, said.json()["error"]) == (5, "CF-5218")
    assert len(rig_of(world).hopper) == before
    assert STOCK in world.cli("stock", "report", "--json").out
