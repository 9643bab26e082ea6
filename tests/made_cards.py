"""Payment cards personalised on training chips from the packaged profiles, as the station does it. Shared by tests."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, TypeVar

from cardfab.apdu.link import CardGone, Exchange, drive, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.cli.banking import training_store
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.plan import Run, carry_out, require_equal
from cardfab.plan.payment import read_financial, write_financial
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import FinancialData, prepare_financial
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip, make_card

T = TypeVar("T")
PROFILES = ProfileFolders((data_folder("profiles"),))
PANS = {16: "6299990000000017", 19: "6299990000000000012"}
PIN = "123456"
EFFECTIVE, EXPIRY = date(2026, 1, 1), date(2033, 12, 31)


@cache
def store() -> SoftKeyStore:
    """The training keys, with issuer certificates."""
    return training_store()


@cache
def _pooled(bits: int, exponent: int) -> bytes:
    return store().make_for_pool(bits, exponent)


def take_key(bits: int, exponent: int, filling: Filling) -> IccKey:
    """One chip key, made once: the tests need no second."""
    return store().icc_from_pool(_pooled(bits, exponent), filling)


def sealed_pin(pin: str = PIN) -> Sealed:
    """A PIN as the pin pad gives it."""
    pan = PANS[16]
    block = store().pad_block("bank/ZPK", 0, pin, pan)
    return store().pin_from_pad("bank/ZPK", 0, block, pan, "first PIN")


def application(name: str, **changes: Any) -> FinancialApplication:
    """A packaged profile; ``changes`` of its fields."""
    found = load(PROFILES, "applications", name, FinancialApplication)
    return found.model_copy(update=changes) if changes else found


def changed_tags(found: FinancialApplication, tags: dict[str, str]) -> FinancialApplication:
    """The application with other constants for these tags, wherever they stand."""

    def entries(given: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(
            one.model_copy(update={"value": bytes.fromhex(tags[one.tag.hex().upper()])})
            if one.tag.hex().upper() in tags and one.value is not None
            else one
            for one in given
        )

    records = tuple(one.model_copy(update={"tags": entries(one.tags)}) for one in found.records)
    return found.model_copy(
        update={"records": records, "updatable": entries(found.updatable), "internal": entries(found.internal)}
    )


@dataclass
class Wire:
    """The chip as a card connection; ``sent`` keeps what went over it."""

    chip: TrainingChip
    sent: list[bytes] = field(default_factory=list)

    def atr(self) -> bytes:
        return self.chip.atr

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        answer = self.chip.transmit(apdu)
        if not answer:
            raise CardGone
        return answer

    def reset(self) -> bytes:
        self.chip.power_off()
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()

    def run(self, exchange: Exchange[T], *, contactless: bool = False) -> T:
        """Power on, then the exchange."""
        self.chip.power_off()
        self.chip.contactless = contactless
        self.chip.power_on()
        self.sent.clear()
        return drive(exchange, link_to(self))


def prepared(found: FinancialApplication, *, keys: SoftKeyStore | None = None, **data: Any) -> PreparedCard:
    """The bank side of a card, with nothing on the other."""
    pan = PANS[found.pan_digits]
    about = FinancialData(pan, EFFECTIVE, EXPIRY, serial=0x201, **data)
    bank = prepare_financial(found, about, keys or store(), take_key=take_key, pin=sealed_pin())
    environments = {aid.hex().upper(): groupings for aid, groupings in bank.environments.items()}
    return PreparedCard(
        request_id="R1", product="debit", region="440199", card_number="T00000001", pan=pan, issue_date="2026-01-01",
        expiry_date=EXPIRY.isoformat(), records=(), groupings=bank.groupings, face={}, photo=None,
        environments=environments,
    )  # fmt: skip


def card_profile(name: str = "training-ssc2", **channel: Any) -> CardProfile:
    """A packaged kind of card, with another channel where ``channel`` says so."""
    found = load(PROFILES, "cards", name, CardProfile)
    return found.model_copy(update={"channel": found.channel.model_copy(update=channel)})


def personalise(
    found: FinancialApplication,
    *,
    kind: str = "training-ssc2",
    chip: str = "training-ssc2",
    read: bool = True,
    **channel: Any,
) -> Wire:
    """A chip with that application, PSE and PPSE; read back unless told not to."""
    wire = Wire(make_card(chip, 1))
    profile, card = card_profile(kind, **channel), prepared(found)
    carry(wire, card, profile, found, read=read)
    return wire


def carry(
    wire: Wire, card: PreparedCard, profile: CardProfile, found: FinancialApplication, *, read: bool = True
) -> Run:
    """Write, and read back in a run of its own."""
    wire.reset()
    wire.sent.clear()
    run = Run(store(), historical_bytes(wire.chip.atr), secrets.token_bytes)
    carry_out(list(write_financial(card, profile, found)), link_to(wire), run)
    if read:
        wire.reset()
        run = Run(store(), historical_bytes(wire.chip.atr), secrets.token_bytes)
        require_equal(carry_out(list(read_financial(card, profile, found)), link_to(wire), run).compared)
    return run
