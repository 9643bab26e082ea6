"""What the issuer host says of a person who stands at the counter, before anything is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cardfab.errors import Text
from cardfab.station.counter.service import Counter
from cardfab.station.host import Fields, HostCode, Operation
from cardfab.station.hostdesk import HostRefused, HostSilent

_STOPS = frozenset({HostCode.DEAD, HostCode.NOT_ALLOWED, HostCode.REGION_DENIED, HostCode.IN_MAKING})


@dataclass(frozen=True, slots=True)
class HostWord:
    """``state``: ``none`` no host, ``away`` no answer, ``new`` a person it does not know, ``known``, ``stop``."""

    state: Literal["none", "away", "new", "known", "stop"]
    word: Text
    cards: int = 0


def ask_host(counter: Counter, number: str, *, replaces: bool = False) -> HostWord:
    """Ask for the person and whether a card may be made. Reads only; never raises for a host that is away."""
    if counter.host is None:
        return HostWord("none", Text("The station has no issuer host.", "本网点未配置发卡主机。"))
    fields: Fields = {"number": number, "name": ""}
    try:
        told = counter.host.read(Operation.PERSON, f"person:{number}", fields)
        cards = told.get("cards")
        count = len(cards) if isinstance(cards, list) else 0
        if not replaces:
            counter.host.read(Operation.CHECK, f"person:{number}", {**fields, "kind": "new", "reason": ""})
        word = Text(f"The host knows the person, with {count} cards.", f"主机已登记该人员，名下卡片 {count} 张。")
        return HostWord("known", word, count)
    except HostSilent as silent:
        return HostWord("away", silent.what)
    except HostRefused as refused:
        if refused.host_code is HostCode.NOT_FOUND:
            return HostWord("new", Text("The host does not know the person yet.", "主机尚未登记该人员。"))
        return HostWord("stop" if refused.host_code in _STOPS else "known", refused.what)


__all__ = ["HostWord", "ask_host"]
