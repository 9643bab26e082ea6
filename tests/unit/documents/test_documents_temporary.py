from __future__ import annotations

import base64
import dataclasses
import io
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from cardfab.crypto.ec import p256_private, p256_public, p256_sign
from cardfab.documents import (
    DocumentRefused,
    DocumentSeen,
    IdentityChecked,
    TemporaryCard,
    read_claim,
    temporary_card_pdf,
)
from cardfab.documents.checking import Compared, NotGenuine, NotInForce, check_temporary
from cardfab.documents.claim import HEAD, TAIL, TrustedKey, base45, from_base45, key_id, signed_by
from cardfab.documents.revoked import Ended, RevocationList, read_list
from cardfab.documents.signing import KeySigner, certified_key, self_signed, sign_pdf
from cardfab.documents.temporary import Size
from cardfab.errors import Text
from cardfab.face import FaceRefused, FontBook
from tests.seeded import seeded

PRIVATE, OTHER = (p256_private(seeded(name)(48)) for name in (b"ours", b"other"))
PUBLIC = p256_public(PRIVATE)
KEY = TrustedKey("training-01", PUBLIC, training=True)
NAMES = ["张𠅤", "王䶮", "龘龖", "欧阳㛃", "古丽巴哈尔·阿卜力米提艾合麦提江", "李𪚥𫝀"]
CARD = TemporaryCard(
    number="LS202611210001",
    request_id="R2026112100001",
    name="欧阳㛃",
    social_security_number="440199195109028085",
    region="440199",
    region_name=Text("Sample district D", "示例市丁区"),
    category=Text("Reissue after loss", "挂失补卡"),
    valid_from=date(2026, 11, 21),
    valid_until=date(2027, 1, 19),
    uses=("emergency", "settlement"),
    station="示例市培训网点 01",
    checked=IdentityChecked(DocumentSeen(Text("resident identity card", "居民身份证"), "8085", "mother"), "李玥", "li"),
    issued_at=datetime(2026, 11, 21, 10, 42),
)
CLAIM = CARD.claim(key_id(PUBLIC), specimen=True)
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


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
    return p256_sign(PRIVATE, message)


def _still(message: bytes) -> bytes:
    """A signature of the right length that is the same every time."""
    return bytes(64)


def _made(card: TemporaryCard, photo: bytes, fonts: FontBook, *, specimen: bool = True, size: Size = "a4") -> bytes:
    return temporary_card_pdf(card, photo, fonts, _still, key_id=key_id(PUBLIC), specimen=specimen, size=size)


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
        "临时社会保障卡", "Temporary social security card", "LS202611210001", "440199 19510902 8085",
        "2027年01月19日", "2026-11-21 – 2027-01-19", "可用于", "May be used for", "不可用于", "Not to be used for",
        "不是银行卡", "如何核验", "How to verify", "挂失补卡", "Reissue after loss", "第 1 页，共 1 页",
        "page 1 of 1", "居民身份证（尾号 8085），由mother代办，核验人 李玥 (li)", "示例市培训网点 01",
        "急诊就医、医保结算（限签发统筹区内）", "示例市丁区（440199）", "Sample district D", "2026-11-21 10:42",
        "持卡人签名", "Holder's signature",
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
    text = CLAIM.signed_text(_still)
    assert read_claim(pdf) == (CLAIM, bytes(64))
    expected = np.array([list(row) for row in segno.make(text, error="m", micro=False, boost_error=False).matrix])

    (tmp_path / "card.pdf").write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", "254", "-gray", "card.pdf", "page"], cwd=tmp_path, check=True)
    (picture,) = tmp_path.glob("page*.pgm")
    page = np.asarray(Image.open(picture))  # ten dots a millimetre
    corner = page[150:650, 1450:1950] < 128
    rows, columns = np.flatnonzero(corner.any(axis=1)), np.flatnonzero(corner.any(axis=0))
    side = int(columns[-1] - columns[0] + 1)
    assert side == pytest.approx(380, abs=2)  # 38 mm; 30 are asked for
    middles = (np.arange(len(expected)) + 0.5) * side / len(expected)
    seen = corner[np.ix_((rows[0] + middles).astype(int), (columns[0] + middles).astype(int))]
    assert np.array_equal(seen, expected.astype(bool))
    # Four modules of quiet round it, but for the dot that the edge is smoothed over.
    zone = int(4 * side / len(expected))
    top, left = 150 + int(rows[0]), 1450 + int(columns[0])
    around = page[top - zone : top + side + zone, left - zone : left + side + zone].copy()
    around[zone - 1 : zone + side + 1, zone - 1 : zone + side + 1] = 255
    assert (around > 250).all()


def test_the_signed_bytes_are_those_of_the_page_in_the_docs() -> None:
    """docs/temporary-card.md, written out by hand."""
    days = ((date(2026, 11, 21) - date(2000, 1, 1)).days, (date(2027, 1, 19) - date(2000, 1, 1)).days)
    expected = (
        bytes([1, 0b01, 0b101]) + key_id(PUBLIC) + days[0].to_bytes(2, "big") + days[1].to_bytes(2, "big")
        + bytes.fromhex("440199") + b"\x0eLS202611210001" + b"\x12440199195109028085" + b"\x09" + "欧阳㛃".encode()
    )  # fmt: skip
    assert CLAIM.signed_bytes() == expected
    extension = dataclasses.replace(CARD, extends="LS202609220001").claim(key_id(PUBLIC), specimen=False)
    assert extension.signed_bytes()[1] == 0b10


def test_base45_is_that_of_its_rfc() -> None:
    for plain, text in (
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ):
        assert base45(plain) == text
        assert from_base45(text) == plain
    for wrong in ("A", "BB8A", "GGW", "bb8", "::", "ÄB8"):
        with pytest.raises(ValueError, match=r"base45|substring"):
            from_base45(wrong)


@given(st.binary(max_size=200))
def test_base45_comes_back(data: bytes) -> None:
    assert from_base45(base45(data)) == data


def test_the_signature_holds_and_a_changed_field_breaks_it() -> None:
    claim, signature = read_claim(CLAIM.signed_text(_sign).encode())
    assert claim == CLAIM
    assert signed_by(claim, signature, [KEY]) is KEY
    assert signed_by(claim, signature, [TrustedKey("other", p256_public(OTHER), training=True)]) is None
    for change in (
        {"name": "欧阳"}, {"social_security_number": "440199195109028093"}, {"valid_until": date(2028, 1, 19)},
        {"specimen": False}, {"number": "T2"}, {"region": "330199"}, {"valid_from": date(2026, 1, 1)},
        {"uses": ("emergency", "medicine", "settlement")}, {"extension": True},
    ):  # fmt: skip
        assert signed_by(dataclasses.replace(claim, **change), signature, [KEY]) is None


def test_every_changed_byte_of_a_code_is_refused() -> None:
    text = CLAIM.signed_text(_sign)
    packed = from_base45(text[len(HEAD) : -len(TAIL)])
    for place in range(len(packed)):
        wrong = bytearray(packed)
        wrong[place] ^= 1 << place % 8
        with pytest.raises((DocumentRefused, NotGenuine)):
            check_temporary(f"{HEAD}{base45(bytes(wrong))}{TAIL}".encode(), [KEY], NOW, None, Compared())


def test_a_scanned_code_reads_like_the_file(pdf: bytes) -> None:
    text = CLAIM.signed_text(_still)
    assert read_claim(text.encode() + b"\r\n") == read_claim(pdf)


def test_what_is_no_temporary_card_is_refused(pdf: bytes) -> None:
    good = CLAIM.signed_text(_sign)
    other = dataclasses.replace(CLAIM, number="LS2").signed_bytes()
    packed = from_base45(good[len(HEAD) : -len(TAIL)])
    for data in (
        b"", b"%PDF-1.4 nothing", b"\xff|" * 9, good.replace("CFT1", "CFT2").encode(), good[:-1].encode(), b"CFT1:",
        b"CFT1::", good.encode() + b"*", coded(b"2" + packed[1:]), coded(packed[:14] + b"\xff" + packed[15:]),
        coded(packed[:-64] + b"!" + packed[-64:]), coded(packed[:1] + b"\x04" + packed[2:]), coded(packed[:60]),
        pdf + b"(cardfab-temporary:" + base64.b64encode(coded(other + bytes(64))) + b")",
    ):  # fmt: skip
        with pytest.raises(DocumentRefused) as refused:
            read_claim(data)
        assert refused.value.code == "CF-3552"
        assert refused.value.exit_status == 3


def coded(packed: bytes) -> bytes:
    return f"{HEAD}{base45(packed)}{TAIL}".encode()


def test_a_check_tells_what_is_wrong(fonts: FontBook, photo: bytes) -> None:
    code = CLAIM.signed_text(_sign).encode()
    passed = check_temporary(code, [KEY], NOW, None, Compared("欧阳㛃", "8085"))
    assert (passed.claim, passed.station, passed.listed, passed.compared) == (CLAIM, "training-01", False, True)

    def code_of(
        data: bytes, now: datetime = NOW, known: RevocationList | None = None, said: Compared | None = None
    ) -> str:
        with pytest.raises((NotGenuine, NotInForce)) as refused:
            check_temporary(data, [KEY], now, known, said or Compared())
        return refused.value.code

    stranger = CARD.claim(key_id(p256_public(OTHER)), specimen=True)
    assert code_of(stranger.signed_text(lambda signed: p256_sign(OTHER, signed)).encode()) == "CF-6503"
    assert code_of(CLAIM.signed_text(lambda signed: p256_sign(OTHER, signed)).encode()) == "CF-6500"
    assert code_of(code, said=Compared(number="8093")) == "CF-3564"
    assert code_of(code, said=Compared(number="5")) == "CF-3564"
    assert code_of(code, said=Compared(name="欧阳甲")) == "CF-3564"
    assert code_of(code, datetime(2027, 1, 20, tzinfo=UTC)) == "CF-3560"
    assert code_of(code, datetime(2026, 11, 20, tzinfo=UTC)) == "CF-3562"
    entry = Ended(CARD.number, "ended", date(2026, 11, 22))
    for days in (2, -2):  # what stands on an old list stays ended
        known = RevocationList("s", key_id(PUBLIC), NOW - timedelta(days=3), NOW + timedelta(days=days), (entry,))
        assert code_of(code, known=known) == "CF-3563"


def test_a_list_that_is_too_old_proves_nothing() -> None:
    code = CLAIM.signed_text(_sign).encode()
    for begins, ends, listed in ((-1, 1, True), (-3, -1, False), (1, 3, False)):
        known = RevocationList("s", key_id(PUBLIC), NOW + timedelta(begins), NOW + timedelta(ends), ())
        assert check_temporary(code, [KEY], NOW, known, Compared()).listed is listed
    others = RevocationList("s", key_id(p256_public(OTHER)), NOW - timedelta(1), NOW + timedelta(1), ())
    assert check_temporary(code, [KEY], NOW, others, Compared()).listed is False
    rotated = dataclasses.replace(others, earlier=(key_id(PUBLIC),))  # the station has another key by now
    assert check_temporary(code, [KEY], NOW, rotated, Compared()).listed is True


def test_a_list_is_read_as_it_was_signed() -> None:
    made = RevocationList("训练 01", key_id(PUBLIC), NOW, NOW + timedelta(2), (Ended("LS1", "revoked", NOW.date()),))
    data = made.signed_text(_sign).encode()
    assert read_list(data, [KEY]) == made
    before = TrustedKey(KEY.station, p256_public(OTHER), training=True)
    of_two = dataclasses.replace(made, earlier=(before.key_id,))
    text = of_two.signed_text(_sign).encode()
    assert read_list(text, [KEY, before]) == of_two
    for others in ([KEY], [KEY, dataclasses.replace(before, station="elsewhere")]):
        assert read_list(text, others) == made  # no station speaks of another's papers
    for wrong, code in (
        (data.replace(b"LS1 ", b"LS2 "), "CF-3557"), (data.replace(b"revoked", b"ended"), "CF-3557"),
        (made.signed_text(lambda signed: p256_sign(OTHER, signed)).encode(), "CF-3557"), (b"", "CF-3556"),
        (data.replace(b"list 1", b"list 2"), "CF-3556"), (data.replace(b"LS1 revoked", b"LS1 lost"), "CF-3556"),
        (data[:-7], "CF-3556"), (data.replace(b"\nmade", b" 01020304\nmade"), "CF-3557"),
        (data.replace(b"\nmade", b" zz\nmade"), "CF-3556"),
    ):  # fmt: skip
        with pytest.raises(DocumentRefused) as refused:
            read_list(wrong, [KEY])
        assert refused.value.code == code


def test_a_key_is_read_from_its_line() -> None:
    assert TrustedKey.read(str(KEY)) == KEY
    for wrong in ("", "nothing", str(KEY)[:-8], str(KEY).replace("training ", "real "), str(KEY) + " more"):
        with pytest.raises(DocumentRefused) as refused:
            TrustedKey.read(wrong)
        assert refused.value.code == "CF-3555"


@pytest.mark.proof
def test_a_file_must_be_as_it_was_issued(fonts: FontBook, photo: bytes) -> None:
    def signed(card: TemporaryCard, private: bytes) -> bytes:
        plain = temporary_card_pdf(card, photo, fonts, _sign, key_id=key_id(PUBLIC))
        public = p256_public(private)
        certificate = self_signed("x", public, lambda said: p256_sign(private, said), since=NOW, training=True)
        assert certified_key(certificate) == public
        signer = KeySigner(certificate, lambda said: p256_sign(private, said))
        return sign_pdf(plain, signer, when=NOW, reason="issued", name="x")

    whole = signed(CARD, PRIVATE)
    assert check_temporary(whole, [KEY], NOW, None, Compared()).claim == CLAIM
    place = whole.index(b"stream") + 60
    unsigned = temporary_card_pdf(CARD, photo, fonts, _sign, key_id=key_id(PUBLIC))
    touched = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    for wrong in (touched, unsigned, signed(CARD, OTHER), whole + b"\n%more\n"):
        with pytest.raises(NotGenuine) as refused:
            check_temporary(wrong, [KEY], NOW, None, Compared())
        assert refused.value.code == "CF-6504"


def test_a_field_that_could_forge_another_is_refused(fonts: FontBook, photo: bytes) -> None:
    for change in (
        {"name": "王" * 41},
        {"region": "44019X"},
        {"number": "T1\n"},
        {"valid_from": date(1999, 1, 1)},
        {"name": ""},
    ):
        with pytest.raises(DocumentRefused) as refused:
            _made(dataclasses.replace(CARD, **change), photo, fonts)
        assert refused.value.code == "CF-3551"


def test_refusals_before_any_paper(fonts: FontBook, photo: bytes) -> None:
    with pytest.raises(FaceRefused, match=r"U\+10FFFD"):
        _made(dataclasses.replace(CARD, station="\U0010fffd"), photo, fonts)
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


@pytest.mark.proof
def test_the_same_card_is_the_same_file(fonts: FontBook, photo: bytes, pdf: bytes) -> None:
    assert _made(CARD, photo, fonts) == pdf
    assert _made(CARD, photo, FontBook([Path("/usr/share/fonts")])) == pdf
    assert _made(dataclasses.replace(CARD, name="王䶮"), photo, fonts) != pdf
