"""CFKS2 to the byte, read here a second time from docs/keys.md; the older file; what stays in memory."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cardfab.errors import KeyFault
from cardfab.keys import KeySpec, Level, SoftKeyStore, StoreLocked, Usage
from cardfab.keys.held import Held, hold
from cardfab.keys.label import Mode, State
from cardfab.keys.openings import Cost, FileRefused, WordSlot, decode_slots, encode_slots
from cardfab.keys.sealedfile import Opened, new_file, open_file, open_with, ways
from cardfab.keys.secret import Secret
from tests.old_key_file import old_key_file
from tests.unit.keys.conftest import CHEAP

WORD = "一把 word".encode()
Random = Callable[[int], bytes]
VALUE = bytes.fromhex("C1A55E7D0FF1CE5ECDE7D1CE0B5E55ED")

FULL = KeySpec(
    "bank/CVK", "3DES", Usage.CVN, Level.CITY, 7, "440199", frozenset((Mode.MAC,)), "bank 保管组", "2026-01-01",
    "2027-12-31", "bank/KBPK", "C-2026-3", exportable=False,
)  # fmt: skip


@pytest.fixture
def opened(random: Random) -> Opened:
    """A store of two keys with every attribute set, one retired and one destroyed."""
    made = new_file(WORD, random, training=False, cost=CHEAP)
    one = hold(FULL, VALUE, training=False)
    made.held["bank/CVK"] = Held(replace(one.info, state=State.RETIRED), one.value)
    other = hold(KeySpec("bank/PVK", "3DES", Usage.PVV, Level.BANK), VALUE[::-1], training=False)
    made.held["bank/PVK"] = Held(replace(other.info, state=State.DESTROYED), Secret(b""))
    return made


def read_again(data: bytes, word: bytes) -> tuple[int, list[dict[str, Any]]]:
    """Flags and keys of a file with one word slot, as docs/keys.md has it; nothing of the program's is used."""
    assert data[:6] == b"CFKS2\n"
    flags, slots, kind, length, passes, kib, lanes = struct.unpack_from(">BBBHIIB", data, 6)
    assert (slots, kind, length) == (1, 1, 85)
    salt, nonce, wrapped = data[20:36], data[36:48], data[48:96]
    key = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=kib).derive(word)
    file_key = AESGCM(key).decrypt(nonce, wrapped, b"CFKS2\n\x01" + data[11:36])
    keys, certificates = struct.unpack_from(">II", data, 96)
    body = AESGCM(file_key).decrypt(data[104:116], data[116:], data[:104])
    assert certificates == 0
    names = (
        "label", "algorithm", "usage", "level", "region", "modes", "group", "from", "until", "parent", "state",
        "ceremony",
    )  # fmt: skip
    found: list[dict[str, Any]] = []
    place = 0

    def part(width: int) -> bytes:
        nonlocal place
        length = int.from_bytes(body[place : place + width], "big")
        taken = body[place + width : place + width + length]
        place += width + length
        return taken

    for _ in range(keys):
        entry: dict[str, Any] = {name: part(2).decode() for name in names}
        entry["version"], entry["flags"] = struct.unpack_from(">IB", body, place)
        place += 5
        entry["kcv"], entry["value"] = part(1).hex().upper(), part(2)
        found.append(entry)
    assert place == len(body)
    return flags, found


def test_the_format_is_the_documented_one(opened: Opened, random: Random) -> None:
    flags, (cvk, pvk) = read_again(opened.to_bytes(random), WORD)
    assert flags == 0
    assert cvk == {
        "label": "bank/CVK", "algorithm": "3DES", "usage": "CVN", "level": "CITY", "region": "440199", "modes": "mac",
        "group": "bank 保管组", "from": "2026-01-01", "until": "2027-12-31", "parent": "bank/KBPK", "state": "retired",
        "ceremony": "C-2026-3", "version": 7, "flags": 0, "kcv": opened.held["bank/CVK"].info.kcv, "value": VALUE,
    }  # fmt: skip
    assert (pvk["state"], pvk["value"], pvk["flags"]) == ("destroyed", b"", 2)
    assert len(pvk["kcv"]) == 6


def test_every_attribute_comes_back(opened: Opened, random: Random) -> None:
    again = open_file(opened.to_bytes(random), random, word=WORD)
    assert {label: key.info for label, key in again.held.items()} == {
        label: key.info for label, key in opened.held.items()
    }
    assert bytes(again.held["bank/CVK"].value.view()) == VALUE
    assert again.training is False
    assert again.held["bank/CVK"].info.exportable is False


def test_the_key_of_the_file_opens_it_and_no_other(opened: Opened, random: Random) -> None:
    data = opened.to_bytes(random)
    assert open_with(data, opened.key).held.keys() == opened.held.keys()
    with pytest.raises(StoreLocked):
        open_with(data, Secret(bytes(32)))
    with pytest.raises(StoreLocked) as refused:
        open_file(data, random)
    assert refused.value.code == "CF-6318"


def test_an_older_file_opens_and_is_written_as_the_newer(training: SoftKeyStore, random: Random) -> None:
    old = old_key_file(training._held.values(), WORD, random)
    with pytest.raises(StoreLocked):
        open_file(old, random, word=b"another")
    again = open_file(old, random, word=WORD)
    assert tuple(key.info for _, key in sorted(again.held.items())) == training.infos()
    data = again.to_bytes(random)
    assert data.startswith(b"CFKS2\n")
    assert SoftKeyStore.from_file(data, WORD, random).infos() == training.infos()
    (slot,) = ways(data)
    assert isinstance(slot, WordSlot)
    assert slot.cost == CHEAP
    assert ways(old) == ()


def test_every_changed_byte_and_cut_of_an_older_file_is_refused(training: SoftKeyStore, random: Random) -> None:
    data = old_key_file([training._held["ss/IRK"]], WORD, random)
    for place, byte in enumerate(data):
        changed = bytearray(data)
        changed[place] = byte ^ 0x41
        with pytest.raises(StoreLocked):
            open_file(bytes(changed), random, word=WORD)
        with pytest.raises(StoreLocked):
            open_file(data[:place], random, word=WORD)


HEADERS = [
    "[]",
    "null",
    "{}",
    '{"argon2id":[]}',
    '{"argon2id":{"kib":-536,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":655e2,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":99999999999,"lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":"8","lanes":1,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":8,"lanes":0,"passes":1,"salt":"SALT"}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1,"salt":17}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1,"salt":""}}',
    '{"argon2id":{"kib":8,"lanes":1,"passes":1}}',
]


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_a_header_of_an_older_file_that_makes_no_sense_is_refused(random: Random, header: str) -> None:
    line = header.replace("SALT", "00112233445566778899AABBCCDDEEFF").encode()
    with pytest.raises(StoreLocked):
        open_file(b"CFKS1\n" + line + b"\n" + bytes(64), random, word=WORD)


def test_a_key_of_before_ceremonies_says_so(random: Random) -> None:
    old = old_key_file([hold(replace(FULL, ceremony=""), VALUE, training=False)], WORD, random)
    again = open_file(old, random, word=WORD)
    assert (again.held["bank/CVK"].info.training, again.held["bank/CVK"].info.ceremony) == (False, "CFKS1")


def test_one_to_eight_ways_in(random: Random) -> None:
    key = Secret(random(32))
    slot = WordSlot.make(key, WORD, random, CHEAP)
    for count in (1, 8):
        assert decode_slots(encode_slots((slot,) * count))[0] == (slot,) * count
    for count in (0, 9):
        with pytest.raises(KeyFault):
            encode_slots((slot,) * count)
        with pytest.raises(FileRefused):
            decode_slots(bytes((count,)) + encode_slots((slot,))[1:])


def test_a_slot_is_bound_to_its_salt_and_cost(random: Random) -> None:
    key = Secret(random(32))
    slot = WordSlot.make(key, WORD, random, CHEAP)
    assert slot.open(WORD).view() == key.view()
    for changed in (replace(slot, cost=Cost(2, 8, 1)), replace(slot, salt=random(16))):
        with pytest.raises(ValueError, match="under another key"):
            changed.open(WORD)


OPENS = """
import os, sys
from cardfab.keys.sealedfile import open_file

def shown(stage):
    print(stage, flush=True)
    sys.stdin.readline()

opened = open_file(open(sys.argv[1], "rb").read(), os.urandom, word=b"word")
left = [bytes(key.value.view()) for key in opened.held.values()] if sys.argv[2] == "leave" else []
shown("open")
opened.to_bytes(os.urandom)
shown("written")
opened.wipe()
shown("wiped")
"""


def copies(process: int) -> int:
    """How often the value lies in the writable memory of a process."""
    found = 0
    with Path(f"/proc/{process}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            where, rights, *rest = line.split()
            if rights.startswith("rw") and not rest[-1].startswith("[v"):
                begin, end = (int(part, 16) for part in where.split("-"))
                memory.seek(begin)
                found += memory.read(end - begin).count(VALUE)
    return found


def scan(made: Opened, random: Random, file: Path, *, leave: bool) -> list[int]:
    """Copies of the value in a process that has the store open, has written it, has wiped it."""
    new = new_file(b"word", random, training=False, cost=CHEAP)
    new.held |= made.held
    file.write_bytes(new.to_bytes(random))
    found = []
    with subprocess.Popen(
        [sys.executable, "-c", OPENS, str(file), "leave" if leave else ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for stage in ("open", "written", "wiped"):
            assert process.stdout.readline() == f"{stage}\n"
            found.append(copies(process.pid))
            process.stdin.write("\n")
            process.stdin.flush()
    return found


@pytest.mark.proof
def test_a_value_is_in_memory_once_and_then_not_at_all(opened: Opened, random: Random, tmp_path: Path) -> None:
    assert scan(opened, random, tmp_path / "keys", leave=False) == [1, 1, 0]


def test_the_scan_finds_a_copy_that_was_left(opened: Opened, random: Random, tmp_path: Path) -> None:
    """The positive control."""
    assert scan(opened, random, tmp_path / "keys", leave=True) == [2, 2, 1]
