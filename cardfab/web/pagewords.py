"""What to do, in the words of the pages: the station's advice names commands, and a page has the same acts by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cardfab.errors import Text

PAGES: Mapping[str, Text] = {
    "card activate": Text("Counter services: Activate a card", "柜面业务“启用卡”"),
    "card balance": Text("Counter services: Read and check a card", "柜面业务“读卡与核验”"),
    "card block": Text("Counter services: Block a card", "柜面业务“锁定卡”"),
    "card due": Text("Counter services: Due cards", "柜面业务“到期提醒”"),
    "card lost": Text("Counter services: Report a loss", "柜面业务“挂失”"),
    "card read": Text("Counter services: Read and check a card", "柜面业务“读卡与核验”"),
    "card recover": Text("Counter services: Settle what was interrupted", "柜面业务“核实中断业务”"),
    "card release": Text("Counter services: Lift a restriction", "柜面业务“解除限制”"),
    "card replace": Text("Counter services: Order a replacement", "柜面业务“补换卡”"),
    "card verify": Text("Counter services: Read and check a card", "柜面业务“读卡与核验”"),
    "job list": Text("Jobs", "“作业”"),
    "job resolve": Text("Jobs", "“作业”"),
    "job show": Text("Jobs", "“作业”"),
    "request approve": Text("Issue a card", "“即时制卡”"),
    "request list": Text("Issue a card", "“即时制卡”"),
    "stock close": Text("Close the day", "“日结”"),
    "stock count": Text("Close the day", "“日结”"),
    "stock days": Text("Close the day", "“日结”"),
    "stock open": Text("Close the day", "“日结”"),
    "stock receive": Text("Stock book", "“库存台账”"),
    "temporary extend": Text("Temporary cards: Extend", "“临时卡”中的“延期”"),
    "temporary list": Text("Temporary cards", "“临时卡”"),
    "temporary revoke": Text("Temporary cards: Revoke", "“临时卡”中的“作废”"),
}
"""The page on which a command's act is done. What has no page keeps its command: it is not an operator's act."""

_QUOTED = re.compile(r"'cardfab ([a-z]+ [a-z]+)[^']*'")
_PLAIN = re.compile(r"\s?cardfab ([a-z]+ [a-z]+)(?: [A-Za-z0-9./=<>-]+)*\s?")
_OPTION = re.compile(r": '?--(?:second|reason)(?: [A-Z]+)?'?(?=[.;]|$)")
_OPTION_ZH = re.compile(r"：--(?:second|reason)(?: \S+?)?(?=[。；]|$)")
_REASON = (
    ("Give it with --reason.", "Fill in the reason."),
    ("请用 --reason 说明", "请填写原因"),
    ("请用 --reason 填写", "请填写原因"),
)


def on_page(advice: Text | None) -> Text | None:
    """The same advice for somebody at a page."""
    if advice is None:
        return None
    en = _OPTION.sub("", _QUOTED.sub(lambda found: _named(found, "en"), advice.en))
    zh = _OPTION_ZH.sub("", _PLAIN.sub(lambda found: _named(found, "zh"), advice.zh))
    for typed, filled in _REASON:
        en, zh = en.replace(typed, filled), zh.replace(typed, filled)
    return Text(en, zh)


def _named(found: re.Match[str], language: str) -> str:
    page = PAGES.get(found[1])
    if page is None:
        return found[0]
    return f"'{page.en}'" if language == "en" else page.zh
