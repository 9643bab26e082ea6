"""``cardfab keys inventory`` and ``compromised``: what hangs on which key, and what to replace if one is lost."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import Text
from cardfab.keys import KeyUnknown
from cardfab.station import inventory as keeping
from cardfab.station.inventory import Line, NotUnique

_SHOWN = 10
"""Tokens and labels that people are shown; a program gets all."""


def inventory(
    context: typer.Context,
    label: Annotated[str | None, typer.Argument(metavar="LABEL", help="One key; without it all.")] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="Prove that no two cards share a chip, secret keys or a public key.")
    ] = False,
) -> None:
    """Which keys there are, under which key, until when, in which profiles, and how many cards they made."""
    talk = talk_of(context)
    with talk.desk() as desk:
        if unique:
            _unique(talk, keeping.uniqueness(desk))
            return
        lines = keeping.inventory(desk, desk.now().astimezone(UTC).date())
    if label is not None:
        lines = tuple(line for line in lines if line.info.label == label)
        if not lines:
            raise KeyUnknown(label)
    values = [_value(line) for line in lines]
    if label is not None:
        talk.give(values[0], lambda: _one(talk, lines[0]))
        return
    columns = (
        Text("label", "标签"), Text("state", "状态"), Text("check value", "校验值"),
        Text("under", "上级密钥"), Text("ends", "到期"), Text("profiles", "配置"), Text("cards", "制卡数"),
    )  # fmt: skip
    rows = [
        (
            line.info.label,
            talk.of(Text(line.info.state, line.info.state.zh)),
            line.info.kcv,
            line.info.parent,
            _ends(talk, line),
            str(len(line.profiles)),
            str(line.cards),
        )
        for line in lines
    ]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("There are no keys.", "没有密钥。"), wide=3))
    soon = [line.info.label for line in lines if line.ends_soon]
    if soon:
        talk.say(
            f"Ending within {keeping.SOON} days: {', '.join(soon)}.", f"{keeping.SOON} 天内到期：{'、'.join(soon)}。"
        )


def compromised(
    context: typer.Context,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="The key that others may know.")],
    region: Annotated[str, typer.Option("--region", help="Only its key of this province or city: first digits.")] = "",
    tokens: Annotated[
        Path | None, typer.Option("--tokens", help="Write the tokens of all cards here, one a line.")
    ] = None,
) -> None:
    """What must be replaced if this key is compromised: keys below it, profiles, cards, papers; and what to do."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found = keeping.compromised(desk, label, region)
    if tokens is not None:
        tokens.write_text("".join(f"{card.token}\n" for card in found.cards), encoding="ascii")
    value = {
        "label": label,
        "region": found.region,
        "keys": [one.label for one in found.keys],
        "profiles": list(found.profiles),
        "cards": len(found.cards),
        "by_product": found.by_product,
        "tokens": [card.token for card in found.cards],
        "waiting": list(found.waiting),
        "papers": list(found.papers),
        "advice": [{"usage": usage.name, "en": words.en, "zh": words.zh} for usage, words in found.advice],
    } | ({} if tokens is None else {"file": str(tokens)})

    def people() -> None:
        def line(en: str, zh: str) -> None:
            talk.out.print(talk.of(Text(en, zh)), markup=False)

        line(f"If '{label}' is compromised:", f"如“{label}”泄露：")
        for words in dict(found.advice).values():
            line(f"  {words.en}", f"  {words.zh}")
        below = _some([one.label for one in found.keys])
        line(f"Keys below it, to be replaced: {below}", f"下级密钥（须更换）：{below}")
        profiles = _some(list(found.profiles))
        line(f"Profiles that use them: {profiles}", f"使用的配置：{profiles}")
        counts = ", ".join(f"{product} {count}" for product, count in found.by_product.items())
        line(f"Cards to be replaced: {len(found.cards)} {counts}", f"须更换的卡：{len(found.cards)} 张 {counts}")
        for card in found.cards[:_SHOWN]:
            talk.out.print(
                f"  {card.token} {card.product} {card.region} {card.state} {card.made_at[:10]}", markup=False
            )
        line(
            f"Prepared cards to be prepared anew: {len(found.waiting)}", f"须重新准备的待制卡：{len(found.waiting)} 张"
        )
        papers = _some(list(found.papers))
        line(f"Papers that it signed: {papers}", f"由其签名的文书：{papers}")
        if len(found.cards) > _SHOWN and tokens is None:
            line("All tokens: --tokens FILE or --json.", "全部令牌：--tokens 文件 或 --json。")

    talk.give(value, people)


def _value(line: Line) -> dict[str, Any]:
    info = line.info
    told = {name: value for name, value in asdict(info).items() if name not in ("usage", "level", "modes")}
    return told | {
        "usage": info.usage.name,
        "level": info.level.name,
        "modes": sorted(info.modes),
        "below": list(line.below),
        "holds": None if line.holds is None else line.holds.en,
        "profiles": list(line.profiles),
        "cards": line.cards,
        "ends_in": line.ends_in,
        "ends_soon": line.ends_soon,
    }


def _one(talk: Talk, line: Line) -> None:
    info = line.info
    holds = "" if line.holds is None else talk.of(line.holds)
    rows = [
        (Text("label", "标签"), info.label),
        (Text("algorithm", "算法"), info.algorithm),
        (Text("use", "用途"), talk.of(Text(str(info.usage), info.usage.zh))),
        (Text("may", "使用方式"), " ".join(sorted(info.modes))),
        (Text("level", "层级"), f"{info.level} {info.region}".strip()),
        (Text("version", "版本"), str(info.version)),
        (Text("state", "状态"), talk.of(Text(info.state, info.state.zh))),
        (Text("check value", "校验值"), info.kcv),
        (Text("kind", "类型"), talk.of(Text("TRAINING", "训练") if info.training else Text("production", "生产"))),
        (Text("ceremony", "仪式"), info.ceremony),
        (Text("custodian group", "保管组"), info.group),
        (Text("valid", "有效期"), f"{info.valid_from} .. {info.valid_until}".strip(" .")),
        (Text("ends", "到期"), _ends(talk, line)),
        (Text("came in under", "导入时的保护密钥"), info.parent),
        (Text("keys below it", "下级密钥"), " ".join(line.below)),
        (Text("what lies under it", "由其加密的内容"), holds),
        (Text("profiles", "配置"), " ".join(line.profiles)),
        (Text("cards made", "制卡数"), str(line.cards)),
    ]
    talk.table(
        (Text("attribute", "属性"), Text("value", "值")),
        [(talk.of(name), value) for name, value in rows if value],
        empty=Text("There is nothing.", "没有内容。"),
    )


def _ends(talk: Talk, line: Line) -> str:
    if line.ends_in is None:
        return ""
    mark = talk.of(Text(" SOON", " 即将到期")) if line.ends_soon else ""
    return line.info.valid_until + mark


def _unique(talk: Talk, found: keeping.Uniqueness) -> None:
    value = {
        "cards": found.cards,
        "shared": [{"what": what, "mark": mark, "tokens": list(tokens)} for what, mark, tokens in found.shared],
    }
    words = Text(
        f"{found.cards} cards compared: no chip, no secret keys and no public key twice.",
        f"已比对 {found.cards} 张卡：芯片、对称密钥和公钥均无重复。",
    )
    if not found.shared:
        talk.give(value, lambda: talk.out.print(talk.of(words)))
        return
    talk.more |= value
    what, mark, tokens = found.shared[0]
    raise NotUnique(
        Text(
            f"{len(tokens)} cards share their {what} ({mark}): {_some(list(tokens))}.",
            f"{len(tokens)} 张卡的{_SHARED[what]}相同（{mark}）：{_some(list(tokens))}。",
        ),
        do=Text("Block these cards and find out how they were made.", "请锁定相关卡片并查明原因。"),
    )


_SHARED = {"chip": "芯片序列号", "secret keys": "对称密钥", "public key": "公钥"}


def _some(words: list[str]) -> str:
    shown = ", ".join(words[:_SHOWN])
    return f"{shown} ... ({len(words)})" if len(words) > _SHOWN else shown or "-"
