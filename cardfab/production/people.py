"""People and what they may do. A training station has its people ready; a real one adds its own."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cardfab.errors import StockFault, Text


class Role(enum.StrEnum):
    """A duty at the outlet."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    KEY_CUSTODIAN = "key-custodian"


class Act(enum.StrEnum):
    """What needs a person with a name."""

    IMPORT = "import requests"
    APPROVE = "approve a request"
    ISSUE = "issue a card"
    RESOLVE = "settle a job in doubt"
    STOCK = "move stock"
    TEMPORARY = "issue a temporary card"
    EXPORT_AUDIT = "export the audit record"
    STAFF = "add people"
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
    Act.TEMPORARY: "签发临时卡",
    Act.EXPORT_AUDIT: "导出审计记录",
    Act.STAFF: "登记人员",
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
}


# Who serves does not approve: RELEASE and WITNESS are duties of another role than the services they allow.
_SERVICES = frozenset({
    Act.READ, Act.PIN, Act.ACTIVATE, Act.LOSS, Act.REPLACE, Act.BLOCK, Act.UPDATE, Act.OFFSITE, Act.ACCOUNT,
    Act.STATEMENT,
})  # fmt: skip

_MAY: dict[Role, frozenset[Act]] = {
    Role.OPERATOR: frozenset({Act.IMPORT, Act.ISSUE, Act.RESOLVE, Act.TEMPORARY}) | _SERVICES,
    Role.SUPERVISOR: frozenset({Act.APPROVE, Act.RESOLVE, Act.STOCK, Act.EXPORT_AUDIT, Act.STAFF})
    | frozenset({Act.READ, Act.RELEASE, Act.WITNESS, Act.HAND_OVER}),
    Role.AUDITOR: frozenset({Act.EXPORT_AUDIT}),
    Role.KEY_CUSTODIAN: frozenset(),
}


class NotAllowed(StockFault):
    """The person signed in may not do this."""

    default_code = "CF-7400"


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
            raise NotAllowed(
                Text(f"'{self.login}' may not {act}.", f"用户“{self.login}”无权执行：{act.zh}。"),
                do=Text(
                    "Sign in as a person with that role: 'cardfab user login NAME'; 'cardfab user list' shows who.",
                    "请以有此权限的人员登录：cardfab user login 姓名；cardfab user list 可查看人员。",
                ),
            )
