"""What errors tell to do at a terminal is read as what to do at a page."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cardfab
from cardfab.web.places import at_page


@pytest.mark.parametrize(
    ("language", "said", "read"),
    [
        ("en", "Approve it: 'cardfab request approve R7'.", "Approve it: the page “Approvals”."),
        ("zh", "请先审批：cardfab request approve R7。", "请先审批：“审批”页面。"),
        ("en", "'cardfab job list' shows all.", "The page “Jobs” shows all."),
        ("zh", "cardfab job list 可查看全部作业。", "“作业”页面可查看全部作业。"),
        ("zh", "请先日结：cardfab stock close。", "请先日结：“日结”页面。"),
        (
            "en",
            "'cardfab job resolve 3 --accept' if the print is whole, else '--spoil'.",
            "accept it on the page “Jobs” if the print is whole, else spoil it there.",
        ),
        (
            "zh",
            "打印完整用 cardfab job resolve 3 --accept，否则用 --spoil。",
            "请在“作业”页面答复：打印完整选“合格”，否则选“作废”。",
        ),
        ("en", "Run 'cardfab doctor --upgrade' after a backup.", "Run 'cardfab doctor --upgrade' after a backup."),
        ("zh", "读卡器未连接。", "读卡器未连接。"),
    ],
)
def test_a_command_is_read_as_its_page(language: str, said: str, read: str) -> None:
    assert at_page(said, language) == read


@pytest.mark.proof
def test_no_sentence_of_an_outlets_act_names_a_command_of_job_stock_card_or_request_at_a_page() -> None:
    root = Path(cardfab.__file__).parent
    tried = 0
    for file in [one for room in ("station", "production", "store") for one in (root / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text" and len(node.args) == 2:
                for language, argument in zip(("en", "zh"), node.args, strict=True):
                    read = at_page(_said(argument), language)
                    tried += "cardfab " in _said(argument)
                    for group in ("job", "stock", "card", "request", "temporary", "user", "pin", "issue"):
                        assert f"cardfab {group} " not in read, (file.name, read)
    assert tried > 50


def _said(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "42" for one in argument.values)
    return ""
