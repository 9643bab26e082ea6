"""The services of the counter: whose duty each is, and what it asks of the holder and of a second person."""

from __future__ import annotations

import enum

from cardfab.errors import Text
from cardfab.production import Act, CardState


class Kind(enum.StrEnum):
    """One service, by its name in the books and on the command line."""

    READ = "read"
    PIN_CHANGE = "pin-change"
    PIN_RESET = "pin-reset"
    PIN_UNBLOCK = "pin-unblock"
    HAND_OVER = "hand-over"
    ACTIVATE = "activate"
    RELEASE = "release"
    LOST = "lost"
    FOUND = "found"
    REPLACE = "replace"
    BLOCK_CARD = "block-card"
    BLOCK_APPLICATION = "block-application"
    UPDATE = "update"
    OFFSITE = "offsite"
    LOAD = "load"
    PURCHASE = "purchase"
    START_DAY = "start-day"
    STATEMENT = "statement"
    RECOVER = "recover"

    @property
    def text(self) -> Text:
        """The service in words, as its receipt is headed."""
        return _WORDS[self]

    @property
    def act(self) -> Act:
        """The duty that the person signed in must have."""
        return _ACTS[self]

    @property
    def second(self) -> bool:
        """Whether another person of the outlet approves it."""
        return self in (Kind.BLOCK_CARD, Kind.BLOCK_APPLICATION, Kind.FOUND)


_WORDS = {
    Kind.READ: Text("Card read", "读取卡内信息"),
    Kind.PIN_CHANGE: Text("PIN changed", "修改密码"),
    Kind.PIN_RESET: Text("PIN reset", "重置密码"),
    Kind.PIN_UNBLOCK: Text("PIN unblocked", "解锁密码"),
    Kind.HAND_OVER: Text("Card handed over", "领卡"),
    Kind.ACTIVATE: Text("Card activated", "启用卡"),
    Kind.RELEASE: Text("Restriction lifted", "解除限制"),
    Kind.LOST: Text("Loss reported", "挂失"),
    Kind.FOUND: Text("Report of loss taken back", "解除挂失"),
    Kind.REPLACE: Text("Replacement ordered", "补换卡"),
    Kind.BLOCK_CARD: Text("Card blocked", "锁定卡"),
    Kind.BLOCK_APPLICATION: Text("Application blocked", "锁定应用"),
    Kind.UPDATE: Text("Record updated", "更新卡内信息"),
    Kind.OFFSITE: Text("Treatment elsewhere", "异地就医备案"),
    Kind.LOAD: Text("Medical account loaded", "医保个人账户划入"),
    Kind.PURCHASE: Text("Medical settlement", "医保结算"),
    Kind.START_DAY: Text("Start of the insurance year set", "设置年度起始日"),
    Kind.STATEMENT: Text("Statement printed", "打印对账单"),
    Kind.RECOVER: Text("Interrupted transaction settled", "核实中断交易"),
}

_ACTS = {
    Kind.READ: Act.READ,
    Kind.PIN_CHANGE: Act.PIN,
    Kind.PIN_RESET: Act.PIN,
    Kind.PIN_UNBLOCK: Act.PIN,
    Kind.HAND_OVER: Act.ACTIVATE,
    Kind.ACTIVATE: Act.ACTIVATE,
    Kind.RELEASE: Act.RELEASE,
    Kind.LOST: Act.LOSS,
    Kind.FOUND: Act.LOSS,
    Kind.REPLACE: Act.REPLACE,
    Kind.BLOCK_CARD: Act.BLOCK,
    Kind.BLOCK_APPLICATION: Act.BLOCK,
    Kind.UPDATE: Act.UPDATE,
    Kind.OFFSITE: Act.OFFSITE,
    Kind.LOAD: Act.ACCOUNT,
    Kind.PURCHASE: Act.ACCOUNT,
    Kind.START_DAY: Act.ACCOUNT,
    Kind.STATEMENT: Act.STATEMENT,
    Kind.RECOVER: Act.ACCOUNT,
}

_STATES = {
    CardState.MADE: Text("made, not handed over", "已制成，未领取"),
    CardState.HANDED_OVER: Text("handed over, to be activated", "已领取，待启用"),
    CardState.ACTIVATED: Text("activated", "已启用"),
    CardState.RESTRICTED: Text("restricted: not activated in time", "逾期未启用，限制使用"),
    CardState.LOST: Text("reported lost", "已挂失"),
    CardState.BLOCKED: Text("blocked", "已锁定"),
    CardState.REPLACED: Text("replaced", "已换发"),
    CardState.EXPIRED: Text("expired", "已到期"),
    CardState.UNCOLLECTED: Text("never fetched", "逾期未领"),
    CardState.DESTROYED: Text("destroyed", "已销毁"),
}


def state_words(state: CardState) -> Text:
    """Where a card is in its life, in words."""
    return _STATES[state]
