"""The closed union of steps. Each is a value; its :meth:`exchange` is what it says to a chip, sans I/O.

A step that reads compares: what the chip holds against what the plan expects, item by item, into the run's record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from cardfab.apdu import commands
from cardfab.apdu.commands import RECORD_NOT_FOUND
from cardfab.apdu.dialect import prove_directly
from cardfab.apdu.layout import CommandLayout
from cardfab.apdu.line import external_authenticate
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.errors import CardRefused, Text
from cardfab.plan.activating import Activate, ExpectClosed, ProveCard
from cardfab.plan.certifying import (
    Certify,
    ChangeManagerPin,
    ChangeUserPin,
    ExpectCertificate,
    ImportEncryptionKey,
    ReplacePkiMaster,
    VerifyPki,
    WriteCertificate,
)
from cardfab.plan.channel import OpenChannel, Personalise, StoreData
from cardfab.plan.filing import AddRecord, ExpectBinary, NotReadBack, VerifyPin, WriteBinary
from cardfab.plan.making import (
    CreateFile,
    EndStage,
    EndWithMac,
    ProveMaster,
    ProveTransport,
    SelectRoot,
    WriteIdentification,
    WriteKey,
)
from cardfab.plan.run import Comparison, Run


class BlankNotBlank(CardRefused):
    """The chip in the reader holds somebody's data already."""

    default_code = "CF-4200"


class OtherRegion(CardRefused):
    """The blank belongs to another city."""

    default_code = "CF-4220"


@dataclass(frozen=True, slots=True)
class Select:
    """Make an application current by its name."""

    aid: bytes
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.select(self.aid, name=self.title.en)
        run.channel = None  # a channel ends with the selection of its application (GPC 2.3.1, 10.2.3)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Prove a key of the hierarchy to the chip: EXTERNAL AUTHENTICATE over the chip's challenge.

    ``command`` is the form of a card operating system whose keys are proved directly, without a session key.
    ``version`` names one of the key's groups in the 17th byte.
    """

    label: str
    key_id: int
    title: Text
    command: CommandLayout | None = None
    version: int | None = None

    def exchange(self, run: Run) -> Exchange[None]:
        key = run.keys.card_key(self.label, run.region, run.historical)
        if self.command is None:
            yield from external_authenticate(key, self.key_id, version=self.version, name=self.title.en)
        else:
            yield from prove_directly(key, self.command, key_id=self.key_id, name=self.title.en)


@dataclass(frozen=True, slots=True)
class ExpectBlank:
    """A record that a blank must not hold yet: absent, or padding only."""

    sfi: int
    number: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.read_record(self.number, self.sfi, secret=True, name=self.title.en)
        response = expect((yield command), command, RECORD_NOT_FOUND)
        if response.data[2:].strip(b"\x00\xff"):
            raise BlankNotBlank(
                Text(
                    "The chip in the reader is not blank: it holds a person's data.",
                    "读卡器中的芯片不是空白卡：已有个人数据。",
                ),
                do=Text("Put the card aside and count the blanks.", "请将该卡单独存放，并清点空白卡。"),
            )


@dataclass(frozen=True, slots=True)
class ReadRegion:
    """The city that the blank was made for, from its identification code (V2.0, 8.1.1.1): its keys come by that city.

    ``required`` is the region of the holder where a product wants blanks of the same city.
    """

    sfi: int
    number: int
    required: str | None
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.read_record(self.number, self.sfi, name=self.title.en)
        record = expect((yield command), command).data
        region = record[2:5].hex()
        if len(record) != 18 or not region.isdecimal():
            raise CardAnswerMalformed(command.title, "it is no identification code", "不是卡识别码")
        if self.required is not None and region != self.required:
            raise OtherRegion(
                Text(
                    f"The blank was made for region {region}; this holder's card is for {self.required}.",
                    f"该空白卡属于地区 {region}，持卡人的卡应属于 {self.required}。",
                ),
                do=Text("Load blanks of that region.", "请装入该地区的空白卡。"),
            )
        run.region = region


@dataclass(frozen=True, slots=True)
class Capture:
    """Read a record and keep it under a name."""

    name: str
    sfi: int
    number: int
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.read_record(self.number, self.sfi, secret=True, name=self.title.en)
        run.captured[self.name] = expect((yield command), command).data


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """Write one record, T(1) L(1) V."""

    sfi: int
    number: int
    record: bytes = field(repr=False)
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        command = commands.update_record(self.number, self.sfi, self.record, secret=True, name=self.title.en)
        expect((yield command), command)


@dataclass(frozen=True, slots=True)
class Expect:
    """Read and compare: what the chip answers to ``command`` against ``expected``."""

    command: CommandApdu
    expected: bytes = field(repr=False)
    title: Text

    def exchange(self, run: Run) -> Exchange[None]:
        response = yield self.command
        found = response.data if response.sw.ok else b""
        run.compared.append(Comparison(self.title, self.expected, found, response.sw))


Step: TypeAlias = (
    Select
    | Authenticate
    | ReadRegion
    | ExpectBlank
    | Capture
    | UpdateRecord
    | OpenChannel
    | Personalise
    | StoreData
    | Expect
    | WriteBinary
    | ExpectBinary
    | AddRecord
    | VerifyPin
    | NotReadBack
    | ProveTransport
    | ProveMaster
    | SelectRoot
    | CreateFile
    | WriteKey
    | WriteIdentification
    | EndStage
    | EndWithMac
    | Activate
    | ProveCard
    | ExpectClosed
    | Certify
    | VerifyPki
    | ImportEncryptionKey
    | WriteCertificate
    | ChangeManagerPin
    | ChangeUserPin
    | ReplacePkiMaster
    | ExpectCertificate
)
"""Everything a plan can do today; a new kind of step is added here, and mypy finds where it must be handled."""
