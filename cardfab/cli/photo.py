"""``cardfab photo``: judge a portrait, and make one from a camera's picture."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.cli.wiring import profile_source
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.face.crop import Box, crop_photo, open_camera_picture, suggest_box
from cardfab.face.photo import PhotoVerdict, judge_photo
from cardfab.profile.face import FaceTemplate, PhotoRules
from cardfab.profile.loader import load

app = typer.Typer(help="Portraits for cards.", no_args_is_help=True)
_Face = Annotated[str, typer.Option("--face", help="The face template whose photo rules apply.")]


def _rules(face: str) -> PhotoRules:
    return load(profile_source(None), "faces", face, FaceTemplate).photo_rules


@app.command()
def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JPEG.")],
    face: _Face = "ssc2",
) -> None:
    """Judge a portrait: size, resolution, colour, background, outline of the head (exit 3 when it is refused)."""
    talk = talk_of(context)
    verdict = judge_photo(file.read_bytes(), _rules(face))
    measures = None if verdict.measures is None else asdict(verdict.measures)
    findings = [{"en": one.en, "zh": one.zh} for one in verdict.findings]

    def people() -> None:
        for line in (*_measured(verdict), *verdict.findings):
            talk.out.print(talk.of(line), markup=False)

    talk.give({"file": str(file), "ok": verdict.ok, "findings": findings, "measures": measures}, people)
    if not verdict.ok:
        raise InputRefused(
            Text(f"{file}: {len(findings)} faults.", f"{file}：{len(findings)} 处不合要求。"), code="CF-3430"
        )


def _measured(verdict: PhotoVerdict) -> list[Text]:
    found = verdict.measures
    if found is None:
        return []
    lines = [
        Text(
            f"{found.width_px} x {found.height_px} px, {found.dpi or 0:.0f} dpi, {found.file_bytes / 1024:.1f} KB; "
            f"background {found.mean:.1f} from white on average, {found.p95:.1f} in its worst twentieth.",
            f"{found.width_px}×{found.height_px} 像素，{found.dpi or 0:.0f} dpi，{found.file_bytes / 1024:.1f} KB；"
            f"背景与白色平均相差 {found.mean:.1f}，最差二十分之一处 {found.p95:.1f}。",
        )
    ]
    if found.head is not None:
        lines.append(
            Text(
                f"Outline of the head: top {found.head.top} px, width {found.head.width} px, middle "
                f"{found.head.middle:.0f} px. The eyes are not measured: look at their height yourself.",
                f"头部轮廓：顶 {found.head.top} 像素，宽 {found.head.width} 像素，中线 {found.head.middle:.0f} 像素。"
                "程序不测量眼睛位置，请目视核对。",
            )
        )
    return lines


@app.command()
def crop(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JPEG or PNG of a camera.")],
    out: Annotated[Path, typer.Option("--out", help="The portrait to write, a JPEG.")],
    box: Annotated[
        str | None, typer.Option("--box", help="x,y,w,h in pixels; else by the outline of the head.")
    ] = None,
    face: _Face = "ssc2",
) -> None:
    """Turn, crop and save a picture as the portrait that a card takes, and judge it."""
    talk = talk_of(context)
    rules = _rules(face)
    picture = open_camera_picture(file.read_bytes())
    taken = suggest_box(picture, rules) if box is None else _box(box)
    made = crop_photo(picture, taken, rules)
    out.write_bytes(made)
    verdict = judge_photo(made, rules)
    numbers = ",".join(map(str, taken))
    value = {
        "file": str(out),
        "box": list(taken),
        "bytes": len(made),
        "ok": verdict.ok,
        "findings": [{"en": one.en, "zh": one.zh} for one in verdict.findings],
    }

    def people() -> None:
        said = Text(
            f"{out}: box {numbers}, {len(made) / 1024:.1f} KB.", f"{out}：裁切框 {numbers}，{len(made) / 1024:.1f} KB。"
        )
        for line in (said, *_measured(verdict), *verdict.findings):
            talk.out.print(talk.of(line), markup=False)

    talk.give(value, people)
    if not verdict.ok:
        raise InputRefused(
            Text(
                f"{out} was written and has {len(verdict.findings)} faults.",
                f"{out} 已写出，但有 {len(verdict.findings)} 处不合要求。",
            ),
            code="CF-3430",
        )


def _box(text: str) -> Box:
    if not re.fullmatch(r"\d{1,5}(,\d{1,5}){3}", text):
        raise UsageRefused(Text("--box takes x,y,w,h in pixels.", "--box 应为 x,y,w,h（像素）。"))
    x, y, width, height = map(int, text.split(","))
    return x, y, width, height
