"""Traces: what went over the wire, below any secure channel, as text that a person reads and a replay follows strictly.

::

    # cardfab trace 1
    ! 3B6D0000...                            reset, and the ATR it gave
    > 00A40400 05 A000000333 00  ; SELECT    command: header, Lc, data, Le; the name after the semicolon
    < 6F0A... 9000                           response data, status word
    > 00200000 03 ******         ; VERIFY    a hidden byte is two stars, so lengths stay true
    x                                        no answer: the card was gone

The data of a secret command never reaches the text, and neither does its answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cardfab.apdu.link import CardConnection, CardGone, passed, response_to
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.apdu.pinentry import PinCommand, PinFeatures, features_of
from cardfab.errors import DeviceFault, InputRefused, Text

HEAD = "# cardfab trace 1"
_LINE = re.compile(r"([!<>x]) *((?:[0-9A-F]{2}|\*\*| )*)(?:;.*)?")


class TraceMalformed(InputRefused):
    """A line of a trace that cannot be read; ``line`` counts from 1."""

    default_code = "CF-3104"

    def __init__(self, line: int, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Trace, line {line}: {en}.", f"记录文件第 {line} 行：{zh}。"),
            do=Text("Record the trace again.", "请重新录制。"),
        )
        self.line = line


class ReplayMismatch(DeviceFault):
    """A replay was asked for something else than what was recorded."""

    default_code = "CF-5103"

    def __init__(self, position: int, expected: str, sent: str) -> None:
        super().__init__(
            Text(
                f"Replay, step {position}: the trace has [{expected}], the program did [{sent}].",
                f"回放第 {position} 步：记录为 [{expected}]，程序执行 [{sent}]。",
            ),
            do=Text("Find out which of the two is right; then record again.", "请确认哪一个正确，再重新录制。"),
        )


class RecordingConnection:
    """Writes a trace of what passes, a line at a time, to ``write``.

    Asked with a command as a value (:meth:`send`) it hides what that says is secret. Asked with bytes it cannot know,
    and hides every data field: stand it above other connections, directly below the link.
    """

    def __init__(self, connection: CardConnection, write: Callable[[str], object]) -> None:
        self._connection = connection
        self._write = write
        self._write(HEAD + "\n")
        self._wrote_reset(connection.atr())

    def _wrote_reset(self, atr: bytes) -> bytes:
        self._write(f"! {atr.hex().upper()}\n")
        return atr

    def send(self, command: CommandApdu) -> ResponseApdu:
        return self._pass(command, mask=command.secret)

    def transmit(self, apdu: bytes) -> bytes:
        return self._pass(CommandApdu.from_bytes(apdu), mask=True).to_bytes()

    def _pass(self, command: CommandApdu, *, mask: bool) -> ResponseApdu:
        self._write(f"> {command.shown(mask=mask)}  ; {command.title}\n")
        try:
            raw = passed(self._connection, command)
        except CardGone:
            self._write("x\n")
            raise
        response = response_to(command, raw)
        data = "**" * len(response.data) if mask else response.data.hex().upper()
        self._write(f"< {data} {int(response.sw):04X}\n" if data else f"< {int(response.sw):04X}\n")
        return response

    def pin_features(self) -> PinFeatures:
        """Those of the reader below."""
        return features_of(self._connection)

    def enter_pin(self, command: PinCommand, /) -> bytes:
        """At the reader below; the trace shows the command and nothing of the PIN."""
        return self._pass(command, mask=True).to_bytes()

    def atr(self) -> bytes:
        return self._connection.atr()

    def reset(self) -> bytes:
        return self._wrote_reset(self._connection.reset())

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Step:
    """One line: ``kind`` is ``!``, ``>``, ``<`` or ``x``; ``hex`` in upper case, two stars where hidden."""

    kind: str
    hex: str

    def fits(self, raw: bytes) -> bool:
        """Whether ``raw`` is this line: equal where it is shown, as long where it is hidden."""
        got = raw.hex().upper()
        return len(got) == len(self.hex) and all(a in ("*", b) for a, b in zip(self.hex, got, strict=True))

    def filled(self) -> bytes:
        """The bytes; hidden ones, which nobody knows any more, as 00."""
        return bytes.fromhex(self.hex.replace("**", "00"))


def parse_trace(lines: Iterable[str]) -> tuple[Step, ...]:
    """The steps of a trace; blank lines and those that start with ``#`` pass. Raises :class:`TraceMalformed`."""
    steps: list[Step] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not (match := _LINE.fullmatch(text)):
            raise TraceMalformed(number, "it is neither reset, command nor response", "不是复位、命令或应答")
        step = Step(match[1], match[2].replace(" ", ""))
        if (step.kind in "<x") != bool(steps and steps[-1].kind == ">"):
            raise TraceMalformed(number, "commands and responses do not alternate", "命令与应答未交替出现")
        if len(step.hex) < 2 * {"!": 2, ">": 4, "<": 2, "x": 0}[step.kind]:
            raise TraceMalformed(number, "it is too short", "内容过短")
        steps.append(step)
    if not steps or steps[0].kind != "!" or steps[-1].kind == ">":
        raise TraceMalformed(0, "it does not go from a reset to a response", "未以复位开始或未以应答结束")
    return tuple(steps)


class ReplayConnection:
    """A card that answers from a trace and accepts nothing else; hidden response bytes come back as 00.

    Like the recording one it takes commands as values, and then shows in a mismatch what is not secret.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = tuple(steps)
        self._at = 0
        self._atr = self._take("!", "the start")

    @classmethod
    def of_text(cls, text: str) -> ReplayConnection:
        return cls(parse_trace(text.splitlines()))

    def _now(self) -> Step:
        return self._steps[self._at] if self._at < len(self._steps) else Step("", "the end")

    def _take(self, kind: str, did: str, raw: bytes | None = None) -> bytes:
        """Move over the step if it is of that kind and fits ``raw``; its bytes."""
        step = self._now()
        if step.kind != kind or (raw is not None and not step.fits(raw)):
            raise ReplayMismatch(self._at + 1, f"{step.kind} {step.hex}".strip(), did)
        self._at += 1
        return step.filled()

    def send(self, command: CommandApdu) -> ResponseApdu:
        return response_to(command, self._pass(command, mask=command.secret))

    def transmit(self, apdu: bytes) -> bytes:
        return self._pass(CommandApdu.from_bytes(apdu), mask=True)

    def _pass(self, command: CommandApdu, *, mask: bool) -> bytes:
        raw = command.to_bytes()
        self._take(">", f"> {command.shown(mask=mask)}", raw)
        if self._now().kind == "x":
            self._at += 1
            raise CardGone
        return self._take("<", "waited for an answer")

    def atr(self) -> bytes:
        return self._atr

    def reset(self) -> bytes:
        self._atr = self._take("!", "reset")
        return self._atr

    def close(self) -> None:
        """Nothing to let go; see :meth:`finish`."""

    def finish(self) -> None:
        """Raise :class:`ReplayMismatch` unless everything recorded was done."""
        left = self._now()
        if left.kind:
            raise ReplayMismatch(self._at + 1, f"{left.kind} {left.hex}", "the end")
