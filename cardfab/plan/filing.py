"""Steps that write and read files other than linear ones, and the step that says why a file is not read."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.apdu import commands
from cardfab.apdu.link import CardAnswered, Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.apdu.status import StatusWord
from cardfab.errors import Text
from cardfab.plan.run import Comparison, Run


@dataclass(frozen=True, slots=True)
class WriteBinary:
    """Write a transparent file from its start, ``block`` bytes a command."""

    sfi: int
    content: bytes = field(repr=False)
    block: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        yield from commands.write_whole_binary(self.content, sfi=self.sfi, chunk=self.block, secret=True)


@dataclass(frozen=True, slots=True)
class ExpectBinary:
    """Read a transparent file as far as it was written, and compare the whole."""

    sfi: int
    expected: bytes = field(repr=False)
    block: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        sw, found = StatusWord(0x9000), b""
        try:
            found = yield from commands.read_whole_binary(
                len(self.expected), sfi=self.sfi, chunk=self.block, secret=True
            )
        except CardAnswered as refused:
            sw = refused.sw
        run.compared.append(Comparison(self.title, self.expected, found, sw))


@dataclass(frozen=True, slots=True)
class AddRecord:
    """Add a record to a cyclic file, which becomes number 1 (LB 002 part 5, 6.13)."""

    sfi: int
    record: bytes = field(repr=False)
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command: CommandApdu = commands.add_record(self.sfi, self.record, secret=True, name=self.title.en)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class VerifyPin:
    """Show the chip the PIN that blanks come with; it opens what only the holder may read."""

    label: str
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.verify_block(run.keys.first_pin(self.label).block(), name=self.title.en)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class NotReadBack:
    """Nothing is sent: the file stands in the plan with the reason why it is not compared."""

    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        yield from ()
