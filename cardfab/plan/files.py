"""The identity and insurance side of a plan: every file of the application written, and read back under its own rights.

In one directory the files are taken in the order of the rights that they ask for, so that each is proved once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cardfab.apdu import commands
from cardfab.errors import InputRefused, Text
from cardfab.plan.filing import AddRecord, ExpectBinary, NotReadBack, WriteBinary
from cardfab.plan.opening import Opener
from cardfab.plan.steps import Capture, Expect, ExpectBlank, ReadRegion, Select, Step, UpdateRecord
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.records import PreparedBinary, PreparedRecord
from cardfab.profile.access import FREE
from cardfab.profile.application import DedicatedFile, ElementaryFile, FileApplication, Item
from cardfab.profile.card import CardProfile

CARD_NUMBER, HOLDER_NUMBER = "card_number", "social_security_number"
Content: TypeAlias = list[PreparedRecord | PreparedBinary]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item lies: directory, file, record number."""

    directory: DedicatedFile
    file: ElementaryFile
    number: int


@dataclass(frozen=True, slots=True)
class Filing:
    """One card's file application and what its kind of card says."""

    files: FileApplication
    card: CardProfile

    # -- places ------------------------------------------------------------------------------------------------------

    def place(self, source: str) -> Place:
        """Where the value of a source lies; raises InputRefused."""
        return self._find(lambda item: item.source == source, source)

    def identification(self) -> Place:
        """Where the blank's own identification code lies, which must be free to read: keys come by its region."""
        found = self._find(lambda item: item.written_by == "pre-personalisation", "the blank's identification code")
        if found.file.read != FREE:
            raise self._lacks("a free way to the blank's identification code")
        return found

    def _find(self, is_it: Callable[[Item], bool], what: str) -> Place:
        for directory in self.files.directories:
            for file in directory.files:
                for number, item in enumerate(file.items, 1):
                    if is_it(item):
                        return Place(directory, file, number)
        raise self._lacks(what)

    def _lacks(self, what: str) -> InputRefused:
        return InputRefused(
            Text(
                f"The application '{self.files.name}' has no item for '{what}'.",
                f"应用“{self.files.name}”没有“{what}”数据项。",
            ),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3210",
        )

    def opener(self, directory: DedicatedFile) -> Opener:
        """What opens files of a directory, freshly selected."""
        return Opener(self.card, directory)

    # -- parts of a plan ---------------------------------------------------------------------------------------------

    def blank(self, required: str | None) -> Iterator[Step]:
        """The chip is a blank of ours: its identification code is there, nobody's data is."""
        code, holder = self.identification(), self.place(HOLDER_NUMBER)
        yield select(code.directory)
        yield self.region(code, required)
        if holder.directory is not code.directory:
            yield select(holder.directory)
        opener = self.opener(holder.directory)
        yield from opener.steps(opener.require(holder.file.read))
        yield ExpectBlank(holder.file.sfi[0], holder.number, Text("check that the chip is blank", "检查芯片为空白"))

    def select_holder(self) -> Step:
        """Makes the directory current in which :meth:`write` begins."""
        return select(self.place(HOLDER_NUMBER).directory)

    def write(self, card: PreparedCard) -> Iterator[Step]:
        """After :meth:`blank`, which leaves its directory current."""
        current = self.place(HOLDER_NUMBER).directory
        for directory in self.files.directories:
            if not (mine := _filled(directory, card)):
                continue
            if directory is not current:
                yield select(directory)
                current = directory
            opener = self.opener(directory)
            for one, wanted in _grouped([(one, opener.require(one.file.write)) for one in mine]):
                yield from opener.steps(wanted)
                yield from self._written(one.file, one.content)

    def read(self, card: PreparedCard) -> Iterator[Step]:
        """Everything that was written, item by item; first the region, by which the keys come."""
        code = self.identification()
        first = code.directory
        for directory in (first, *(one for one in self.files.directories if one is not first)):
            mine = _filled(directory, card)
            if not mine and directory is not first:
                continue
            yield select(directory)
            if directory is first:
                yield self.region(code, None)
            opener = self.opener(directory)
            opened = [one for one in mine if opener.wanted(one.file.read) is not None]
            for one, wanted in _grouped([(one, opener.require(one.file.read)) for one in opened]):
                yield from opener.steps(wanted)
                yield from self._compared(one.file, one.content)
            for one in mine:
                if opener.wanted(one.file.read) is None:
                    yield self._not_read(opener, one.file)

    def identify(self) -> Iterator[Step]:
        """The card number on the chip, read on the reader that is paired with the printer, just before printing."""
        place = self.place(CARD_NUMBER)
        yield select(place.directory)
        if place.file.read != FREE:
            opener = self.opener(place.directory)
            yield self.region(self.identification(), None)
            yield from opener.steps(opener.require(place.file.read))
        yield Capture(CARD_NUMBER, place.file.sfi[0], place.number, Text("read the card number", "读取卡号"))

    @staticmethod
    def region(place: Place, required: str | None) -> Step:
        """The step that reads the region of the blank, by which its keys come."""
        title = Text("read the blank's region", "读取卡片所属地区")
        return ReadRegion(place.file.sfi[0], place.number, required, title)

    # -- one file ------------------------------------------------------------------------------------------------------

    def _written(self, file: ElementaryFile, content: Content) -> Iterator[Step]:
        sfi = file.sfi[0]
        for one in content:
            title = _titled("write", "写入", one)
            if isinstance(one, PreparedBinary):
                yield WriteBinary(sfi, one.data, self.card.block, title)
            elif file.structure == "cyclic":
                yield AddRecord(sfi, one.tlv, title)
            else:
                yield UpdateRecord(sfi, one.record_number, one.tlv, title)

    def _compared(self, file: ElementaryFile, content: Content) -> Iterator[Step]:
        sfi = file.sfi[0]
        for place, one in enumerate(content):
            title = _titled("read", "读取", one)
            if isinstance(one, PreparedBinary):
                yield ExpectBinary(sfi, one.data, self.card.block, title)
            else:  # of a cyclic file number 1 is the newest, which was added last
                number = len(content) - place if file.structure == "cyclic" else one.record_number
                yield Expect(commands.read_record(number, sfi, secret=True), one.tlv, title)

    @staticmethod
    def _not_read(opener: Opener, file: ElementaryFile) -> NotReadBack:
        """Only where the holder's PIN is all that is wanting; else the profile is refused."""
        if not opener.with_pin(file.read):
            opener.require(file.read)
        where = f"{opener.directory.name}/{file.name}"
        return NotReadBack(
            Text(
                f"{where} {file.name_en}: not read back, only the PIN opens it",
                f"{where} {file.name_zh}：不回读，须持卡人密码",
            )
        )


def select(directory: DedicatedFile) -> Select:
    """The step that makes a directory current."""
    return Select(directory.aid, Text(f"SELECT {directory.name}", f"选择 {directory.name}"))


@dataclass(frozen=True, slots=True)
class _Filled:
    """A file and what a card puts into it."""

    file: ElementaryFile
    content: Content


def _filled(directory: DedicatedFile, card: PreparedCard) -> list[_Filled]:
    """The files of the directory that the card fills, and with what."""
    whole: Content = [*card.records, *card.binaries]
    mine = [one for one in whole if one.df == directory.name]
    found = [_Filled(file, [one for one in mine if one.fid == file.fid]) for file in directory.files]
    return [one for one in found if one.content]


def _grouped(order: list[tuple[_Filled, frozenset[str]]]) -> Iterator[tuple[_Filled, frozenset[str]]]:
    """The same files, those that ask for the same rights one after the other."""
    for rights in dict.fromkeys(wanted for _, wanted in order):
        yield from ((one, wanted) for one, wanted in order if wanted == rights)


def _titled(verb_en: str, verb_zh: str, one: PreparedRecord | PreparedBinary) -> Text:
    where = f"{one.df}/{one.fid.hex().upper()}"
    if isinstance(one, PreparedRecord) and one.tag:
        where += f" {one.tag.hex().upper()}"
    return Text(f"{verb_en} {where} {one.name_en}", f"{verb_zh} {where} {one.name_zh}")
