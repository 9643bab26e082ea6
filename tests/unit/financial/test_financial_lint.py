"""Each of the 35 rules (facts on PBOC debit, ``lint_rules``) has a card that breaks it and nothing else was changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu.tlv import Tlv, encode, parse
from cardfab.crypto.sm import sm2_generate
from cardfab.keys import Sealed
from cardfab.prepare.financial import DataGrouping, PreparedFinancial
from cardfab.prepare.lint import RULES, Assembly, lint
from cardfab.prepare.lint.specimen import lint_profile
from cardfab.profile.financial import FinancialApplication
from cardfab.simulator import authority

Change = Callable[[Assembly], Assembly]
DUAL, CONTACT, TWIN = "pboc-debit-dual", "pboc-debit-contact-rsa", "pboc-debit-dual-sm2"


def edited(dgi: str, **tags: str | None) -> Change:
    """Sets tags of a grouping (``t9F08="0040"``), adds those it lacks, takes away those that are None."""
    wanted = {int(name[1:], 16): None if value is None else bytes.fromhex(value) for name, value in tags.items()}

    def change(a: Assembly) -> Assembly:
        objects = parse(a.clear(dgi))
        outer = objects[0].tag if len(objects) == 1 and objects[0].constructed else None
        inner = parse(objects[0].value) if outer is not None else objects
        left = dict(wanted)
        kept = [Tlv(one.tag, value) for one in inner if (value := left.pop(one.tag, one.value)) is not None]
        content = encode([*kept, *(Tlv(tag, value) for tag, value in left.items() if value is not None)])
        return with_value(dgi, content if outer is None else Tlv(outer, content).to_bytes())(a)

    return change


def with_value(dgi: str, value: bytes | Sealed | None) -> Change:
    """Puts another value into a grouping, adds it, or takes it away."""

    def change(a: Assembly) -> Assembly:
        groupings = [one for one in a.groupings if one.dgi != dgi or value is not None]
        if value is not None:
            new = DataGrouping(dgi, value, "changed")
            groupings = [new if one.dgi == dgi else one for one in groupings]
            groupings += [] if any(one.dgi == dgi for one in groupings) else [new]
        return replace(a, groupings=tuple(groupings))

    return change


def profile(**changes: Any) -> Change:
    return lambda a: replace(a, application=a.application.model_copy(update=changes))


def both(*changes: Change) -> Change:
    def change(a: Assembly) -> Assembly:
        for one in changes:
            a = one(a)
        return a

    return change


def afl(dgi: str, value: str) -> Change:
    return edited(dgi, t94=value)


def other_chip(a: Assembly) -> Assembly:
    return replace(a, chip={**a.chip, "RSA": authority.authorities()[authority.F1]})


def repeated(a: Assembly) -> Assembly:
    last = {one.dgi: one for one in a.groupings}["0E01"]
    assert isinstance(last.value, bytes)
    return with_value("0E01", last.value + bytes.fromhex("9F51020156"))(a)


def clear_keys(a: Assembly) -> Assembly:
    return with_value("8000", bytes(48))(a)


def short_keys(a: Assembly) -> Assembly:
    keys = a.by_dgi["8000"]
    assert isinstance(keys, Sealed)
    return with_value("8000", replace(keys, length=47))(a)


def wrong_pse(a: Assembly) -> Assembly:
    return replace(a, application=a.application.model_copy(update={"aid": bytes.fromhex("A000000333010102")}))


@dataclass(frozen=True)
class Case:
    rule: str
    profile: str
    change: Change
    tag: str | None = None


def _aip(value: str) -> Change:
    return edited("9104", t82=value)


PAN, TRACK2 = "6299990000000017", "6299990000000017D33122200000000123456F"
CASES = [
    Case("L01", CONTACT, afl("9104", "08010200100105001801020120010100"), "94"),
    Case("L01", CONTACT, with_value("0301", bytes.fromhex("7103" + "5A0199")), "70"),
    Case("L01", CONTACT, edited("0101", t9F1F="30" * 250), "70"),
    Case("L02", CONTACT, afl("9104", "080101001001050018010203"), "94"),
    Case("L02", CONTACT, afl("9104", "08010100100105001801020120010100" + "08010100"), "94"),
    Case("L02", CONTACT, afl("9104", "0801010010010500180102012001010008"), "94"),
    Case("L03", CONTACT, edited("0401", t5A=PAN), "5A"),
    Case("L03", CONTACT, repeated, "9F51"),
    Case("L04", CONTACT, edited("0302", t9F42="01"), "9F42"),
    Case("L04", CONTACT, edited("0302", t9F42=""), "9F42"),
    Case("L04", CONTACT, edited("0204", t9F49="9F3708"), "9F49"),
    Case("L04", CONTACT, edited("0204", t9F49="9F37"), "9F49"),
    Case("L05", CONTACT, edited("0301", t5A="6299990000000018"), "5A"),
    Case("L05", CONTACT, edited("0301", t5A="62999900000000000F"), "5A"),
    Case("L05", CONTACT, profile(iin="622848"), "5A"),
    Case("L06", CONTACT, edited("0101", t57="6299990000000025D33122200000000123456F"), "57"),
    Case("L06", CONTACT, edited("0101", t57="6299990000000017D34122200000000123456F"), "57"),
    Case("L06", CONTACT, edited("0101", t57="6299990000000017D33122010000000123456F"), "57"),
    Case("L06", CONTACT, edited("0101", t57="6299990000000017D331222000000001234FFF"), "57"),
    Case("L07", CONTACT, edited("0301", t5F25="340101"), "5F25"),
    Case("L07", CONTACT, edited("0301", t5F24="331331"), "5F24"),
    Case("L07", DUAL, edited("0501", t5F24="331231"), "5F24"),
    Case("L08", CONTACT, edited("0101", t9F0B="41" * 30), "5F20"),
    Case("L08", CONTACT, edited("0101", t5F20=None), "5F20"),
    Case("L08", CONTACT, edited("0101", t5F20="5A48414E47"), "5F20"),
    Case("L09", CONTACT, edited("0E01", t9F57="0840"), "5F28"),
    Case("L09", CONTACT, edited("0302", t9F42="0840"), "9F42"),
    Case("L09", CONTACT, edited("0E01", t5F34="02"), "5F34"),
    Case("L10", CONTACT, edited("0301", t8E="000000000000000041"), "8E"),
    Case("L10", CONTACT, both(edited("0301", t8E="000000000000000041031F00"), with_value("8010", None)), "8E"),
    Case("L10", CONTACT, both(edited("0301", t8E="0000000100000000" + "1F06"), edited("0302", t9F42=None)), "9F42"),
    Case("L11", CONTACT, edited("0302", t8C="9F02069F03069F1A0295055F2A029A039C01"), "8C"),
    Case("L11", CONTACT, edited("0302", t8D="9F02069F03069F1A0295055F2A029A039C019F3704"), "8D"),
    Case("L11", CONTACT, edited("0302", t8C=None), "8C"),
    Case("L11", CONTACT, profile(cdol_limit=40), "8C"),
    Case("L12", DUAL, edited("9103", t9F38="9F66049F02069F03069F1A0295055F2A029A039C01"), "9F38"),
    Case("L12", DUAL, edited("9102", t9F38="9F1A029F02065F2A02"), "9F38"),
    Case("L12", TWIN, edited("9102", t9F38="9F1A029F7A019F02065F2A02"), "9F38"),
    Case("L13", CONTACT, edited("0203", t9F46=None), "9F46"),
    Case("L13", CONTACT, edited("0205", t93=None), "93"),
    Case("L13", CONTACT, with_value("8203", None), "82"),
    Case("L13", TWIN, with_value("8501", None), "82"),
    Case("L14", CONTACT, edited("0301", t9F07="FFC0"), "9F46"),
    Case("L14", CONTACT, edited("0301", t9F4A="94"), "9F4A"),
    Case("L14", CONTACT, _aip("7C00"), "9F46"),
    Case("L14", CONTACT, edited("0202", t8F="F7"), "8F"),
    Case("L14", TWIN, edited("0301", t9F07="FFC0"), "9F46"),
    Case("L15", CONTACT, edited("0202", t92=None), "92"),
    Case("L15", CONTACT, edited("0204", t9F48="00" * 25), "9F48"),
    Case("L15", TWIN, edited("0803", t9F47="03"), "9F47"),
    Case("L16", CONTACT, other_chip, "9F46"),
    Case("L16", TWIN, lambda a: replace(a, chip={**a.chip, "SM2": bytes(64)}), "9F46"),
    Case("L17", CONTACT, with_value("9000", bytes(9)), "9000"),
    Case("L17", TWIN, with_value("9400", None), "9400"),
    Case("L18", CONTACT, with_value("9000", bytes(8)), "9000"),
    Case("L18", CONTACT, with_value("9010", bytes.fromhex("0305")), "9010"),
    Case("L18", CONTACT, short_keys, "8000"),
    Case("L19", TWIN, edited("9201", t9F10="07010103000000010A01"), "9F10"),
    Case("L19", DUAL, edited("9207", t9F10="07020103000000010A01"), "9F10"),
    Case("L19", CONTACT, edited("9200", t9F10="0701050300000001"), "9F10"),
    Case("L19", CONTACT, edited("9200", t9F10="0601010300000001"), "9F10"),
    Case("L19", CONTACT, edited("9200", t9F10="07010103000000010A01"), "9F10"),
    Case("L20", DUAL, edited("0501", t9F6B="000000100000"), "9F6B"),
    Case("L20", DUAL, edited("0501", t9F74="454343303032"), "9F74"),
    Case("L20", DUAL, edited("0501", t9F69="01" + "00" * 20), "70"),
    Case("L20", DUAL, edited("0E01", t9F69="0100000000300000"), "9F69"),
    Case("L20", DUAL, edited("0E01", t9F69="0100000000000001"), "9F69"),
    Case("L21", DUAL, edited("9207", t94="10010200" * 12), "77"),
    Case("L21", DUAL, lambda a: profile(issuer=a.application.issuer.model_copy(update={"icc_bits": 1152}))(a), "9F46"),
    Case("L22", DUAL, edited("0D01", t9F78="000000200000"), "9F78"),
    Case("L22", DUAL, edited("0D01", t9F79="000000000100"), "9F79"),
    Case("L22", CONTACT, edited("0D01", t9F58="05"), "9F58"),
    Case("L22", CONTACT, edited("0401", t9F14="09"), "9F14"),
    Case("L23", CONTACT, edited("0D01", t9F4F=None), "9F4D"),
    Case("L23", CONTACT, edited("9102", tBF0C="9F4D02050A"), "9F4D"),
    Case("L23", DUAL, edited("9102", tBF0C="9F4D020B0ADF4D020B0A"), "DF4D"),
    Case("L24", CONTACT, edited("0E01", t9F36="0001"), "9F36"),
    Case("L25", CONTACT, edited("9102", t5A=PAN), "5A"),
    Case("L25", CONTACT, wrong_pse, "4F"),
    Case("L25", CONTACT, edited("9102", t50="504F42204352454449"), "50"),
    Case("L25", DUAL, edited("9103", t87="02"), "87"),
    Case("L26", CONTACT, clear_keys, "8000"),
    Case("L26", CONTACT, short_keys, "8000"),
    Case("L27", CONTACT, lambda a: replace(a, blocks=tuple((p1 & 0x7F, p2) for p1, p2 in a.sent)), "P1"),
    Case("L27", CONTACT, lambda a: replace(a, blocks=(*a.sent[:3], *a.sent[4:])), "P2"),
    Case("L28", CONTACT, profile(training=False), "5A"),
    Case("L28", CONTACT, both(profile(training=False), lambda a: replace(a, training_keys=True)), "8000"),
    Case("L28", CONTACT, both(profile(training=False), edited("0202", t8F="09")), "8F"),
    Case("L29", CONTACT, edited("0401", t9F12="50424F43"), "9F12"),
    Case("L30", CONTACT, edited("0301", t9F07="DF00"), "9F07"),
    Case("L31", DUAL, edited("0D01", t9F68="81409000"), "9F68"),
    Case("L31", DUAL, edited("0D01", t9F68="E1509000"), "9F68"),
    Case("L31", DUAL, edited("0D01", t9F77=None), "9F68"),
    Case("L32", CONTACT, edited("0302", t9F08="0020"), "9F08"),
    Case("L32", CONTACT, edited("0204", t9F49="9F37049F0206"), "9F49"),
    Case("L33", CONTACT, both(profile(holder_name="on chip"), edited("0101", t5F20="5A48414E47")), "5F20"),
    Case("L33", CONTACT, edited("0101", t9F61="313131"), "9F61"),
    Case("L34", CONTACT, edited("0D01", t9F53="FF"), "9F53"),
    Case("L35", DUAL, lambda a: both(edited("0705", t93=(a.first(0x93, "0205") or b"").hex()))(a), "93"),
]


@pytest.fixture(scope="session")
def cards(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> dict[str, Assembly]:
    found = {}
    for name in (CONTACT, DUAL, TWIN):
        application = financial(name)
        card = prepared(application)
        found[name] = Assembly(
            application=application,
            groupings=card.groupings,
            environments=card.environments,
            authorities=authority.authorities(),
            chip={algorithm: key.public for algorithm, key in card.keys.items()},
            training_keys=False,
        )
    return found


@pytest.mark.parametrize("name", [CONTACT, DUAL, TWIN])
def test_the_packaged_cards_break_no_rule(cards: dict[str, Assembly], name: str) -> None:
    assert lint(cards[name]) == ()


@pytest.mark.shows("each of the 35 lint rules has a test that breaks it (test)")
@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{number}" for number, case in enumerate(CASES)])
def test_a_broken_card_is_found(cards: dict[str, Assembly], case: Case) -> None:
    findings = lint(case.change(cards[case.profile]))
    mine = [one for one in findings if one.rule == case.rule]
    assert mine, f"{case.rule} found nothing; others: {[str(one) for one in findings]}"
    assert case.tag in {one.tag for one in mine}
    for one in mine:
        assert one.severity == ("error" if int(case.rule[1:]) < 29 else "warning")
        assert one.what.en
        assert one.what.zh
        assert case.rule in str(one)
        assert case.rule in one.zh


def test_every_rule_of_the_facts_is_there_and_broken_once(vectors_folder: Path) -> None:
    told = json.loads((vectors_folder / "pboc-lint-rules.json").read_text(encoding="utf-8"))["rules"]
    assert [rule.id for rule in RULES] == [one["id"] for one in told]
    assert [rule.severity for rule in RULES] == [one["severity"] for one in told]
    assert {case.rule for case in CASES} == {rule.id for rule in RULES}
    for rule in RULES:
        assert (rule.check.__doc__ or "").startswith(f"{rule.id}: ")


def test_components_in_clear_are_compared_with_the_key(
    cards: dict[str, Assembly], samples: dict[str, dict[str, Any]]
) -> None:
    """L16 over groupings that came in clear, as from a file of another bureau."""
    clear = {one["dgi"]: one["plain"] for name in ("debit-dual-sm2", "debit-dual-rsa") for one in samples[name]["dgis"]}
    card = cards[TWIN]
    for dgi in ("8201", "8202", "8203", "8204", "8205", "8501", "8502"):
        card = with_value(dgi, bytes.fromhex(clear[dgi]))(card)
    assert {one.tag for one in lint(card) if one.rule == "L16"} == {"8201", "8502"}  # another card's keys
    wrong = with_value("8502", sm2_generate(lambda n: bytes(range(n)))[1] + b"\x80" + bytes(7))(card)
    assert "8502" in {one.tag for one in lint(wrong) if one.rule == "L16"}


@pytest.mark.parametrize("name", ["pboc-debit-contact", CONTACT, DUAL, TWIN])
def test_a_profile_is_linted_over_a_specimen(
    financial: Callable[[str], FinancialApplication], keys: Any, sample_key: Any, name: str
) -> None:
    assert lint_profile(financial(name), keys, authority.authorities(), sample_key) == ()


def test_a_production_profile_is_linted_with_training_keys_and_blamed_for_its_own_faults_only(
    financial: Callable[[str], FinancialApplication], keys: Any, sample_key: Any
) -> None:
    real = financial(DUAL).model_copy(update={"training": False})
    named = real.keys.model_copy(update={"ac": "bank/REAL-AC"})
    found = lint_profile(real.model_copy(update={"keys": named}), keys, authority.authorities(), sample_key)
    assert [(one.rule, one.tag) for one in found] == [("L28", "5A")]
