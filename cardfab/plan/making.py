"""Steps that make a chip of the factory a blank: its directories, files and keys, in the dialect of its maker."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu import commands
from cardfab.apdu.dialect import Protection, end_with_mac, prove_directly, write_key
from cardfab.apdu.layout import CommandLayout, Layout
from cardfab.apdu.line import external_authenticate
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.errors import Text
from cardfab.plan.run import Run

FILE_EXISTS = (0x6A89, 0x9850)


@dataclass(frozen=True, slots=True)
class ProveTransport:
    """Prove the transport key of the factory, over the card's serial number or a challenge."""

    label: str
    command: CommandLayout
    over: Layout
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.master_key(self.label, run.region, run.historical)
        yield from prove_directly(key, self.command, over=self.over, historical=run.historical, name=self.title.en)


@dataclass(frozen=True, slots=True)
class ProveMaster:
    """Prove a directory's master key: by the dialect's own command over a challenge, or as the card's other keys."""

    label: str
    key_id: int
    command: CommandLayout | None
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.master_key(self.label, run.region, run.historical)
        if self.command is None:
            yield from external_authenticate(key, self.key_id, name=self.title.en)
        else:
            yield from prove_directly(key, self.command, key_id=self.key_id, name=self.title.en)


@dataclass(frozen=True, slots=True)
class SelectRoot:
    """Make the master file current."""

    fid: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.select_file(self.fid, name=self.title.en)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class CreateFile:
    """Make a directory or file in the current directory, or describe it (DIR, FCI).

    ``again`` takes it that it is there already: the chip does not tell of every file.
    """

    command: CommandApdu
    title: Text
    again: bool = False

    def exchange(self, run: Run) -> Exchange[None]:
        expect((yield self.command), self.command, *(FILE_EXISTS if self.again else ()))


@dataclass(frozen=True, slots=True)
class WriteKey:
    """Load a key of the hierarchy: ``label`` under ``under``; ``header`` of the command, ``record`` header of the key.

    ``fill`` is the length to which the value is padded, ``challenge`` what its MAC takes.
    """

    label: str
    under: str | None
    protection: Protection
    header: bytes
    record: bytes
    fill: int
    challenge: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.load_key(
            self.label, run.region, run.historical, under=self.under, header=self.record, fill=self.fill
        )
        yield from write_key(key, self.header, self.protection, challenge=self.challenge, name=self.title.en)


@dataclass(frozen=True, slots=True)
class WriteIdentification:
    """The blank's identification code (V2.0, 8.1.1.1): region, registered identifier, serial number TA..TD.

    The authentication code is left FFFFFFFF: how it is computed is not published.
    """

    sfi: int
    number: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        value = bytes.fromhex(run.region) + bytes.fromhex("D156000005") + run.historical[-4:] + b"\xff" * 4
        command = commands.update_record(self.number, self.sfi, b"\x01\x10" + value, name=self.title.en)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class EndWithMac:
    """End the pre-personalisation once for the whole chip, with a MAC under the key of the master file."""

    label: str
    header: bytes
    challenge: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.master_key(self.label, run.region, run.historical)
        yield from end_with_mac(key, self.header, challenge=self.challenge, name=self.title.en)


@dataclass(frozen=True, slots=True)
class EndStage:
    """Erase, or end the pre-personalisation of the current directory; the chip then keeps its conditions."""

    command: CommandApdu
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        expect((yield self.command), self.command)
