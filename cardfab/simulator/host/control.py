"""The control line of the training host: one command a line, ``ok`` or ``no`` back, while it runs.

play OPERATION=WHAT[:TIMES] ...   refuse, be silent, garble (mood)
calm                              do as asked again
seconds N                         wait before every answer
after STEP                        refuse everything once STEP was done
lock MINUTES                      no batch is confirmed for so long
name NUMBER NAME                  the person's name at the host is another
dead NUMBER                       the person is registered as dead
state CARD STATE                  the card's state at the host is another
heard                             every operation that was asked
"""

from __future__ import annotations

import time

from cardfab.simulator.host.host import TrainingHost
from cardfab.simulator.host.mood import Mood
from cardfab.simulator.host.server import LineServer


def command(host: TrainingHost, line: str) -> str:
    """Do one command; the line that goes back."""
    word, _, rest = line.strip().partition(" ")
    try:
        if word == "heard":
            return " ".join(host.heard)
        _do(host, word, rest.split())
    except (ValueError, KeyError, IndexError, TypeError):
        return "no"
    return "ok"


def _do(host: TrainingHost, word: str, rest: list[str]) -> None:
    mood, books = host.mood, host.books
    if word == "play":
        mood.take_over(Mood.of(rest, mood.seconds))
    elif word == "calm":
        mood.take_over(Mood())
        books.locked_until = 0.0
    elif word == "seconds":
        mood.seconds = float(rest[0])
    elif word == "after":
        mood.fails_after = rest[0]
    elif word == "lock":
        books.locked_until = time.time() + 60 * float(rest[0])
    elif word == "name":
        books.people[rest[0]]["name"] = " ".join(rest[1:])
    elif word == "dead":
        books.people[rest[0]]["dead"] = True
    elif word == "state":
        books.cards[rest[0]]["state"] = " ".join(rest[1:])
    else:
        raise ValueError(word)


class ControlServer(LineServer):
    """The control line of a host."""

    def __init__(self, host: TrainingHost, port: int = 0) -> None:
        super().__init__(lambda line: command(host, line.decode("utf-8", "replace")).encode() + b"\n", port, "control")
