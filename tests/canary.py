"""Needles: known secrets in every spelling, looked for in files and in the memory of another process."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardfab.crypto import Algorithm
from cardfab.crypto.derive import emv_cps, emv_option_a, scp02_session, ss_diversify, ss_factors
from cardfab.simulator.chip import TrainingChip

PORTION = 1 << 20
SHORTEST = 8
"""Bytes of a spelling that is looked for: a shorter one is found by chance."""

SS = ("IRK", "STK", "UKSSSE", "BK", "PUK", "RKSSSE")
DF01 = ("STK", "UK1", "UK2", "UK3", "UK4", "UK5", "RK1")
CARD_ROOTS = (*(f"ss/{name}" for name in SS), *(f"ss/DF01/{name}" for name in DF01), "ss/MK/SSSE", "ss/MK/DF01")
BANK_ROOTS = ("bank/KMC", "bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
KEY_DATA_HEAD = bytes.fromhex("FFFFFF629999")


def spellings(raw: bytes) -> set[bytes]:
    """Raw; hex in both cases, also set apart by spaces or colons; base64 at each of its three alignments."""
    found = {raw}
    for gap in ("", " ", ":"):
        text = raw.hex(gap) if gap else raw.hex()
        found |= {text.encode(), text.upper().encode(), text.encode("utf-16-le"), text.upper().encode("utf-16-le")}
    for before in range(3):
        # The characters that this text alone decides: not the first that share bits with what is before it, nor the
        # last that share with what follows.
        text = base64.b64encode(bytes(before) + raw).decode()
        first, last = (0, 2, 3)[before], 4 * ((before + len(raw)) // 3) + (0, 1, 2)[(before + len(raw)) % 3]
        sure = text[first:last]
        found |= {sure.encode(), sure.replace("+", "-").replace("/", "_").encode()}
    return {one for one in found if len(one) >= min(SHORTEST, len(raw))}


def digits(text: str) -> set[bytes]:
    """A number: as text, in BCD as it is and filled with F behind and 0 before, and each of those by `spellings`."""
    found: set[bytes] = set()
    for one in (text.encode(), *bcd(text)):
        found |= spellings(one)
    return found | {text.encode(code) for code in ("utf-16-le", "utf-16-be", "utf-32-le")}


def bcd(text: str) -> set[bytes]:
    """Two digits a byte; an odd number of them filled with F behind, or 0 before."""
    return {bytes.fromhex(one) for one in ((text,) if len(text) % 2 == 0 else (text + "F", "0" + text))}


@dataclass
class Needles:
    """What is looked for: by name, in every spelling. All are found in one pass, by their first three bytes."""

    spelled: Mapping[str, frozenset[bytes]]

    def __post_init__(self) -> None:
        self._marked = np.zeros(1 << 16, dtype=bool)
        self._by_head: dict[int, list[tuple[bytes, str]]] = {}
        for name, spelled in self.spelled.items():
            for one in spelled:
                if len(one) < 6:
                    raise ValueError(f"{name} is too short to be looked for")
                head = int.from_bytes(one[:3], "little")
                self._marked[head & 0xFFFF] = True
                self._by_head.setdefault(head, []).append((one, name))

    @classmethod
    def of(cls, secrets: Mapping[str, bytes], numbers: Mapping[str, str] | None = None) -> Needles:
        found = {name: frozenset(spellings(raw)) for name, raw in secrets.items()}
        return cls(found | {name: frozenset(digits(text)) for name, text in (numbers or {}).items()})

    def __or__(self, other: Needles) -> Needles:
        return Needles({**self.spelled, **other.spelled})

    def within(self, data: bytes) -> dict[str, int]:
        """Which are in it, and where."""
        found: dict[str, int] = {}
        for start in range(0, len(data), PORTION):
            part = np.frombuffer(data, np.uint8, min(PORTION + 2, len(data) - start), start)
            if len(part) < 3 or not part.any():
                continue
            pairs = part[:-2] | part[1:-1].astype(np.uint16) << 8
            places = np.flatnonzero(self._marked[pairs])
            heads = pairs[places] | part[places + 2].astype(np.uint32) << 16
            for place, head in zip(places.tolist(), heads.tolist(), strict=True):
                for one, name in self._by_head.get(head, ()):
                    if name not in found and data.startswith(one, start + place):
                        found[name] = start + place
        return found


def files_under(*folders: Path) -> Iterator[Path]:
    """Every file, also hidden ones; not sockets and not what links elsewhere."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def in_files(needles: Needles, files: Iterable[Path]) -> list[tuple[str, str]]:
    """(file, needle) for all that is found."""
    return [(str(file), name) for file in files for name in needles.within(file.read_bytes())]


def in_memory(needles: Needles, pid: int) -> dict[str, str]:
    """needle -> where, in the memory that another process may write. Needs the right to look: root, or its parent."""
    found: dict[str, str] = {}
    regions = seen = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights, *_, name = (line.rstrip("\n") + " -").split(maxsplit=5)
            if not rights.startswith("rw"):
                continue
            low, high = (int(part, 16) for part in place.split("-"))
            regions += 1
            try:
                data = os.pread(memory.fileno(), high - low, low)
            except OSError:  # [vvar] and devices
                continue
            seen += len(data)
            for needle, at in needles.within(data).items():
                found.setdefault(needle, f"{name.split()[0]} +{at:x}")
    if regions < 10 or seen < 1 << 20:
        raise RuntimeError(f"only {regions} regions and {seen} bytes of the process were seen")
    return found


# -- the secrets of cards, by the published training roots -------------------------------------------------------------


def training_root(label: str) -> bytes:
    """The published rule, written out once more."""
    return hashlib.sha256(b"cardfab training key, not secret: " + label.encode()).digest()[:16]


def roots() -> dict[str, bytes]:
    """The training roots from which the cards' keys come."""
    return {f"root {label}": training_root(label) for label in (*CARD_ROOTS, *BANK_ROOTS)}


def card_keys(chip: TrainingChip, region: str) -> dict[str, bytes]:
    """Keys of one finished chip, without those above it: of the social-security side, its channel, its bank side."""
    historical = chip.memory.read("os/historical")
    name = historical[5:].hex().upper()
    found: dict[str, bytes] = {}
    for label in CARD_ROOTS:
        key = training_root(label)
        for factor in ss_factors(region, historical):
            key = ss_diversify(Algorithm.TDES, key, factor)
        found[f"{name} {label}"] = key
    for index, kind in enumerate(("ENC", "MAC", "DEK"), 1):
        key = emv_cps(training_root("bank/KMC"), KEY_DATA_HEAD + historical[9:13], index)
        found[f"{name} K{kind}"] = key
        for constant in (0x0101, 0x0102, 0x0181, 0x0182):
            for sequence in range(3):
                place = f"{name} session {constant:04X} of K{kind}, {sequence}"
                found[place] = scp02_session(key, constant, sequence.to_bytes(2, "big"))
    stored = chip.memory.under("debit/dgi/")
    for at, kind in ((0, "AC"), (16, "SMI"), (32, "SMC")):
        if "8000" in stored:  # not on a chip that refused before it
            found[f"{name} UDK {kind}"] = stored["8000"][at : at + 16]
    for dgi in ("8201", "8202", "8203", "8204", "8205"):
        if dgi in stored:
            found[f"{name} RSA {dgi}"] = stored[dgi][:48]
    halves = {f"{what}, half {n}": key[8 * n : 8 * n + 8] for what, key in found.items() if len(key) == 16
              for n in (0, 1)}  # fmt: skip
    return {**found, **halves}


def pin_block(chip: TrainingChip) -> bytes:
    """The bank application's PIN as it lies on the chip: a block of ISO 9564-1 format 2."""
    return chip.memory.under("debit/dgi/")["8010"]


def udk(label: str, pan: str, psn: str) -> bytes:
    """What the UDK of that card must be: says that the right thing is looked for."""
    return emv_option_a(training_root(label), pan, psn)
