"""Text in PDF whose every character can be copied out as it is.

ReportLab embeds no PostScript outlines (Noto CJK) and writes a wrong ToUnicode beyond the BMP, so the text of a page is
set in one composite font a role, made here: the outlines of the used glyphs only, whichever font they come from, and a
ToUnicode map in UTF-16 (ISO 32000-1, 9.7 composite fonts, 9.10.3 ToUnicode CMaps, Table 126 FontFile3/CIDFontType0C).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.qu2cuPen import Qu2CuPen  # type: ignore[import-untyped]
from fontTools.pens.t2CharStringPen import T2CharStringPen  # type: ignore[import-untyped]
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas as PdfCanvas

from cardfab.profile.face import FontRole

from .artwork import rgb
from .fonts import FontBook, Glyph
from .outline import Outline, outline

_EM = 1000
_ASCENT, _DESCENT = 880, -120


class PdfInk:
    """Sets text on a ReportLab canvas; call ``finish`` before the canvas is saved."""

    def __init__(self, canvas: PdfCanvas, fonts: FontBook) -> None:
        self._canvas = canvas
        self._fonts = fonts
        # A code for each character of a role, from 1 (0 is .notdef), in the order of use: same text, same file.
        self._used: dict[FontRole, dict[str, tuple[int, Glyph]]] = {}

    def width(self, text: str, size: float, role: FontRole = "sans") -> float:
        """The width of a line in points."""
        return self._fonts.width(text, role) * size

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        role: FontRole = "sans",
        colour: str = "#1b2430",
        align: str = "left",
        turn: tuple[float, float, float, float] = (1, 0, 0, 1),
    ) -> float:
        """Set a line with its baseline at ``x``, ``y`` (points); returns its width.

        ``turn`` is the linear part of the text matrix. Raises ``FaceRefused`` for a character no font draws.
        """
        codes = self._codes(text, role)
        width = self.width(text, size, role)
        left = x - {"left": 0.0, "centre": width / 2, "right": width}[align]
        red, green, blue = (rgb(colour) / 255).tolist()
        self._canvas.addLiteral(
            f"BT {red:.4f} {green:.4f} {blue:.4f} rg /{_resource(role)} {size:.3f} Tf "
            f"{' '.join(f'{each:.5f}' for each in turn)} {left:.3f} {y:.3f} Tm <{codes.hex()}> Tj ET"
        )
        return width

    def finish(self) -> None:
        """Embed what was used."""
        # ReportLab has no public way to add a font of another kind than its own.
        document = self._canvas._doc
        for role, used in self._used.items():
            glyphs = [glyph for _, glyph in used.values()]
            font = _font(document, _resource(role), glyphs, [outline(self._fonts, glyph) for glyph in glyphs])
            document.idToObject["BasicFonts"].dict[_resource(role)] = document.Reference(font, _resource(role))

    def _codes(self, text: str, role: FontRole) -> bytes:
        used = self._used.setdefault(role, {})
        for glyph in self._fonts.glyphs(text, role):
            used.setdefault(glyph.character, (len(used) + 1, glyph))
        return b"".join(used[each][0].to_bytes(2, "big") for each in text)


def _resource(role: FontRole) -> str:
    return "Card" + role.title().replace("-", "")


def _font(document: pdfdoc.PDFDocument, name: str, glyphs: Sequence[Glyph], outlines: Sequence[Outline]) -> object:
    base = f"/{_tag(glyphs)}+{name}"
    file = pdfdoc.PDFStream(
        pdfdoc.PDFDictionary({"Subtype": "/CIDFontType0C"}),
        _cff(base[1:], glyphs, outlines),
        filters=[pdfdoc.PDFZCompress],
    )
    unicode = pdfdoc.PDFStream(content=_to_unicode(glyphs), filters=[pdfdoc.PDFZCompress])
    descriptor = pdfdoc.PDFDictionary(
        {
            "Type": "/FontDescriptor",
            "FontName": base,
            "Flags": 4,
            "FontBBox": pdfdoc.PDFArray([-_EM, -_EM, 3 * _EM, 2 * _EM]),
            "ItalicAngle": 0,
            "Ascent": _ASCENT,
            "Descent": _DESCENT,
            "CapHeight": 733,
            "StemV": 80,
            "FontFile3": document.Reference(file, f"{name}File"),
        }
    )
    information = pdfdoc.PDFDictionary({"Registry": "(Adobe)", "Ordering": "(Identity)", "Supplement": 0})
    descendant = pdfdoc.PDFDictionary(
        {
            "Type": "/Font",
            "Subtype": "/CIDFontType0",
            "BaseFont": base,
            "CIDSystemInfo": information,
            "FontDescriptor": document.Reference(descriptor, f"{name}Descriptor"),
            "DW": _EM,
            "W": pdfdoc.PDFArray([1, pdfdoc.PDFArray([round(glyph.advance * _EM) for glyph in glyphs])]),
        }
    )
    return pdfdoc.PDFDictionary(
        {
            "Type": "/Font",
            "Subtype": "/Type0",
            "BaseFont": base,
            "Encoding": "/Identity-H",
            "DescendantFonts": pdfdoc.PDFArray([document.Reference(descendant, f"{name}Descendant")]),
            "ToUnicode": document.Reference(unicode, f"{name}Unicode"),
        }
    )


def _tag(glyphs: Iterable[Glyph]) -> str:
    """Six capitals that name a subset (ISO 32000-1, 9.6.4)."""
    number = 0
    for glyph in glyphs:
        number = (number * 31 + ord(glyph.character)) % 26**6
    letters = []
    for _ in range(6):
        number, letter = divmod(number, 26)
        letters.append(chr(ord("A") + letter))
    return "".join(letters)


def _cff(name: str, glyphs: Sequence[Glyph], outlines: Sequence[Outline]) -> bytes:
    """A CFF font program with just these glyphs; glyph n is code n."""
    order = [".notdef", *(f"g{number}" for number in range(1, len(glyphs) + 1))]
    strings = {".notdef": T2CharStringPen(_EM, None).getCharString()}
    for key, glyph, contours in zip(order[1:], glyphs, outlines, strict=True):
        pen = T2CharStringPen(round(glyph.advance * _EM), None)
        # Quadratic outlines (TrueType) become cubic, which is all that CFF knows.
        cubic = Qu2CuPen(pen, max_err=0.5, all_cubic=True)
        for operation, points in contours:
            getattr(cubic, operation)(*((x * _EM, y * _EM) for x, y in points))
        strings[key] = pen.getCharString()
    builder = FontBuilder(_EM, isTTF=False)
    builder.setupGlyphOrder(order)
    builder.setupCFF(name, {"FullName": name}, strings, {})
    program: bytes = builder.font["CFF "].compile(builder.font)
    return program


def _to_unicode(glyphs: Sequence[Glyph]) -> bytes:
    lines = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    pairs = [
        f"<{code:04X}> <{glyph.character.encode('utf-16-be').hex().upper()}>" for code, glyph in enumerate(glyphs, 1)
    ]
    for start in range(0, len(pairs), 100):
        block = pairs[start : start + 100]
        lines += [f"{len(block)} beginbfchar", *block, "endbfchar"]
    lines.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(lines).encode("ascii")
