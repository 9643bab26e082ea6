"""An export judged by Go's golang.org/x/mod/sumdb (note, tlog): the strangers' reading of the same formats.

Debian packages golang-go and golang-golang-x-mod-dev (``make setup-services``). No network, no module download.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cardfab.audit import (
    AuditEvent,
    AuditRefused,
    Checkpoint,
    ConsistencyProof,
    InclusionProof,
    MerkleTree,
    VerifierKey,
    countersign,
    hash_leaf,
    open_checkpoint,
    sign_checkpoint,
    verify_consistency,
    verify_inclusion,
    write_export,
)
from cardfab.crypto import ed25519_public, ed25519_sign
from cardfab.errors import Text

pytestmark = pytest.mark.service

GOPATH = Path("/usr/share/gocode")
LOG = "cardfab.example/station-1"
SEED = bytes(range(32))
KEY = VerifierKey(LOG, ed25519_public(SEED))
# Go's text of a private key; the seed is a test's.
SKEY = f"PRIVATE+KEY+{LOG}+{KEY.key_id.hex()}+{base64.b64encode(bytes([1]) + SEED).decode()}"
WHEN = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SIZES = (1, 2, 7, 20, 37)


def sign(message: bytes) -> bytes:
    return ed25519_sign(SEED, message)


def event(number: int) -> bytes:
    time = WHEN + timedelta(seconds=number)
    return AuditEvent(time, "li.wei", "工位一", "job.intent", f"t{number}", "intent", {"name": "王䶮"}).encode()


LEAVES = [event(number) for number in range(SIZES[-1])]
TREE = MerkleTree(LEAVES)
HEADS = [sign_checkpoint(Checkpoint.at(WHEN, LOG, size, TREE.root(size)), KEY, sign) for size in SIZES]
EXPORT = write_export(LOG, [str(KEY)], HEADS, LEAVES)


def proof(old: int, new: int, hashes: tuple[bytes, ...]) -> dict[str, Any]:
    return {"Old": old, "New": new, "Hashes": [base64.b64encode(one).decode() for one in hashes]}


INCLUSION = [(index, size) for size in SIZES for index in range(size)]
CONSISTENCY = [(old, new) for new in SIZES for old in range(1, new + 1)]
PROOFS = {
    "Inclusion": [proof(index, size, TREE.inclusion_proof(index, size)) for index, size in INCLUSION],
    "Consistency": [proof(old, new, TREE.consistency_proof(old, new)) for old, new in CONSISTENCY],
}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built from the packages of the machine."""
    if not shutil.which("go") or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.fail("Go or its sumdb package is missing: apt install golang-go golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("audit_go")
    settings = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": "", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    source = Path(__file__).parent / "audit_go" / "main.go"
    built = subprocess.run(
        ["go", "build", "-o", str(folder / "judge"), str(source)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(folder / "cache"), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder / "judge"


def ask(judge: Path, folder: Path, export: bytes, proofs: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "export").write_bytes(export)
    (folder / "proofs").write_text(json.dumps(proofs))
    words = [str(judge), str(folder / "export"), str(folder / "proofs"), str(KEY), SKEY]
    return subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False)


def test_go_accepts_the_export_and_every_proof(judge: Path, tmp_path: Path) -> None:
    found = ask(judge, tmp_path, EXPORT, PROOFS)
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)
    assert said["Origins"] == [LOG] * len(SIZES)
    assert said["Sizes"] == list(SIZES)


def test_go_signs_and_proves_the_same(judge: Path, tmp_path: Path) -> None:
    said = json.loads(ask(judge, tmp_path, EXPORT, PROOFS).stdout)
    assert said["Signed"].encode() == HEADS[-1]
    assert open_checkpoint(said["Signed"].encode(), [KEY])[1] == (KEY,)
    inclusion, consistency = said["Proofs"]["Inclusion"], said["Proofs"]["Consistency"]
    assert len(inclusion) == len(INCLUSION) == sum(SIZES)
    assert len(consistency) == len(CONSISTENCY) == sum(SIZES)
    for one in inclusion:
        index, size, hashes = one["Old"], one["New"], [base64.b64decode(h) for h in one["Hashes"] or ()]
        assert verify_inclusion(index, size, hash_leaf(LEAVES[index]), hashes, TREE.root(size))
    for one in consistency:
        old, new, hashes = one["Old"], one["New"], [base64.b64decode(h) for h in one["Hashes"] or ()]
        assert verify_consistency(old, new, TREE.root(old), TREE.root(new), hashes)


AUDITOR_SEED = bytes(range(32, 64))
AUDITOR = VerifierKey("auditor.example/one", ed25519_public(AUDITOR_SEED))


def countersigned(size: int) -> bytes:
    """The log's checkpoint of that size, with the auditor's signature too."""
    head = HEADS[SIZES.index(size)]
    return countersign(head, [KEY], AUDITOR, lambda said: ed25519_sign(AUDITOR_SEED, said), None).note


@pytest.mark.proof
@pytest.mark.shows(
    "A checkpoint and proofs of ours verify with an independent implementation, and a flipped bit is refused (proof)"
)
def test_go_verifies_proof_files_and_refuses_every_flipped_bit(judge: Path, tmp_path: Path) -> None:
    files = {
        "one.tlog-proof": InclusionProof(12, LEAVES[12], TREE.inclusion_proof(12, 37), countersigned(37)).encode(),
        "growth": ConsistencyProof(7, TREE.consistency_proof(7, 37), countersigned(37)).encode(),
        "old": countersigned(7),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    words = [str(judge), "proofs", *(str(tmp_path / name) for name in files), str(KEY), str(AUDITOR)]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == [str(8 * sum(map(len, files.values()))), "0"]
    for name, content in files.items():  # and ours say the same of a sample of the same flips
        for at in range(0, len(content), 7):
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            with pytest.raises(AuditRefused):
                ours({**files, name: changed})
    ours(files)


def ours(files: dict[str, bytes]) -> None:
    """The same judgement by our own code: both signatures must hold."""
    keys = [KEY, AUDITOR]
    old, by = open_checkpoint(files["old"], keys)
    _, _, by_event = InclusionProof.parse(files["one.tlog-proof"]).verify(keys)
    _, by_growth = ConsistencyProof.parse(files["growth"]).verify(keys, old)
    if not all(len(one) == 2 for one in (by, by_event, by_growth)):
        raise AuditRefused(Text("a signature is missing", "缺少签名"), code="CF-3504")


def test_go_refuses_what_was_changed(judge: Path, tmp_path: Path) -> None:
    lines = EXPORT.splitlines(keepends=True)
    event_changed = EXPORT.replace(b"t36", b"t63")
    note_changed = EXPORT.replace(b"\n37\n", b"\n38\n")
    swapped = b"".join([*lines[:-2], lines[-1], lines[-2]])
    for changed, word in ((event_changed, "hash differs"), (note_changed, "checkpoint"), (swapped, "hash differs")):
        found = ask(judge, tmp_path, changed, PROOFS)
        assert found.returncode == 1
        assert word in found.stderr
    for kind in ("Inclusion", "Consistency"):
        spoiled = json.loads(json.dumps(PROOFS))
        spoiled[kind][-3 if kind == "Consistency" else -1]["Hashes"][0] = base64.b64encode(bytes(32)).decode()
        found = ask(judge, tmp_path, EXPORT, spoiled)
        assert found.returncode == 1
        assert kind.lower() in found.stderr
