"""The 35 rules for a payment card (facts on PBOC debit, ``lint_rules``), each a function over an assembled card.

``cardfab profile lint`` runs them over a specimen of a profile; preparation checks by itself what differs from card to
card and names the same rules.
"""

from cardfab.prepare.lint.assembly import Assembly, LintFinding
from cardfab.prepare.lint.rules import RULES, lint

__all__ = ["RULES", "Assembly", "LintFinding", "lint"]
