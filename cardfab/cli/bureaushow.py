"""A batch on a terminal: a bar, its sums, the slots of its line, its faults; 80 columns are enough."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text as Words

from cardfab.errors import Text
from cardfab.production.batches import BoxState
from cardfab.station.bureauview import BatchView, Run, Slot, Speed, text_of, words_of

ORDERS = {
    "pause": Text("ordered: pause", "已下令：暂停"),
    "stop": Text("ordered: stop", "已下令：停止"),
    "stop after box": Text("ordered: stop after the box", "已下令：做完本盒后停止"),
}
_STATES = {
    "works": (Text("at work", "制卡中"), ""),
    "free": (Text("free", "空闲"), ""),
    "paused": (Text("paused", "已暂停"), "yellow"),
    "held": (Text("held", "等待"), "yellow"),
    "out": (Text("taken out", "已停用"), "red"),
    "gone": (Text("ended", "已结束"), "dim"),
}
_BOXES = {
    BoxState.WAITING: Text("waiting", "待制"),
    BoxState.IN_WORK: Text("in work", "在制"),
    BoxState.FULL: Text("full", "已满"),
    BoxState.SHIPPED: Text("shipped", "已发运"),
}
_BAR = 28
_HEAD_LINES = 14
"""Lines of the view beside those of slots and faults; on a low terminal good slots give way to those taken out."""


def shown(one: BatchView, language: str, height: int | None = None) -> RenderableType:
    """The whole view. With ``height`` no more slots are listed than fit in so many lines."""
    say = _Say(language)
    parts: list[RenderableType] = [_title(one, say), _line("", say(signed(one.signer))), *_progress(one, say)]
    parts += [_line("yellow", words) for run in one.runs if (words := _trouble(run, say))]
    if one.slots:
        parts += ["", _slots(one, say, height)]
        parts += [
            _line("red", f"{slot.line.slot} {say(_STATES['out'][0])}{say.colon}{say.told(slot.line.taken_out)}")
            for slot in one.slots
            if slot.line.taken_out
        ]
    if one.faults:
        parts += ["", _faults(one, say)]
    return Group(*parts)


def signed(signer: str) -> Text:
    """By whom the file of a batch was signed."""
    if not signer:
        return Text("file not signed", "文件未签名")
    return Text(f"file signed by {signer}", f"文件签名者：{signer}")


def plain_line(one: BatchView, language: str) -> str:
    """The same in one line, for a log."""
    say, cards = _Say(language), one.cards
    return say(
        Text(
            f"{one.at:%H:%M:%S} batch {one.head.id} {one.state.text.en}: good {cards.good:,} of {cards.places:,}, "
            f"spoiled {cards.spoiled:,}, in doubt {cards.doubtful:,}, waiting {cards.waiting:,}; "
            f"{_pace(one, say)}",
            f"{one.at:%H:%M:%S} 批次 {one.head.id} {one.state.text.zh}：合格 {cards.good:,}/{cards.places:,}，废卡"
            f" {cards.spoiled:,}，存疑 {cards.doubtful:,}，待制 {cards.waiting:,}；{_pace(one, say)}",
        )
    )


class _Say:
    """Texts in the language of this run, safe for rich's markup."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.colon = "：" if language == "zh" else ": "
        self.comma = "，" if language == "zh" else ", "

    def __call__(self, text: Text) -> str:
        return text.of(self.language)

    def told(self, kept: str | None) -> str:
        """What the database keeps for people."""
        return self(text_of(kept))


def _rich(markup: str) -> Words:
    """The console of a run takes no markup; what is said here is marked up, and safe."""
    return Words.from_markup(markup)


def _line(style: str, words: str) -> RenderableType:
    return Words(words, style=style)


def _title(one: BatchView, say: _Say) -> RenderableType:
    words = say(Text("batch", "批次"))
    said = f"[bold]{words} {one.head.id}[/] {escape(f'{one.head.issuer} {one.head.reference}')}  {say(one.state.text)}"
    if one.head.ordered in ORDERS:
        said += f"  [yellow]{say(ORDERS[one.head.ordered])}[/]"
    return _rich(said)


def _trouble(run: Run, say: _Say) -> str:
    """What holds a line, or that it is silent; nothing of one that ended or is well."""
    line = run.line
    if line.ended_at is None and not run.alive:
        since = line.seen_at[11:19]
        return say(
            Text(
                f"line {line.line}: not heard of since {since} UTC",
                f"产线 {line.line}：自 {since}（UTC）起无消息",
            )
        )
    if run.alive and line.held:
        return say(Text(f"line {line.line} waits: ", f"产线 {line.line} 等待中：")) + say.told(line.held)
    return ""


def _progress(one: BatchView, say: _Say) -> list[RenderableType]:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    made = one.preparation
    if made is not None and made.rows_done < made.rows:
        grid.add_row(say(Text("prepared", "数据准备")), _bar(made.rows_done, made.rows))
        grid.add_row("", _rate(one.preparing, say, one.at))
    cards = one.cards
    ended = min(cards.good, cards.places)
    grid.add_row(say(Text("made", "制卡")), _bar(ended, cards.places))
    counted = [
        f"[green]{say(Text('good', '合格'))} {cards.good:,}[/]",
        _count(Text("spoiled", "废卡"), cards.spoiled, "red", say),
        _count(Text("in doubt", "存疑"), cards.doubtful, "magenta", say),
        _count(Text("at work", "在制"), cards.at_work, "", say),
        _count(Text("waiting", "待制"), cards.waiting, "", say),
    ]
    if cards.left_out:
        counted.append(_count(Text("left out", "不制卡"), cards.left_out, "yellow", say))
    grid.add_row("", _rich(say.comma.join(counted)))
    share = cards.good_share
    if share is not None:
        grid.add_row(say(Text("yield", "成品率")), f"{share:.1%}")
    grid.add_row(say(Text("rate", "速度")), _pace(one, say, one.at))
    if one.boxes:
        boxes = [f"{say(_BOXES[state])} {one.boxes[state]:,}" for state in BoxState if one.boxes.get(state)]
        grid.add_row(say(Text("boxes", "卡盒")), say.comma.join(boxes))
    if one.samples:
        looked, chosen = sum(count for outcome, count in one.samples.items() if outcome), sum(one.samples.values())
        grid.add_row(
            say(Text("samples", "抽检")),
            say(Text(f"{looked:,} of {chosen:,} checked", f"已检 {looked:,}/{chosen:,}")),
        )
    return [grid]


def _bar(done: int, of: int) -> RenderableType:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=_BAR)
    row.add_column(no_wrap=True)
    row.add_row(
        ProgressBar(total=max(of, 1), completed=done, width=_BAR), f"{done / max(of, 1):.1%}  {done:,} / {of:,}"
    )
    return row


def _count(what: Text, count: int, style: str, say: _Say) -> str:
    said = f"{say(what)} {count:,}"
    return f"[{style}]{said}[/]" if style and count else said


def _pace(one: BatchView, say: _Say, at: datetime | None = None) -> str:
    """How fast its cards are made, or why none is."""
    return say(_STATES[one.stands][0]) if one.stands else _rate(one.making, say, at)


def _rate(one: Speed, say: _Say, at: datetime | None = None) -> str:
    if one.an_hour is None:
        return say(Text("no cards of late", "近期无产出"))
    words = say(Text(f"{one.an_hour:,.0f} an hour", f"{one.an_hour:,.0f} 张/小时"))
    if one.end is None or at is None:
        return words
    left = _span(one.end - at, say)
    day = f"{one.end:%m-%d %H:%M}" if one.end - at > timedelta(hours=20) else f"{one.end:%H:%M}"
    return words + say(Text(f", ends about {day} UTC, in {left}", f"，预计 {day}（UTC）完成，还需 {left}"))


def _span(left: timedelta, say: _Say) -> str:
    minutes = max(1, round(left.total_seconds() / 60))
    if minutes < 60:
        return say(Text(f"{minutes} min", f"{minutes} 分钟"))
    return say(Text(f"{minutes // 60} h {minutes % 60} min", f"{minutes // 60} 小时 {minutes % 60} 分"))


def _slots(one: BatchView, say: _Say, height: int | None) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(say(Text("slot", "工位")), no_wrap=True)
    table.add_column(say(Text("reader", "读卡器")), no_wrap=True, overflow="ellipsis", max_width=18)
    for column in (
        Text("box", "卡盒"), Text("good", "合格"), Text("spoiled", "废卡"), Text("doubt", "存疑"),
        Text("faults", "故障"), Text("s/card", "秒/张"),
    ):  # fmt: skip
        table.add_column(say(column), justify="right", no_wrap=True)
    table.add_column(say(Text("state", "状态")), no_wrap=True)
    listed = _fitting(one, height)
    for slot in listed:
        words, style = _STATES[slot.state]
        line, pace = slot.line, slot.seconds_a_card
        table.add_row(
            Words(line.slot), Words(line.reader), "" if line.box is None else str(line.box), f"{line.made:,}",
            _marked(line.spoiled, "red"), _marked(line.doubtful, "magenta"), _marked(line.faults, "yellow"),
            "" if pace is None else f"{pace:.1f}", Words(say(words), style=style),
        )  # fmt: skip
    if len(listed) == len(one.slots):
        return table
    more = len(one.slots) - len(listed)
    return Group(table, say(Text(f"and {more} slots more", f"另有 {more} 个工位未显示")))


def _fitting(one: BatchView, height: int | None) -> list[Slot]:
    """The slots that a terminal of this height has room for: those that want a person's eye go first."""
    if height is None:
        return list(one.slots)
    out = sum(1 for slot in one.slots if slot.line.taken_out)
    room = max(4, height - _HEAD_LINES - out - len(one.faults))
    if len(one.slots) <= room:
        return list(one.slots)
    wanted = sorted(one.slots, key=lambda slot: (slot.state != "out", -slot.line.doubtful, -slot.line.faults))[:room]
    return [slot for slot in one.slots if slot in wanted]


def _marked(count: int, style: str) -> Words:
    return Words(f"{count:,}", style=style if count else "")


def _faults(one: BatchView, say: _Say) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in (Text("faults", "故障"), Text("slots", "工位")):
        table.add_column(say(column), justify="right", no_wrap=True)
    table.add_column(say(Text("code", "代码")), no_wrap=True)
    table.add_column(say(Text("reason", "原因")), overflow="ellipsis", no_wrap=True)
    for fault in one.faults:
        table.add_row(f"{fault.count:,}", f"{fault.slots:,}", fault.code, Words(say(words_of(fault.why))))
    return table


__all__ = ["ORDERS", "plain_line", "shown", "signed"]
