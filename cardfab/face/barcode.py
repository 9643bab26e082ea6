"""Bar codes and QR codes as black dots: every module a whole number of printer dots, so that no edge is grey."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import segno
from numpy.typing import NDArray

from cardfab.errors import Text
from cardfab.profile.face import CodeField

from .canvas import Canvas
from .refusal import FaceRefused

QR_QUIET = 4
BAR_QUIET = 10
"""Modules that stay white round a code (ISO/IEC 18004 and 15417)."""


def content_of(code: CodeField, values: Mapping[str, str]) -> str:
    """What a code says of a card; raises ``FaceRefused`` when one of its values is missing."""
    try:
        return code.content.format_map(dict(values))
    except (KeyError, IndexError, ValueError) as missing:
        raise FaceRefused(
            Text(f"The code {code.name} needs {missing}.", f"“{code.name}”编码缺少 {missing}。"),
            do=Text("Complete the request, or correct 'content'.", "请补全资料，或修正模板的 content。"),
            code="CF-3403",
        ) from None


def code_dots(code: CodeField, content: str, canvas: Canvas) -> NDArray[np.bool_]:
    """The black dots of a code, quiet zone included; it fits into the rectangle of ``code``.

    Raises ``FaceRefused`` when its modules would be too small to be read, or a bar code cannot say it.
    """
    modules = _qr(code, content) if code.kind == "qr" else _bars(code, content)
    room = code.width * canvas.per_mm, code.height * canvas.per_mm
    across = int(room[0] // modules.shape[1])
    dots = min(across, int(room[1] // modules.shape[0])) if code.kind == "qr" else across
    if dots < 1 or dots / canvas.per_mm < code.least_module:
        raise FaceRefused(
            Text(
                f"The code {code.name} needs {modules.shape[1]} modules of {code.least_module:g} mm across and has "
                f"{code.width:g} mm.",
                f"“{code.name}”编码横向需 {modules.shape[1]} 个 {code.least_module:g} mm 的模块，"
                f"模板只留 {code.width:g} mm。",
            ),
            do=Text("Make it larger in the template, or shorten what it says.", "请在模板中放大，或缩短内容。"),
            code="CF-3402",
        )
    down = dots if code.kind == "qr" else max(1, int(room[1]))
    return np.repeat(np.repeat(modules, down, axis=0), dots, axis=1)


def _qr(code: CodeField, content: str) -> NDArray[np.bool_]:
    try:
        made = segno.make_qr(content, error=code.correction, boost_error=False)
    except segno.DataOverflowError:
        raise _unsayable(code) from None
    return np.pad(np.array([list(row) for row in made.matrix], dtype=np.bool_), QR_QUIET)


def _bars(code: CodeField, content: str) -> NDArray[np.bool_]:
    from reportlab.graphics.barcode.code128 import Code128  # a quarter of a second, for templates that ask

    if not content.isascii() or not content.isprintable():
        raise _unsayable(code)
    bars = Code128(content, quiet=False)
    bars.validate()
    bars.encode()
    bars.decompose()
    # Capitals are bars, small letters spaces; a to d (A to D) are their widths.
    row = [letter.isupper() for letter in bars.decomposed for _ in range("abcd".index(letter.lower()) + 1)]
    return np.pad(np.array([row], dtype=np.bool_), ((0, 0), (BAR_QUIET, BAR_QUIET)))


def _unsayable(code: CodeField) -> FaceRefused:
    return FaceRefused(
        Text(f"A {code.kind} code cannot say what {code.name} has.", f"{code.kind} 编码无法表示“{code.name}”的内容。"),
        do=Text("Shorten it; a bar code takes printable ASCII only.", "请缩短内容；条形码只能含可打印的 ASCII 字符。"),
        code="CF-3402",
    )
