"""The state diagrams in the docs, from the state tables of the code, as Mermaid between markers.

``python tools/diagrams.py`` writes them; ``--check`` writes nothing and exits 1 where a page is out of date.
A marked part of a page begins with ``<!-- diagram NAME ... -->`` and ends with ``<!-- /diagram NAME -->``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TypeVar

from markers import replaced

from cardfab.keys.ceremony import TABLES, Kind, Stage
from cardfab.printer.machine import TRANSITIONS, Event
from cardfab.production.states import CARD_TABLE, JOB_TABLE, CardState
from cardfab.production.temporary import TEMPORARY_TABLE, TemporaryState

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    "job": "docs/architecture.md",
    "card": "docs/architecture.md",
    "printer": "docs/printers.md",
    "temporary": "docs/temporary-card.md",
}
"""Each diagram and the page it stands in."""
CEREMONIES = {f"ceremony-{kind}": kind for kind in Kind}
NAMES |= dict.fromkeys(CEREMONIES, "docs/ceremony.md")

S = TypeVar("S", bound=Enum)
E = TypeVar("E", bound=Enum)
Edge = tuple[str, str, str]
"""From, to, and the word on the arrow (empty for none)."""


def job() -> str:
    """The states of a job."""
    return _mermaid(JOB_TABLE, _edges(JOB_TABLE))


def card() -> str:
    """The states of an issued card; the table has no events, so the arrows have no words."""
    edges = [(state.name, after.name, "") for state in CARD_TABLE for after in CardState if after in CARD_TABLE[state]]
    return _mermaid(CARD_TABLE, edges)


def temporary() -> str:
    """The states of a temporary card."""
    edges = [
        (state.name, after.name, "")
        for state in TEMPORARY_TABLE
        for after in TemporaryState
        if after in TEMPORARY_TABLE[state]
    ]
    return _mermaid(TEMPORARY_TABLE, edges)


def printer() -> str:
    """The states of a printer session. What every state answers alike is said in a line instead of drawn."""
    shared = set.intersection(*(set(table.items()) for table in TRANSITIONS.values()))
    drawn = {
        state: {event: after for event, after in table.items() if (event, after) not in shared}
        for state, table in TRANSITIONS.items()
    }
    said = "; ".join(f"`{event.value}` to {after.name}" for event in Event for of, after in shared if of is event)
    return f"{_mermaid(TRANSITIONS, _edges(drawn))}\n\nFrom every state: {said}."


def ceremony(kind: Kind) -> str:
    """The stages of a ceremony of one kind. That each can be interrupted is said in a line instead of drawn."""
    table = {stage: moves for stage, moves in TABLES[kind].items() if stage is not Stage.INTERRUPTED}
    drawn = {
        stage: {event: after for event, after in moves.items() if after is not Stage.INTERRUPTED}
        for stage, moves in table.items()
    }
    return f"{_mermaid(table, _edges(drawn))}\n\nFrom every stage but the last: `abandon` to INTERRUPTED."


def _edges(table: Mapping[S, Mapping[E, S]]) -> list[Edge]:
    """One arrow for all events that lead from one state to another."""
    words: dict[tuple[str, str], list[str]] = {}
    for state, moves in table.items():
        for event, after in moves.items():
            words.setdefault((state.name, after.name), []).append(str(event.value))
    return [(source, target, " or ".join(events)) for (source, target), events in words.items()]


def _mermaid(states: Iterable[Enum], edges: Iterable[Edge]) -> str:
    """A diagram that begins at the first state; a state without a way out is an end."""
    names = [state.name for state in states]
    lines, left = [f"[*] --> {names[0]}"], set()
    for source, target, word in edges:
        # A second colon would end the word.
        lines.append(f"{source} --> {target}" + (f": {word.replace(': ', ', ')}" if word else ""))
        left.add(source)
    lines += [f"{name} --> [*]" for name in names if name not in left]
    return "\n".join(["```mermaid", "stateDiagram-v2", *(f"    {line}" for line in lines), "```"])


DRAWN: dict[str, Callable[[], str]] = {"job": job, "card": card, "printer": printer, "temporary": temporary}
DRAWN |= {name: partial(ceremony, kind) for name, kind in CEREMONIES.items()}


def with_diagrams(page: str, text: str) -> str:
    """The text of a page with its diagrams as the code has them. Raises ValueError where a marker is missing."""
    for name, where in NAMES.items():
        if where != page:
            continue
        text = replaced(page, text, "diagram", name, DRAWN[name]())
    return text


def outdated(root: Path = ROOT) -> dict[str, str]:
    """The pages that do not show what the code says, with the text that they should have."""
    found = {}
    for page in sorted(set(NAMES.values())):
        text = (root / page).read_text(encoding="utf-8")
        if (wanted := with_diagrams(page, text)) != text:
            found[page] = wanted
    return found


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only say which are out of date."""
    if arguments not in ([], ["--check"]):
        print("usage: python tools/diagrams.py [--check]", file=sys.stderr)
        return 2
    pages = outdated()
    for page, text in pages.items():
        if arguments:
            print(f"{page}: a diagram is out of date; run: python tools/diagrams.py")
        else:
            (ROOT / page).write_text(text, encoding="utf-8")
            print(f"{page}: written")
    return 1 if pages and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
