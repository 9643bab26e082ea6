"""The pre-personalisation of a chip: a file application and a dialect compile to the steps that make a blank of it.

LB 002 part 10, 5.2: prove the transport key, make directories, files and keys under a temporary master key, write the
identification code, replace the master keys last, end. What a chip says to hold already is left out, so that a stage
that was interrupted goes on; each directory is made in one order, so that its counts tell what is missing.

Pure: the same input gives the same steps, byte for byte. The region of the blank is the run's, and so are the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardfab.apdu.dialect import CardStage, CosDialect, DirectoryStage
from cardfab.apdu.layout import CommandLayout
from cardfab.apdu.progress import DirectoryProgress, Progress
from cardfab.errors import Text
from cardfab.keys import rooted
from cardfab.plan.conditions import Conditions, StructureRefused
from cardfab.plan.loading import MASTER_ID, Loading
from cardfab.plan.making import CreateFile, EndStage, EndWithMac, ProveTransport, SelectRoot, WriteIdentification
from cardfab.plan.spaces import Spaces, key_groups, label_of, on_card
from cardfab.plan.steps import Authenticate, Select, Step
from cardfab.profile.application import CardKey, DedicatedFile, ElementaryFile, FileApplication, Item

_CREATE_FILE = 0xE0
_NOTHING = DirectoryProgress(ended=False, master=False, replaced=False, keys=0, files=0, pin=False)
_IDENTIFICATION = (bytes.fromhex("01"), 16)


def compile_structure(
    files: FileApplication,
    dialect: CosDialect,
    *,
    algorithm: str = "3DES",
    transport: str | None = None,
    first_pin: str | None = None,
    progress: Progress | None = None,
) -> tuple[Step, ...]:
    """Everything that is done to an activated chip before a person's data; raises :class:`StructureRefused`.

    ``algorithm`` is the cipher of the card, ``transport`` the label of its transport key where that is not the
    dialect's, ``first_pin`` that of its PIN. With ``progress`` what the chip has is left out.
    """
    if algorithm not in dialect.algorithms or algorithm not in dialect.keys.algorithms:
        raise StructureRefused(
            Text(
                f"The dialect '{dialect.name}' has no code for {algorithm}.",
                f"卡片方言“{dialect.name}”不支持 {algorithm}。",
            ),
            do=Text("Choose a dialect that has one.", "请选用支持该算法的方言。"),
        )
    made = {} if progress is None else progress.directories or {}
    maker = _Maker(files, dialect, algorithm, transport_of(dialect, algorithm, transport), first_pin, made)
    return tuple(maker.steps())


def transport_of(dialect: CosDialect, algorithm: str, label: str | None = None) -> str:
    """The label of the transport key of a card's chip, of its cipher where the dialect has it so."""
    label = label or dialect.transport_label
    return rooted(label, algorithm) if dialect.transport_by_cipher else label


def compile_erase(dialect: CosDialect, *, algorithm: str = "3DES", transport: str | None = None) -> tuple[Step, ...]:
    """The steps that take everything off a chip whose structure has not ended (part 10, 5.1.1 and 5.2.3)."""
    if dialect.commands.erase is None:
        raise StructureRefused(
            Text(f"The dialect '{dialect.name}' has no command to erase.", f"卡片方言“{dialect.name}”没有擦除命令。")
        )
    label = transport_of(dialect, algorithm, transport)
    erase = dialect.commands.erase.command({"fid": dialect.root_fid}, name="ERASE")
    return (
        ProveTransport(label, dialect.commands.transport, dialect.transport_over, _PROVE_TRANSPORT),
        EndStage(erase, Text("erase the chip", "擦除芯片")),
    )


_PROVE_TRANSPORT = Text("prove the transport key", "认证传输密钥")


def _n(value: int, length: int = 1) -> bytes:
    return value.to_bytes(length, "big")


@dataclass(frozen=True, slots=True)
class _Maker:
    files: FileApplication
    dialect: CosDialect
    algorithm: str
    transport: str
    first_pin: str | None
    made: Mapping[bytes, DirectoryProgress]

    def steps(self) -> Iterator[Step]:
        stages = {
            CardStage.TRANSPORT: self._transport,
            CardStage.ROOT: self._root,
            CardStage.DIRECTORIES: self._directories,
            CardStage.VALUES: self._values,
            CardStage.PIN: self._pin,
            CardStage.REPLACE: self._replacements,
            CardStage.END: self._end,
        }
        for stage in self.dialect.card_order:
            yield from stages[stage]()

    def _transport(self) -> Iterator[Step]:
        command, over = self.dialect.commands.transport, self.dialect.transport_over
        yield ProveTransport(self.transport, command, over, _PROVE_TRANSPORT)

    # -- the root ----------------------------------------------------------------------------------------------------

    def _root(self) -> Iterator[Step]:
        dialect, title = self.dialect, Text("make the master file", "建立主文件")
        done = self.made.get(dialect.root_fid)
        if done is not None and (done.ended or done.replaced):
            return  # everything below it was made before
        fields = {"fid": dialect.root_fid, "algorithm": dialect.algorithms[self.algorithm]}
        for stage in dialect.root_order:
            if stage is DirectoryStage.CREATE and dialect.commands.create_root is not None:
                if done is None:
                    yield CreateFile(dialect.commands.create_root.command(fields, name="CREATE FILE"), title)
                else:
                    yield self._select(None)
            elif stage is DirectoryStage.SELECT:
                yield self._select(None)
            elif stage is DirectoryStage.KEY_FILE and not (done and done.master):
                yield self._key_file("MF", 1, again=done is not None)
            elif stage is DirectoryStage.MASTER and dialect.root_master is not None and not (done and done.master):
                yield self._load.master("MF", first=True)
            elif stage is DirectoryStage.PROVE and dialect.root_master is not None:
                yield self._load.prove("MF")

    # -- directories -------------------------------------------------------------------------------------------------

    def _directories(self) -> Iterator[Step]:
        above: DedicatedFile | None = None  # what is current: a new directory is made in the one above it
        for directory in self.files.directories:
            if self._whole(directory):
                above = None if self._parent(directory) is None else above
                continue
            parent = self._parent(directory)
            if parent is not above and (parent is not None or above is not None):
                yield self._select(parent)
                if parent is not None or self.dialect.root_master is not None:
                    yield self._load.prove("MF" if parent is None else parent.name)
            for part in self.dialect.directory_order:
                yield from self._directory_stage(directory, part)
            above = directory

    def _whole(self, directory: DedicatedFile) -> bool:
        """Whether the chip has everything of it; raises where it has more than the profile says."""
        done = self._progress(directory)
        keys, files = len(list(key_groups(directory))), len(on_card(directory)) + self._beside_files(directory)
        if done.keys > keys or done.files > files:
            raise StructureRefused(
                Text(
                    f"The chip has more in {directory.name} than the profile '{self.files.name}' says.",
                    f"芯片的 {directory.name} 中内容多于配置“{self.files.name}”。",
                ),
                do=Text("Erase it and begin again.", "请擦除后重新制作。"),
            )
        return done.replaced or done.ended or (done.master and (done.keys, done.files) == (keys, files))

    def _progress(self, directory: DedicatedFile) -> DirectoryProgress:
        return self.made.get(self._fid(directory), _NOTHING)

    def _beside_files(self, directory: DedicatedFile) -> int:
        """Files of a directory that are not in the application: key file where it counts, DIR, FCI, amount file."""
        commands = self.dialect.commands
        listed = sum(one.ins == _CREATE_FILE for one in commands.fci)
        amounts = directory.purse is not None and commands.purse is not None
        return (listed if directory.inside is None else 0) + amounts + commands.stage_counts_key_file

    def _directory_stage(self, directory: DedicatedFile, stage: DirectoryStage) -> Iterator[Step]:
        name, done = directory.name, self._progress(directory)
        exists = self._fid(directory) in self.made
        beside = self._beside_files(directory)
        if stage is DirectoryStage.CREATE:
            if not exists:
                yield self._create(directory)
        elif stage is DirectoryStage.SELECT:
            yield self._select(directory)
        elif stage is DirectoryStage.KEY_FILE:
            if not done.master:
                yield self._key_file(name, 1 + len(list(key_groups(directory))), again=exists)
        elif stage is DirectoryStage.MASTER:
            if not done.master:
                yield self._load.master(
                    name, first=self._parent(directory) is None and self.dialect.root_master is None
                )
        elif stage is DirectoryStage.PROVE:
            yield self._load.prove(name)
        elif stage is DirectoryStage.KEYS:
            for key_name, key, version in list(key_groups(directory))[done.keys :]:
                yield self._load.key(directory, key_name, key, version)
        elif stage is DirectoryStage.FCI:
            if directory.inside is None and done.files <= beside:  # of an ADF the card itself answers tag 84
                yield from self._described(directory, again=exists)
        elif stage is DirectoryStage.PURSE:
            if directory.purse is not None and done.files < beside:
                yield from self._amount_file(directory)
        elif stage is DirectoryStage.FILES:
            for file in on_card(directory)[max(0, done.files - beside) :]:
                yield self._file(directory, file)

    def _described(self, directory: DedicatedFile, *, again: bool) -> Iterator[Step]:
        title = Text(f"describe {directory.name} (DIR, FCI)", f"写入 {directory.name} 的 DIR、FCI")
        fields = self._fields(directory) | {"space": _n(self._spaces.listing(directory), 2)}
        for layout in self.dialect.commands.fci:
            yield CreateFile(layout.command(fields, name=title.en), title, again)

    def _amount_file(self, directory: DedicatedFile) -> Iterator[Step]:
        purse, layout = directory.purse, self.dialect.commands.purse
        if purse is None or layout is None:
            return
        title = Text(f"make the amount file of {directory.name}", f"建立 {directory.name} 内部金额文件")
        level = self._conditions.levels(directory)[purse.start_day]
        fields = {"log": directory.file(purse.log).sfi, "grant": level}
        yield CreateFile(layout.command(fields, name=title.en), title)

    def _fields(self, directory: DedicatedFile) -> dict[str, bytes]:
        return {
            "fid": self._fid(directory),
            "name": directory.aid,
            "algorithm": self.dialect.algorithms[self.algorithm],
            "space": _n(self._spaces.directory(directory), 2),
            "lock": self._conditions.lock(directory),
            "purse": self.dialect.purse_sfi if directory.purse is not None else b"\x00",
            "dir": directory.dir_sfi or b"\x1e",
        }

    def _create(self, directory: DedicatedFile) -> Step:
        commands = self.dialect.commands
        layout = commands.create_ddf if directory.inside is None else commands.create_adf
        title = Text(f"make {directory.name}", f"建立 {directory.name}")
        return CreateFile(layout.command(self._fields(directory), name=title.en), title)

    def _select(self, directory: DedicatedFile | None) -> Step:
        if directory is None:
            return SelectRoot(int.from_bytes(self.dialect.root_fid, "big"), Text("SELECT MF", "选择 MF"))
        return Select(directory.aid, Text(f"SELECT {directory.name}", f"选择 {directory.name}"))

    def _key_file(self, name: str, keys: int, *, again: bool) -> Step:
        title = Text(f"make the key file of {name}", f"建立 {name} 的密钥文件")
        fields = {"space": _n(self._spaces.keys(keys), 2)}
        return CreateFile(self.dialect.commands.key_file.command(fields, name=title.en), title, again)

    def _file(self, directory: DedicatedFile, file: ElementaryFile) -> Step:
        read = self._conditions.of(directory, file.read, reading=True)
        write = self._conditions.of(directory, file.write, reading=False)
        where = f"{directory.name}/{file.name}"
        equal = file.structure in ("fixed", "cyclic")
        counted = equal and self.dialect.fixed_as_count_and_length
        count = file.records or len(file.items)
        fields = {
            "fid": file.fid,
            "sfi": file.sfi,
            "type": self.dialect.file_types[file.structure],
            "space": bytes((count, file.record_length)) if counted else _n(self._spaces.file(file), 2),
            "record_length": _n(file.record_length if equal else 0),
            "read": read.value,
            "write": write.value,
            "join": _n(read.join << 4 | write.join),
            "extended": read.beside,
        }
        title = Text(f"make {where} {file.name_en}", f"建立 {where} {file.name_zh}")
        return CreateFile(self.dialect.commands.create_ef.command(fields, name=title.en), title)

    # -- values --------------------------------------------------------------------------------------------------------

    def _values(self) -> Iterator[Step]:
        """What a blank holds before personalisation: its list of applications, its identification code."""
        for directory in self.files.directories:
            if self._progress(directory).replaced or self._progress(directory).ended:
                continue
            inside = self._spaces.inside(directory)
            if inside and self.dialect.commands.entry is not None:
                yield from self._entries(directory, inside, self.dialect.commands.entry)
            for file in on_card(directory):
                for number, item in enumerate(file.items, 1):
                    if item.written_by == "pre-personalisation":
                        yield from self._identification(directory, file, number, item)

    def _entries(self, directory: DedicatedFile, inside: list[DedicatedFile], layout: CommandLayout) -> Iterator[Step]:
        yield self._select(directory)
        yield self._load.prove(directory.name)
        for number, one in enumerate(inside, 1):
            title = Text(f"list {one.name} in DIR", f"DIR 登记 {one.name}")
            fields = {"number": _n(number), "name": one.aid, "label": label_of(one)}
            yield CreateFile(layout.command(fields, name=title.en), title)

    def _identification(
        self, directory: DedicatedFile, file: ElementaryFile, number: int, item: Item
    ) -> Iterator[Step]:
        if (item.tag, item.length) != _IDENTIFICATION:
            raise StructureRefused(
                Text(
                    f"Nothing says what a blank holds in item {item.key} of {directory.name}.",
                    f"未规定 {directory.name} 的数据项 {item.key} 的初始值。",
                )
            )
        yield self._select(directory)
        if file.write != "FREE":
            name = file.write.split("|")[0]
            key = directory.keys[name]
            proof = Text(f"prove {name} to the chip", f"外部认证 {name}")
            yield Authenticate(rooted(key.label, self.algorithm), key.id[0], proof, self.dialect.commands.prove)
        title = Text("write the card identification code", "写入卡识别码")
        yield WriteIdentification(file.sfi[0], number, title)

    def _pin(self) -> Iterator[Step]:
        """The PIN of the blank, last in its directory, since whoever has it could read from then on."""
        first = self.files.directories[0]
        load = None if self.first_pin is None else self._load.pin(self.first_pin)
        if load is None or self._progress(first).pin:
            return
        yield self._select(first)
        yield self._load.prove(first.name)
        yield load

    # -- the master keys, and the end ----------------------------------------------------------------------------------

    def _replacements(self) -> Iterator[Step]:
        """From the innermost directory out, the master file last (part 10, 5.2.6)."""
        for directory in reversed(self.files.directories):
            done = self._progress(directory)
            if not (done.replaced or done.ended):
                yield from self._replaced(directory, directory.name, self._master_of(directory))
        root = self.made.get(self.dialect.root_fid, _NOTHING)
        if self.dialect.root_master is not None and not (root.replaced or root.ended):
            yield from self._replaced(None, "MF", CardKey(id=MASTER_ID, label=self.dialect.root_master))

    def _replaced(self, directory: DedicatedFile | None, name: str, key: CardKey) -> Iterator[Step]:
        yield self._select(directory)
        yield self._load.prove(name)
        yield self._load.replacement(name, key)

    def _end(self) -> Iterator[Step]:
        """From the innermost directory out, each made current; or once, of the master file, with a MAC."""
        commands = self.dialect.commands
        if commands.end is None:
            return
        if commands.end_mac:
            root = self.dialect.root_master
            label = self.transport if root is None else rooted(root, self.algorithm)
            title = Text("end the pre-personalisation", "结束预个人化")
            yield self._select(None)
            header = commands.end.header.fill({})
            yield EndWithMac(label, header, self.dialect.keys.challenge, title)
            return
        places = (*reversed(self.files.directories), *([None] if commands.create_root else []))
        for place in places:
            fid = self.dialect.root_fid if place is None else self._fid(place)
            if self.made.get(fid, _NOTHING).ended:
                continue
            name = "MF" if place is None else place.name
            title = Text(f"end the pre-personalisation of {name}", f"结束 {name} 预个人化")
            yield self._select(place)
            yield EndStage(commands.end.command({}, name=title.en), title)

    # -- the parts, and what the application says --------------------------------------------------------------------

    @property
    def _conditions(self) -> Conditions:
        return Conditions(self.files, self.dialect)

    @property
    def _load(self) -> Loading:
        return Loading(self.dialect, self._conditions, self.algorithm, self.transport)

    @property
    def _spaces(self) -> Spaces:
        return Spaces(self.files, self.dialect)

    def _parent(self, directory: DedicatedFile) -> DedicatedFile | None:
        return self._conditions.parent(directory)

    def _fid(self, directory: DedicatedFile) -> bytes:
        if directory.fid is None:
            raise self._lacks(directory, "file identifier", "文件标识符")
        return directory.fid

    def _master_of(self, directory: DedicatedFile) -> CardKey:
        if directory.master is None:
            raise self._lacks(directory, "master key", "主控密钥")
        return directory.master

    @staticmethod
    def _lacks(directory: DedicatedFile, en: str, zh: str) -> StructureRefused:
        return StructureRefused(
            Text(
                f"The directory {directory.name} has no {en} in its profile.", f"目录 {directory.name} 的配置缺少{zh}。"
            ),
            do=Text("Complete the application profile.", "请补充应用配置。"),
        )


__all__ = ["StructureRefused", "compile_erase", "compile_structure", "transport_of"]
