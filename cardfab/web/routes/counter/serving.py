"""What every page of a service shares: the document that was shown, the card in the reader, the second person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cardfab.errors import InputRefused, Text
from cardfab.production import Document, identity
from cardfab.station.counter.presented import Presented, present
from cardfab.station.counter.service import Counter, Shown
from cardfab.web.asking import Asking

DOCUMENTS = tuple((str(one), one.text) for one in Document)
RELATIONS = (
    ("", Text("The holder", "持卡人本人")),
    ("guardian", Text("Guardian of a child under 16", "16 周岁以下未成年人的监护人")),
    ("agent", Text("Agent; the second person approves", "代办人（须第二人复核）")),
)
_BEARERS = {"guardian": Text("guardian", "监护人"), "agent": Text("agent", "代办人")}
"""Who acts for the holder, as the receipt says it."""
_TRAY = "cards"


class FieldMissing(InputRefused):
    """A form was sent without something that the service needs."""

    default_code = "CF-3590"


def shown_of(asking: Asking) -> tuple[Shown, Counter]:
    """The identity check of a form, and a counter at whose door the second person's password is the form's."""
    form = asking.form
    second, desk = asking.second()
    kind = next((one for one in Document if one == form.get("document", "")), Document.ID_CARD)
    bearer = _BEARERS.get(form.get("relation", ""))
    seen = identity(kind, form.get("number", ""), "" if bearer is None else asking.say(bearer))
    return Shown(seen, second), asking.floor.counter(desk, asking.language)


def required(asking: Asking, name: str, what: Text) -> str:
    """A field of the form that must not be empty."""
    said = " ".join(asking.form.get(name, "").split())
    if not said:
        raise FieldMissing(
            Text(f"{what.en} is missing.", f"缺少{what.zh}。"),
            do=Text("Fill it in and send the form again.", "请填写后重新提交。"),
        )
    return said


@contextmanager
def card_on_reader(asking: Asking, counter: Counter) -> Iterator[Presented]:
    """The card in the reader, identified; nobody else moves cards meanwhile."""
    reader = asking.form.get("reader", "") if asking.desk.training else ""
    with asking.floor.card(counter.desk, reader or None) as found, found.chip() as chip:
        yield present(counter, chip)


def training_cards(asking: Asking) -> tuple[tuple[str, Text], ...]:
    """The training cards that lie at hand, the newest first; none at a station that makes real ones."""
    desk = asking.desk
    folder = asking.floor.folder / _TRAY
    if not desk.training or not folder.is_dir():
        return ()
    with desk.database.reading() as tx:
        rows = [row for row in tx.cards.all() if (folder / f"{row.chip}.card").is_file()]
        names = {row.job_id: tx.jobs.get(row.job_id).request_id for row in rows}
    return tuple(
        (f"job:{row.job_id}", Text(f"job {row.job_id}, {names[row.job_id]}", f"作业 {row.job_id}，{names[row.job_id]}"))
        for row in sorted(rows, key=lambda one: one.made_at, reverse=True)
    )
