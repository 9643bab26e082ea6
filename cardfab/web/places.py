"""What an error tells to do at a terminal, said as it is done at a page: the acts are the same, the places are not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cardfab.errors import Text

_PAGES: Mapping[str, Text] = {
    "job": Text("Jobs", "作业"),
    "issue": Text("Issue a card", "即时制卡"),
    "request": Text("Issue a card", "即时制卡"),
    "request approve": Text("Approvals", "审批"),
    "temporary": Text("Temporary card", "临时卡"),
    "card": Text("Counter services", "柜面业务"),
    "pin": Text("Counter services", "柜面业务"),
    "host": Text("Waiting for the host", "待发主机"),
    "stock": Text("Stock book", "库存台账"),
    "stock open": Text("Close the day", "日结"),
    "stock close": Text("Close the day", "日结"),
    "stock count": Text("Close the day", "日结"),
    "stock days": Text("Close the day", "日结"),
    "user": Text("People", "人员"),
    "user login": Text("Sign in", "登录"),
}
"""The page of a command, or of all commands of a group. A command that no page stands for is left as it is."""
_EN = re.compile(r"'cardfab ([a-z]+)( [a-z-]+)?[^']*'(?: or '--?[a-z-]+[^']*')?")
_ZH = re.compile(
    r" ?cardfab ([a-z]+)( [a-z-]+)?(?: [\x21-\x7e]+)*"
    r"(?: (?:登录名|姓名|申请编号|申请号|作业号)(?: --[a-z]+)?)*(?: 或 --[a-z]+)? ?"
)
_EYE_EN = re.compile(r"'cardfab job resolve \d+ --accept' if ([^,]+), else '--spoil'")
_EYE_ZH = re.compile(r"(\w+)用 cardfab job resolve \d+ --accept，否则用 --spoil")


def at_page(said: str, language: str) -> str:
    """A sentence as it is read at a page."""
    if "cardfab " not in said:
        return said
    chinese = language == "zh"
    said = _EYE_EN.sub(r"accept it on the page “Jobs” if \1, else spoil it there", said)
    said = _EYE_ZH.sub(r"请在“作业”页面答复：\1选“合格”，否则选“作废”", said)

    def place(found: re.Match[str]) -> str:
        group, command = found[1], (found[2] or "").strip()
        page = _PAGES.get(f"{group} {command}", _PAGES.get(group))
        if page is None:
            return found[0]
        return f"“{page.zh}”页面" if chinese else f"the page “{page.en}”"

    said = (_ZH if chinese else _EN).sub(place, said)
    return said if chinese else re.sub(r"(?:^|(?<=[.] ))the page ", "The page ", said)
