"""A dialect of card operating systems from TOML: layouts of commands and records, conditions, the order of the stages.

The notation of layouts is that of :mod:`cardfab.apdu.layout`. ``source`` says where the values come from, and
``unverified`` names those that no published source states (docs/dialects.md).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cardfab.apdu import dialect as cos
from cardfab.apdu.dialect import CardStage, CosDialect, DirectoryStage, Protection
from cardfab.apdu.layout import CommandLayout, Layout
from cardfab.apdu.message import ApduMalformed
from cardfab.profile.application import FileId, Octet
from cardfab.profile.base import Hex, Strict
from cardfab.profile.items import octets


def _readable(text: str) -> str:
    try:
        Layout.of(text)
    except ApduMalformed as wrong:
        raise ValueError(wrong.what.en) from wrong
    return text


def _command(text: str) -> str:
    try:
        CommandLayout.of(text)
    except ApduMalformed as wrong:
        raise ValueError(wrong.what.en) from wrong
    return text


Row = Annotated[str, AfterValidator(_readable)]
Command = Annotated[str, AfterValidator(_command)]
ProtectionName = Literal["plain", "encrypted", "encrypted and MAC"]
CipherName = Literal["DES", "3DES", "SM4"]


class Transport(Strict):
    """The key that opens a chip of the factory: its label in the key store, and what it encrypts to be proved.

    ``by_cipher``: a key of the card's cipher, else 3DES on every chip. ``temporary`` is the fixed master key until
    the real ones come.
    """

    label: str
    over: Row
    by_cipher: bool = False
    temporary: str = "transport/MASTER"
    never_activated: Annotated[Hex, octets(13, 13)] = bytes(13)
    """The historical bytes of a chip that was never activated."""


class Root(Strict):
    """The master file: its identifier, and the label of its master key where the dialect makes one."""

    fid: FileId
    master: str | None = None


class CommandTable(Strict):
    """The commands; see :class:`cardfab.apdu.dialect.Commands`."""

    transport: Command
    create_root: Command | None = None
    create_ddf: Command
    create_adf: Command
    key_file: Command
    create_ef: Command
    purse: Command | None = None
    fci: tuple[Command, ...] = ()
    entry: Command | None = None
    prove: Command | None = None
    end: Command | None = None
    end_mac: bool = False
    erase: Command | None = None
    stage: Command | None = None
    stage_counts_key_file: bool = False
    activation: tuple[Command, ...] = ()
    write_key: dict[ProtectionName, Row]
    write_master: dict[ProtectionName, Row]
    replace_master: Row


class BesideTable(Strict):
    """See :class:`cardfab.apdu.dialect.Beside`."""

    unused: Octet
    either: Octet
    both: Octet


class AccessTable(Strict):
    """Conditions; see :class:`cardfab.apdu.dialect.Access`."""

    condition: Row
    free: Hex
    forbidden: Hex
    absent: Octet
    levels: Annotated[tuple[Octet, ...], Field(min_length=1)]
    pin: Octet
    master: Octet
    joined: Literal["bits", "range", "number"]
    any: Annotated[int, Field(ge=0, le=15)] = 0
    all: Annotated[int, Field(ge=0, le=15)] = 0
    beside: BesideTable | None = None
    locks: tuple[Octet, Octet] | None = None


class SpaceTable(Strict):
    """Bytes that files take beside their data."""

    per_record: Annotated[int, Field(ge=0)]
    per_file: Annotated[int, Field(ge=0)]
    per_key: Annotated[int, Field(ge=0)]
    per_directory: Annotated[int, Field(ge=0)]


class KeyTable(Strict):
    """Headers of key records; see :class:`cardfab.apdu.dialect.KeyRecords`."""

    master: Row
    replacement: Row
    internal: Row
    external: Row
    line: Row
    load: Row
    purchase: Row
    tac: Row
    pin: Row | None = None
    groups: Annotated[int, Field(ge=0, le=0x40)] = 0
    fill: Annotated[int, Field(ge=0, le=64)] = 0
    algorithms: dict[CipherName, Octet]
    tries: Annotated[int, Field(ge=1, le=15)]
    version: Annotated[int, Field(ge=0, le=255)]
    challenge: Literal[4, 8, 16]
    first: ProtectionName
    first_under_transport: bool = False
    others: ProtectionName


class Order(Strict):
    """The stages in order."""

    card: tuple[CardStage, ...]
    root: tuple[DirectoryStage, ...] = ()
    directory: tuple[DirectoryStage, ...]


class DialectProfile(Strict):
    """One dialect of one family of card operating systems."""

    name: str
    title_en: str
    title_zh: str
    source: str
    unverified: tuple[str, ...]
    transport: Transport
    root: Root
    algorithms: dict[CipherName, Octet]
    file_types: dict[Literal["variable", "fixed", "cyclic", "transparent"], Octet]
    fixed_as_count_and_length: bool = False
    purse_sfi: Octet = b"\x00"
    commands: CommandTable
    access: AccessTable
    space: SpaceTable
    keys: KeyTable
    order: Order

    @model_validator(mode="after")
    def _stages_have_their_commands(self) -> Self:
        wanted = {
            CardStage.END: self.commands.end,
            CardStage.ROOT: self.commands.create_root,
        }
        missing = [str(stage) for stage in self.order.card if stage in wanted and wanted[stage] is None]
        if missing:
            raise ValueError(f"no command for the stage {', '.join(missing)}")
        for given, used in ((self.commands.write_master, {self.keys.first, self.keys.others}),
                            (self.commands.write_key, {self.keys.others})):  # fmt: skip
            if not used <= set(given):
                raise ValueError(f"no WRITE KEY that is {' or '.join(sorted(used - set(given)))}")
        return self

    def dialect(self) -> CosDialect:
        """The value that the APDU room works with."""
        c, a, k = self.commands, self.access, self.keys
        return CosDialect(
            name=self.name,
            transport_label=self.transport.label,
            transport_over=Layout.of(self.transport.over),
            transport_by_cipher=self.transport.by_cipher,
            temporary_master=self.transport.temporary,
            root_fid=self.root.fid,
            root_master=self.root.master,
            algorithms={str(name): code for name, code in self.algorithms.items()},
            file_types={str(name): code for name, code in self.file_types.items()},
            fixed_as_count_and_length=self.fixed_as_count_and_length,
            purse_sfi=self.purse_sfi,
            locks=a.locks,
            never_activated=self.transport.never_activated,
            commands=cos.Commands(
                transport=CommandLayout.of(c.transport),
                create_root=_maybe(c.create_root),
                create_ddf=CommandLayout.of(c.create_ddf),
                create_adf=CommandLayout.of(c.create_adf),
                key_file=CommandLayout.of(c.key_file),
                create_ef=CommandLayout.of(c.create_ef),
                purse=_maybe(c.purse),
                fci=tuple(map(CommandLayout.of, c.fci)),
                entry=_maybe(c.entry),
                prove=_maybe(c.prove),
                end=_maybe(c.end),
                end_mac=c.end_mac,
                erase=_maybe(c.erase),
                stage=_maybe(c.stage),
                stage_counts_key_file=c.stage_counts_key_file,
                activation=tuple(map(CommandLayout.of, c.activation)),
                write_key={Protection(name): Layout.of(row) for name, row in c.write_key.items()},
                write_master={Protection(name): Layout.of(row) for name, row in c.write_master.items()},
                replace_master=Layout.of(c.replace_master),
            ),
            access=cos.Access(
                condition=Layout.of(a.condition),
                free=a.free,
                forbidden=a.forbidden,
                absent=a.absent,
                levels=a.levels,
                pin=a.pin,
                master=a.master,
                joined=a.joined,
                any=a.any,
                all=a.all,
                beside=None if a.beside is None else cos.Beside(a.beside.unused, a.beside.either, a.beside.both),
            ),
            space=cos.Space(**self.space.model_dump()),
            keys=cos.KeyRecords(
                master=Layout.of(k.master),
                replacement=Layout.of(k.replacement),
                uses=_uses(k),
                pin=None if k.pin is None else Layout.of(k.pin),
                groups=k.groups,
                fill=k.fill,
                algorithms={str(name): code for name, code in k.algorithms.items()},
                tries=k.tries,
                version=k.version,
                challenge=k.challenge,
                first=Protection(k.first),
                first_under_transport=k.first_under_transport,
                others=Protection(k.others),
            ),
            card_order=self.order.card,
            root_order=self.order.root,
            directory_order=self.order.directory,
        )


def _uses(keys: KeyTable) -> dict[str, Layout]:
    rows = {"internal": keys.internal, "external": keys.external, "line": keys.line, "start-day": keys.external}
    rows |= {"load": keys.load, "purchase": keys.purchase, "tac": keys.tac}
    return {use: Layout.of(row) for use, row in rows.items()}


def _maybe(text: str | None) -> CommandLayout | None:
    return None if text is None else CommandLayout.of(text)
