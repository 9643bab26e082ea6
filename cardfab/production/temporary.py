"""The states of a temporary card. Its last day is no state: a paper that was not ended before ends by its date."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from cardfab.errors import Text
from cardfab.production.states import StateRefused


class TemporaryState(enum.StrEnum):
    """Where a temporary card is in its life."""

    ISSUED = "ISSUED"
    EXTENDED = "EXTENDED"
    ENDED = "ENDED"
    RETURNED = "RETURNED"
    REVOKED = "REVOKED"

    @property
    def text(self) -> Text:
        """The state in words."""
        return _WORDS[self]


_T = TemporaryState

_WORDS: Final[Mapping[TemporaryState, Text]] = {
    _T.ISSUED: Text("issued", "已签发"),
    _T.EXTENDED: Text("extended by a new paper", "已延期（另发新证）"),
    _T.ENDED: Text("ended: the card was handed over", "已终止（正式卡已领取）"),
    _T.RETURNED: Text("returned", "已交回"),
    _T.REVOKED: Text("revoked", "已作废"),
}

TEMPORARY_TABLE: Final[Mapping[TemporaryState, frozenset[TemporaryState]]] = {
    _T.ISSUED: frozenset({_T.EXTENDED, _T.ENDED, _T.RETURNED, _T.REVOKED}),
    # The paper may come back after it has lost its force.
    _T.EXTENDED: frozenset({_T.RETURNED}),
    _T.ENDED: frozenset({_T.RETURNED}),
    _T.RETURNED: frozenset(),
    _T.REVOKED: frozenset(),
}


def temporary_after(state: TemporaryState, target: TemporaryState) -> TemporaryState:
    """The target, if the table allows it; raises :class:`StateRefused`."""
    if target not in TEMPORARY_TABLE[state]:
        raise StateRefused(
            Text(
                f"A temporary card that is {state.text.en} cannot become {target.text.en}.",
                f"临时卡{state.text.zh}，不能改为{target.text.zh}。",
            ),
            do=Text("'cardfab temporary list' shows the register.", "cardfab temporary list 可查看登记簿。"),
        )
    return target
