"""Who may do what."""

from __future__ import annotations

import pytest

from cardfab.production import Act, NotAllowed, Person, Role, RolesRefused, SamePerson, require_apart, require_other
from cardfab.production.people import APPROVING, MAKING, weighty

MAY = {
    Role.OPERATOR: {
        Act.IMPORT, Act.ISSUE, Act.RESOLVE, Act.TEMPORARY, Act.READ, Act.PIN, Act.ACTIVATE, Act.LOSS, Act.REPLACE,
        Act.BLOCK, Act.UPDATE, Act.OFFSITE, Act.ACCOUNT, Act.STATEMENT, Act.COUNT, Act.BATCH,
    },
    Role.SUPERVISOR: {
        Act.APPROVE, Act.RESOLVE, Act.STOCK, Act.EXPORT_AUDIT, Act.READ, Act.RELEASE, Act.WITNESS, Act.HAND_OVER,
        Act.RETENTION, Act.VOUCH, Act.COUNT, Act.DESTROY,
    },
    Role.AUDITOR: {Act.EXPORT_AUDIT, Act.COUNTERSIGN, Act.REVIEW, Act.RETENTION, Act.EXPLAIN, Act.VOUCH},
    Role.KEY_CUSTODIAN: {Act.KEYS, Act.EXPLAIN},
    Role.ADMINISTRATOR: {Act.STAFF, Act.SETTINGS, Act.VOUCH},
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


def test_no_role_makes_and_approves() -> None:
    assert MAKING
    assert APPROVING
    for role, acts in MAY.items():
        assert not (acts & MAKING and acts & APPROVING), role


def test_the_administrator_neither_makes_nor_approves_nor_touches_keys() -> None:
    assert MAY[Role.ADMINISTRATOR].isdisjoint(MAKING | APPROVING | {Act.KEYS, Act.EXPORT_AUDIT, Act.RETENTION})
    assert [role for role, acts in MAY.items() if Act.STAFF in acts] == [Role.ADMINISTRATOR]
    assert [role for role, acts in MAY.items() if Act.KEYS in acts] == [Role.KEY_CUSTODIAN]


@pytest.mark.parametrize(
    ("roles", "together"),
    [
        ({Role.OPERATOR, Role.SUPERVISOR}, False),
        ({Role.ADMINISTRATOR, Role.KEY_CUSTODIAN}, False),
        ({Role.ADMINISTRATOR, Role.OPERATOR}, False),
        ({Role.AUDITOR, Role.SUPERVISOR}, False),
        ({Role.AUDITOR, Role.KEY_CUSTODIAN}, False),
        ({Role.OPERATOR, Role.KEY_CUSTODIAN, Role.AUDITOR}, False),
        ({Role.OPERATOR, Role.KEY_CUSTODIAN}, True),
        ({Role.SUPERVISOR, Role.KEY_CUSTODIAN}, True),
        *(({role}, True) for role in Role),
    ],
)
def test_roles_that_are_two_persons(roles: set[Role], together: bool) -> None:
    """Whoever holds the roles of one person could neither make and approve, nor check their own record."""
    if together:
        require_apart("li", roles)
        acts = set().union(*(MAY[role] for role in roles))
        assert not (acts & MAKING and acts & APPROVING)
        return
    with pytest.raises(RolesRefused, match="'li' cannot be") as refused:
        require_apart("li", roles)
    assert (refused.value.exit_status, refused.value.code) == (7, "CF-7401")


def test_only_serving_is_given_by_one_person_alone() -> None:
    assert weighty(frozenset(Role)) == frozenset(Role) - {Role.OPERATOR}


def test_who_made_it_does_not_approve_it() -> None:
    require_other("wang", "li", None)
    for makers in (("wang",), ("li", "wang")):
        with pytest.raises(SamePerson) as refused:
            require_other("wang", *makers)
        assert (refused.value.exit_status, refused.value.code) == (7, "CF-7402")
