"""Advice at a page names pages, not commands, in both languages."""

from __future__ import annotations

import pytest

from cardfab.errors import Text
from cardfab.web.pagewords import PAGES, on_page


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        (
            Text("Report it first: 'cardfab card lost'.", "请先办理挂失：cardfab card lost。"),
            Text("Report it first: 'Counter services: Report a loss'.", "请先办理挂失：柜面业务“挂失”。"),
        ),
        (
            Text("Settle it: 'cardfab job resolve 7'.", "请先核实：cardfab job resolve 7。"),
            Text("Settle it: 'Jobs'.", "请先核实：“作业”。"),
        ),
        (
            Text("Name the supervisor who approves: --second LOGIN.", "请指明复核主管：--second 用户名。"),
            Text("Name the supervisor who approves.", "请指明复核主管。"),
        ),
        (Text("Say why: --reason TEXT.", "请用 --reason 说明。"), Text("Say why.", "请填写原因。")),
        (
            Text("Approve it: 'cardfab request approve R1'.", "请先审批：cardfab request approve R1。"),
            Text("Approve it: 'Issue a card'.", "请先审批：“即时制卡”。"),
        ),
        (
            Text("Put a new version in its place: 'cardfab keys rotate'.", "请用 cardfab keys rotate 换用新版本。"),
            Text("Put a new version in its place: 'cardfab keys rotate'.", "请用 cardfab keys rotate 换用新版本。"),
        ),
    ],
)
def test_advice_in_the_words_of_the_pages(advice: Text, told: Text) -> None:
    assert on_page(advice) == told


def test_no_advice_stays_none() -> None:
    assert on_page(None) is None


@pytest.mark.parametrize("command", PAGES)
def test_every_act_with_a_page_is_named_in_both_languages(command: str) -> None:
    told = on_page(Text(f"Do it: 'cardfab {command}'.", f"请用 cardfab {command} 办理。"))
    assert told is not None
    assert "cardfab" not in told.en + told.zh
