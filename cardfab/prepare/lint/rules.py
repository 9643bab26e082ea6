"""The rules by number, and the run over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.prepare.lint import agreement, contactless, release, risk, signed, structure
from cardfab.prepare.lint.assembly import Assembly, LintFinding, Severity
from cardfab.prepare.lint.fault import Fault

Check = Callable[[Assembly], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what it wants is in its function's docstring."""

    id: str
    severity: Severity
    check: Check


def _errors(*numbered: tuple[int, Check]) -> list[Rule]:
    return [Rule(f"L{number:02d}", "error" if number < 29 else "warning", check) for number, check in numbered]


RULES: tuple[Rule, ...] = tuple(
    _errors(
        (1, structure.records_exist),
        (2, structure.locators),
        (3, structure.no_tag_twice),
        (4, structure.lengths),
        (5, agreement.account_number),
        (6, agreement.track2),
        (7, agreement.dates),
        (8, agreement.names),
        (9, agreement.codes),
        (10, risk.verification_methods),
        (11, risk.risk_lists),
        (12, risk.processing_lists),
        (13, signed.what_the_aip_needs),
        (14, signed.signatures),
        (15, signed.remainders),
        (16, signed.chip_key),
        (17, release.check_values),
        (18, release.secret_lengths),
        (19, risk.issuer_data),
        (20, contactless.last_record),
        (21, contactless.answers_fit),
        (22, risk.limits),
        (23, risk.logs),
        (24, risk.counters),
        (25, structure.selection),
        (26, release.encrypted),
        (27, release.transport),
        (28, release.production),
        (29, contactless.internal_in_contact),
        (30, risk.usage_control),
        (31, contactless.processes),
        (32, risk.usual_values),
        (33, release.personal_data),
        (34, risk.unset_limits),
        (35, signed.one_set_for_two),
    )
)


def lint(assembly: Assembly) -> tuple[LintFinding, ...]:
    """Every broken rule, in the order of the rules."""
    return tuple(
        LintFinding(rule.id, rule.severity, fault.tag, fault.where, Text(fault.en, fault.zh))
        for rule in RULES
        for fault in rule.check(assembly)
    )
