"""Who may do what."""

from __future__ import annotations

import pytest

from cardfab.production import Act, NotAllowed, Person, Role

MAY = {
    Role.OPERATOR: {
        Act.IMPORT, Act.ISSUE, Act.RESOLVE, Act.TEMPORARY, Act.READ, Act.PIN, Act.ACTIVATE, Act.LOSS, Act.REPLACE,
        Act.BLOCK, Act.UPDATE, Act.OFFSITE, Act.ACCOUNT, Act.STATEMENT,
    },
    Role.SUPERVISOR: {
        Act.APPROVE, Act.RESOLVE, Act.STOCK, Act.EXPORT_AUDIT, Act.STAFF, Act.READ, Act.RELEASE, Act.WITNESS,
        Act.HAND_OVER,
    },
    Role.AUDITOR: {Act.EXPORT_AUDIT},
    Role.KEY_CUSTODIAN: set(),
}  # fmt: skip


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("act", Act)
def test_a_role_and_an_act(role: Role, act: Act) -> None:
    person = Person("li", "李", frozenset({role}))
    assert person.may(act) == (act in MAY[role])
    if act in MAY[role]:
        person.must(act)
        return
    with pytest.raises(NotAllowed, match="'li' may not") as refused:
        person.must(act)
    assert (refused.value.exit_status, refused.value.code) == (7, "CF-7400")
    assert refused.value.do is not None


def test_roles_add_up() -> None:
    assert all(Person("li", "李", frozenset(Role)).may(act) for act in Act)
    assert not any(Person("li", "李", frozenset()).may(act) for act in Act)


def test_nobody_serves_and_allows_by_one_role() -> None:
    """A release and the second look at a block are another person's duty than the service."""
    assert not any({Act.ACTIVATE, Act.RELEASE} <= acts or {Act.BLOCK, Act.WITNESS} <= acts for acts in MAY.values())


def test_nobody_approves_and_issues_by_one_role() -> None:
    """Two duties that one role must not join: asking for a card and letting it be made."""
    assert not any({Act.APPROVE, Act.ISSUE} <= acts or {Act.STOCK, Act.ISSUE} <= acts for acts in MAY.values())


@pytest.mark.parametrize("act", Act)
def test_the_refusal_is_in_both_languages(act: Act) -> None:
    """The act is named in the language of the sentence."""
    with pytest.raises(NotAllowed) as refused:
        Person("li", "李", frozenset()).must(act)
    assert str(act) in refused.value.what.en
    assert str(act) not in refused.value.what.zh
