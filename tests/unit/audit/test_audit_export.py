"""The export verifies offline, and nothing in it can be changed unseen."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from cardfab.audit import (
    AuditEvent,
    AuditRefused,
    Checkpoint,
    ExportReport,
    MerkleTree,
    SignedNote,
    VerifierKey,
    account,
    hash_leaf,
    parse_export,
    root_of,
    sign_checkpoint,
    verify_export,
    write_export,
)
from cardfab.crypto import ed25519_public, ed25519_sign

WHEN = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LOG = "cardfab.example/station-1"


class Signer:
    """A key store's signing key, for tests."""

    def __init__(self, number: int, name: str = LOG) -> None:
        self._seed = bytes([number]) * 32
        self.key = VerifierKey(name, ed25519_public(self._seed))
        self.text = str(self.key)

    def sign(self, message: bytes) -> bytes:
        return ed25519_sign(self._seed, message)

    def head(self, leaves: Sequence[bytes], size: int, *, minutes: int | None = None, origin: str = LOG) -> bytes:
        time = WHEN + timedelta(minutes=size if minutes is None else minutes)
        return sign_checkpoint(Checkpoint.at(time, origin, size, root_of(leaves[:size])), self.key, self.sign)


def leaf(number: int, action: str = "job.intent", minutes: int | None = None) -> bytes:
    time = WHEN + timedelta(minutes=number if minutes is None else minutes)
    details = {"card": f"卡{number}"} if number % 2 else {}
    return AuditEvent(time, "li.wei", "station-1", action, f"t{number}", "intent", details).encode()


A, B, STRANGER = Signer(1), Signer(2), Signer(3)
LEAVES = [leaf(n) for n in range(5)]
SMALL = write_export(LOG, [A.text], [A.head(LEAVES, 2), A.head(LEAVES, 5)], LEAVES)
TINY = write_export(LOG, [A.text], [A.head(LEAVES, 1), A.head(LEAVES, 2)], LEAVES[:2])


def refused(data: bytes, trusted: Sequence[str] | None, witnessed: Sequence[bytes] = ()) -> AuditRefused:
    with pytest.raises(AuditRefused) as caught:
        verify_export(data, trusted, witnessed=witnessed)
    assert caught.value.exit_status == 3
    assert caught.value.code.startswith("CF-35")
    assert caught.value.what.zh
    assert caught.value.do or caught.value.line is None
    return caught.value


def test_the_file_is_as_documented() -> None:
    note = A.head(LEAVES, 2).decode()
    assert SMALL.decode().startswith(
        f"cardfab-audit-export v2\norigin {LOG}\nkeys 1\n{A.text}\ncheckpoints 2\n{note}{LOG}\n5\n"
    )
    hashes = b"".join(base64.b64encode(hash_leaf(one)) + b"\n" for one in LEAVES)
    assert SMALL.endswith(b"\nhashes 5\n" + hashes + b"events 5\n" + b"\n".join(LEAVES) + b"\n")


def test_a_file_of_version_1_still_holds_and_says_less() -> None:
    """Without the hashes, as it was written before: proven all the same, and a changed event is placed by lines."""
    old = without_hashes(SMALL)
    report = verify_export(old, [A.text])
    assert (report.events, report.root) == (5, root_of(LEAVES))
    changed = old.replace(LEAVES[3], leaf(3, "job.outcome"))
    found = refused(changed, None)
    lines = changed.splitlines()
    first, last = lines.index(LEAVES[2]) + 1, lines.index(LEAVES[4]) + 1
    assert (found.code, found.line) == ("CF-3511", lines.index(b"5"))
    assert f"in lines {first} to {last}" in found.what.en
    assert f"第 {first} 至 {last} 行" in found.what.zh
    for size in range(5):
        fewer = LEAVES[:size] + LEAVES[size + 1 :]
        tail = b"events 4\n" + b"".join(one + b"\n" for one in fewer)
        assert "holds 4" in refused(old[: old.index(b"events 5")] + tail, None).what.en


def without_hashes(data: bytes) -> bytes:
    """The same export as version 1 writes it."""
    return replace(parse_export(data), hashes=None).encode()


@pytest.mark.shows("a changed, missing or re-ordered event is named (test)")
def test_what_was_done_to_an_event_is_named() -> None:
    first = SMALL.splitlines().index(LEAVES[0]) + 1

    def named(*leaves: bytes) -> AuditRefused:
        tail = f"events {len(leaves)}\n".encode() + b"".join(one + b"\n" for one in leaves)
        found = refused(SMALL[: SMALL.index(b"events 5")] + tail, [A.text])
        assert found.code == "CF-3514"
        assert found.line == int(found.what.en.split()[1].rstrip(":"))
        return found

    zero, one, two, three, four = LEAVES
    changed = named(zero, one, two, leaf(3, "job.outcome"), four)
    assert changed.what.en == f"Line {first + 3}: Event 3 was changed (line {first + 3})."
    assert "第 3 号事件被改动" in changed.what.zh
    assert "Event 1 is missing." in named(zero, two, three, four).what.en
    assert "Event 4 is missing." in named(zero, one, two, three).what.en
    assert "Event 0 is missing." in named(one, two, three, four).what.en
    moved = named(zero, two, three, one, four).what.en
    assert moved == f"Line {first + 3}: Event 1 was moved (to line {first + 3})."
    assert f"Line {first + 2} is no event of this log." in named(zero, one, leaf(9), two, three, four).what.en
    assert f"Line {first + 1} is no event of this log." in named(zero, zero, one, two, three, four).what.en
    both = named(zero, leaf(9), four, three).what.en
    assert "Event 1 was changed" in both
    assert "Event 2 is missing" in both
    many = named(*(leaf(n) for n in range(10, 19))).what.en
    assert many.endswith("And 4 more.")


def test_hashes_that_are_not_those_of_the_signed_log_name_nothing() -> None:
    lines = SMALL.splitlines(keepends=True)
    at = lines.index(b"hashes 5\n") + 2
    other = base64.b64encode(hash_leaf(b"other")) + b"\n"
    found = refused(b"".join([*lines[:at], other, *lines[at + 1 :]]), None)
    assert (found.code, found.line) == ("CF-3510", at + 1)
    both = b"".join([*lines[:at], other, *lines[at + 1 :]]).replace(LEAVES[1], leaf(9))
    assert refused(both, None).code == "CF-3511"


def test_a_trusted_export_holds() -> None:
    report = verify_export(SMALL, [A.text, STRANGER.text])
    assert report == ExportReport(
        origin=LOG,
        events=5,
        root=root_of(LEAVES),
        checkpoint=Checkpoint.at(WHEN + timedelta(minutes=5), LOG, 5, root_of(LEAVES)),
        checkpoints=2,
        keys=(A.text,),
        on_faith=(),
        witnessed=0,
        findings=(),
        export=parse_export(SMALL),
    )
    assert report.time == WHEN + timedelta(minutes=5)
    assert [event.subject for event in report.export.events()] == ["t0", "t1", "t2", "t3", "t4"]
    assert [head.size for head in report.export.checkpoints()] == [2, 5]


def test_without_trust_it_says_what_it_took_on_faith() -> None:
    assert verify_export(SMALL, None).on_faith == (A.text,)


@pytest.mark.proof
@pytest.mark.parametrize("trusted", [None, [A.text]])
def test_every_changed_byte_is_refused(trusted: list[str] | None) -> None:
    for at, byte in enumerate(TINY):
        for value in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, 0x0A, 0x30} - {byte}:
            with pytest.raises(AuditRefused):
                verify_export(TINY[:at] + bytes([value]) + TINY[at + 1 :], trusted)


@pytest.mark.proof
def test_many_values_of_every_byte_are_refused() -> None:
    """Every eighth value, another eighth at each place: all of them take minutes."""
    for at, byte in enumerate(TINY):
        for value in range(at % 8, 256, 8):
            if value != byte:
                with pytest.raises(AuditRefused):
                    verify_export(TINY[:at] + bytes([value]) + TINY[at + 1 :], None)


@pytest.mark.proof
def test_every_byte_left_out_or_put_in_is_refused() -> None:
    for at in range(len(TINY)):
        for changed in (TINY[:at] + TINY[at + 1 :], TINY[:at] + b"\n" + TINY[at:], TINY[:at] + b" " + TINY[at:]):
            with pytest.raises(AuditRefused):
                verify_export(changed, None)


def test_every_truncation_and_continuation_is_refused() -> None:
    for at in range(len(SMALL)):
        refused(SMALL[:at], None)
    for more in (b"\n", b"\x00", b" ", LEAVES[0] + b"\n", SMALL):
        refused(SMALL + more, None)
    refused(b"\xef\xbb\xbf" + SMALL, None)
    refused(SMALL.replace(b"\n", b"\r\n"), None)


def test_lines_left_out_repeated_or_exchanged_are_refused() -> None:
    lines = SMALL.splitlines(keepends=True)
    for at in range(len(lines)):
        refused(b"".join(lines[:at] + lines[at + 1 :]), None)
        refused(b"".join(lines[: at + 1] + lines[at:]), None)
    for one, two in permutations(range(len(lines)), 2):
        swapped = list(lines)
        swapped[one], swapped[two] = lines[two], lines[one]
        if swapped != lines:
            refused(b"".join(swapped), None)


def test_an_unreadable_event_is_named_by_its_line() -> None:
    bad = [*LEAVES[:4], b"{}"]
    head = A.head(bad, 5)
    found = None
    with pytest.raises(AuditRefused) as caught:
        write_export(LOG, [A.text], [head], bad)
    found = caught.value
    assert (found.code, found.line) == ("CF-3501", 5 + 6 + 6 + 1 + 5)
    assert found.what.en.startswith("Line 23: ")
    assert found.what.zh.startswith("第 23 行：")


def test_a_rewritten_log_signed_by_another_key_fails_against_the_trusted_one() -> None:
    other = [leaf(n, "job.outcome") for n in range(5)]
    forged = write_export(LOG, [STRANGER.text], [STRANGER.head(other, 5)], other)
    assert verify_export(forged, None).on_faith == (STRANGER.text,)
    for trusted in ([A.text], [], [A.text, B.text]):
        found = refused(forged, trusted)
        assert (found.code, found.line) == ("CF-3512", 6)


def test_a_name_alone_is_not_trust() -> None:
    assert STRANGER.key.name == A.key.name
    mixed = SMALL.replace(A.text.encode(), STRANGER.text.encode())
    assert refused(mixed, [A.text]).code == "CF-3504"


def test_every_checkpoint_needs_a_trusted_signature() -> None:
    rotated = write_export(LOG, [A.text, B.text, STRANGER.text], [A.head(LEAVES, 2), B.head(LEAVES, 5)], LEAVES)
    assert verify_export(rotated, [A.text, B.text]).on_faith == ()
    assert verify_export(rotated, [A.text, B.text]).keys == tuple(sorted([A.text, B.text]))
    assert refused(rotated, [A.text]).code == refused(rotated, [B.text]).code == "CF-3512"


def test_a_second_signature_is_verified_and_shown_as_faith() -> None:
    one, two = (SignedNote.parse(signer.head(LEAVES, 5)) for signer in (A, B))
    both = SignedNote(one.text, one.signatures + two.signatures)
    data = write_export(LOG, [A.text, B.text], [both.encode()], LEAVES)
    assert verify_export(data, [A.text]).on_faith == (B.text,)
    with pytest.raises(AuditRefused, match="does not carry"):
        write_export(LOG, [A.text], [both.encode()], LEAVES)


def test_an_inner_checkpoint_of_another_history_is_refused() -> None:
    other = [leaf(9), *LEAVES[1:]]
    with pytest.raises(AuditRefused) as caught:
        write_export(LOG, [A.text], [A.head(other, 2), A.head(LEAVES, 5)], LEAVES)
    assert (caught.value.code, caught.value.line) == ("CF-3511", 6)


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        ([], "no keys"),
        ([A.head(LEAVES, 4)], "last checkpoint is of 4"),
        ([A.head(LEAVES, 5), A.head(LEAVES, 2)], "do not grow"),
        ([A.head(LEAVES, 5, origin="cardfab.example/other")], "No checkpoint of this log"),
        ([B.head(LEAVES, 5)], "no keys"),
        ([sign_checkpoint(Checkpoint(LOG, 5, root_of(LEAVES)), A.key, A.sign)], "when it was made"),
    ],
)
def test_checkpoints_that_do_not_fit_are_not_exported(heads: list[bytes], words: str) -> None:
    with pytest.raises(AuditRefused, match=words):
        write_export(LOG, [A.text], heads, LEAVES)


def test_of_two_checkpoints_of_one_size_the_last_is_exported() -> None:
    heads = [B.head(LEAVES, 5, minutes=6), A.head(LEAVES, 5, minutes=7)]
    report = verify_export(write_export(LOG, [A.text, B.text], heads, LEAVES), [A.text])
    assert (report.checkpoints, report.keys, report.time) == (1, (A.text,), WHEN + timedelta(minutes=7))


def test_two_checkpoints_of_one_size_with_two_roots_are_never_exported() -> None:
    other = [*LEAVES[:4], leaf(9)]
    with pytest.raises(AuditRefused, match="do not grow"):
        write_export(LOG, [A.text], [A.head(other, 5), A.head(LEAVES, 5)], LEAVES)


def test_an_empty_log_can_be_exported() -> None:
    report = verify_export(write_export(LOG, [A.text], [A.head([], 0)], []), [A.text])
    assert (report.events, report.checkpoint.size) == (0, 0)


def test_outside_checkpoints_show_a_cut_and_a_rewrite_by_the_key_holder() -> None:
    outside = A.head(LEAVES, 4)
    assert verify_export(SMALL, [A.text], witnessed=[outside, A.head(LEAVES, 5)]).witnessed == 2
    cut = write_export(LOG, [A.text], [A.head(LEAVES, 3)], LEAVES[:3])
    assert verify_export(cut, [A.text]).events == 3, "alone, a shorter log is a log"
    assert refused(cut, [A.text], [outside]).code == "CF-3513"
    other = [*LEAVES[:3], leaf(9), LEAVES[4]]
    rewritten = write_export(LOG, [A.text], [A.head(other, 5)], other)
    assert verify_export(rewritten, [A.text]).events == 5, "alone, the holder's rewrite stands"
    assert refused(rewritten, [A.text], [outside]).code == "CF-3513"
    assert "Outside checkpoint 2" in refused(SMALL, [A.text], [outside, STRANGER.head(LEAVES, 4)]).what.en
    assert refused(SMALL, [A.text], [A.head(LEAVES, 4, origin="cardfab.example/other")]).code == "CF-3513"


def test_findings_do_not_break_the_proof() -> None:
    holder = AuditEvent(WHEN, "li.wei", "station-1", "note.add", "-", "done", {"text": "11010519491231002X"}).encode()
    leaves = [leaf(0, minutes=10), leaf(1, minutes=9), holder]
    heads = [A.head(leaves, 1, minutes=20), A.head(leaves, 3, minutes=15)]
    report = verify_export(write_export(LOG, [A.text], heads, leaves), [A.text])
    assert [found.en for found in report.findings] == [
        "The checkpoint of 3 events is dated before that of 1.",
        "Line 24: the clock went back.",
        "Line 25: the clock went back.",
        "Line 25: details.text looks like personal data.",
    ]
    assert "11010519491231002X" not in str(report.findings)


def test_a_tree_gives_the_heads_of_an_export() -> None:
    tree = MerkleTree(parse_export(SMALL).leaves)
    assert [tree.root(head.size) for head in parse_export(SMALL).checkpoints()] == [
        root_of(LEAVES[:2]),
        root_of(LEAVES),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"export v2", b"export v3", 1),
        (b"origin ", b"Origin ", 2),
        (b"keys 1", b"keys 01", 3),
        (b"keys 1", b"keys 0", 3),
        (b"+AYq", b"+AYr", 4),
        (b"checkpoints 2", b"checkpoints 3", 18),
        (b"hashes 5", b"hashes +5", 18),
        (b"events 5", b"events +5", 24),
        (b"origin cardfab", b"origin c\xffrdfab", 2),
    ],
)
def test_the_line_is_named(old: bytes, new: bytes, line: int) -> None:
    assert refused(SMALL.replace(old, new, 1), None).line == line


def test_unsorted_or_repeated_keys_are_refused() -> None:
    data = write_export(LOG, [A.text, B.text], [A.head(LEAVES, 2), B.head(LEAVES, 5)], LEAVES)
    one, two = sorted([A.text, B.text])
    pair = f"keys 2\n{one}\n{two}\n".encode()
    assert pair in data
    for keys in ([two, one], [one, one, two]):
        other = f"keys {len(keys)}\n" + "".join(f"{key}\n" for key in keys)
        assert "not sorted" in refused(data.replace(pair, other.encode()), None).what.en
    with_stranger = sorted([A.text, B.text, STRANGER.text])
    idle = data.replace(pair, ("keys 3\n" + "\n".join(with_stranger) + "\n").encode())
    assert "signed no checkpoint" in refused(idle, None).what.en


def example() -> bytes:
    """The export that docs/audit.md prints."""
    first = datetime(2026, 11, 21, 1, 30, 0, 120000, tzinfo=UTC)
    moved = {"stock": "ssc", "from": "hopper", "to": "issued", "count": "1"}
    received = {"stock": "ssc", "from": "supplier", "to": "hopper", "count": "50"}
    events = [
        AuditEvent(first, "li.wei", "outlet-7", "stock.receive", "-", "done", received),
        AuditEvent(first + timedelta(minutes=4), "li.wei", "outlet-7", "job.intent", "9f3c71d2", "intent", {}),
        AuditEvent(first + timedelta(minutes=5), "li.wei", "outlet-7", "job.outcome", "9f3c71d2", "done", moved),
    ]
    leaves = [event.encode() for event in events]
    return write_export(LOG, [A.text], [A.head(leaves, 1, minutes=91), A.head(leaves, 3, minutes=96)], leaves)


def test_the_documentation_prints_a_file_that_holds() -> None:
    page = (Path(__file__).parents[3] / "docs" / "audit.md").read_text("utf-8")
    block = page.split("```text cardfab-audit-export\n")[1].split("```\n")[0]
    assert block.encode() == example()
    assert f"`{A.text}`" in page
    report = verify_export(block.encode(), [A.text])
    accounts = account(report.export.events())
    assert (report.findings, accounts.balanced, accounts.in_doubt) == ((), True, ())
