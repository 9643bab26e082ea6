"""A training card in a training terminal, without a reader between: shared by the tests of the terminal room."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from cardfab.apdu.link import CardGone, Exchange, drive, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.keys import SoftKeyStore, terminal_store
from cardfab.prepare.items import ItemBook
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip
from cardfab.terminal.card import PresentedCard, TerminalKeys
from tests.chips import ChipConnection

T = TypeVar("T")
PIN = "123456"
REGION = "440199"
TERMINAL = "440199000001"
PROFILES = ProfileFolders((data_folder("profiles"),))


@cache
def book(name: str = "ssc-v2") -> ItemBook:
    files = load(PROFILES, "applications", name, FileApplication)
    return ItemBook(files, load(PROFILES, "codes", "ssc-v2", CodeTables))


@cache
def issuer() -> SoftKeyStore:
    """Every root: what the issuing station and its host hold."""
    return SoftKeyStore.training(secrets.token_bytes)


@cache
def of_city(region: str, *upgraded: str) -> SoftKeyStore:
    return terminal_store(region, secrets.token_bytes, upgraded=upgraded)


class Wire(ChipConnection):
    """The chip as a card connection that keeps the commands and can lose the card."""

    def __init__(self, chip: TrainingChip) -> None:
        super().__init__(chip)
        self.sent: list[bytes] = []
        self.cut_at: int | None = None
        self.carry_out = False

    def transmit(self, apdu: bytes, /) -> bytes:
        """The command is kept; with ``cut_at`` the card is pulled out at that one, ``carry_out``: after it did it."""
        self.sent.append(apdu)
        if self.cut_at is not None and len(self.sent) > self.cut_at:
            if self.carry_out:
                self.chip.transmit(apdu)
            raise CardGone()
        return super().transmit(apdu)


@dataclass(slots=True)
class Seat:
    """One card in one terminal."""

    chip: TrainingChip
    card: PresentedCard
    wire: Wire

    def run(self, exchange: Exchange[T]) -> T:
        return drive(exchange, link_to(self.wire))


def present(chip: TrainingChip, keys: TerminalKeys, profile: str = "ssc-v2", key_version: int = 1) -> Seat:
    """The card is put in: reset, and nothing known of it."""
    wire = Wire(chip)
    historical = historical_bytes(wire.reset())
    card = PresentedCard(book(profile), keys, historical, secrets.token_bytes, key_version=key_version)
    return Seat(chip, card, wire)
