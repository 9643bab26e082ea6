"""Signed notes and checkpoints against published vectors, and everything they must refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cardfab.audit import (
    AuditRefused,
    Checkpoint,
    NoteSignature,
    SignedNote,
    VerifierKey,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_note,
)
from cardfab.crypto import ed25519_public, ed25519_sign

ALL: dict[str, Any] = json.loads((Path(__file__).parents[2] / "vectors" / "audit.json").read_text("utf-8"))
GO: dict[str, Any] = ALL["signed_note"]
SEED = bytes.fromhex(GO["seed"])
KEY = VerifierKey.parse(GO["key"])
NOTE = (GO["text"] + "\n" + GO["signature_line"]).encode()
OTHER_SEED = bytes(range(32))
OTHER = VerifierKey("example.com/other", ed25519_public(OTHER_SEED))
ROOT = bytes(range(32))


def sign(message: bytes) -> bytes:
    return ed25519_sign(SEED, message)


def test_the_published_note_opens_and_is_made_again() -> None:
    assert VerifierKey("PeterNeumann", ed25519_public(SEED)) == KEY
    assert str(KEY) == GO["key"]
    note, by = open_note(NOTE, [OTHER, KEY])
    assert (note.text, by) == (GO["text"], (KEY,))
    assert sign_note(GO["text"], KEY, sign).encode() == NOTE


@pytest.mark.parametrize("text", GO["bad_keys"])
def test_published_bad_keys_are_refused(text: str) -> None:
    with pytest.raises(AuditRefused, match="verifier key"):
        VerifierKey.parse(text)


def test_no_other_spelling_of_a_key_is_a_key() -> None:
    key = GO["key"]
    parts = [key[i:j] for i in range(len(key) + 1) for j in range(i, len(key) + 1) if j - i < len(key)]
    changed = [key[:i] + chr(ord(c) + 1) + key[i + 1 :] for i, c in enumerate(key)]
    others = [key.replace("c74f20a3", "C74F20A3"), key + "\n", " " + key, key + "=", "\udc80" + key, "a b" + key[12:]]
    for text in parts + changed + others:
        with pytest.raises(AuditRefused) as refused:
            VerifierKey.parse(text)
        assert refused.value.code == "CF-3502"


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "a\x1fb", "a\u2028b"])
def test_a_key_needs_a_plain_name(name: str) -> None:
    with pytest.raises(AuditRefused):
        VerifierKey(name, bytes(32))


def test_any_changed_byte_of_a_note_is_refused() -> None:
    for at in range(len(NOTE)):
        for value in {NOTE[at] ^ 1, NOTE[at] ^ 0x20, NOTE[at] ^ 0x80, 0x0A} - {NOTE[at]}:
            with pytest.raises(AuditRefused):
                open_note(NOTE[:at] + bytes([value]) + NOTE[at + 1 :], [KEY])


def test_unknown_signatures_are_ignored_and_known_bad_ones_are_not() -> None:
    signed = sign_note("text\n", KEY, sign)
    stranger = NoteSignature(OTHER.name, OTHER.key_id, bytes(64))
    both = SignedNote("text\n", (*signed.signatures, stranger)).encode()
    assert open_note(both, [KEY])[1] == (KEY,)
    for keys in ([OTHER], [KEY, OTHER], []):
        with pytest.raises(AuditRefused) as refused:
            open_note(both, keys)
        assert refused.value.code == "CF-3504"


def test_two_keys_may_sign_one_text() -> None:
    one = sign_note("text\n", KEY, sign)
    two = sign_note("text\n", OTHER, lambda message: ed25519_sign(OTHER_SEED, message))
    both = SignedNote("text\n", one.signatures + two.signatures).encode()
    assert open_note(both, [OTHER, KEY])[1] == (KEY, OTHER)


def test_the_last_blank_line_parts_text_and_signatures() -> None:
    text = "first\n\nsecond\n\n"
    assert open_note(sign_note(text, KEY, sign).encode(), [KEY])[0].text == text


def test_a_signature_by_the_wrong_key_never_leaves() -> None:
    with pytest.raises(AuditRefused) as refused:
        sign_note("text\n", KEY, lambda message: ed25519_sign(OTHER_SEED, message))
    assert refused.value.code == "CF-3504"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + NOTE.splitlines(keepends=True)[-1],
        NOTE.replace(b"\n\n", b"\n"),
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace("\u2014".encode(), b"-"),
        NOTE.replace(b"problem,", b"problem\x00"),
        NOTE.replace(b"problem,", b"problem\xff"),
        b"\n\n" + NOTE.split(b"\n\n")[1].replace(b" x08", b"  x08"),
        b"t\n\n\xe2\x80\x94 name AAAA\n",
        b"t\n\n\xe2\x80\x94 na+me AAAAAAAA\n",
        b"t\n\n\xe2\x80\x94  AAAAAAAA\n",
        b"t\n\n\xe2\x80\x94 name AAAAAAB=\n",
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(AuditRefused):
        SignedNote.parse(data)


def test_sixteen_signatures_are_read_and_seventeen_refused() -> None:
    signatures = tuple(NoteSignature(f"key{n}", bytes(4), bytes(64)) for n in range(17))
    assert len(SignedNote.parse(SignedNote("t\n", signatures[:16]).encode()).signatures) == 16
    with pytest.raises(AuditRefused):
        SignedNote("t\n", signatures)


def test_the_published_checkpoint_is_read() -> None:
    vector = ALL["checkpoint"]
    note = SignedNote.parse(vector["note"].encode())
    checkpoint = Checkpoint.parse(note.text)
    assert checkpoint == Checkpoint(vector["origin"], vector["size"], bytes.fromhex(vector["root"]))
    assert checkpoint.text() == note.text
    assert checkpoint.time is None


def test_a_checkpoint_says_when() -> None:
    when = datetime(2026, 11, 21, 21, 32, 0, 123000, tzinfo=UTC)
    checkpoint = Checkpoint.at(when, "cardfab.example/log", 7, ROOT)
    assert checkpoint.text().splitlines()[3] == "time 2026-11-21T21:32:00.123Z"
    read, by = open_checkpoint(sign_checkpoint(checkpoint, KEY, sign), [KEY])
    assert (read, read.time, by) == (checkpoint, when, (KEY,))
    assert Checkpoint("log", 0, ROOT, ("time yesterday",)).time is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n1\n",
        "log\n01\n" + "A" * 43 + "=\n",
        "log\n-1\n" + "A" * 43 + "=\n",
        "log\n1_0\n" + "A" * 43 + "=\n",
        "log\n\u0661\n" + "A" * 43 + "=\n",
        "log\n1\n" + "A" * 42 + "B=\n",
        "log\n1\nAAAA\n",
        "log\n1\n" + "A" * 43 + "=",
        "log\n1\n" + "A" * 43 + "=\n\n",
        "log\n1\n" + "A" * 43 + "=\ncut off",
        "log\n1\n" + "A" * 43 + "=\ntime\x07\n",
        "\n1\n" + "A" * 43 + "=\n",
        "my log\n1\n" + "A" * 43 + "=\n",
        "log\n" + "9" * 19 + "\n" + "A" * 43 + "=\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(AuditRefused) as refused:
        Checkpoint.parse(text)
    assert refused.value.code == "CF-3505"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(AuditRefused):
        Checkpoint.at(datetime(2026, 1, 1), "log", 0, ROOT)
