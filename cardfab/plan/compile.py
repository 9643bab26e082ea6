"""A prepared card and its profiles compile to a plan. Pure: the same input gives the same plan, byte for byte."""

from __future__ import annotations

from cardfab.plan import certificates
from cardfab.plan.files import CARD_NUMBER, HOLDER_NUMBER, Filing
from cardfab.plan.payment import read_financial, write_financial
from cardfab.plan.plan import PersonalisationPlan
from cardfab.prepare.card import PreparedCard
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.financial import FinancialApplication


def compile_plan(
    card: PreparedCard,
    profile: CardProfile,
    files: FileApplication,
    financial: FinancialApplication,
) -> PersonalisationPlan:
    """Everything that is done to one chip; raises InputRefused when a profile cannot be followed."""
    required = card.region if profile.blanks == "same region" else None
    filing = Filing(files, profile)
    blank, pki = tuple(filing.blank(required)), profile.pki
    asked = () if pki is None else (*certificates.ask(card, pki), filing.select_holder())
    return PersonalisationPlan(
        product=card.product,
        inspect=blank,
        encode=(
            *blank,
            *asked,
            *filing.write(card),
            *(() if pki is None else certificates.write(pki, profile.first_pin)),
            *write_financial(card, profile, financial),
        ),
        verify=(
            *filing.read(card),
            *(() if pki is None else certificates.read(card, pki)),
            *read_financial(card, profile, financial),
        ),
        identify=tuple(filing.identify()),
    )


__all__ = ["CARD_NUMBER", "HOLDER_NUMBER", "compile_plan"]
