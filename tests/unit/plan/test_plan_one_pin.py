"""The certificate application gets the PIN of the card where it came with another."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from cardfab.apdu import pki as commands
from cardfab.apdu.link import CardAnswered, drive
from cardfab.keys import SoftKeyStore
from cardfab.keys.loading import SoftFirstPin
from cardfab.keys.secret import Secret
from cardfab.plan import Run, carry_out, describe
from cardfab.plan.certificates import write
from cardfab.plan.certifying import ChangeUserPin, VerifyPki
from cardfab.plan.steps import Select, Step
from cardfab.profile.card import CardProfile, Pki
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder

LOT = "ss/PIN-LOT7"


class TwoLots(SoftKeyStore):
    """A training store that knows the PIN of another lot too."""

    def first_pin(self, label: str) -> SoftFirstPin:
        return SoftFirstPin(Secret(bytes.fromhex("86420F"))) if label == LOT else super().first_pin(label)


@pytest.fixture(scope="module")
def pki() -> Pki:
    found = load(ProfileFolders((data_folder("profiles"),)), "cards", "training-ssc3", CardProfile).pki
    assert found is not None
    return found


def _until_changed(pki: Pki, first_pin: str | None) -> list[Step]:
    steps = list(write(pki, first_pin))
    return [step for step in steps if isinstance(step, Select | VerifyPki | ChangeUserPin)][:4]


def test_another_pin_is_changed_and_proved(pki: Pki, bench: Callable[..., Any]) -> None:
    blank = bench(version="3.0")
    keys = TwoLots.training(secrets.token_bytes)
    steps = _until_changed(pki, LOT)
    assert [type(step) for step in steps] == [Select, Select, VerifyPki, ChangeUserPin]
    carry_out(steps, blank, Run(keys, blank.chip.atr[-13:], secrets.token_bytes))
    drive(commands.enter(pki.ddf, pki.adf), blank)
    drive(commands.verify(keys.holder_pin("86420"), commands.USER), blank)
    with pytest.raises(CardAnswered):
        drive(commands.verify(keys.holder_pin("123456"), commands.USER), blank)
    assert any(
        "845E0181 14 <change the holder's PIN (PKI), 16 bytes> <MAC, 4 bytes>" in one.shown for one in describe(steps)
    )


@pytest.mark.parametrize("first_pin", [None, "ss/PIN"])
def test_the_same_pin_or_an_unknown_one_is_left(pki: Pki, first_pin: str | None) -> None:
    assert not any(isinstance(step, ChangeUserPin) for step in write(pki, first_pin))
