from __future__ import annotations

import dataclasses
import io
import subprocess
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest
import segno
from PIL import Image
from pypdf import PdfReader

from cardfab.crypto import ed25519_public, ed25519_sign, ed25519_verify
from cardfab.documents import DocumentRefused, TemporaryCard, read_claim, temporary_card_pdf
from cardfab.errors import Text
from cardfab.face import FaceRefused, FontBook

SEED = bytes(range(32))
KEY_NAME = "training-temporary-2026"
NAMES = ["张𠅤", "王䶮", "龘龖", "欧阳㛃", "古丽巴哈尔·阿卜力米提艾合麦提江", "李𪚥𫝀"]
CARD = TemporaryCard(
    number="T20261121-000001",
    request_id="R2026112100001",
    name="欧阳㛃",
    social_security_number="440199195109028085",
    category=Text("Reissue after loss", "挂失补卡"),
    valid_from=date(2026, 11, 21),
    valid_until=date(2027, 1, 19),
    station="示例市培训网点 01",
    issued_by="李玥",
    issued_at=datetime(2026, 11, 21, 10, 42),
)


@pytest.fixture(scope="module")
def fonts() -> FontBook:
    return FontBook([Path("/usr/share/fonts")])


@pytest.fixture(scope="module")
def photo() -> bytes:
    return (Path(__file__).resolve().parents[3] / "examples/photos/p01.jpg").read_bytes()


@pytest.fixture(scope="module")
def pdf(fonts: FontBook, photo: bytes) -> bytes:
    return _made(CARD, photo, fonts)


def _sign(message: bytes) -> bytes:
    return ed25519_sign(SEED, message)


def _made(card: TemporaryCard, photo: bytes, fonts: FontBook, *, specimen: bool = True) -> bytes:
    return temporary_card_pdf(card, photo, fonts, _sign, public_key_name=KEY_NAME, specimen=specimen)


def _words(pdf: bytes, *options: str) -> list[str]:
    command = ["pdftotext", "-enc", "UTF-8", *options, "-", "-"]
    text = subprocess.run(command, input=pdf, stdout=subprocess.PIPE, check=True).stdout
    return [line.strip() for line in text.decode().splitlines() if line.strip()]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_copied_out_of_the_pdf_as_it_is(fonts: FontBook, photo: bytes, name: str) -> None:
    pdf = _made(dataclasses.replace(CARD, name=name), photo, fonts)
    assert name in _words(pdf)
    assert name in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()


def test_what_a_hospital_looks_for_is_there_in_both_languages(pdf: bytes) -> None:
    text = "\n".join(_words(pdf, "-layout"))
    for words in (
        "临时社会保障卡", "Temporary social security card", "T20261121-000001", "440199 19510902 8085",
        "2027年01月19日", "2026-11-21 – 2027-01-19", "可用于", "May be used for", "不可用于", "Not to be used for",
        "不是银行卡", "如何核验", "How to verify", KEY_NAME, "挂失补卡", "Reissue after loss", "第 1 页，共 1 页",
        "page 1 of 1", "李玥", "2026-11-21 10:42", "示例市培训网点 01", "持卡人签名", "Holder's signature",
    ):  # fmt: skip
        assert words in text


def test_specimen_is_in_the_page_unless_a_production_profile_says_otherwise(
    fonts: FontBook, photo: bytes, pdf: bytes
) -> None:
    assert "SPECIMEN" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    production = _made(CARD, photo, fonts, specimen=False)
    assert "SPECIMEN" not in PdfReader(io.BytesIO(production)).pages[0].extract_text()
    assert read_claim(pdf)[0].specimen
    assert not read_claim(production)[0].specimen


def test_every_letter_on_the_page_is_embedded(pdf: bytes) -> None:
    used = PdfReader(io.BytesIO(pdf)).pages[0]
    fonts = used["/Resources"]["/Font"]  # type: ignore[index]
    composite = [font.get_object() for font in fonts.values() if font.get_object()["/Subtype"] == "/Type0"]
    assert len(composite) == 2
    for font in composite:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert descriptor["/FontFile3"]["/Subtype"] == "/CIDFontType0C"
        assert "/ToUnicode" in font


def test_the_qr_code_on_the_page_says_the_signed_text(pdf: bytes, tmp_path: Path) -> None:
    claim, signature = read_claim(pdf)
    assert claim == CARD.claim(KEY_NAME, specimen=True)
    text = claim.signed_text(lambda _: signature)
    assert text.startswith("cardfab-temp-1|T20261121-000001|欧阳㛃|440199195109028085|2026-11-21|2027-01-19|")
    expected = np.array([list(row) for row in segno.make(text, error="m", micro=False, boost_error=False).matrix])

    (tmp_path / "card.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "254", "-gray", "card.pdf", "page"], cwd=tmp_path, check=True)
    (picture,) = tmp_path.glob("page*.pgm")
    page = np.asarray(Image.open(picture))  # ten dots a millimetre
    corner = page[150:600, 1500:1950] < 128
    rows, columns = np.flatnonzero(corner.any(axis=1)), np.flatnonzero(corner.any(axis=0))
    side = int(columns[-1] - columns[0] + 1)
    assert side == pytest.approx(340, abs=2)  # 34 mm; 30 are asked for
    middles = (np.arange(len(expected)) + 0.5) * side / len(expected)
    seen = corner[np.ix_((rows[0] + middles).astype(int), (columns[0] + middles).astype(int))]
    assert np.array_equal(seen, expected.astype(bool))
    # Four modules of quiet round it, but for the dot that the edge is smoothed over.
    zone = int(4 * side / len(expected))
    top, left = 150 + int(rows[0]), 1500 + int(columns[0])
    around = page[top - zone : top + side + zone, left - zone : left + side + zone].copy()
    around[zone - 1 : zone + side + 1, zone - 1 : zone + side + 1] = 255
    assert (around > 250).all()


def test_the_signature_holds_and_a_changed_field_breaks_it(pdf: bytes) -> None:
    claim, signature = read_claim(pdf)
    public = ed25519_public(SEED)
    assert ed25519_verify(public, claim.signed_bytes(), signature)
    for change in (
        {"name": "欧阳"}, {"social_security_number": "440199195109028093"}, {"valid_until": date(2028, 1, 19)},
        {"specimen": False}, {"number": "T2"}, {"station": "x"}, {"key_name": "y"}, {"valid_from": date(2026, 1, 1)},
    ):  # fmt: skip
        assert not ed25519_verify(public, dataclasses.replace(claim, **change).signed_bytes(), signature)


def test_a_scanned_code_reads_like_the_file(pdf: bytes) -> None:
    text = CARD.claim(KEY_NAME, specimen=True).signed_text(_sign)
    assert read_claim(text.encode() + b"\r\n") == read_claim(pdf)


def test_what_is_no_temporary_card_is_refused() -> None:
    good = CARD.claim(KEY_NAME, specimen=True).signed_text(_sign)
    for data in (
        b"", b"%PDF-1.4 nothing", b"\xff|" * 9, good.replace("SPECIMEN", "GOLD").encode(), good.encode() + b"*",
        good.replace("2026-11-21", "20261121").encode(), good.replace("temp-1", "temp-9").encode(),
        good.rpartition("|")[0].encode(),
    ):  # fmt: skip
        with pytest.raises(DocumentRefused) as refused:
            read_claim(data)
        assert refused.value.code == "CF-3552"
        assert refused.value.exit_status == 3


def test_a_field_that_could_forge_another_is_refused(fonts: FontBook, photo: bytes) -> None:
    for change in ({"name": "王|2099-01-01"}, {"station": ""}, {"number": "T1\n"}):
        with pytest.raises(DocumentRefused) as refused:
            _made(dataclasses.replace(CARD, **change), photo, fonts)
        assert refused.value.code == "CF-3551"


def test_refusals_before_any_paper(fonts: FontBook, photo: bytes) -> None:
    with pytest.raises(FaceRefused, match=r"U\+10FFFD"):
        _made(dataclasses.replace(CARD, issued_by="\U0010fffd"), photo, fonts)
    with pytest.raises(FaceRefused, match="photo"):
        _made(CARD, b"no photo", fonts)
    with pytest.raises(DocumentRefused, match="before it begins"):
        _made(dataclasses.replace(CARD, valid_until=date(2026, 1, 1)), photo, fonts)
    with pytest.raises(DocumentRefused, match="more than its page"):
        _made(dataclasses.replace(CARD, not_for=CARD.not_for * 3), photo, fonts)


def test_a_long_name_wraps_within_the_page(fonts: FontBook, photo: bytes) -> None:
    words = _words(_made(dataclasses.replace(CARD, name="古丽巴哈尔·" + "阿" * 19), photo, fonts))
    first, second = (line for line in words if "阿" in line)
    assert first + second == "古丽巴哈尔·" + "阿" * 19


def test_the_same_card_is_the_same_file(fonts: FontBook, photo: bytes, pdf: bytes) -> None:
    assert _made(CARD, photo, fonts) == pdf
    assert _made(CARD, photo, FontBook([Path("/usr/share/fonts")])) == pdf
    assert _made(dataclasses.replace(CARD, name="王䶮"), photo, fonts) != pdf
