"""Steps at both ends of a blank's making: its activation, and the proof that it is whole (LB 002 part 10, 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu.layout import CommandLayout
from cardfab.apdu.line import internal_authenticate
from cardfab.apdu.link import CardAnswered, Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.errors import CardRefused, Text
from cardfab.plan.run import Run

_ALREADY = 0x6985
_NOT_ALLOWED = 0x6982


class NotClosed(CardRefused):
    """A file of a blank opens to everybody, though its condition asks for a right."""

    default_code = "CF-4230"


@dataclass(frozen=True, slots=True)
class Activate:
    """One command of the activation. What was set before the power failed cannot be set again: the chip says 6985.

    That it was this station that set it is proved later, with the transport key. ``key`` is the label of a key that is
    in the command; it goes in clear, since the chip has none yet, and so must be published.
    """

    command: CommandLayout
    key: str | None
    maker: bytes
    historical: bytes
    last: bool
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        values = {"maker": self.maker, "historical": self.historical, "serial": self.historical[-6:]}
        if self.key is not None:
            loaded = run.keys.load_key(self.key, run.region, run.historical, under=None, header=b"", fill=0)
            values["key"] = loaded.clear()
        command = self.command.command(values, secret=self.key is not None, name=self.title.en)
        expect((yield command), command, *(() if self.last else (_ALREADY,)))


@dataclass(frozen=True, slots=True)
class ProveCard:
    """Let the chip prove a key of its own: INTERNAL AUTHENTICATE over 8 + 8 random bytes."""

    label: str
    key_id: int
    version: int | None
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.card_key(self.label, run.region, run.historical)
        yield from internal_authenticate(key, run.random(8), run.random(8), key_id=self.key_id, version=self.version)


@dataclass(frozen=True, slots=True)
class ExpectClosed:
    """A file that must not open without its rights, and must be there: 6982 and nothing else."""

    command: CommandApdu
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        response = yield self.command
        if response.sw.ok:
            raise NotClosed(
                Text(f"{self.title.en}: the file opens to everybody.", f"{self.title.zh}：文件未受保护。"),
                do=Text("The blank is spoiled; check the dialect of the chip.", "该卡作废；请检查芯片方言配置。"),
            )
        if response.sw != _NOT_ALLOWED:
            raise CardAnswered(self.title.en, response.sw)
