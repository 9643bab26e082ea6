"""The forms of the stock book as values: what each asks, in which order, and which act it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.production import Act, Place
from cardfab.production.serials import SerialRange, serial_range
from cardfab.station.desk import Desk
from cardfab.station.stockbook import acts
from cardfab.station.stockbook.moving import Counts, Goods, Untold, goods

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StockForm:
    """One act as a page: ``two``: a second person counts too; ``asks``: which more fields it has."""

    path: str
    title: Text
    lead: Text
    button: Text
    acts: frozenset[Act]
    do: Callable[[Desk, Goods, Counts, Fields], str]
    """Carries it out; the number of a paper that came of it, or nothing."""
    two: bool = True
    asks: tuple[str, ...] = ()
    key: str = ""
    danger: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that are filled in before the act is tried, in the order of the page."""
        asked = tuple(name for name in self.asks if name not in ("to", "box"))
        return (*(("note",) if "note" in asked else ()), "goods", *(name for name in asked if name != "note")) + (
            ("counted", "second_login", "second_count") if self.two else ()
        )


def _receive(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    to = Place.STOCK if form.get("to") == "machine" else Place.VAULT
    acts.receive_goods(desk, wanted, counted, form.get("note", ""), to=to)
    return ""


def _draw(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    acts.draw(desk, wanted, counted)
    return ""


def _return(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    if form.get("to") == "supplier":
        acts.send_back(desk, wanted, counted, form.get("reason", ""))
    else:
        acts.put_back(desk, wanted, counted)
    return ""


def _destroy(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    source = Place.TESTED if form.get("box") == "tests" else Place.SPOILED
    return acts.destroy(desk, wanted, counted, form.get("reason", ""), source=source)


def _find(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    acts.find(desk, wanted, counted, form.get("reason", ""))
    return ""


def _spoil(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    acts.spoil(desk, wanted, form.get("reason", ""))
    return ""


def _hand_out(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    acts.hand_out(desk, wanted, form.get("reason", ""))
    return ""


def _test(desk: Desk, wanted: Goods, counted: Counts, form: Fields) -> str:
    acts.use_up(desk, wanted, form.get("reason", ""))
    return ""


FORMS = {
    one.path: one
    for one in (
        StockForm(
            "receive", Text("Receive a delivery", "到货入库"),
            Text("Two people count the cards, each alone.", "由两人各自清点。"),
            Text("Book the delivery", "登记入库"), frozenset({Act.STOCK}), _receive, asks=("note", "to"), key="F2",
        ),
        StockForm(
            "draw", Text("Draw for the machine", "领用上机"),
            Text("From the vault to the machine, the lowest numbers first. Two people count.",
                 "由库房领至机内，小号先用。由两人各自清点。"),
            Text("Book the draw", "登记领用"), frozenset({Act.STOCK}), _draw, key="F3",
        ),
        StockForm(
            "spoil", Text("Spoil without a job", "作废（非制卡）"),
            Text("A card at the machine is no good: bent, soiled, scratched. This spoils the cards named below; "
                 "they go to the box of spoiled cards.",
                 "机内卡片不可用：弯折、污损、划伤等。将作废下列卡片，请放入废卡盒。"),
            Text("Book as spoiled", "登记作废"), frozenset({Act.COUNT}), _spoil, two=False, asks=("reason",), key="F4",
            danger=True,
        ),
        StockForm(
            "test", Text("Test cards", "测试用卡"),
            Text("A card is used up by a test of the machine. It counts as used and is destroyed later.",
                 "卡片用于设备测试，计为已用，留待销毁。"),
            Text("Book as test card", "登记测试卡"), frozenset({Act.COUNT}), _test, two=False, asks=("reason",),
            key="F5",
        ),
        StockForm(
            "return", Text("Return", "退回"),
            Text("From the machine to the vault, or from the vault to the supplier. Two people count.",
                 "由机内退回库房，或由库房退回供应方。由两人各自清点。"),
            Text("Book the return", "登记退回"), frozenset({Act.STOCK}), _return, asks=("to", "reason"), key="F6",
        ),
        StockForm(
            "destroy", Text("Destroy spoiled cards", "销毁废卡"),
            Text("This books the cards named below as destroyed. A witness counts too; both sign the paper.",
                 "下列卡片将登记为已销毁。须有监销人在场并清点，双方在销毁记录上签字。"),
            Text("Book the destruction", "登记销毁"), frozenset({Act.DESTROY}), _destroy, asks=("box", "reason"),
            key="F7", danger=True,
        ),
        StockForm(
            "hand-out", Text("Hand out a card made ahead", "预制卡发出"),
            Text("The card goes to its holder; say which request or holder's receipt it is for.",
                 "预制卡发给持卡人；请填写对应的申请或回执编号。"),
            Text("Book as issued", "登记发出"), frozenset({Act.COUNT}), _hand_out, two=False, asks=("reason",),
        ),
        StockForm(
            "find", Text("Found cards", "盘盈入账"),
            Text("Cards that are in no book were found. Two people count; they come to the machine's.",
                 "发现账外卡片，由两人各自清点，计入机内。"),
            Text("Book what was found", "登记盘盈"), frozenset({Act.STOCK}), _find, asks=("reason",),
        ),
    )
}  # fmt: skip


def serials_of(form: Fields) -> tuple[SerialRange, ...]:
    """The range that was scanned; none where the cards have no number. Raises SerialsRefused."""
    first, last = form.get("first", "").strip(), form.get("last", "").strip()
    return (serial_range(first, last),) if first else ()


def number_of(form: Fields, name: str) -> int | None:
    """A figure of the form; None where nothing was typed. Raises :class:`Untold`."""
    word = form.get(name, "").strip()
    if not word:
        return None
    if not word.isascii() or not word.isdecimal() or len(word) > 7:
        raise Untold(
            Text(f"'{word[:20]}' is no number of cards.", f"“{word[:20]}”不是张数。"),
            do=Text("Type digits.", "请输入数字。"),
        )
    return int(word)


def wanted_of(desk: Desk, form: Fields) -> Goods:
    """The cards that the form names."""
    return goods(desk, form.get("stock", ""), number_of(form, "count"), serials_of(form))


def counts_of(wanted: Goods, form: Fields, second: str | None) -> Counts:
    """What the two typed."""
    mine = number_of(form, "counted")
    return Counts(wanted.count if mine is None else mine, second, number_of(form, "second_count"))


def next_empty(shown: StockForm, form: Fields) -> str:
    """The first field that waits to be filled in: a scanner sends Enter after each. Empty: the form is whole."""
    for name in shown.needed:
        if name == "goods":
            if form.get("first", "").strip():
                if not form.get("last", "").strip() and not form.get("count", "").strip():
                    return "last"
            elif not form.get("count", "").strip():
                return "first"
        elif name == "reason" and shown.path == "return" and form.get("to") != "supplier":
            continue
        elif not form.get(name, "").strip():
            return name
    return ""


__all__ = ["FORMS", "Fields", "StockForm", "counts_of", "next_empty", "number_of", "serials_of", "wanted_of"]
