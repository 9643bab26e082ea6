"""What to do with a service whose outcome is not known: where the answer lies, and what is safe to call again."""

from __future__ import annotations

from typing import Final

from cardfab.errors import Text
from cardfab.station.counter.kinds import Kind


def advice(kind: Kind) -> Text:
    """What to do now, for a service of this kind that is in doubt."""
    return _TO_DO.get(kind, _READ)


_READ: Final = Text(
    "Put the card on the reader and read it: 'cardfab card read'. Where it does not show what was ordered, do the "
    "service again.",
    "请放卡并读卡核对：cardfab card read。卡内未见办理结果的，请重新办理。",
)
_PIN: Final = Text(
    "Put the card on the reader; the holder enters the new PIN: 'cardfab card recover'. Where the card does not take "
    "it, do the service again.",
    "请放卡，由持卡人输入新密码核实：cardfab card recover。卡片不接受新密码的，请重新办理。",
)
_MONEY: Final = Text(
    "Put the card on the reader; the card itself proves what happened: 'cardfab card recover'. Nothing is loaded or "
    "charged again before that.",
    "请放卡，由卡片自身证明核实：cardfab card recover。核实前不得再次划入或扣款。",
)
_IN_THE_BOOKS: Final = Text(
    "Do the service again; no card is needed. What the books have already is not done twice.",
    "请重新办理，无需卡片。已登记的不会重复办理。",
)
_TO_DO: Final = {
    Kind.PIN_CHANGE: _PIN,
    Kind.PIN_RESET: _PIN,
    Kind.LOAD: _MONEY,
    Kind.PURCHASE: _MONEY,
    Kind.RECOVER: _MONEY,
    Kind.RELEASE: _IN_THE_BOOKS,
    Kind.HAND_OVER: _IN_THE_BOOKS,
    Kind.ACTIVATE: Text(
        "Put the card on the reader and activate it again: 'cardfab card activate'. The host is asked for the state "
        "first; what was done is not done twice.",
        "请放卡并重新启用：cardfab card activate。将先向主机查询状态，已办理的不会重复。",
    ),
    Kind.LOST: Text(
        "Report the loss again: 'cardfab card lost'. The host is asked for the state first; until then the card may "
        "still be taken elsewhere.",
        "请立即重新挂失：cardfab card lost。将先向主机查询状态；在此之前该卡在他处仍可能可用。",
    ),
    Kind.REPLACE: Text(
        "Order the replacement again: 'cardfab card replace'. The host is asked for the state first; a card that was "
        "ordered is not ordered twice.",
        "请重新办理补换卡：cardfab card replace。将先向主机查询状态，已受理的不会重复。",
    ),
    Kind.STATEMENT: Text(
        "Print the statement that lies with the receipt, where there is one; else put the card on the reader and do "
        "the service again.",
        "回执下已存有对账单的，直接打印；否则请放卡重新办理。",
    ),
}  # fmt: skip


__all__ = ["advice"]
