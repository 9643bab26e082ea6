"""The pre-personalisation of a chip: a file application and a dialect compile to the steps that make a blank of it.

Pure: the same input gives the same steps, byte for byte. The region of the blank is the run's, and so are the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cardfab.apdu.dialect import CardStage, CosDialect, DirectoryStage, Protection
from cardfab.apdu.layout import Layout
from cardfab.errors import InputRefused, Text
from cardfab.plan.making import (
    CreateFile,
    EndStage,
    ProveMaster,
    ProveTransport,
    SelectRoot,
    WriteIdentification,
    WriteKey,
)
from cardfab.plan.steps import Authenticate, Select, Step
from cardfab.profile.application import CardKey, DedicatedFile, ElementaryFile, FileApplication

IDENTIFICATION = bytes.fromhex("01")
KEY_LENGTH = 16  # 3DES and SM4 alike


class StructureRefused(InputRefused):
    """The file application asks for what the dialect cannot make."""

    default_code = "CF-3215"


def compile_structure(files: FileApplication, dialect: CosDialect, *, algorithm: str = "3DES") -> tuple[Step, ...]:
    """Everything that is done to a chip of the factory before a person's data; raises :class:`StructureRefused`.

    ``algorithm`` is the cipher of the card: 3DES or SM4.
    """
    if algorithm not in dialect.algorithms or algorithm not in dialect.keys.algorithms:
        raise StructureRefused(
            Text(
                f"The dialect '{dialect.name}' has no code for {algorithm}.",
                f"卡片方言“{dialect.name}”不支持 {algorithm}。",
            ),
            do=Text("Choose a dialect that has one.", "请选用支持该算法的方言。"),
        )
    return tuple(_Maker(files, dialect, algorithm).steps())


def _n(value: int, length: int = 1) -> bytes:
    return value.to_bytes(length, "big")


@dataclass(frozen=True, slots=True)
class _Maker:
    files: FileApplication
    dialect: CosDialect
    algorithm: str

    def steps(self) -> Iterator[Step]:
        for stage in self.dialect.card_order:
            yield from self._card_stage(stage)

    def _card_stage(self, stage: CardStage) -> Iterator[Step]:
        commands = self.dialect.commands
        if stage is CardStage.TRANSPORT:
            title = Text("prove the transport key", "认证传输密钥")
            yield ProveTransport(self.dialect.transport_label, commands.transport, self.dialect.transport_over, title)
        elif stage is CardStage.ERASE and commands.erase is not None:
            fields = {"fid": self.dialect.root_fid}
            yield EndStage(commands.erase.command(fields, name="ERASE"), Text("erase the chip", "擦除芯片"))
        elif stage is CardStage.ROOT:
            yield from self._root()
        elif stage is CardStage.DIRECTORIES:
            above: DedicatedFile | None = None  # what is current: a new directory is made in the one above it
            for directory in self.files.directories:
                parent = self._parent(directory)
                if above is not None and parent is not above:
                    yield self._select(parent)
                for part in self.dialect.directory_order:
                    yield from self._directory_stage(directory, part)
                above = directory
        elif stage is CardStage.VALUES:
            for directory in self.files.directories:
                yield from self._values(directory)
        elif stage is CardStage.END:
            yield from self._end()

    # -- the root ----------------------------------------------------------------------------------------------------

    def _root(self) -> Iterator[Step]:
        dialect, title = self.dialect, Text("make the master file", "建立主文件")
        fields = {"fid": dialect.root_fid, "algorithm": dialect.algorithms[self.algorithm]}
        for stage in dialect.root_order:
            if stage is DirectoryStage.CREATE and dialect.commands.create_root is not None:
                yield CreateFile(dialect.commands.create_root.command(fields, name="CREATE FILE"), title)
            elif stage is DirectoryStage.SELECT:
                yield self._select(None)
            elif stage is DirectoryStage.KEY_FILE:
                yield self._key_file("MF", 1)
            elif stage is DirectoryStage.MASTER and dialect.root_master is not None:
                yield self._master("MF", CardKey(id=b"\x00", label=dialect.root_master), None)
            elif stage is DirectoryStage.PROVE and dialect.root_master is not None:
                yield self._prove("MF", CardKey(id=b"\x00", label=dialect.root_master))

    # -- a directory -------------------------------------------------------------------------------------------------

    def _directory_stage(self, directory: DedicatedFile, stage: DirectoryStage) -> Iterator[Step]:
        name, master = directory.name, self._master_of(directory)
        if stage is DirectoryStage.CREATE:
            yield self._create(directory)
        elif stage is DirectoryStage.SELECT:
            yield self._select(directory)
        elif stage is DirectoryStage.KEY_FILE:
            yield self._key_file(name, 1 + len(directory.keys))
        elif stage is DirectoryStage.MASTER:
            parent = self._parent(directory)
            above = self.dialect.root_master if parent is None else self._master_of(parent).label
            yield self._master(name, master, above)
        elif stage is DirectoryStage.PROVE:
            yield self._prove(name, master)
        elif stage is DirectoryStage.KEYS:
            for key_name, key in directory.keys.items():
                yield self._key(directory, key_name, key)
        elif stage is DirectoryStage.FCI and directory.inside is None:  # of an ADF the card itself answers tag 84
            for layout in self.dialect.commands.fci:
                title = Text(f"describe {name} (DIR, FCI)", f"写入 {name} 的 DIR、FCI")
                yield CreateFile(layout.command(self._fields(directory), name=title.en), title)
        elif stage is DirectoryStage.FILES:
            for file in directory.files:
                yield self._file(directory, file)

    def _fields(self, directory: DedicatedFile) -> dict[str, bytes]:
        return {
            "fid": self._fid(directory),
            "name": directory.aid,
            "algorithm": self.dialect.algorithms[self.algorithm],
            "space": _n(self._directory_space(directory), 2),
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

    def _key_file(self, name: str, keys: int) -> Step:
        title = Text(f"make the key file of {name}", f"建立 {name} 的密钥文件")
        fields = {"space": _n(self._key_space(keys), 2)}
        return CreateFile(self.dialect.commands.key_file.command(fields, name=title.en), title)

    def _file(self, directory: DedicatedFile, file: ElementaryFile) -> Step:
        read, read_join = self._condition(directory, file.read)
        write, write_join = self._condition(directory, file.write)
        where = f"{directory.name}/{file.fid.hex().upper()}"
        fixed = max(len_ for len_ in self._lengths(file)) if file.structure == "fixed" else 0
        counted = file.structure == "fixed" and self.dialect.fixed_as_count_and_length
        fields = {
            "fid": file.fid,
            "sfi": file.sfi,
            "type": self.dialect.file_types[file.structure],
            "space": bytes((len(file.items), fixed)) if counted else _n(self._space(file), 2),
            "record_length": _n(fixed),
            "read": read,
            "write": write,
            "join": _n(read_join << 4 | write_join),
        }
        title = Text(f"make {where} {file.name_en}", f"建立 {where} {file.name_zh}")
        return CreateFile(self.dialect.commands.create_ef.command(fields, name=title.en), title)

    # -- keys ----------------------------------------------------------------------------------------------------------

    def _master(self, name: str, key: CardKey, above: str | None) -> Step:
        keys = self.dialect.keys
        under = above or (self.dialect.transport_label if keys.first_under_transport else None)
        protection = keys.first if above is None else keys.others
        fields = self._key_fields(key, self.dialect.access.master)
        title = Text(f"load the master key of {name}", f"装载 {name} 主控密钥")
        headers = self.dialect.commands.write_master
        return self._write(key, under, protection, headers, keys.master, fields, title)

    def _key(self, directory: DedicatedFile, name: str, key: CardKey) -> Step:
        keys = self.dialect.keys
        record = {"internal": keys.internal, "external": keys.external, "line": keys.line}[key.use]
        fields = self._key_fields(key, self._levels(directory).get(name, b"\x00"))
        title = Text(f"load {name}", f"装载 {name}")
        under, headers = self._master_of(directory).label, self.dialect.commands.write_key
        return self._write(key, under, keys.others, headers, record, fields, title)

    def _key_fields(self, key: CardKey, grant: bytes) -> dict[str, bytes]:
        keys = self.dialect.keys
        return {
            "kid": key.id,
            "version": _n(keys.version),
            "tries": _n(keys.tries),
            "algorithm": keys.algorithms[self.algorithm],
            "grant": grant,
            "key_length": _n(KEY_LENGTH),
        }

    def _write(
        self,
        key: CardKey,
        under: str | None,
        protection: Protection,
        headers: Mapping[Protection, Layout],
        record: Layout,
        fields: Mapping[str, bytes],
        title: Text,
    ) -> Step:
        return WriteKey(
            label=key.label,
            under=None if protection is Protection.PLAIN else under,
            protection=protection,
            header=headers[protection].fill(fields),
            record=record.fill(fields),
            fill=self.dialect.keys.fill,
            block=16 if self.algorithm == "SM4" else 8,
            challenge=self.dialect.keys.challenge,
            title=title,
        )

    def _prove(self, name: str, key: CardKey) -> Step:
        title = Text(f"prove the master key of {name} to the chip", f"外部认证 {name} 主控密钥")
        return ProveMaster(key.label, key.id[0], self.dialect.commands.prove, title)

    # -- conditions ----------------------------------------------------------------------------------------------------

    def _levels(self, directory: DedicatedFile) -> dict[str, bytes]:
        proved = [name for name, key in directory.keys.items() if key.use == "external"]
        levels = self.dialect.access.levels
        if len(proved) > len(levels):
            raise StructureRefused(
                Text(
                    f"{directory.name} has {len(proved)} keys to be proved, the dialect '{self.dialect.name}' "
                    f"{len(levels)} levels.",
                    f"{directory.name} 有 {len(proved)} 个认证密钥，方言“{self.dialect.name}”只有 {len(levels)} 级。",
                )
            )
        return dict(zip(proved, levels, strict=False))

    def _condition(self, directory: DedicatedFile, condition: str) -> tuple[bytes, int]:
        """The condition in the dialect's bytes, and the nibble that joins its halves."""
        access = self.dialect.access
        if condition == "FREE":
            return access.free, access.any
        if "&" in condition and "|" in condition:
            raise self._no_condition(directory, condition)
        own: list[bytes] = []
        above: list[bytes] = []
        parent = self._parent(directory)
        halves = "parent" in access.condition.fields
        for name in re.split(r"[|&]", condition):
            if name == "PIN":
                (above if parent is not None and halves else own).append(access.pin)
            else:
                own.append(self._levels(directory)[name])
        if "&" in condition and (len(own) > 1 or len(above) > 1):
            raise self._no_condition(directory, condition)
        fields = {}
        for half, levels, place in (("own", own, directory), ("parent", above, parent)):
            others = [] if place is None else [*self._levels(place).values(), access.pin]
            level = access.either(levels, [other for other in others if other not in levels])
            if level is None:
                raise self._no_condition(directory, condition)
            fields[half] = level
        return access.condition.fill(fields), access.all if "&" in condition else access.any

    def _no_condition(self, directory: DedicatedFile, condition: str) -> StructureRefused:
        return StructureRefused(
            Text(
                f"{directory.name}: the dialect '{self.dialect.name}' cannot express {condition}.",
                f"{directory.name}：卡片方言“{self.dialect.name}”无法表示条件 {condition}。",
            )
        )

    # -- values and the end --------------------------------------------------------------------------------------------

    def _values(self, directory: DedicatedFile) -> Iterator[Step]:
        """What a blank holds before personalisation: its identification code."""
        for file in directory.files:
            for number, item in enumerate(file.items, 1):
                if item.written_by != "pre-personalisation":
                    continue
                if (item.tag, item.length) != (IDENTIFICATION, 16):
                    raise StructureRefused(
                        Text(
                            f"Nothing says what a blank holds in item {item.tag.hex().upper()} of {directory.name}.",
                            f"未规定 {directory.name} 的数据项 {item.tag.hex().upper()} 的初始值。",
                        )
                    )
                yield self._select(directory)
                if file.write != "FREE":
                    name = file.write.split("|")[0]
                    key = directory.keys[name]
                    proof = Text(f"prove {name} to the chip", f"外部认证 {name}")
                    yield Authenticate(key.label, key.id[0], proof, self.dialect.commands.prove)
                title = Text("write the card identification code", "写入卡识别码")
                yield WriteIdentification(file.sfi[0], number, title)

    def _end(self) -> Iterator[Step]:
        """From the innermost directory out: each is made current, then closed."""
        end = self.dialect.commands.end
        places = (*reversed(self.files.directories), *([None] if self.dialect.commands.create_root else []))
        for place in places:
            if end is None:
                return
            name = "MF" if place is None else place.name
            title = Text(f"end the pre-personalisation of {name}", f"结束 {name} 预个人化")
            yield self._select(place)
            yield EndStage(end.command({}, name=title.en), title)

    # -- what the application says -------------------------------------------------------------------------------------

    def _parent(self, directory: DedicatedFile) -> DedicatedFile | None:
        return None if directory.inside is None else self.files.directory(directory.inside)

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

    @staticmethod
    def _lengths(file: ElementaryFile) -> list[int]:
        return [2 + item.length for item in file.items]  # T, L, V

    def _space(self, file: ElementaryFile) -> int:
        space = self.dialect.space
        return sum(self._lengths(file)) + space.per_record * len(file.items) + space.per_file

    def _key_space(self, keys: int) -> int:
        return self.dialect.space.per_key * keys + self.dialect.space.per_file

    def _directory_space(self, directory: DedicatedFile) -> int:
        """Of the directory with everything in it."""
        inside = [one for one in self.files.directories if one.inside == directory.name]
        own = sum(map(self._space, directory.files)) + self._key_space(1 + len(directory.keys))
        return own + self.dialect.space.per_directory + sum(map(self._directory_space, inside))
