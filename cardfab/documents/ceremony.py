"""The record of a key ceremony on paper: what was made by whom, every step, every package; no key, no component."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.keys.ceremony import CeremonyRecord, Event, Kind, SignedRecord
from cardfab.keys.label import Level, Usage

from .blocks import Block, Column, gap, kept
from .counter import Language, Line, Made, Words
from .head import a4_document, big_figures
from .paper import A4, LINE, QUIET
from .table import Heading, table
from .wording import NOTHING, moment

TITLE = Text("Record of a key ceremony", "密钥仪式记录")
REHEARSAL = Text("REHEARSAL: no key was made, kept or destroyed.", "演练：未产生、保存或销毁任何密钥。")
DUTIES = {
    "custodian": Text("key custodian", "密钥保管员"),
    "witness": Text("witness", "见证人"),
    "leader": Text("leader of the ceremony", "主持人"),
}
STATES = {
    "printed": Text("printed", "已打印"),
    "sent": Text("sent", "已寄出"),
    "told": Text("told, not arrived", "已通知，未到"),
    "checked": Text("checked, whole", "已核对，完好"),
    "tampered": Text("tampered with", "被动过"),
    "used": Text("component entered", "分量已录入"),
    "destroyed": Text("destroyed", "已销毁"),
}
"""What became of a package."""
WORDS = {
    "kcv": Text("check value", "校验值"),
    "component": Text("component", "分量"),
    "custodian": Text("custodian", "保管员"),
    "package": Text("package", "密封件"),
    "label": Text("key", "密钥"),
    "version": Text("version", "版本"),
    "reason": Text("reason", "原因"),
    "keys": Text("keys", "密钥"),
    "packages": Text("packages", "密封件"),
    "channel": Text("way", "渠道"),
    "why": Text("why", "原因"),
    "parity": Text("parity", "奇偶校验"),
}
"""The names of what a step notes."""
NOTE = Text(
    "This record holds check values and serials, no key and no component. The signed JSON file of the same number says "
    "the same; 'cardfab keys ceremony verify FILE' checks both.",
    "本记录仅含校验值和编号，不含密钥或分量，与同编号的签名 JSON 文件一致。核验：cardfab keys ceremony verify 文件。",
)
_SIGN = Text("Signatures of those present", "在场人员签字")
_STEPS = (
    Heading(Text("No.", "序号"), 9.0),
    Heading(Text("Time, UTC", "时间（UTC）"), 31.0),
    Heading(Text("Step", "步骤"), 37.0),
    Heading(Text("People", "人员"), 42.0),
    Heading(Text("Noted", "记录"), 51.0),
)
_PACKAGES = (
    Heading(Text("Serial", "编号"), 50.0),
    Heading(Text("Component", "分量"), 22.0),
    Heading(Text("Custodian", "保管员"), 38.0),
    Heading(Text("Way", "渠道"), 30.0),
    Heading(Text("State", "状态"), 30.0),
)


def ceremony_pdf(signed: SignedRecord, made: Made, fonts: FontBook) -> bytes:
    """The record as PDF, A4; the same record gives the same bytes. Raises ``FaceRefused`` without a Chinese font."""
    record = signed.record
    column = Column(fonts, made.language, A4.margin, A4.inside, label=46.0)
    blocks: list[Block] = []
    if record.rehearsal:
        blocks.append(column.words(REHEARSAL, size=14.0, role="sans-bold", after=2.5))
    blocks += [_figures(column, record), gap(2.0), *column.pairs(_key_lines(record))]
    if record.reason:
        blocks.append(column.pair(Line(Text("Why it was interrupted", "中断原因"), record.reason, strong=True)))
    digest = hashlib.sha256(signed.to_json_bytes()).hexdigest()
    blocks.append(column.pair(Line(Text("SHA-256 of the JSON file", "JSON 文件 SHA-256"), _fours(digest))))
    blocks += [column.heading(Text("Steps", "步骤"), before=5.0), *_steps(column, record)]
    if record.packages:
        rows = [
            (one.serial, str(one.component), one.custodian, one.channel or NOTHING, STATES.get(one.state, one.state))
            for one in record.packages
        ]
        blocks += [column.heading(Text("Packages", "密封件"), before=5.0), *table(column, _PACKAGES, rows, size=8.5)]
    blocks += kept(
        [column.heading(_SIGN, before=6.0), *_signatures(column, record), column.words(NOTE, size=8.0, colour=QUIET)]
    )
    return a4_document(fonts, made, TITLE, [blocks])


def details_in(details: Mapping[str, str], language: Language) -> str:
    """What a step noted, in one line."""
    mark = "：" if language == "zh" else " "
    parts = [f"{WORDS[key].of(language) if key in WORDS else key}{mark}{value}" for key, value in details.items()]
    return ("；" if language == "zh" else "; ").join(parts)


def step_words(event: str) -> Text:
    """An event of the machine in both languages."""
    known = Event(event)
    return Text(known.en, known.zh)


def kind_words(kind: str) -> Text:
    """A kind of ceremony in both languages."""
    return Text(kind, Kind(kind).zh)


def _figures(column: Column, record: CeremonyRecord) -> Block:
    ended = {"closed": Text("closed", "完成"), "interrupted": Text("INTERRUPTED", "已中断")}[record.outcome]
    return big_figures(
        column,
        [
            (Text("Ceremony", "仪式"), kind_words(record.kind).of(column.language), ""),
            (Text("Check value of the key", "密钥校验值"), record.kcv or NOTHING, ""),
            (Text("Outcome", "结果"), ended.of(column.language), ""),
        ],
    )


def _key_lines(record: CeremonyRecord) -> list[Line]:
    usage, level = Usage[record.usage], Level[record.level]
    lines = [
        Line(Text("Key", "密钥"), f"{record.label}  v{record.version}", strong=True),
        Line(Text("Algorithm", "算法"), record.algorithm),
        Line(Text("Purpose", "用途"), Text(str(usage), usage.zh)),
        Line(Text("Level", "层级"), str(level) + (f" {record.region}" if record.region else "")),
    ]
    if record.group:
        lines.append(Line(Text("Custodian group", "保管组"), record.group))
    lines.append(Line(Text("Station", "站点"), record.station))
    began, ended = (moment(datetime.fromisoformat(at)) if at else NOTHING for at in (record.began_at, record.ended_at))
    lines.append(Line(Text("Held, UTC", "起止（UTC）"), f"{began}  {NOTHING}  {ended}"))
    return lines


def _steps(column: Column, record: CeremonyRecord) -> list[Block]:
    rows: list[tuple[Words, ...]] = [
        (
            str(step.number),
            moment(datetime.fromisoformat(step.at)),
            step_words(step.event),
            ", ".join(step.people) or NOTHING,
            details_in(step.details, column.language) or NOTHING,
        )
        for step in record.steps
    ]
    return table(column, _STEPS, rows, size=8.5)


def _signatures(column: Column, record: CeremonyRecord) -> list[Block]:
    blocks: list[Block] = []
    for person in record.people:
        duty = DUTIES[person.duty]
        held = f" {person.component}" if person.component else ""
        label = Text(f"{person.name} ({person.login})", f"{person.name}（{person.login}）")
        value = Text(f"{duty.en}{held and ', component' + held}", f"{duty.zh}{held and '，分量' + held}")
        blocks += [column.pair(Line(label, value)), column.rule(before=7.0, after=2.0, colour=LINE)]
    return blocks


def _fours(digest: str) -> str:
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))
