"""The issuer host as a neutral port: operations that every province's card management system has in some form.

Three outcomes: done, refused with a code, unknown (no answer: it may have been done). An adapter maps operations and
codes to one province; what a province has not it refuses with ``not_supported``. The journal, and asking for the status
before anything unknown is repeated, are :mod:`cardfab.station.hostdesk`'s.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from cardfab.errors import Text

Value = str | int | bool | list[dict[str, str | int]]
Fields = Mapping[str, Value]


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


READS = frozenset({
    Operation.PERSON, Operation.CHECK, Operation.STATUS, Operation.ACCOUNT, Operation.BLACK_LIST, Operation.OFFSITE,
})  # fmt: skip
"""Operations that change nothing at the host: free to repeat, and asked anew every time."""


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
        return _WORDS[self]


_WORDS = {
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


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``request_id`` stays the same when it is tried again. ``repr`` shows no field."""

    request_id: str
    operation: Operation
    station: str
    operator: str
    at: str
    fields: Fields = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """It was done; ``again`` when it was so already, or answered from the journal."""

    answer: Fields = field(repr=False, default_factory=lambda: MappingProxyType({}))
    again: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It was not done, and why; ``raw`` is the host's own code."""

    code: HostCode
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer that can be read: it may have been done."""

    why: HostCode = HostCode.TIMEOUT


Reply = Done | Refused | Unknown


class IssuerHost(Protocol):
    """One host. An adapter never raises for what a line or a host may do: that is :class:`Unknown`."""

    @property
    def name(self) -> str:
        """What the books call it."""
        ...

    def ask(self, call: Call) -> Reply:
        """Send one request and wait for its answer."""
        ...
