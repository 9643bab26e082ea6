"""People and what they may do. A training station has its people ready; a real one adds its own.

No role both makes and approves, and outside training nobody holds two roles that must check one another. Who made a
thing never approves it (:func:`require_other`). That two logins belong to one person is nothing a program can see.
"""

from __future__ import annotations

import enum
from collections.abc import Set
from dataclasses import dataclass
from itertools import combinations

from cardfab.errors import StockFault, Text


class Role(enum.StrEnum):
    """A duty at the outlet."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    KEY_CUSTODIAN = "key-custodian"
    ADMINISTRATOR = "administrator"

    @property
    def zh(self) -> str:
        """The role in Chinese."""
        return _ROLE_ZH[self]


_ROLE_ZH = {
    Role.OPERATOR: "操作员",
    Role.SUPERVISOR: "主管",
    Role.AUDITOR: "审计员",
    Role.KEY_CUSTODIAN: "密钥保管员",
    Role.ADMINISTRATOR: "管理员",
}


class Act(enum.StrEnum):
    """What needs a person with a name."""

    IMPORT = "import requests"
    APPROVE = "approve a request"
    ISSUE = "issue a card"
    RESOLVE = "settle a job in doubt"
    STOCK = "move stock"
    COUNT = "count stock at the machine"
    DESTROY = "destroy spoiled cards"
    TEMPORARY = "issue a temporary card"
    EXPORT_AUDIT = "export the audit record"
    COUNTERSIGN = "countersign the audit record"
    STAFF = "manage people"
    REVIEW = "review who has access"
    SETTINGS = "change settings"
    KEYS = "manage keys"
    EXPLAIN = "follow a key derivation"
    RETENTION = "erase personal data"
    READ = "read a holder's card"
    PIN = "serve a PIN"
    ACTIVATE = "activate a card"
    RELEASE = "release a restricted card"
    LOSS = "take a report of loss"
    REPLACE = "replace a card"
    BLOCK = "block a card or an application"
    UPDATE = "update a record of a card"
    OFFSITE = "write an off-site approval"
    ACCOUNT = "serve a medical account"
    STATEMENT = "print a statement and clear the count"
    WITNESS = "approve a service as second person"
    HAND_OVER = "hand bank data over"
    VOUCH = "vouch for a duty that is given"
    BATCH = "take in and run a batch"

    @property
    def zh(self) -> str:
        """The act in Chinese."""
        return _ACT_ZH[self]


_ACT_ZH = {
    Act.IMPORT: "导入申请",
    Act.APPROVE: "审批申请",
    Act.ISSUE: "制卡",
    Act.RESOLVE: "处理存疑作业",
    Act.STOCK: "移动库存",
    Act.COUNT: "清点机内卡片",
    Act.DESTROY: "销毁废卡",
    Act.TEMPORARY: "签发临时卡",
    Act.EXPORT_AUDIT: "导出审计记录",
    Act.COUNTERSIGN: "会签审计记录",
    Act.STAFF: "管理人员",
    Act.REVIEW: "复核人员权限",
    Act.SETTINGS: "更改设置",
    Act.KEYS: "管理密钥",
    Act.EXPLAIN: "核对密钥分散过程",
    Act.RETENTION: "清除个人数据",
    Act.READ: "读取持卡人的卡",
    Act.PIN: "办理密码业务",
    Act.ACTIVATE: "启用卡",
    Act.RELEASE: "解除限制",
    Act.LOSS: "受理挂失",
    Act.REPLACE: "受理补换卡",
    Act.BLOCK: "锁定卡或应用",
    Act.UPDATE: "更新卡内信息",
    Act.OFFSITE: "办理异地就医备案",
    Act.ACCOUNT: "办理医保账户业务",
    Act.STATEMENT: "打印对账单并清零计数",
    Act.WITNESS: "作为第二人复核业务",
    Act.HAND_OVER: "移交银行数据",
    Act.VOUCH: "复核授予职责",
    Act.BATCH: "接收并生产批次",
}


# Who serves does not approve: RELEASE and WITNESS are duties of another role than the services they allow.
_SERVICES = frozenset({
    Act.READ, Act.PIN, Act.ACTIVATE, Act.LOSS, Act.REPLACE, Act.BLOCK, Act.UPDATE, Act.OFFSITE, Act.ACCOUNT,
    Act.STATEMENT,
})  # fmt: skip

_MAY: dict[Role, frozenset[Act]] = {
    Role.OPERATOR: frozenset({Act.IMPORT, Act.ISSUE, Act.RESOLVE, Act.TEMPORARY, Act.COUNT, Act.BATCH}) | _SERVICES,
    Role.SUPERVISOR: frozenset({Act.APPROVE, Act.RESOLVE, Act.STOCK, Act.EXPORT_AUDIT, Act.RETENTION})
    | frozenset({Act.COUNT, Act.DESTROY})
    | frozenset({Act.READ, Act.RELEASE, Act.WITNESS, Act.HAND_OVER, Act.VOUCH}),
    Role.AUDITOR: frozenset({Act.EXPORT_AUDIT, Act.COUNTERSIGN, Act.REVIEW, Act.RETENTION, Act.EXPLAIN, Act.VOUCH}),
    Role.KEY_CUSTODIAN: frozenset({Act.KEYS, Act.EXPLAIN}),
    Role.ADMINISTRATOR: frozenset({Act.STAFF, Act.SETTINGS, Act.VOUCH}),
}

MAKING = frozenset({Act.IMPORT, Act.ISSUE, Act.TEMPORARY, Act.BATCH}) | _SERVICES - {Act.READ}
"""What makes or changes a card, or asks for one."""
APPROVING = frozenset({Act.APPROVE, Act.RELEASE, Act.WITNESS})
"""What lets another person's act be done."""
_WEIGHTY = APPROVING | {Act.KEYS, Act.STAFF, Act.VOUCH}


def weighty(roles: Set[Role]) -> frozenset[Role]:
    """Those of the roles that no one person gives alone: who approves, holds keys, or gives roles."""
    return frozenset(role for role in roles if _MAY[role] & _WEIGHTY)


# Who gives roles has no other, and who checks the record has no act in it (PCI CP-L 7, separation of duties).
_APART = frozenset(
    frozenset(pair)
    for pair in combinations(Role, 2)
    if not {Role.ADMINISTRATOR, Role.AUDITOR}.isdisjoint(pair) or set(pair) == {Role.OPERATOR, Role.SUPERVISOR}
)


class NotAllowed(StockFault):
    """The person signed in may not do this: ``act``, where it is one act."""

    default_code = "CF-7400"
    act: Act | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in, by login name."""

    login: str
    name: str
    roles: frozenset[Role]

    def may(self, act: Act) -> bool:
        """Whether one of the person's roles allows the act."""
        return any(act in _MAY[role] for role in self.roles)

    def must(self, act: Act) -> None:
        """Raise :class:`NotAllowed` unless the person may."""
        if not self.may(act):
            refused = NotAllowed(
                Text(f"'{self.login}' may not {act}.", f"用户“{self.login}”无权执行：{act.zh}。"),
                do=Text(
                    "Sign in as a person with that role: 'cardfab user login NAME'; 'cardfab user list' shows who.",
                    "请以有此权限的人员登录：cardfab user login 姓名；cardfab user list 可查看人员。",
                ),
            )
            refused.act = act
            raise refused


class RolesRefused(StockFault):
    """One person would hold two roles that must be two persons'."""

    default_code = "CF-7401"


def require_apart(login: str, roles: Set[Role]) -> None:
    """Raise :class:`RolesRefused` when two of the roles must not be one person's. Training stations do not ask."""
    for one, other in combinations(sorted(roles), 2):
        if frozenset({one, other}) in _APART:
            raise RolesRefused(
                Text(
                    f"'{login}' cannot be {one} and {other}: these are two persons' duties.",
                    f"“{login}”不得兼任{one.zh}与{other.zh}：须由两人分别担任。",
                ),
                do=Text("Give one of the roles to somebody else.", "请将其中一个角色授予他人。"),
            )


class SamePerson(StockFault):
    """Who made a thing may not approve it."""

    default_code = "CF-7402"


def require_other(approver: str, *makers: str | None) -> None:
    """Raise :class:`SamePerson` when the approver, by login, is one of those who made the thing. The one such rule."""
    if approver in makers:
        raise SamePerson(
            Text(
                f"'{approver}' had a part in this and cannot approve it too.",
                f"“{approver}”已参与此事，不得兼作复核。",
            ),
            do=Text("A second person does it, by their own login.", "请由另一人以本人账户办理。"),
        )
