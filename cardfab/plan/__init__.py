"""From a prepared card and its profiles to a plan, and from a plan to a card."""

from cardfab.plan.compile import CARD_NUMBER, compile_plan
from cardfab.plan.describe import DescribedCommand, describe
from cardfab.plan.plan import OnStep, PersonalisationPlan, ReadBackDiffers, carry_out, key_uses, require_equal
from cardfab.plan.run import Comparison, Run
from cardfab.plan.steps import BlankNotBlank, OtherRegion, Step
from cardfab.plan.structure import StructureRefused, compile_erase, compile_structure

__all__ = [
    "CARD_NUMBER",
    "BlankNotBlank",
    "Comparison",
    "DescribedCommand",
    "OnStep",
    "OtherRegion",
    "PersonalisationPlan",
    "ReadBackDiffers",
    "Run",
    "Step",
    "StructureRefused",
    "carry_out",
    "compile_erase",
    "compile_plan",
    "compile_structure",
    "describe",
    "key_uses",
    "require_equal",
]
