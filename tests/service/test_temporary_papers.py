"""A temporary card as others see it: pdfsig, zbarimg, pdftotext, and the checking page in Chromium.

Packages poppler-utils, zbar-tools, libnss3-tools, chromium (``make setup-services``). What the page says is judged by
its own reading of ``docs/temporary-card.md``; nothing of the program's reading takes part.
"""

from __future__ import annotations

import dataclasses
import io
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from PIL import Image, ImageFilter
from playwright.sync_api import Page, sync_playwright

from cardfab.crypto.ec import p256_private, p256_public, p256_sign
from cardfab.documents import DocumentSeen, IdentityChecked, TemporaryCard, temporary_card_pdf
from cardfab.documents.claim import HEAD, TAIL, TemporaryClaim, TrustedKey, base45, from_base45, key_id
from cardfab.documents.revoked import Ended, RevocationList
from cardfab.documents.signing import KeySigner, certificate_request, self_signed, sign_pdf, to_pem
from cardfab.documents.temporary import Size
from cardfab.documents.verifypage import verify_page
from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.resources import page_part
from tests.seeded import seeded

LINE = (
    "The PDF's signature validates in pdfsig, the QR reads in zbarimg and verifies in Chromium's WebCrypto; "
    "text comes out of pdftotext exactly (proof)"
)
pytestmark = [pytest.mark.service, pytest.mark.proof, pytest.mark.shows(LINE)]

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NAMES = ["欧阳㛃", "王䶮", "张𠅤", "龘龖", "李𪚥𫝀", "古丽巴哈尔·阿卜力米提艾合麦提江"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
CARD = TemporaryCard(
    number="LS202611220001",
    request_id="R2026112100001",
    name="欧阳㛃",
    social_security_number="440199195109028085",
    region="440199",
    region_name=Text("Sample district D", "示例市丁区"),
    category=Text("emergency in-patient", "急诊住院"),
    valid_from=date(2026, 11, 22),
    valid_until=date(2027, 1, 20),
    uses=("emergency", "medicine", "settlement"),
    station="service-01",
    checked=IdentityChecked(DocumentSeen(Text("resident identity card", "居民身份证"), "8085"), "操作员", "operator"),
    issued_at=NOW,
)


class Station:
    """A key, and what is signed by it."""

    def __init__(self, name: str) -> None:
        self.private = p256_private(seeded(name.encode())(48))
        self.public = p256_public(self.private)
        self.trusted = TrustedKey(name, self.public, training=True)

    def sign(self, message: bytes) -> bytes:
        return p256_sign(self.private, message)

    def claim(self, **changes: Any) -> TemporaryClaim:
        return dataclasses.replace(CARD.claim(key_id(self.public), specimen=True), **changes)

    def text(self, **changes: Any) -> str:
        return self.claim(**changes).signed_text(self.sign)

    def paper(self, card: TemporaryCard, size: Size, *, certificate: bytes | None = None) -> bytes:
        fonts, photo = FontBook([Path("/usr/share/fonts")]), Path("examples/photos/p01.jpg").read_bytes()
        pdf = temporary_card_pdf(card, photo, fonts, self.sign, key_id=key_id(self.public), size=size)
        own = self_signed("service-01", self.public, self.sign, since=NOW, training=True)
        return sign_pdf(pdf, KeySigner(certificate or own, self.sign), when=NOW, reason="issued", name="service-01")

    def list(self, *entries: Ended, made: datetime = NOW, days: int = 2, earlier: tuple[bytes, ...] = ()) -> bytes:
        until = made + timedelta(days=days)
        found = RevocationList("service-01", key_id(self.public), made, until, entries, earlier)
        return found.signed_text(self.sign).encode()


OURS, OTHERS = Station("service-01"), Station("service-02")
LATER = Station("service-01 after a rotation")
LATER.trusted = dataclasses.replace(LATER.trusted, station="service-01")


def run(*command: str | Path) -> str:
    done = subprocess.run([str(each) for each in command], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module", params=["a4", "receipt"])
def paper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp(request.param) / "card.pdf"
    file.write_bytes(OURS.paper(CARD, request.param))
    return file


def test_pdfsig_validates_the_signature_over_the_whole_file(paper: Path) -> None:
    said = run("pdfsig", paper)
    assert "Signature Validation: Signature is Valid." in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said


def test_pdfsig_sees_a_changed_file(paper: Path, tmp_path: Path) -> None:
    data = bytearray(paper.read_bytes())
    place = data.index(b"stream") + 60
    data[place] ^= 1
    (tmp_path / "changed.pdf").write_bytes(data)
    done = subprocess.run(["pdfsig", tmp_path / "changed.pdf"], capture_output=True, text=True, check=False, timeout=60)
    assert "Signature is Valid" not in done.stdout


def test_pdfsig_trusts_it_by_the_certificate_of_an_authority(tmp_path: Path) -> None:
    """The station's request goes to an authority made by openssl; that one's certificate is what NSS trusts."""
    (tmp_path / "request.pem").write_bytes(
        to_pem("CERTIFICATE REQUEST", certificate_request("service-01", OURS.public, OURS.sign))
    )
    (tmp_path / "ext").write_text(
        "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,nonRepudiation\nextendedKeyUsage=emailProtection\n"
    )
    key, authority, made = tmp_path / "ca.key", tmp_path / "ca.pem", tmp_path / "made.der"
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
        "-out", authority, "-days", "3650", "-subj", "/CN=Training authority",
        "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    run(
        "openssl", "x509", "-req", "-in", tmp_path / "request.pem", "-CA", authority, "-CAkey", key, "-CAcreateserial",
        "-days", "3000", "-extfile", tmp_path / "ext", "-outform", "der", "-out", made,
    )  # fmt: skip
    trust = tmp_path / "nss"
    trust.mkdir()
    run("certutil", "-N", "-d", trust, "--empty-password")
    run("certutil", "-A", "-d", trust, "-n", "authority", "-t", "CT,CT,CT", "-i", authority)
    (tmp_path / "card.pdf").write_bytes(OURS.paper(CARD, "a4", certificate=made.read_bytes()))
    said = run("pdfsig", "-nssdir", trust, tmp_path / "card.pdf")
    assert "Signature Validation: Signature is Valid." in said
    assert "Certificate Validation: Certificate is Trusted." in said


@pytest.mark.parametrize("size", ["a4", "receipt"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_out_of_pdftotext_as_it_is(name: str, size: Size, tmp_path: Path) -> None:
    (tmp_path / "card.pdf").write_bytes(OURS.paper(dataclasses.replace(CARD, name=name), size))
    text = run("pdftotext", "-enc", "UTF-8", tmp_path / "card.pdf", "-")
    assert name in text.replace("\n", "")  # a name that is too long for the roll stands on two lines
    for words in (CARD.number, "440199 19510902 8085", "2027年01月20日", "急诊就医", "居民身份证（尾号 8085）"):
        assert words in text.replace("\n", "")


def scan(picture: Path) -> str:
    return run("zbarimg", "-q", "--raw", picture).rstrip("\n")


def rendered(paper: Path, folder: Path, dpi: int = 200) -> Image.Image:
    run("pdftoppm", "-r", str(dpi), "-png", "-singlefile", paper, folder / "page")
    return Image.open(folder / "page.png").convert("L")


def photographed(page: Image.Image) -> Image.Image:
    """As a phone sees it on a desk: turned, smaller, unsharp, grey at one side, JPEG."""
    turned = page.rotate(4, expand=True, fillcolor=235, resample=Image.Resampling.BICUBIC)
    small = turned.resize((int(turned.width * 0.8), int(turned.height * 0.8)), Image.Resampling.BICUBIC)
    shade = Image.linear_gradient("L").resize(small.size).point(lambda value: 140 + value * 115 // 255)
    dark = Image.composite(small, Image.new("L", small.size, 40), shade).filter(ImageFilter.GaussianBlur(0.8))
    file = io.BytesIO()
    dark.save(file, "JPEG", quality=60)
    return Image.open(file)


def test_zbarimg_reads_the_code_from_print_and_from_a_photo(paper: Path, tmp_path: Path) -> None:
    page = rendered(paper, tmp_path)
    photographed(page).save(tmp_path / "photo.png")
    for picture in (tmp_path / "page.png", tmp_path / "photo.png"):
        text = scan(picture)
        packed = from_base45(text[len(HEAD) : -len(TAIL)])
        assert packed[:-64] == OURS.claim().signed_bytes()


def test_zbarimg_reads_the_longest_name(tmp_path: Path) -> None:
    card = dataclasses.replace(CARD, name="古丽巴哈尔·" + "阿" * 19)
    (tmp_path / "card.pdf").write_bytes(OURS.paper(card, "receipt"))
    photographed(rendered(tmp_path / "card.pdf", tmp_path)).save(tmp_path / "photo.png")
    packed = from_base45(scan(tmp_path / "photo.png")[len(HEAD) : -len(TAIL)])
    assert packed[:-64] == OURS.claim(name=card.name).signed_bytes()


# The page


class Window:
    """The checking page, open in a browser of one language; remembers every request that was no file."""

    def __init__(self, page: Page) -> None:
        self.page, self.asked, self.faults = page, list[str](), list[str]()
        page.on("request", lambda one: self.asked.append(one.url))
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        page.clock.set_fixed_time(NOW + timedelta(hours=1))

    def enter(self, text: str, last: str = "", revoked: bytes | None = None) -> tuple[str, str]:
        """The verdict: its name, and what a person reads."""
        if revoked is not None:
            before = self.page.locator("#listState").inner_text()
            self.page.set_input_files("#list", {"name": "list", "mimeType": "text/plain", "buffer": revoked})
            self.page.wait_for_function("(old) => document.getElementById('listState').textContent !== old", arg=before)
        self.page.fill("#last", last)
        self.page.fill("#text", "")
        self.page.wait_for_selector("#verdict", state="hidden")
        self.page.fill("#text", text)
        return self.verdict()

    def verdict(self) -> tuple[str, str]:
        self.page.wait_for_selector("#verdict", state="visible")
        self.page.wait_for_timeout(60)  # a check that is under way ends
        found = self.page.locator("#verdict")
        return found.get_attribute("data-word") or "", found.inner_text()


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "check.html"
    regions = {"440199": CARD.region_name}
    file.write_text(verify_page([OURS.trusted, LATER.trusted], regions, NOW.date(), page_part), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def opened(html: Path) -> Iterator[Callable[[str], Window]]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        windows: dict[str, Window] = {}

        def window(locale: str) -> Window:
            if locale not in windows:
                context = browser.new_context(locale=locale, viewport={"width": 390, "height": 844})
                windows[locale] = Window(context.new_page())
            # Opened again for every question, so that no list stays loaded.
            windows[locale].page.goto(html.as_uri())
            return windows[locale]

        yield window
        browser.close()


def changed(text: str) -> str:
    """Another name in the signed bytes, the signature as it was."""
    packed = from_base45(text[len(HEAD) : -len(TAIL)])
    at = packed.index("欧阳㛃".encode())
    return f"{HEAD}{base45(packed[:at] + '欧阳甲'.encode() + packed[at + 9 :])}{TAIL}"


GONE = [Ended(CARD.number, why, date(2026, 11, 22)) for why in ("revoked", "ended", "returned", "extended")]
ELSE = Ended("LS202611220099", "revoked", date(2026, 11, 22))
FORGED_LIST = OTHERS.list().replace(OTHERS.trusted.key_id.hex().encode(), OURS.trusted.key_id.hex().encode())
CASES: dict[str, tuple[str, str, bytes | None, str, str, str]] = {
    # text, number typed, list; the verdict, and what it says in Chinese and English
    "valid": (OURS.text(), "8085", OURS.list(ELSE), "valid", "✓ 有效", "✓ Valid"),
    "no list": (OURS.text(), "8085", None, "validUnlisted", "未载入名单", "no list was loaded"),
    "old list": (
        OURS.text(), "8085", OURS.list(made=NOW - timedelta(days=9)),
        "validUnlisted", "名单已过期", "the list is too old",
    ),
    "forged list": (
        OURS.text(), "8085", FORGED_LIST,
        "validUnlisted", "未载入名单", "no list was loaded",
    ),
    "changed list": (
        OURS.text(), "8085", OURS.list(GONE[0]).replace(b"0001 revoked", b"0002 revoked"),
        "validUnlisted", "未查", "not checked",
    ),
    "not compared": (OURS.text(), "", OURS.list(), "compare", "尚未核对本人", "compare the person"),
    "another's": (OURS.text(), "8093", OURS.list(), "other", "属于他人", "Of another person"),
    "changed": (changed(OURS.text()), "8085", OURS.list(), "changed", "被改动或伪造", "Changed or forged"),
    "forged with our name": (
        OURS.claim().signed_text(OTHERS.sign), "8085", OURS.list(), "changed", "被改动或伪造", "Changed or forged"
    ),
    "forged": (OTHERS.text(), "8085", OURS.list(), "unknown", "签发者不受信任", "a station not trusted here"),
    "expired": (
        OURS.text(valid_from=date(2026, 9, 1), valid_until=date(2026, 11, 21)), "8085", OURS.list(),
        "expired", "已过期", "Expired",
    ),
    "last day": (OURS.text(valid_until=date(2026, 11, 22)), "8085", OURS.list(), "valid", "✓ 有效", "✓ Valid"),
    "early": (OURS.text(valid_from=date(2026, 11, 23)), "8085", OURS.list(), "early", "尚未生效", "Not valid yet"),
    "revoked": (OURS.text(), "8085", OURS.list(GONE[0]), "revoked", "✕ 已作废", "✕ Revoked"),
    "revoked, old list": (
        OURS.text(), "8085", OURS.list(GONE[0], made=NOW - timedelta(days=9)), "revoked", "✕ 已作废", "✕ Revoked"
    ),
    "revoked after a rotation": (
        OURS.text(), "8085", LATER.list(GONE[0], earlier=(OURS.trusted.key_id,)), "revoked", "✕ 已作废", "✕ Revoked"
    ),
    "list of another key": (OURS.text(), "8085", LATER.list(), "validUnlisted", "其他网点", "another station's"),
    "handed over": (OURS.text(), "8085", OURS.list(GONE[1]), "ended", "正式卡已领取", "the card was handed over"),
    "returned": (OURS.text(), "8085", OURS.list(GONE[2]), "returned", "已交回", "✕ Returned"),
    "extended": (OURS.text(), "8085", OURS.list(GONE[3]), "extended", "另有新证", "a newer paper"),
    "nonsense": ("https://example.org/", "8085", OURS.list(), "notOurs", "不是临时社会保障卡", "Not the code"),
    "cut off": (OURS.text()[:-20], "8085", OURS.list(), "notOurs", "不是临时社会保障卡", "Not the code"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_page_tells_them_apart_in_both_languages(opened: Callable[[str], Window], case: str) -> None:
    text, last, revoked, wanted, zh, en = CASES[case]
    for locale, words in (("zh-CN", zh), ("en-GB", en)):
        window = opened(locale)
        word, said = window.enter(text, last, revoked)
        assert word == wanted, said
        assert words in said
        genuine = wanted not in ("changed", "unknown", "notOurs")
        assert ("欧阳㛃" in said) is genuine
        # What no check of this kind sees is said with every result that could be believed.
        assert (("本核验不能发现" if locale == "zh-CN" else "What this check cannot see") in said) is genuine
        assert ("SPECIMEN" in said) is genuine
        assert not window.faults
        assert {url.partition(":")[0] for url in window.asked} == {"file"}


def test_the_page_reads_photos_of_both_papers(paper: Path, opened: Callable[[str], Window], tmp_path: Path) -> None:
    page = rendered(paper, tmp_path)
    photographed(page).save(tmp_path / "photo.jpg")
    for picture in ("page.png", "photo.jpg"):
        window = opened("zh-CN")
        window.page.fill("#last", "440199195109028085")
        window.page.set_input_files("#picture", tmp_path / picture)
        word, said = window.verdict()
        assert word == "validUnlisted", said
        assert "440199 19510902 8085" in said


def test_the_page_says_when_a_picture_has_no_code(opened: Callable[[str], Window], tmp_path: Path) -> None:
    Image.new("L", (300, 300), 255).save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no picture")
    window = opened("en-GB")
    for file, words in (("white.png", "No QR code was found"), ("text.png", "is no picture")):
        window.page.set_input_files("#stored", tmp_path / file)
        window.page.wait_for_function(
            "(words) => document.getElementById('reading').textContent.includes(words)", arg=words
        )
        assert window.page.locator("#verdict").is_hidden()


def test_the_page_reads_a_code_that_segno_drew_and_every_rare_name(opened: Callable[[str], Window]) -> None:
    window = opened("zh-CN")
    for name in NAMES:
        file = io.BytesIO()
        segno.make(OURS.text(name=name), error="m", micro=False).save(file, kind="png", scale=6, border=4)
        picture = {"name": "code.png", "mimeType": "image/png", "buffer": file.getvalue()}
        window.page.fill("#text", "")
        window.page.wait_for_selector("#verdict", state="hidden")
        window.page.set_input_files("#stored", picture)
        assert name in window.verdict()[1]
