"""The words of the issuer host port: operations, refusals, states of a card, as every profile of a host maps them."""

from __future__ import annotations

import enum
from typing import Literal, get_args

from cardfab.errors import Text


class Operation(enum.StrEnum):
    """What the host is asked. The first ten are the port of the facts (issuing host, 6.2), the rest small extras."""

    PERSON = "person"
    CHECK = "check"
    APPLY = "apply"
    STATUS = "status"
    LOSS = "loss"
    RESERVE = "reserve"
    CHIP_AUTH = "chip_auth"
    CERTIFICATE = "certificate"
    COMPLETE = "complete"
    ACTIVATE = "activate"
    ACCOUNT = "account"
    """Balance, yearly totals and records of a card's medical account, as settled with the region."""
    MOVE_BALANCE = "move_balance"
    """The balance of the holder's old account is taken over once; the answer is the amount to load."""
    TRANSACTION = "transaction"
    """A load or purchase that a card made off line is told, with its counter."""
    BLACK_LIST = "black_list"
    """Whether a card is on the region's list."""
    OFFSITE = "offsite"
    """The approval of treatment elsewhere: asked before it is written to a card."""

    @property
    def text(self) -> Text:
        """The operation in the operator's words."""
        return _OPERATIONS[self]


_OPERATIONS = {
    Operation.PERSON: Text("the holder's data", "人员信息查询"),
    Operation.CHECK: Text("the check whether a card may be made", "办卡资格核验"),
    Operation.APPLY: Text("the application", "办卡申请"),
    Operation.STATUS: Text("the state of the card", "卡状态查询"),
    Operation.LOSS: Text("the report of loss", "挂失"),
    Operation.RESERVE: Text("the card number", "卡号分配"),
    Operation.CHIP_AUTH: Text("the authentication of the chip", "芯片认证"),
    Operation.CERTIFICATE: Text("the certificate", "证书申请"),
    Operation.COMPLETE: Text("the report that the card was made", "制卡回盘"),
    Operation.ACTIVATE: Text("the activation", "领卡启用"),
    Operation.ACCOUNT: Text("the medical account", "医保账户查询"),
    Operation.MOVE_BALANCE: Text("the transfer of the balance", "账户余额转移"),
    Operation.TRANSACTION: Text("a transaction made off line", "脱机交易上报"),
    Operation.BLACK_LIST: Text("the black list", "黑名单查询"),
    Operation.OFFSITE: Text("the approval of treatment elsewhere", "异地就医备案核验"),
}


class HostCode(enum.StrEnum):
    """Why a host refuses; an adapter keeps the province's own code beside it."""

    NOT_FOUND = "not_found"
    NAME_MISMATCH = "name_mismatch"
    DEAD = "dead"
    DUPLICATE = "duplicate"
    NOT_ALLOWED = "not_allowed"
    STATE_CONFLICT = "state_conflict"
    ALREADY = "already"
    REGION_DENIED = "region_denied"
    FIELD_MISSING = "field_missing"
    FIELD_BAD = "field_bad"
    PHOTO_REFUSED = "photo_refused"
    PAYMENT_NEEDED = "payment_needed"
    AUTHORISATION_NEEDED = "authorisation_needed"
    BATCH_LOCKED = "batch_locked"
    LOCKED_BY_OTHER = "locked_by_other"
    IN_MAKING = "in_making"
    BLANK_BANK_MISMATCH = "blank_bank_mismatch"
    HSM_REFUSED = "hsm_refused"
    KEY_MISSING = "key_missing"
    CERT_REFUSED = "cert_refused"
    MISMATCH = "mismatch"
    NOT_SUPPORTED = "not_supported"
    CREDENTIALS = "credentials"
    BUSY = "busy"
    TIMEOUT = "timeout"
    FORMAT = "format"

    @property
    def text(self) -> Text:
        """The reason in the operator's words."""
        return _REFUSALS[self]


_REFUSALS = {
    HostCode.NOT_FOUND: Text("the host knows no such person or card", "主机查无此人或此卡"),
    HostCode.NAME_MISMATCH: Text("the name differs from the host's", "姓名与主机不符"),
    HostCode.DEAD: Text("the holder is registered as dead", "持卡人已登记死亡"),
    HostCode.DUPLICATE: Text("there is an application already", "已有申请，不能重复"),
    HostCode.NOT_ALLOWED: Text("the host does not allow it", "主机不允许办理"),
    HostCode.STATE_CONFLICT: Text("the card is in another state at the host", "主机中的卡状态不符"),
    HostCode.ALREADY: Text("it was so already", "此前已办理"),
    HostCode.REGION_DENIED: Text("only the card's own region may do it", "须在发卡地办理"),
    HostCode.FIELD_MISSING: Text("a field is missing", "缺少必填项"),
    HostCode.FIELD_BAD: Text("a field is wrong", "填写项有误"),
    HostCode.PHOTO_REFUSED: Text("the photo is refused", "相片不合格"),
    HostCode.PAYMENT_NEEDED: Text("a fee is to be paid first", "须先缴费"),
    HostCode.AUTHORISATION_NEEDED: Text("an authorisation is needed", "须先取得授权"),
    HostCode.BATCH_LOCKED: Text("the batch is locked for now", "批次暂被锁定"),
    HostCode.LOCKED_BY_OTHER: Text("another outlet works on it", "其他网点正在办理"),
    HostCode.IN_MAKING: Text("a card is being made", "正在制卡"),
    HostCode.BLANK_BANK_MISMATCH: Text("the blank belongs to another bank", "空白卡不属于所选银行"),
    HostCode.HSM_REFUSED: Text("the key service refused", "加密服务拒绝"),
    HostCode.KEY_MISSING: Text("the key service has no such key", "加密服务没有该密钥"),
    HostCode.CERT_REFUSED: Text("the certificate was refused", "证书申请被拒绝"),
    HostCode.MISMATCH: Text("what was written differs from the order", "写卡数据与订单不符"),
    HostCode.NOT_SUPPORTED: Text("this host has no such operation", "该主机不支持此操作"),
    HostCode.CREDENTIALS: Text("the station is not known to the host", "主机不认可本网点"),
    HostCode.BUSY: Text("the host is busy", "主机忙"),
    HostCode.TIMEOUT: Text("the host did not answer in time", "主机应答超时"),
    HostCode.FORMAT: Text("the host's answer cannot be read", "主机应答无法识别"),
}

StateAtHost = Literal[
    "issued", "not enabled", "normal", "temporary loss", "formal loss", "locked", "cancelled after loss", "cancelled"
]
"""States of a card at a host (facts on the issuing host, 2.1); expiry is a date, no state."""
STATES_AT_HOST: tuple[str, ...] = get_args(StateAtHost)
IN_USE = frozenset(("normal", "temporary loss", "formal loss"))
"""States that a card can only have after it was enabled."""
