"""``cardfab keys derive --explain``: a derivation step by step, to be compared with another tool. No key is shown."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.keys.explain import Explained
from cardfab.keys.label import KeyInfo
from cardfab.keys.schemes import SCHEMES, PanScheme, scheme_named
from cardfab.production import Act

_MOST = 64
"""Characters of a card number's line: more is no number."""


def derive(
    context: typer.Context,
    explain: Annotated[str, typer.Option("--explain", metavar="SCHEME", help=f"One of {', '.join(SCHEMES)}.")],
    label: Annotated[str, typer.Option("--label", metavar="LABEL", help="The root.")],
    pan: Annotated[
        str | None,
        typer.Option(
            "--pan", help="'-' asks for the number, or takes a line of input; digits here for training keys only."
        ),
    ] = None,
    psn: Annotated[str | None, typer.Option("--psn", help="PAN sequence number, two digits; 00 without.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Six digits, from the identification code.")] = None,
    historical: Annotated[
        str | None, typer.Option("--historical", help="The 13 historical bytes of the ATR, hex.")
    ] = None,
    kdd: Annotated[
        str | None, typer.Option("--kdd", help="Key diversification data of INITIALIZE UPDATE, 10 bytes, hex.")
    ] = None,
    given: Annotated[str | None, typer.Option("--input", help="Diversification input of AN10922, hex.")] = None,
    challenges: Annotated[
        str | None, typer.Option("--context", help="Host and card challenge of SCP03, 16 bytes, hex.")
    ] = None,
    constant: Annotated[
        str | None, typer.Option("--constant", help="Derivation constant of SCP03, hex; 04 (S-ENC) without.")
    ] = None,
) -> None:
    """Follow a derivation step by step: factors, enciphered texts and check values, no key.

    Of a card number the first six and the last four digits are shown, whoever asks.
    """
    talk = talk_of(context)
    scheme = scheme_named(explain)
    said = {
        "pan": pan, "psn": psn, "region": region, "historical": historical, "kdd": kdd, "input": given,
        "context": challenges, "constant": constant,
    }  # fmt: skip
    factors = {name: value for name, value in said.items() if value is not None}
    with talk.desk() as desk:
        desk.must(Act.EXPLAIN)
        info = desk.keys.info(label)
        if pan is not None and isinstance(scheme, PanScheme):
            factors["pan"] = _number(talk, pan, info)
        steps = desk.keys.explain(label, explain, factors)
    value = {
        "scheme": explain, "label": label, "algorithm": info.algorithm, "kcv": info.kcv,
        "steps": [asdict(step) for step in steps],
    }  # fmt: skip
    talk.give(value, lambda: _show(talk, talk.of(scheme.what), info, steps))


def _number(talk: Talk, pan: str, info: KeyInfo) -> str:
    """The number from the terminal or a line of input; in the arguments only that of a training card."""
    if pan != "-":
        if info.training:
            return pan
        raise UsageRefused(
            Text(
                "A card number is not given in the command: others see it there.",
                "卡号不能写在命令中：他人可见。",
            ),
            do=Text("Write '--pan -': it is asked for then.", "请使用 --pan -，程序会提示输入。"),
            code="CF-2121",
        )
    if sys.stdin.isatty():
        found: str = typer.prompt(talk.of(Text("Card number", "卡号")), hide_input=True, err=True)
        return found.strip()
    return sys.stdin.readline(_MOST).strip()


def _show(talk: Talk, what: str, info: KeyInfo, steps: tuple[Explained, ...]) -> None:
    """For people: the root, then a paragraph for each key."""
    names = {
        "factor": Text("factor", "因子"),
        "text": Text("text", "输入数据"),
        "kcv": Text("check value", "校验值"),
        "cmac": Text("check value by CMAC(0)", "校验值（CMAC(0)）"),
    }

    def line(name: str, value: str) -> None:
        talk.out.print(f"    {talk.of(names[name])}  {value}", markup=False, highlight=False, soft_wrap=True)

    talk.out.print(f"{what}: {info.label}, {info.algorithm}, {info.kcv}", markup=False, highlight=False, soft_wrap=True)
    for number, step in enumerate(steps, 1):
        talk.out.print(f"{number} {step.name} ({step.method})", markup=False, highlight=False)
        line("factor", step.factor)
        for text in step.texts:
            line("text", text)
        line("kcv", step.kcv)
        if step.cmac_kcv:
            line("cmac", step.cmac_kcv)
