"""The checking page as a file: what it may do, what it carries, and that the third-party code in it is as it came."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import date
from pathlib import Path

import pytest

from cardfab import documents
from cardfab.crypto.ec import p256_private, p256_public
from cardfab.documents.claim import TrustedKey
from cardfab.documents.verifypage import verify_page
from cardfab.errors import Text
from cardfab.resources import page_part
from tests.seeded import seeded

ROOM = Path(documents.__file__).parent
KEY = TrustedKey("</script><b>x", p256_public(p256_private(seeded(b"page")(48))), training=True)


@pytest.fixture(scope="module")
def page() -> str:
    return verify_page([KEY], {"440199": Text("Sample district D", "示例市丁区")}, date(2026, 11, 22), page_part)


def test_the_policy_allows_the_scripts_and_the_style_that_are_there_and_no_connection(page: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    assert "unsafe" not in policy
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        assert rules[rule].split() == [f"'sha256-{each}'" for each in hashes]
    assert page.count("<script") == page.count("</script>") == 4


def test_nothing_is_asked_of_elsewhere(page: str) -> None:
    ours = page.replace((ROOM / "vendor/jsqr/jsQR.js").read_text(encoding="utf-8"), "")
    assert not re.search(r"https?://|src=|href=|fetch\(|XMLHttpRequest|localStorage|eval\(", ours)


def test_every_word_of_the_page_is_in_both_languages(page: str) -> None:
    words = dict(
        re.findall(r"^  (\w+): (\[.*\]),$", (ROOM / "verify/words.js").read_text(encoding="utf-8"), re.MULTILINE)
    )
    used = set(re.findall(r'data-t="(\w+)"', page))
    script = (ROOM / "verify/page.js").read_text(encoding="utf-8")
    used |= set(re.findall(r'(?:say|fact)\("(\w+)"', script)) | set(re.findall(r'word: "(\w+)"', script))
    assert used <= set(words)
    for name, both in words.items():
        zh, en = re.fullmatch(r'\["(.*)", "(.*)"\]', both).groups()  # type: ignore[union-attr]
        assert zh
        assert en
        assert re.search(r"[\u4e00-\u9fff]", zh) or name == "language"
        assert en.isascii() or name in ("language", "valid", "validUnlisted") or en[0] in "✕！"


def test_the_third_party_code_is_as_it_came() -> None:
    said = (ROOM / "vendor/README.md").read_text(encoding="utf-8")
    (digest,) = re.findall(r"`([0-9a-f]{64})`", said)
    assert hashlib.sha256((ROOM / "vendor/jsqr/jsQR.js").read_bytes()).hexdigest() == digest
    assert "Apache License" in (ROOM / "vendor/jsqr/LICENSE").read_text(encoding="utf-8")
