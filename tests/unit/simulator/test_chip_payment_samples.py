"""Every transaction of the three sample cards, byte for byte as a second program computed it."""

from __future__ import annotations

from typing import Any

import pytest

from cardfab.crypto.sm import sm2_verify
from cardfab.simulator.chip import TrainingChip, tlv
from tests.unit.simulator.acquirer import (
    CPS,
    DEBIT,
    PPSE,
    PRODUCTS,
    RANDOM,
    Acquirer,
    ask,
    open_vector_channel,
    replayed,
)

pytestmark = pytest.mark.shows("a transaction of every kind on a personalised card, the card's side (test)")
EACH = pytest.mark.parametrize("product", PRODUCTS)
CONTACT = [(p, n) for p, one in PRODUCTS.items() for n, t in enumerate(one["transactions"]) if "cvr_first" in t]
QPBOC = [(p, n) for p, one in PRODUCTS.items() for n, t in enumerate(one["transactions"]) if "kind" in t]


def begun(product: str, sample: dict[str, Any]) -> TrainingChip:
    """GPO and dynamic data authentication of a contact sample."""
    chip = replayed(product)
    ask(chip, DEBIT)
    pdol = sample["pdol_values"]
    gpo = ask(chip, f"80A80000{len(pdol) // 2 + 2:02X}83{len(pdol) // 2:02X}{pdol}00")
    assert gpo == PRODUCTS[product]["paths"][sample["path"]]["gpo_response_format1"] + "9000"
    signed = ask(chip, sample["dda"]["internal_authenticate"])
    if sample["path"] == "contact":
        assert signed == "808180" + sample["dda"]["tag_9F4B"] + "9000"
    else:
        public = bytes.fromhex(PRODUCTS[product]["keys"]["sm2"]["icc"]["xy"])
        own, expected = bytes.fromhex(signed[4:-4]), bytes.fromhex(sample["dda"]["tag_9F4B"])
        message = bytes.fromhex(sample["dda"]["signed_message"])
        assert (len(own), own[:5]) == (len(expected), expected[:5])
        assert sm2_verify(public, message, own[5:])
        assert sm2_verify(public, message, expected[5:])
    return chip


@pytest.mark.parametrize(("product", "number"), CONTACT)
def test_contact_samples(product: str, number: int) -> None:
    sample = PRODUCTS[product]["transactions"][number]
    chip = begun(product, sample)
    first, second = sample["cdol1_values"], sample["cdol2_values"]
    assert ask(chip, f"80AE8000{len(first) // 2:02X}{first}") == sample["generate_ac1_response"] + "9000"
    assert ask(chip, sample["external_authenticate"]) == "9000"
    assert ask(chip, f"80AE4000{len(second) // 2:02X}{second}") == sample["generate_ac2_response"] + "9000"
    assert ask(chip, "80CA9F1300") == "9F1302" + sample["atc"] + "9000"


@pytest.mark.parametrize(("product", "number"), CONTACT)
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_the_script_macs_of_the_samples(product: str, number: int, late: bool) -> None:
    """Each sample script is accepted once, before or after the second cryptogram; one bit more is not."""
    sample = PRODUCTS[product]["transactions"][number]
    scripts = {name: one["apdu"] for name, one in sample["scripts"].items() if name != "pin_change"}
    changes = {f"pin_change_{n}": one["apdu"] for n, one in enumerate(sample["scripts"]["pin_change"])}
    for name, apdu in (scripts | changes).items():
        chip = begun(product, sample)
        if name in ("pin_change_2", "pin_change_3"):
            chip.memory.write({"os/pin-change-key": b"AC"})
        first, second = sample["cdol1_values"], sample["cdol2_values"]
        assert ask(chip, apdu) == "6985"
        ask(chip, f"80AE8000{len(first) // 2:02X}{first}")
        if late:
            ask(chip, sample["external_authenticate"])
            ask(chip, f"80AE4000{len(second) // 2:02X}{second}")
        assert ask(chip, f"{int(apdu, 16) ^ 1:0{len(apdu)}X}") == "6988"
        assert ask(chip, apdu) == "9000", name
        if name == "put_data_9F58":
            assert ask(chip, "80CA9F5800") == "9F5801039000"
        if name == "put_data_9F79":
            assert ask(chip, "80CA9F7900") == "9F79060000000100009000"
        if name in changes:
            assert chip.memory.read("debit/dgi/8010").hex().upper() == "26654321FFFFFFFF"
        if name == "card_block":
            assert ask(chip, DEBIT) == "6A81"
        if name == "app_block":
            assert ask(chip, DEBIT).endswith("6283")


def test_the_cda_sample() -> None:
    sample = PRODUCTS["debit-contact-rsa"]["transactions"][0]
    chip = replayed("debit-contact-rsa")
    ask(chip, DEBIT)
    ask(chip, "80A800000C830A" + sample["pdol_values"])
    first = sample["cdol1_values"]
    answer = ask(chip, f"80AE9000{len(first) // 2:02X}{first}00")
    assert answer == sample["cda_first"]["generate_ac1_response"] + "9000"


@pytest.mark.parametrize(("product", "number"), QPBOC)
def test_qpboc_samples(product: str, number: int) -> None:
    """After one contact transaction, as the ATC of the samples says; the balance by script where they had one."""
    sample = PRODUCTS[product]["transactions"][number]
    chip = replayed(product)
    load = [("04DA9F79", bytes.fromhex("000000001000"))] if sample["kind"] == "TC" else []
    assert Acquirer(chip, product).online(*load) == 0x40
    terminal = Acquirer(chip, product, contactless=True)
    chip._domain.entropy = lambda n: RANDOM if n == 4 else bytes(range(1, n + 1))
    for name, value in sample["terminal"].items():
        terminal.values[int(name, 16)] = bytes.fromhex(value)
    ask(chip, DEBIT)
    pdol = sample["pdol_values"]
    answer = ask(chip, f"80A80000{len(pdol) // 2 + 2:02X}83{len(pdol) // 2:02X}{pdol}00")
    expected = sample["gpo_response"]
    if sample["path"] == "qpboc_sm" and sample["kind"] == "TC":  # a signature with chance in it
        mine, theirs = (dict(tlv.deep(bytes.fromhex(one))) for one in (answer[:-4], expected))
        signature = mine.pop(0x9F4B)
        public = bytes.fromhex(PRODUCTS[product]["keys"]["sm2"]["icc"]["xy"])
        assert sm2_verify(public, bytes.fromhex(sample["signed_message"]), signature[5:])
        assert signature[:5] == theirs.pop(0x9F4B)[:5]
        assert {t: v for t, v in mine.items() if t != 0x77} == {t: v for t, v in theirs.items() if t != 0x77}
    else:
        assert answer == expected + "9000"
    if sample["kind"] == "TC":
        assert ask(chip, "80CA9F7900") == "9F79060000000010009000"
        assert ask(chip, "00B2012C00") == sample["last_record_returned"] + "9000"
        assert ask(chip, "80CA9F7900") == "9F79060000000009009000"
        assert ask(chip, "00B2012C00") == sample["last_record_returned"] + "9000"
        assert ask(chip, "80CA9F7900") == "9F79060000000009009000"  # taken once


@EACH
def test_fci_by_interface(product: str) -> None:
    chip = replayed(product)
    sample = {one["dgi"]: one["plain"] for one in PRODUCTS[product]["dgis"]}
    assert chip.atr.hex().startswith("3b6d0000")
    Acquirer(chip, product, contactless=True)
    assert chip.atr.hex().startswith("3b8d8001")
    if "9103" not in sample:
        assert ask(chip, DEBIT) == "6A82"
        return
    inside = "8408A000000333010101" + sample["9103"]
    assert ask(chip, DEBIT) == f"6F{len(inside) // 2:02X}" + inside + "9000"


def test_the_contactless_environment_lists_the_application() -> None:
    chip = open_vector_channel(PPSE)
    for apdu in PRODUCTS["debit-dual-rsa"]["ppse"]["apdus"]:
        assert ask(chip, apdu) == "9000"
    inside = "840E325041592E5359532E4444463031" + PRODUCTS["debit-dual-rsa"]["ppse"]["dgis"][0][1]
    assert ask(chip, PPSE) == f"6F{len(inside) // 2:02X}" + inside + "9000"
    assert chip.inspect()["ppse"]["state"] == "PERSONALISED"
    assert CPS["id"] == "cps_kmc_full"
