"""K4: no key is hard-coded. Constants that look like a key are found; those that may stay are named here."""

from __future__ import annotations

import ast
import base64
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cardfab.errors import KeyFault
from cardfab.keys import KeySpec, Level, Usage
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.known import KeyKnown, known_check_values
from cardfab.keys.label import training_root
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.openings import Cost
from cardfab.keys.published import ISSUER_KEYS, published_issuer_key
from cardfab.keys.roots import ROOTS
from cardfab.keys.secret import Secret

ROOT = Path(__file__).parents[2]
Source = Any

# Long constants that are no secret, by module: what they are.
MAY = {
    "cardfab.apdu.atr": "table of clock rates, ISO 7816-3",
    "cardfab.crypto.ec": "order of the curve P-256",
    "cardfab.crypto.libcrypto": "order of the curve SM2",
    "cardfab.crypto.sm": "parameters of the curve SM2",
    "cardfab.keys.known": "published values, refused as keys outside training",
    "cardfab.keys.published": "published issuer keys of training, refused outside it",
    "cardfab.prepare.lint.tags": "lists of EMV tags",
    "cardfab.simulator.authority": "published keys of the training authority, which no terminal in use knows",
    "cardfab.simulator.chip.loading": "ASN.1 prefix of SHA-256",
    "cardfab.simulator.chip.premade": "names of directories",
    "cardfab.simulator.chip.profiles": "an ATR",
}
_HEX = re.compile(r"[0-9A-Fa-f]{32,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{22,}={0,2}")


def _like_a_key(value: object) -> bool:
    """16 bytes or more without order: as a number, bytes, a list of numbers' text, hex or base64."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value.bit_length() > 100
    if isinstance(value, bytes):
        return len(value) >= 16 and len(set(value)) > 11 and not value.isascii()
    if not isinstance(value, str):
        return False
    packed = re.sub(r"[\s:]", "", value)
    if any(len(set(found)) > 5 for found in _HEX.findall(packed)):
        return True
    return any(
        len(re.findall("[0-9]", found)) > 2 and re.search("[a-z]", found) and re.search("[A-Z]", found)
        for found in _BASE64.findall(value)
        if len(set(found)) > 14
    )


def _numbers(node: ast.AST) -> bool:
    """A row of 16 or more byte values."""
    if not isinstance(node, ast.List | ast.Tuple) or len(node.elts) < 16:
        return False
    values = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, int)]
    return len(values) == len(node.elts) and max(values) > 127 >= 0 <= min(values) and len(set(values)) > 11


def suspects(tree: ast.AST) -> Iterator[int]:
    """Lines with a constant that could be a key."""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Constant) and _like_a_key(node.value)) or _numbers(node):
            yield node.lineno  # type: ignore[attr-defined]  # every expression has one


def test_K4_no_key_is_in_the_code(sources: tuple[Source, ...]) -> None:
    found = {source.name for source in sources if any(suspects(source.tree))}
    assert found == set(MAY), "a constant that looks like a key, or a line of MAY that is not needed any more"


SPELLED: dict[str, Callable[[bytes], str]] = {
    "hex": lambda key: f"K = '{key.hex()}'",
    "hex in groups": lambda key: f"K = bytes.fromhex('{key.hex(' ', 2).upper()}')",
    "bytes": lambda key: f"K = {key!r}",
    "number": lambda key: f"K = {int.from_bytes(key) | 1 << 127}",
    "list": lambda key: f"K = bytes({list(key)})",
}


@pytest.mark.parametrize("spelling", SPELLED)
@pytest.mark.parametrize("length", [16, 24, 32])
def test_K4_a_key_in_the_code_would_be_found(spelling: str, length: int) -> None:
    """The control of the search, with random keys that are like most: some byte above 7F, some variety."""
    for _ in range(50):
        key = secrets.token_bytes(length)
        if max(key) > 127 and len(set(key)) > 11:
            assert list(suspects(ast.parse(SPELLED[spelling](key)))) == [1], key.hex()


def test_K4_a_key_in_base64_is_found_mostly() -> None:
    keys = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(200)]
    assert sum(_like_a_key(key) for key in keys) > 150


def test_K4_no_key_is_in_profiles_and_examples() -> None:
    """Profiles name keys by label. Hex in them is tags and tables; none of it is a published key's value either."""
    published = {training_root(spec.label).hex() for spec in ROOTS}
    files = [path for folder in ("profiles", "examples", "tools") for path in (ROOT / folder).rglob("*")]
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()}
    assert len(texts) > 30
    for path, text in texts.items():
        assert not published & set(re.findall(r"[0-9a-f]{32}", text.lower())), path
        assert "PRIVATE KEY" not in text, path
        for name, value in re.findall(r'^\s*([a-z_-]*(?:key|secret|pin|password))\s*=\s*"([^"]*)"', text, re.M):
            assert not _like_a_key(value), f"{path}: {name}"


@pytest.fixture
def earnest(tmp_path: Path) -> SoftKeyManager:
    """A store that is not for training."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    return SoftKeyManager.found(
        KeyFile(tmp_path / "keys"), b"word", secrets.token_bytes, lambda: now, training=False, cost=Cost(1, 8, 1)
    )


def test_K4_what_is_published_is_no_key_outside_training(earnest: SoftKeyManager) -> None:
    """Every value that is in the code and could serve as a key is refused by a store that is not for training."""
    for spec in ROOTS:
        with pytest.raises(KeyKnown):
            earnest.import_value(_plain(spec), Secret(training_root(spec.label)), ceremony="C-1")
    for issuer in ISSUER_KEYS:
        with pytest.raises(KeyFault):
            earnest.import_value(issuer, Secret(published_issuer_key(issuer.label)), ceremony="C-1")
    assert earnest.infos() == ()
    assert len(known_check_values("3DES")) > len(ROOTS) // 2


def _plain(spec: KeySpec) -> KeySpec:
    return KeySpec(spec.label, spec.algorithm, Usage.CARD_ROOT, Level.MINISTRY)
