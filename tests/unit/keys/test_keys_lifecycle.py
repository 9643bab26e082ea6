"""The life of a key in its file: made, brought in and out, rotated, retired, destroyed; whole on disk each time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cardfab.errors import KeyFault
from cardfab.keys import KeySpec, KeyUseRefused, Level, SoftKeyStore, StoreLocked, Usage
from cardfab.keys.keyblock import Header, KeyBlockRefused, header_for, wrap
from cardfab.keys.keyfile import KeyFile, StoreBusy
from cardfab.keys.known import KeyKnown, known_check_values, require_strong
from cardfab.keys.label import KeyInfo, Mode, State, training_root
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.openings import WordSlot
from cardfab.keys.sealedfile import open_file
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyManager
from tests.old_key_file import old_key_file
from tests.unit.keys.conftest import CHEAP

WORD = b"word"
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ROOT = KeySpec("ss/IRK", "3DES", Usage.CARD_ROOT, Level.MINISTRY)
KBPK = KeySpec("bank/KBPK", "AES-256", Usage.KEY_BLOCK, Level.BANK)
HISTORICAL = bytes.fromhex("0087BF10028649440199000001")
Random = Callable[[int], bytes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "station.keys"


@pytest.fixture
def manager(path: Path, random: Random) -> SoftKeyManager:
    """A training store without a key."""
    return SoftKeyManager.found(KeyFile(path), WORD, random, lambda: NOW, training=True, cost=CHEAP)


@pytest.fixture
def earnest(tmp_path: Path, random: Random) -> SoftKeyManager:
    """A store that is not for training."""
    file = KeyFile(tmp_path / "earnest.keys")
    return SoftKeyManager.found(file, WORD, random, lambda: NOW, training=False, cost=CHEAP)


def reopened(manager: SoftKeyManager, random: Random, word: bytes = WORD) -> SoftKeyManager:
    data = manager.file.read()
    return SoftKeyManager(manager.file, data, open_file(data, random, word=word), random, lambda: NOW)


def refusal(code: str, call: Callable[[], object]) -> KeyFault:
    with pytest.raises(KeyFault) as refused:
        call()
    assert refused.value.code == code
    return refused.value


def test_it_is_a_key_manager(manager: SoftKeyManager) -> None:
    door: KeyManager = manager
    assert door.infos() == ()


ALGORITHMS = [
    ("3DES", Usage.CARD_ROOT, 16), ("AES", Usage.CHANNEL_ROOT, 16), ("AES-256", Usage.SEAL, 32),
    ("SM4", Usage.EMV_ROOT, 16), ("HMAC-SHA-256", Usage.INDEX, 32), ("Ed25519", Usage.SIGN, 32),
    ("EC-P256", Usage.SIGN, 32), ("SM2", Usage.ISSUER, 32), ("RSA-1024", Usage.ISSUER, 0),
]  # fmt: skip


def test_a_key_of_each_algorithm_is_made_and_is_there_again(manager: SoftKeyManager, random: Random) -> None:
    for algorithm, usage, length in ALGORITHMS:
        info = manager.generate(KeySpec(f"x/{algorithm}", algorithm, usage, Level.STATION, group="g"))
        assert info.training
        assert info.group == "g"
        assert length in (0, len(manager.store._held[info.label].value))
    again = reopened(manager, random)
    assert again.infos() == manager.infos() == manager.store.infos() == again.store.infos()
    assert len({info.kcv for info in again.infos()}) == len(ALGORITHMS)
    message = b"what is signed"
    assert again.store.sign("x/Ed25519", message) == manager.store.sign("x/Ed25519", message)
    refusal("CF-6273", lambda: manager.generate(KeySpec("x", "ROT13", Usage.SEAL, Level.STATION)))


@pytest.mark.parametrize("label", ["", "ss/IRK@1", "line\n", "保管"])
def test_labels_that_are_none(manager: SoftKeyManager, label: str) -> None:
    refusal("CF-6270", lambda: manager.generate(replace(ROOT, label=label)))


def test_a_label_is_not_given_twice(manager: SoftKeyManager) -> None:
    manager.generate(ROOT)
    refusal("CF-6261", lambda: manager.generate(ROOT))
    refusal("CF-6261", lambda: manager.generate(replace(ROOT, version=3)))
    refusal("CF-6272", lambda: manager.generate(replace(ROOT, version=2, level=Level.CITY)))
    manager.destroy("ss/IRK")
    refusal("CF-6261", lambda: manager.generate(ROOT))


def test_retired_it_serves_and_makes_nothing(manager: SoftKeyManager, random: Random) -> None:
    manager.generate(ROOT)
    manager.generate(KeySpec("station/seal", "AES-256", Usage.SEAL, Level.STATION))
    sealed = manager.store.seal("station/seal", b"salt", b"personal", b"")
    assert manager.retire("station/seal").state is State.RETIRED
    assert manager.retire("ss/IRK").state is State.RETIRED
    again = reopened(manager, random).store
    again.card_key("ss/IRK", "440199", HISTORICAL)
    assert again.unseal("station/seal", b"salt", sealed, b"") == b"personal"
    for call in (
        lambda: again.seal("station/seal", b"salt", b"more", b""),
        lambda: again.load_key("ss/IRK", "440199", HISTORICAL),
    ):
        refusal("CF-6255", call)


def test_rotation_keeps_the_old_version_for_what_it_made(manager: SoftKeyManager, random: Random) -> None:
    manager.generate(KeySpec("station/seal", "AES-256", Usage.SEAL, Level.STATION))
    first = manager.info("station/seal")
    sealed = [manager.store.seal("station/seal", b"salt", b"one", b"")]
    second = manager.rotate("station/seal")
    sealed.append(manager.store.seal("station/seal", b"salt", b"two", b""))
    manager.rotate("station/seal")
    assert (second.version, second.label, second.state) == (2, "station/seal", State.ACTIVE)
    assert second.kcv != first.kcv
    again = reopened(manager, random)
    assert again.info("station/seal@1") == replace(first, label="station/seal@1", state=State.RETIRED)
    assert again.info("station/seal").version == 3
    assert [again.store.unseal("station/seal", b"salt", one, b"") for one in sealed] == [b"one", b"two"]
    manager.generate(KeySpec("station/index", "HMAC-SHA-256", Usage.INDEX, Level.STATION))
    refusal("CF-6267", lambda: manager.rotate("station/index"))
    refusal("CF-6100", lambda: manager.rotate("nobody's"))


def test_destroyed_it_is_in_neither_generation(manager: SoftKeyManager, random: Random) -> None:
    manager.generate(ROOT)
    value = bytes(manager.store._held["ss/IRK"].value.view())
    there = manager.store._held["ss/IRK"].value
    gone = manager.destroy("ss/IRK")
    assert (gone.state, gone.label, gone.kcv) == (State.DESTROYED, "ss/IRK", gone.kcv)
    assert not any(there.view())
    for file in (manager.file.path, manager.file.before):
        found = open_file(file.read_bytes(), random, word=WORD)
        assert len(found.held["ss/IRK"].value) == 0
        assert value not in file.read_bytes()
    refusal("CF-6255", lambda: manager.store.card_key("ss/IRK", "440199", HISTORICAL))
    refusal("CF-6268", lambda: manager.retire("ss/IRK"))
    manager.rotate("ss/IRK")
    assert manager.info("ss/IRK@1").state is State.DESTROYED


def test_a_key_is_used_in_its_time_only(manager: SoftKeyManager) -> None:
    manager.generate(replace(ROOT, valid_from="2026-11-22", valid_until="2026-11-22"))
    manager.store.card_key("ss/IRK", "440199", HISTORICAL)
    manager.generate(replace(ROOT, label="ss/PUK", valid_until="2026-11-21"))
    with pytest.raises(KeyUseRefused):
        manager.store.card_key("ss/PUK", "440199", HISTORICAL)


# Not for training


def test_outside_training_a_key_comes_by_ceremony_only(earnest: SoftKeyManager, random: Random) -> None:
    for call in (
        lambda: earnest.generate(ROOT),
        lambda: earnest.import_value(ROOT, Secret(random(16))),
    ):
        refusal("CF-6256", call)
    info = earnest.generate(ROOT, ceremony="C-1")
    assert (info.training, info.ceremony) == (False, "C-1")
    refusal("CF-6256", lambda: earnest.rotate("ss/IRK"))
    assert reopened(earnest, random).info("ss/IRK") == info


def test_a_rehearsal_leaves_keys_of_a_training_store_training(manager: SoftKeyManager) -> None:
    info = manager.generate(ROOT, ceremony="rehearsal")
    assert (info.training, info.ceremony) == (True, "rehearsal")


KNOWN = [
    training_root("ss/IRK"),
    bytes(16),
    b"\xff" * 16,
    bytes.fromhex("404142434445464748494A4B4C4D4E4F"),
    bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"),
]


def test_K12_a_known_or_default_key_is_refused(earnest: SoftKeyManager, manager: SoftKeyManager) -> None:
    for algorithm in ("3DES", "SM4", "AES"):
        for value in KNOWN:
            with pytest.raises(KeyKnown):
                earnest.import_value(replace(ROOT, algorithm=algorithm), Secret(value), ceremony="C-1")
            assert earnest.infos() == ()
    assert manager.import_value(ROOT, Secret(KNOWN[0])).kcv == "DC9BE9"  # for training it may be
    assert "1AB93A" in known_check_values("3DES")  # docs/keys.md


WEAK = ["0101010101010101 1122334455667788", "1122334455667788 1022334455667789", "FEE0FEE0FEF1FEF1 1122334455667788"]


@pytest.mark.parametrize("value", WEAK)
def test_weak_keys_are_refused(earnest: SoftKeyManager, value: str) -> None:
    refusal("CF-6263", lambda: earnest.import_value(ROOT, Secret(bytes.fromhex(value)), ceremony="C-1"))


def test_three_halves_may_repeat_one_that_makes_two_keys() -> None:
    info = KeyInfo("x", "3DES", Usage.CVN, Level.BANK, 1, False, "000001")
    one, two = bytes.fromhex("1122334455667788"), bytes.fromhex("99AABBCCDDEEF102")
    require_strong(info, one + two + one, "000001")
    for value in (one + one + two, two + one + one, one + one + one):
        refusal("CF-6263", lambda value=value: require_strong(info, value, "000001"))  # type: ignore[misc]


def test_K11_one_value_has_one_label(earnest: SoftKeyManager, random: Random) -> None:
    value = random(16)
    earnest.import_value(ROOT, Secret(value), ceremony="C-1")
    refused = refusal(
        "CF-6271", lambda: earnest.import_value(replace(ROOT, label="ss/PUK"), Secret(value), ceremony="C-1")
    )
    assert "ss/IRK" in refused.what.en


# Key blocks


def test_a_key_goes_out_and_in_by_key_block(manager: SoftKeyManager, earnest: SoftKeyManager, random: Random) -> None:
    value = random(32)
    spec = KeySpec("bank/CVK", "3DES", Usage.CVN, Level.BANK)
    for one in (manager, earnest):
        one.import_value(KBPK, Secret(value), ceremony="C-1")
    made = manager.generate(spec)
    block = manager.export_block("bank/CVK", "bank/KBPK")
    assert block.startswith("D")
    came = earnest.import_block(spec, block, "bank/KBPK", ceremony="C-2")
    assert (came.kcv, came.parent, came.modes, came.training) == (made.kcv, "bank/KBPK", {"mac"}, False)
    assert earnest.store.cvn("bank/CVK", "6222020000000000012", "2812", "201") == manager.store.cvn(
        "bank/CVK", "6222020000000000012", "2812", "201"
    )


def test_a_block_says_what_its_key_is(manager: SoftKeyManager) -> None:
    manager.generate(KBPK)
    spec = KeySpec("bank/CVK", "3DES", Usage.CVN, Level.BANK)
    manager.generate(spec)
    block = manager.export_block("bank/CVK", "bank/KBPK")
    for wrong in (
        replace(spec, label="x", usage=Usage.PVV, modes=frozenset()),
        replace(spec, label="x", usage=Usage.CARD_ROOT, modes=frozenset()),
    ):
        with pytest.raises(KeyBlockRefused):
            manager.import_block(wrong, block, "bank/KBPK")
    refusal("CF-6264", lambda: manager.import_block(replace(spec, label="x", algorithm="AES"), block, "bank/KBPK"))
    more = replace(spec, label="x", modes=frozenset((Mode.MAC, Mode.SIGN)))
    refusal("CF-6265", lambda: manager.import_block(more, block, "bank/KBPK"))
    with pytest.raises(KeyBlockRefused):
        manager.import_block(replace(spec, label="x"), block[:-1] + ("0" if block[-1] != "0" else "1"), "bank/KBPK")
    assert manager.import_block(replace(spec, label="x", algorithm=""), block, "bank/KBPK").algorithm == "3DES"


def test_only_a_key_block_key_wraps_and_only_as_its_label_lets_it(manager: SoftKeyManager) -> None:
    manager.generate(replace(KBPK, label="in", modes=frozenset((Mode.UNWRAP,))))
    manager.generate(replace(KBPK, label="out", modes=frozenset((Mode.WRAP,))))
    manager.generate(KeySpec("station/transport", "AES-256", Usage.TRANSPORT, Level.STATION))
    manager.generate(ROOT)
    refusal("CF-6200", lambda: manager.export_block("ss/IRK", "station/transport"))
    refusal("CF-6254", lambda: manager.export_block("ss/IRK", "in"))
    block = manager.export_block("ss/IRK", "out")
    refusal("CF-6254", lambda: manager.import_block(replace(ROOT, label="x"), block, "out"))
    manager.retire("out")
    refusal("CF-6255", lambda: manager.export_block("ss/IRK", "out"))


def test_a_key_that_came_as_not_exportable_does_not_leave(manager: SoftKeyManager, random: Random) -> None:
    with pytest.raises(KeyFault):
        manager.export_block("ss/IRK", "bank/KBPK")
    value = random(32)
    manager.import_value(KBPK, Secret(value))
    header: Header = header_for(ROOT, key := random(16), NOW, exportability="N")
    info = manager.import_block(ROOT, wrap(value, header, key, random), "bank/KBPK")
    assert info.exportable is False
    refusal("CF-6266", lambda: manager.export_block("ss/IRK", "bank/KBPK"))
    assert manager.rotate("ss/IRK").exportable is False


# The file


def test_founded_once(manager: SoftKeyManager, random: Random) -> None:
    refusal("CF-6269", lambda: SoftKeyManager.found(manager.file, WORD, random, lambda: NOW, training=True))


def test_two_programs_change_one_file_and_neither_loses_a_key(manager: SoftKeyManager, random: Random) -> None:
    other = reopened(manager, random)
    manager.generate(ROOT)
    other.generate(KBPK)
    manager.generate(replace(ROOT, label="ss/PUK"))
    assert [info.label for info in manager.infos()] == ["bank/KBPK", "ss/IRK", "ss/PUK"]
    assert reopened(manager, random).infos() == manager.infos()


def test_one_writer_at_a_time(manager: SoftKeyManager, path: Path) -> None:
    impatient = KeyFile(path, patience=0.05)
    with path.with_name("station.keys.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy), impatient.locked():
            pass
    with impatient.locked():
        pass


def test_a_refused_change_leaves_the_file_as_it_was(manager: SoftKeyManager) -> None:
    manager.generate(ROOT)
    before, infos = manager.file.read(), manager.infos()
    refusal("CF-6261", lambda: manager.generate(ROOT))
    assert manager.file.read() == before
    assert manager.infos() == infos


def test_a_write_that_fails_leaves_old_file_and_old_keys(
    manager: SoftKeyManager, monkeypatch: pytest.MonkeyPatch, random: Random
) -> None:
    manager.generate(ROOT)

    def full(handle: int) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            manager.generate(KBPK)
    assert [info.label for info in manager.infos()] == ["ss/IRK"]
    assert [info.label for info in manager.store.infos()] == ["ss/IRK"]
    assert reopened(manager, random).infos() == manager.infos()
    manager.generate(KBPK)


def test_file_and_folder_are_on_the_disk_in_this_order(
    manager: SoftKeyManager, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """What a power cut needs and a killed process does not show."""
    manager.generate(ROOT)
    told: list[str] = []
    sync, move = os.fsync, Path.replace

    def synced(handle: int) -> None:
        told.append(f"sync {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        sync(handle)

    def moved(self: Path, target: Path) -> Path:
        told.append(f"{self.name} to {target.name}")
        return move(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", moved)
    manager.generate(KBPK)
    assert told == [
        "sync station.keys.new",
        "sync station.keys.1.new",
        "station.keys.1.new to station.keys.1",
        "station.keys.new to station.keys",
        f"sync {path.parent.name}",
    ]


def test_files_are_their_owners_alone(manager: SoftKeyManager, path: Path) -> None:
    manager.generate(ROOT)
    names = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert names == dict.fromkeys(("station.keys", "station.keys.1", "station.keys.lock"), 0o600)


def test_the_generation_before_opens_and_takes_the_place(manager: SoftKeyManager, random: Random, path: Path) -> None:
    manager.generate(ROOT)
    manager.generate(KBPK)
    before = manager.file.before_bytes()
    assert manager.opens(before)
    path.write_bytes(b"CFKS2\n" + bytes(40))
    with pytest.raises(StoreLocked) as refused:
        reopened(manager, random)
    assert refused.value.do is not None
    assert "backup --restore" in refused.value.do.en
    manager.file.restore()
    assert [info.label for info in reopened(manager, random).infos()] == ["ss/IRK"]
    path.unlink()
    with pytest.raises(StoreLocked) as refused:
        manager.file.read()
    assert refused.value.do is not None
    assert "backup --restore" in refused.value.do.en


def test_another_word_is_the_only_one_then(manager: SoftKeyManager, random: Random) -> None:
    manager.generate(ROOT)
    stale = reopened(manager, random)
    manager.reseal(manager.under_word(b"new word", CHEAP))
    for file in (manager.file.path, manager.file.before):
        with pytest.raises(StoreLocked):
            open_file(file.read_bytes(), random, word=WORD)
        assert "ss/IRK" in open_file(file.read_bytes(), random, word=b"new word").held
    refusal("CF-6303", lambda: stale.generate(KBPK))
    manager.generate(KBPK)


def test_shares_beside_the_word_and_in_its_place(manager: SoftKeyManager, random: Random) -> None:
    manager.generate(ROOT)
    both = manager.under_shares(2, ("a", "b", "c"), keep_word=True)
    manager.reseal(both)
    data = manager.file.read()
    for way in ({"word": WORD}, {"shares": both.shares[1:]}):
        assert "ss/IRK" in open_file(data, random, **way).held  # type: ignore[arg-type]
    only = manager.under_shares(2, ("a", "b"))
    assert manager.file.read() == data  # nothing has changed before the shares are out
    manager.reseal(only)
    data = manager.file.read()
    assert "ss/IRK" in open_file(data, random, shares=only.shares).held
    with pytest.raises(StoreLocked):
        open_file(data, random, word=WORD)
    with pytest.raises(KeyFault):
        open_file(data, random, shares=both.shares)
    assert not any(isinstance(slot, WordSlot) for slot in open_file(data, random, shares=only.shares).slots)


def test_an_older_file_is_written_as_the_newer_by_the_first_change(
    training: SoftKeyStore, path: Path, random: Random
) -> None:
    old = old_key_file(training._held.values(), WORD, random)
    path.write_bytes(old)
    data = path.read_bytes()
    manager = SoftKeyManager(KeyFile(path), data, open_file(data, random, word=WORD), random, lambda: NOW)
    assert path.read_bytes() == old
    manager.generate(KBPK)
    assert path.read_bytes().startswith(b"CFKS2\n")
    assert manager.file.before_bytes() == old
    assert {info.label for info in reopened(manager, random).infos()} == {
        "bank/KBPK", *(info.label for info in training.infos())
    }  # fmt: skip


def test_close_wipes_every_value(manager: SoftKeyManager) -> None:
    manager.generate(ROOT)
    value = manager.store._held["ss/IRK"].value
    manager.close()
    assert not any(value.view())
