"""Everything on a card that the presented rights allow, and of the rest why not (LD/T 32 part 7, 6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from cardfab.apdu import commands
from cardfab.apdu.link import CardAnswered, Exchange
from cardfab.errors import InputRefused, Text
from cardfab.profile.application import DedicatedFile, ElementaryFile
from cardfab.terminal.card import PresentedCard, pin_tries, records_of, verify_pin
from cardfab.terminal.identify import Identity, identify
from cardfab.terminal.reason import Denied


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file: its values by address, or why it was not read. ``raw`` is the content of a transparent file.

    ``write`` is None where the terminal holds the keys to write the file. ``problems`` are records that are not what
    the profile says; they do not stop the rest.
    """

    directory: str
    file: str
    name: Text
    denied: Denied | None
    write: Denied | None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    records: int = 0
    raw: bytes = field(default=b"", repr=False)
    problems: tuple[Text, ...] = ()

    @property
    def address(self) -> str:
        """``DF03/EF05``."""
        return f"{self.directory}/{self.file}"


@dataclass(frozen=True, slots=True)
class CardReading:
    """What one terminal sees of one card. ``tries`` are the PIN tries left before it was asked; None: no PIN is set."""

    identity: Identity
    files: tuple[FileReading, ...]
    tries: int | None
    pin_verified: bool

    @property
    def values(self) -> dict[str, str]:
        """Every value read, by address, in the order of the profile."""
        return {address: value for file in self.files for address, value in file.values.items()}

    @property
    def denied(self) -> dict[str, Denied]:
        """The files not read, by address, and why."""
        return {file.address: file.denied for file in self.files if file.denied is not None}

    @property
    def writable(self) -> frozenset[str]:
        """The files that this terminal may write."""
        return frozenset(file.address for file in self.files if file.write is None)

    def file(self, address: str) -> FileReading:
        """One file by address. Raises KeyError when it was not asked for."""
        for file in self.files:
            if file.address == address:
                return file
        raise KeyError(address)


def read_card(
    card: PresentedCard, *, pin: str | None = None, only: Collection[str] | None = None
) -> Exchange[CardReading]:
    """Identify the card and read all of it, or the files of ``only`` (``DF04/EF05``). The PIN is asked once.

    Raises PinWrong and PinBlocked; a refusal of one file is told in its place.
    """
    identity = yield from identify(card)
    tries = yield from pin_tries(card)
    if pin is not None and not card.pin_verified:
        yield from verify_pin(card, pin)
    files: list[FileReading] = []
    for directory in card.application.directories:
        wanted = [file for file in directory.files if only is None or f"{directory.name}/{file.name}" in only]
        if wanted:
            files += yield from _read_directory(card, directory, wanted)
    return CardReading(identity, tuple(files), tries, card.pin_verified)


def _read_directory(
    card: PresentedCard, directory: DedicatedFile, files: list[ElementaryFile]
) -> Exchange[list[FileReading]]:
    absent = yield from card.enter(directory.name)
    if absent is not None:
        return [_refused(card, directory, file, absent, absent) for file in files]
    found: list[FileReading] = []
    for file in files:
        found.append((yield from read_file(card, directory, file)))
    return found


def read_file(card: PresentedCard, directory: DedicatedFile, file: ElementaryFile) -> Exchange[FileReading]:
    """One file of the current directory."""
    try:
        denied = yield from card.satisfy(file.read)
        if denied is None:
            return (yield from _content(card, directory, file))
    except CardAnswered as answered:
        denied = Denied.ABSENT if answered.sw == 0x6A82 else Denied.REFUSED
    write = Denied.ABSENT if denied is Denied.ABSENT else card.obstacle(directory, file.write)
    return _refused(card, directory, file, denied, write)


def _refused(
    card: PresentedCard, directory: DedicatedFile, file: ElementaryFile, denied: Denied, write: Denied | None
) -> FileReading:
    return FileReading(directory.name, file.name, Text(file.name_en, file.name_zh), denied, write)


def _content(card: PresentedCard, directory: DedicatedFile, file: ElementaryFile) -> Exchange[FileReading]:
    name, write = Text(file.name_en, file.name_zh), card.obstacle(directory, file.write)
    if file.structure == "transparent":
        raw = yield from commands.read_whole_binary(file.size or 0, sfi=file.sfi[0], secret=True)
        return FileReading(directory.name, file.name, name, None, write, raw=raw)
    records = yield from records_of(file)
    numbered, problems = _numbered(file, records)
    values: dict[str, str] = {}
    for number, record in numbered.items():
        try:
            values |= card.book.decode_file(f"{directory.name}/{file.name}", {number: record})
        except InputRefused as wrong:
            problems.append(wrong.what)
    return FileReading(directory.name, file.name, name, None, write, values, len(records), problems=tuple(problems))


def _numbered(file: ElementaryFile, records: dict[int, bytes]) -> tuple[dict[int, bytes], list[Text]]:
    """Records by the number of their item. Where a file was filled in part and closed up, the tag tells."""
    if file.structure == "cyclic":
        return records, []
    found: dict[int, bytes] = {}
    problems: list[Text] = []
    for at, raw in records.items():
        places = [number for number, item in enumerate(file.items, 1) if item.tag == raw[:1] and number not in found]
        if at in places:
            found[at] = raw
        elif places:
            found[places[0]] = raw
        else:
            problems.append(Text(f"Record {at} has a tag that is in no table.", f"第 {at} 条记录的标签不在表内。"))
    return found, problems
