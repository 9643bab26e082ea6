"""The policy of an outlet: what it may make at once, which papers a case needs; a mistake in it is found by lint."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cardfab.cli.profiles import lint_profile
from cardfab.cli.wiring import font_book, profile_source
from cardfab.profile.codes import CodeTables
from cardfab.profile.loader import ProfileRefused, load
from cardfab.profile.policy import OutletPolicy
from cardfab.resources import data_folder

FONTS = font_book(())


class Source:
    """The packaged profiles with one policy changed."""

    def __init__(self, text: str) -> None:
        self.packaged, self.changed = profile_source(None), text

    def names(self, kind: str) -> Sequence[str]:
        return self.packaged.names(kind)

    def text(self, kind: str, name: str) -> str | None:
        return self.changed if (kind, name) == ("policies", "training") else self.packaged.text(kind, name)


def packaged() -> str:
    return (data_folder("profiles") / "policies" / "training.toml").read_text(encoding="utf-8")


def test_the_eight_categories_and_the_open_door_are_in_the_training_policy() -> None:
    policy = load(profile_source(None), "policies", "training", OutletPolicy)
    assert len(policy.categories) == 9
    closed = {key for key, rules in policy.categories.items() if rules.closed}
    assert closed == {"old-card-holder"}, "the exchange of magnetic-stripe cards is over"
    assert {key for key, rules in policy.categories.items() if not rules.verified} == {
        "registered-poor-household",
        "old-card-holder",
    }
    known = load(profile_source(None), "codes", "training", CodeTables).category
    assert set(policy.open_categories()) == set(known)


@pytest.mark.parametrize(
    ("category", "bearer", "papers"),
    [
        ("loss-reissue", "holder", ("identity-card",)),
        ("emergency-inpatient", "holder", ("identity-card", "photo", "admission")),
        ("new-enrolment", "guardian", ("identity-card", "photo", "guardian-card", "household")),
        ("loss-reissue", "agent", ("identity-card", "agent-card", "authority")),
    ],
)
def test_the_papers_are_those_of_the_category_and_of_who_brings_them(
    category: str, bearer: str, papers: tuple[str, ...]
) -> None:
    policy = load(profile_source(None), "policies", "training", OutletPolicy)
    assert policy.needed(category, bearer) == papers  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('papers = ["identity-card", "photo", "retirement"]', 'papers = ["pension-book"]', "there is no paper"),
        ("[categories.referral]", "[categories.no-such-category]", "no code tables have the category"),
        ("closed_en = ", "closed = ", "Extra inputs"),
        ('closed_zh = "磁条卡换发工作已于2018至2019年结束"\n', "", "both or neither"),
        ('place = "data"', 'place = "nowhere"', "Input should be"),
    ],
)
def test_lint_names_what_is_wrong_with_a_policy_and_where(old: str, new: str, said: str) -> None:
    assert old in packaged()
    source = Source(packaged().replace(old, new))
    found = [one for one in lint_profile(source, "policies", "training", FONTS) if not one.warning]
    assert any(said in one.reason for one in found), found
    assert all(one.file == "policies/training.toml" for one in found)


def test_a_policy_that_names_an_unknown_paper_is_not_loaded() -> None:
    with pytest.raises(ProfileRefused):
        load(
            Source(packaged().replace('agent = ["agent-card"', 'agent = ["letter"')),
            "policies",
            "training",
            OutletPolicy,
        )
