"""Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys: text, a blank line, signature lines.

A signer here is a function of the key store and a public key; no private key passes through this room.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cardfab.audit.refused import AuditRefused
from cardfab.crypto import ed25519_verify
from cardfab.errors import Text

Sign = Callable[[bytes], bytes]
"""The key store's signing of a message: 64 bytes of Ed25519 (RFC 8032)."""

ED25519 = b"\x01"  # signature type identifier byte, "Signature types"
MAX_SIGNATURES = 16  # verifiers accept at least that many, "Format"
DASH = "\u2014 "  # em dash, space
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")  # below U+0020 but the newline, and what is not UTF-8


def _refused(en: str, zh: str, code: str = "CF-3503") -> AuditRefused:
    return AuditRefused(Text(en, zh), code=code)


def read_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648 section 4) in its one spelling; raises ValueError for any other."""
    found = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(found).decode() != text:
        raise ValueError("base64 with stray bits")
    return found


def _is_name(name: str) -> bool:
    """ "Format": not empty, no Unicode space, no plus; and nothing that would break the line."""
    return bool(name) and "+" not in name and not _CONTROL.search(name) and not any(c.isspace() for c in name)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key of 32 bytes; as text ``name+<key id, 8 hex>+<base64 of 01 and the key>``."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or len(self.public) != 32:
            raise _refused(
                "The verifier key has no usable name or not 32 bytes.", "验证公钥的名称或长度不对。", "CF-3502"
            )

    @property
    def key_id(self) -> bytes:
        """SHA-256(name | 0A | 01 | public)[:4]."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The inverse of ``str``; raises :class:`AuditRefused` (CF-3502), also for a key id that is not the key's."""
        wrong = _refused(
            "This is not a verifier key (name+id+base64 of an Ed25519 key).",
            "这不是验证公钥（名称+编号+Ed25519 公钥的 base64）。",
            "CF-3502",
        )
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            key = read_base64(encoded)
        except ValueError as bad:
            raise wrong from bad
        if not _KEY_ID.fullmatch(key_id) or key[:1] != ED25519:
            raise wrong
        found = cls(name, key[1:])
        if str(found) != text:
            raise wrong
        return found


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name, its id (4 bytes) and what it made of the text."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> NoteSignature:
        """The signature of a line that ends in a newline; raises :class:`AuditRefused` (CF-3503)."""
        name, _, encoded = line.removeprefix(DASH).removesuffix("\n").partition(" ")
        try:
            found = read_base64(encoded)
        except ValueError as bad:
            raise _refused("A signature line is not base64.", "签名行不是 base64。") from bad
        signature = cls(name, found[:4], found[4:])
        if not _is_name(name) or len(found) < 5 or str(signature) != line:
            raise _refused("A signature line is malformed.", "签名行格式不对。")
        return signature

    def is_by(self, key: VerifierKey) -> bool:
        """Whether name and id are this key's; says nothing of the signature itself."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class SignedNote:
    """Text that ends in a newline, and 1 to 16 signatures of different keys."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n") or _CONTROL.search(self.text):
            raise _refused(
                "The note's text has no last newline or holds control characters.", "签名文本没有结尾换行或含控制字符。"
            )
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise _refused(
                f"The note has not 1 to {MAX_SIGNATURES} signatures.", f"签名数不在 1 至 {MAX_SIGNATURES} 之间。"
            )
        if len({(s.name, s.key_id) for s in self.signatures}) != len(self.signatures):
            raise _refused("A key signed the note twice.", "同一密钥在文本上签名两次。")

    def encode(self) -> bytes:
        """The note's bytes."""
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    @classmethod
    def parse(cls, data: bytes) -> SignedNote:
        """Strictly the inverse of :meth:`encode`; the last blank line parts text and signatures."""
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError as bad:
            raise _refused("The note is not UTF-8.", "签名文本不是 UTF-8。") from bad
        text, parted, lines = whole.rpartition("\n\n")
        if not parted or not lines.endswith("\n"):
            raise _refused("The note has no signatures.", "文本没有签名。")
        note = cls(text + "\n", tuple(NoteSignature.parse(line + "\n") for line in lines[:-1].split("\n")))
        if note.encode() != data:
            raise _refused("The note is malformed.", "签名文本格式不对。")
        return note


def sign_note(text: str, key: VerifierKey, sign: Sign) -> SignedNote:
    """Text signed by the holder of ``key``; what the key store returns is verified before anybody gets it."""
    signature = sign(text.encode())
    if not ed25519_verify(key.public, text.encode(), signature):
        raise _refused(
            f"The key store's signature is not that of the key {key.name}.",
            f"密钥库给出的签名不属于密钥 {key.name}。",
            "CF-3504",
        )
    return SignedNote(text, (NoteSignature(key.name, key.key_id, signature),))


def open_note(data: bytes, keys: Sequence[VerifierKey]) -> tuple[SignedNote, tuple[VerifierKey, ...]]:
    """The note and which of ``keys`` signed it.

    "Signatures": unknown keys are ignored, a known key's bad signature refuses the whole note, and so does a note that
    none of the keys signed (CF-3504).
    """
    note = SignedNote.parse(data)
    by = []
    for signature in note.signatures:
        for key in keys:
            if not signature.is_by(key):
                continue
            if not ed25519_verify(key.public, note.text.encode(), signature.signature):
                raise _refused(
                    f"The signature by {key.name} does not fit the text.", f"{key.name} 的签名与文本不符。", "CF-3504"
                )
            by.append(key)
    if not by:
        raise _refused("None of the given keys signed the text.", "所给公钥均未签署该文本。", "CF-3504")
    return note, tuple(by)
