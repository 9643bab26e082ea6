"""A prepared card of each sample request, its plan, and a training chip to carry it out on, in this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu.link import Link, link_to
from cardfab.apdu.message import CommandApdu, ResponseApdu, historical_bytes
from cardfab.keys import SoftKeyStore
from cardfab.plan import PersonalisationPlan, Run, compile_plan
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.cardnumber import make_card_number
from cardfab.prepare.financial import FinancialData, build_groupings, make_pan
from cardfab.prepare.importer import read_requests
from cardfab.prepare.records import IssueData, build_records, holder_values, initialiser_number
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip, make_blank
from tests.chips import ChipConnection

REQUESTS = Path(__file__).parents[2] / "vectors" / "requests.csv"
PORTRAIT = b"\xff\xd8 a portrait \xff\xd9"
TODAY, EXPIRY = date(2026, 11, 21), date(2036, 11, 21)


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of one product."""

    card: CardProfile
    files: FileApplication
    financial: FinancialApplication


@dataclass
class Bench:
    """One chip, the link to it, and everything that was sent over it."""

    chip: TrainingChip
    sent: list[CommandApdu] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._link: Link = link_to(ChipConnection(self.chip))

    def send(self, command: CommandApdu, /) -> ResponseApdu:
        self.sent.append(command)
        return self._link.send(command)

    def power_on(self) -> None:
        self.chip.power_on()
        self.sent.clear()


@pytest.fixture(scope="session")
def profiles() -> Profiles:
    source = ProfileFolders((data_folder("profiles"),))
    return Profiles(
        load(source, "cards", "training-ssc2", CardProfile),
        load(source, "applications", "ssc-v2", FileApplication),
        load(source, "applications", "pboc-debit-contact", FinancialApplication),
    )


@pytest.fixture(scope="session")
def requests() -> tuple[IssuanceRequest, ...]:
    codes = load(ProfileFolders((data_folder("profiles"),)), "codes", "training", CodeTables)
    return read_requests(
        REQUESTS.read_bytes(),
        form="csv",
        photos=lambda name: PORTRAIT,
        judge_photo=lambda photo: (),
        codes=codes,
        today=TODAY,
    )


@pytest.fixture(scope="session")
def keys() -> SoftKeyStore:
    return SoftKeyStore.training(secrets.token_bytes)


@pytest.fixture(scope="session")
def make_card(profiles: Profiles, keys: SoftKeyStore) -> Callable[[IssuanceRequest, int], PreparedCard]:
    """The prepared card of a request with a serial number of its own."""

    def make(request: IssuanceRequest, serial: int) -> PreparedCard:
        financial = profiles.financial
        initialiser = initialiser_number(request.region, "440100", 1)
        issue = IssueData(make_card_number("T", serial), TODAY, EXPIRY, initialiser, profiles.files.version)
        pan = make_pan(financial, serial)
        labels = (financial.keys.ac, financial.keys.smi, financial.keys.smc)
        udks = keys.emv_keys(labels, pan, financial.psn, "UDK_AC, UDK_MAC, UDK_ENC")
        pin = keys.random_pin(financial.pin.digits, "first PIN, format 2 block")
        return PreparedCard(
            request_id=request.request_id,
            product="debit",
            region=request.region,
            card_number=issue.card_number,
            pan=pan,
            issue_date=TODAY.isoformat(),
            expiry_date=EXPIRY.isoformat(),
            records=build_records(profiles.files, holder_values(request, issue)),
            groupings=build_groupings(financial, FinancialData(pan, TODAY, EXPIRY), udks=udks, pin=pin),
            face={"name": request.name},
            photo=request.photo,
        )

    return make


@pytest.fixture(scope="session")
def request_named(requests: tuple[IssuanceRequest, ...]) -> Callable[[str], IssuanceRequest]:
    return lambda name: next(one for one in requests if one.name == name)


@pytest.fixture(scope="session")
def card(
    make_card: Callable[[IssuanceRequest, int], PreparedCard], request_named: Callable[[str], IssuanceRequest]
) -> PreparedCard:
    """A card with a name over both items and every optional field filled."""
    return make_card(request_named("古丽巴哈尔·阿卜力米提艾合麦提江"), 7)


@pytest.fixture(scope="session")
def compiled(profiles: Profiles) -> Callable[..., PersonalisationPlan]:
    """The plan of a card; ``channel`` changes settings of the secure channel."""

    def compile_(card: PreparedCard, **channel: Any) -> PersonalisationPlan:
        profile = profiles.card.model_copy(update={"channel": profiles.card.channel.model_copy(update=channel)})
        return compile_plan(card, profile, profiles.files, profiles.financial)

    return compile_


@pytest.fixture(scope="session")
def plan(compiled: Callable[..., PersonalisationPlan], card: PreparedCard) -> PersonalisationPlan:
    return compiled(card)


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """A powered blank with the arguments of ``make_blank``."""

    def make(**blank: Any) -> Bench:
        made = Bench(make_blank(**{"serial": 1, **blank}))
        made.power_on()
        return made

    return make


@pytest.fixture
def run_on(keys: SoftKeyStore) -> Callable[..., Run]:
    """A run on a bench's chip."""

    def make(bench: Bench, store: SoftKeyStore = keys) -> Run:
        return Run(store, historical_bytes(bench.chip.atr), secrets.token_bytes)

    return make


@pytest.fixture
def with_files(profiles: Profiles, card: PreparedCard) -> Callable[..., PersonalisationPlan]:
    """The plan of the card when one file of the application has other conditions."""

    def make(fid: str, *, kind: CardProfile = profiles.card, **changes: Any) -> PersonalisationPlan:
        directories = tuple(
            directory.model_copy(
                update={
                    "files": tuple(
                        file.model_copy(update=changes if f"{directory.name}/{file.fid.hex().upper()}" == fid else {})
                        for file in directory.files
                    )
                }
            )
            for directory in profiles.files.directories
        )
        files = profiles.files.model_copy(update={"directories": directories})
        return compile_plan(replace(card), kind, files, profiles.financial)

    return make
