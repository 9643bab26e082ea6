"""``cardfab init``, ``doctor`` and ``config``: a station made, examined, explained."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from cardfab.apdu import pcsc
from cardfab.cli.databases import database_at
from cardfab.cli.founding import found_station, found_training_station
from cardfab.cli.output import Talk, program, talk_of
from cardfab.cli.wiring import font_book, prompt, station_keys
from cardfab.cli.words import must_ask
from cardfab.errors import CardfabError, DeviceFault, Text
from cardfab.hardening import look
from cardfab.settings import FontsSection, Located, origins
from cardfab.station.record import Checked, check_record

config_app = typer.Typer(help="Settings.", no_args_is_help=True)


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    name: Annotated[str, typer.Option("--name", help="The station's name.")] = "training-01",
    real: Annotated[bool, typer.Option("--real", help="Not for training: no people, no keys, a key store.")] = False,
    ceremony_room: Annotated[
        bool, typer.Option("--ceremony-room", help="With --real: a machine set apart for clear components of keys.")
    ] = False,
) -> None:
    """Make a training station: settings, database, key store with published training keys, people.

    With --real: settings, database and an empty key store, whose word is asked for.
    """
    talk = talk_of(context)
    if real:
        _init_real(talk, folder, "station-01" if name == "training-01" else name, ceremony_room)
        return
    located = found_training_station(folder, name, chip_keys=4)
    me = program()
    words = Text(
        f"Training station {name} is in {folder}. Everything it makes says SPECIMEN.\n"
        f"Next: cd {folder}; {me} request import FILE; {me} request approve ID; "
        f"{me} stock receive training-ssc2 10; {me} issue ID",
        f"训练制卡点 {name} 已建立于 {folder}，所制卡均标“样卡”。\n"
        f"下一步：cd {folder}；{me} request import 文件；{me} request approve 申请号；"
        f"{me} stock receive training-ssc2 10；{me} issue 申请号",
    )
    talk.give({"folder": str(located.folder), "station": name}, lambda: talk.out.print(talk.of(words), markup=False))


def _init_real(talk: Talk, folder: Path, name: str, ceremony_room: bool) -> None:
    ask = must_ask(talk.password_fd, talk.of, Text("the word of the key store", "密钥库口令"), "CF-2201")
    located = found_station(folder, name, ask("key store", new=True), ceremony_room=ceremony_room)
    me = program()
    words = Text(
        f"Station {name} is in {folder}. It has nobody and no key yet.\n"
        f"Next: cd {folder}; {me} user add LOGIN NAME administrator; then its custodians, and their ceremonies "
        f"(docs/keys.md)",
        f"制卡点 {name} 已建立于 {folder}，尚无人员和密钥。\n"
        f"下一步：cd {folder}；{me} user add 登录名 姓名 administrator；再添加密钥保管员并举行仪式（docs/keys.md）",
    )
    talk.give({"folder": str(located.folder), "station": name}, lambda: talk.out.print(talk.of(words), markup=False))


NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the machine: whether it works, in words, and what to do if not."""

    part: Text
    state: Literal["good", "missing", "limited"]
    words: Text
    do: Text = NOTHING


_STATES = {
    "good": Text("good", "正常"),
    "missing": Text("MISSING", "缺失"),
    "limited": Text("limited", "受限"),
}


def doctor(
    context: typer.Context,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Bring the station's database to this version.")] = False,
) -> None:
    """What works here and what is missing; exit 5 when something that a card needs is missing."""
    talk = talk_of(context)
    try:
        located: Located | None = talk.located()
    except CardfabError:
        located = None
    if upgrade and located is not None:
        database = database_at(located)
        try:
            database.upgrade()
        finally:
            database.close()
    found = [*_machine(located), *_station(located)]
    columns = (Text("part", "部件"), Text("state", "状态"), Text("what", "说明"), Text("what to do", "处理"))
    rows = [(talk.of(f.part), talk.of(_STATES[f.state]), talk.of(f.words), talk.of(f.do)) for f in found]
    values = [{"part": f.part.en, "state": f.state, "what": f.words.en, "do": f.do.en} for f in found]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("", "")))
    if any(finding.state == "missing" for finding in found):
        raise DeviceFault(
            Text("Something that a card needs is missing.", "缺少制卡所需部件。"),
            do=Text("See the table.", "见上表。"),
            code="CF-5500",
        )


def _machine(located: Located | None) -> Iterator[Finding]:
    version = sys.version.split()[0]
    yield Finding(Text("Python", "Python"), "good", Text(version, version))
    dirs = located.values.fonts.dirs if located else FontsSection().dirs
    missing = font_book(dirs).missing
    yield Finding(
        Text("fonts", "字体"),
        "missing" if missing else "good",
        Text("missing: " + ", ".join(missing), "缺少：" + "、".join(missing)) if missing else Text("found", "已找到"),
        Text("apt-get install fonts-noto-cjk fonts-hanazono", "apt-get install fonts-noto-cjk fonts-hanazono")
        if missing
        else NOTHING,
    )
    if not pcsc.available():
        yield Finding(
            Text("PC/SC", "PC/SC"),
            "limited",
            Text("pyscard is not installed; training works without", "未安装 pyscard；训练不受影响"),
            Text(
                "apt-get install swig libpcsclite-dev pcscd, then make setup",
                "apt-get install swig libpcsclite-dev pcscd 后 make setup",
            ),
        )
    else:
        try:
            names = pcsc.list_readers()
            yield Finding(Text("PC/SC", "PC/SC"), "good", Text(f"{len(names)} readers", f"读卡器 {len(names)} 台"))
        except CardfabError as error:
            yield Finding(Text("PC/SC", "PC/SC"), "limited", error.what, error.do or NOTHING)
    allowed = look()
    yield Finding(
        Text("key process", "密钥进程"),
        "good" if all(one.holds for one in allowed) else "limited",
        Text(
            ", ".join(one.name.en for one in allowed if one.holds),
            "、".join(one.name.zh for one in allowed if one.holds),
        ),
        next((one.advice for one in allowed if one.advice), NOTHING),
    )
    year = datetime.now(UTC).year
    yield Finding(
        Text("clock", "时钟"),
        "good" if year >= 2025 else "missing",
        Text(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        NOTHING if year >= 2025 else Text("Set the clock; cards carry dates.", "请校准时钟，卡内含日期。"),
    )


def _station(located: Located | None) -> Iterator[Finding]:
    part = Text("station", "制卡点")
    if located is None:
        yield Finding(part, "limited", Text("none here", "此处没有"), Text("cardfab init DIR", "cardfab init 目录"))
        return
    values = located.values
    yield Finding(
        part,
        "good",
        Text(
            f"{values.station.name}, training" if values.station.training else values.station.name, values.station.name
        ),
    )
    devices = f"{values.devices.reader} / {values.devices.printer}"
    yield Finding(Text("reader / printer", "读卡器 / 打印机"), "good", Text(devices, devices))
    database = database_at(located)
    try:
        database.require_current()
        yield Finding(Text("database", "数据库"), "good", Text(said := database.says(), said))
        with database.reading() as tx:
            yield _record(check_record(tx, None))
    except CardfabError as error:
        yield Finding(Text("database", "数据库"), "missing", error.what, error.do or NOTHING)
    finally:
        database.close()
    if values.keystore.unlock_file is None and not values.keystore.service:
        yield Finding(Text("key store", "密钥库"), "limited", Text("needs a person's word", "需人员输入口令"))
        return
    try:
        count = len(station_keys(located, prompt).infos())
        yield Finding(Text("key store", "密钥库"), "good", Text(f"{count} keys", f"密钥 {count} 个"))
    except CardfabError as error:
        yield Finding(Text("key store", "密钥库"), "missing", error.what, error.do or NOTHING)


def _record(checked: Checked) -> Finding:
    """The audit record computed again; the signatures on it are looked at by 'audit verify'."""
    part = Text("audit record", "审计记录")
    if not checked.alerts:
        return Finding(part, "good", Text(f"{checked.size} events", f"{checked.size} 条事件"))
    en, zh = " ".join(one.en for one in checked.alerts), "".join(one.zh for one in checked.alerts)
    do = Text("Stop issuing; 'cardfab audit verify'.", "请停止制卡，并运行 cardfab audit verify。")
    return Finding(part, "missing", Text(f"ALERT: {en}", f"警报：{zh}"), do)


@config_app.command("show")
def config_show(
    context: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
) -> None:
    """Every setting in force."""
    talk = talk_of(context)
    located = talk.located()
    found = list(origins(located))
    value = {name: {"value": given, "origin": where} if origin else given for name, given, where in found}

    def people() -> None:
        columns = [Text("setting", "设置"), Text("value", "值")] + ([Text("from", "来源")] if origin else [])
        talk.table(columns, [row if origin else row[:2] for row in found], empty=Text("", ""))

    talk.give(value, people)
