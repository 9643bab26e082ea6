"""Cards found without the card: by job or request, by the holder's document."""

from __future__ import annotations

from cardfab.errors import InputRefused, Text
from cardfab.production import OUT_OF_USE, CardState
from cardfab.station.counter.service import Subject
from cardfab.station.desk import Desk
from cardfab.station.lives import open_life
from cardfab.station.vault import Erased, holder_index, number_index
from cardfab.store import CardRow, CardUnknown, Transaction


class CardNotFound(InputRefused):
    """No card, or more than one, fits what was said."""

    default_code = "CF-3152"


def subject_of_row(desk: Desk, tx: Transaction, row: CardRow) -> Subject:
    """Whose card a row is; raises Erased."""
    life = open_life(desk, tx, row)
    if life is None:
        raise Erased(
            Text("Who this card was for has been erased.", "该卡的持卡人资料已清除。"),
            do=Text("Present the card itself, or apply for a new one.", "请放卡办理，或申领新卡。"),
        )
    return Subject(life.card_number, life.social_security_number, life.name, life.region, row)


def card_of(desk: Desk, name: str) -> Subject:
    """The card of a job or request, or the card of a number; raises CardUnknown, JobUnknown."""
    with desk.database.reading() as tx:
        row = tx.cards.by_number(number_index(desk.keys, name.strip().upper()))
        return subject_of_row(desk, tx, row or tx.cards.get(tx.jobs.find(name).id))


def card_of_holder(desk: Desk, document_number: str, *states: CardState) -> Subject:
    """The one card in use of a holder, by the social security number. Raises :class:`CardNotFound`."""
    with desk.database.reading() as tx:
        rows = tx.cards.of_holder(holder_index(desk.keys, document_number))
        fitting = [row for row in rows if (row.state in states if states else row.state not in OUT_OF_USE)]
        if len(fitting) == 1:
            return subject_of_row(desk, tx, fitting[0])
    if fitting:
        raise CardNotFound(
            Text(f"{len(fitting)} cards of this holder fit.", f"该持卡人符合条件的卡有 {len(fitting)} 张。"),
            do=Text("Name the card: its job, request or number.", "请指明卡片：作业号、申请号或卡号。"),
        )
    kind = Text("lost or blocked", "已挂失或已锁定的") if states else Text("usable", "在用的")
    raise CardNotFound(
        Text(f"This station has no {kind.en} card of this holder.", f"本网点没有该持卡人{kind.zh}卡。"),
        do=Text(
            "Report the loss first: 'cardfab card lost'; for another reason give --reason damage, expiry or data."
            if states
            else "Check the number of the document, or name the card: its job, request or number.",
            "请先办理挂失：cardfab card lost；其他原因请用 --reason damage、expiry 或 data 注明。"
            if states
            else "请核对证件号码，或指明卡片：作业号、申请号或卡号。",
        ),
    )


__all__ = ["CardNotFound", "CardUnknown", "card_of", "card_of_holder", "subject_of_row"]
