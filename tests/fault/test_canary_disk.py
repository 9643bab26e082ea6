"""Known keys, PINs and account numbers are in no file that the program left, whatever it did and said."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.emv import pin_block
from cardfab.simulator.chip import TrainingChip
from tests.canary import Needles, files_under, in_files, roots, training_root
from tests.fault.canary_place import REQUESTS, CanaryPlace

LINE = "A canary test: planted keys, PIN and PAN are in no file and no memory"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[CanaryPlace]:
    top = tmp_path / "p"
    top.mkdir()
    found = CanaryPlace(top, ["".join(secrets.choice("0123456789") for _ in range(12)) for _ in range(8)])
    try:
        yield found
    finally:
        found.end()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CanaryPlace, list[str]]]:
    """One card is made; the ordinary tests look at the same."""
    top = tmp_path_factory.mktemp("canary") / "p"
    top.mkdir()
    found = CanaryPlace(top, ["".join(secrets.choice("0123456789") for _ in range(12))])
    try:
        found.found([1])
        found.work()
        yield found, one_card(found)
    finally:
        found.end()


def pan_of(chip: TrainingChip) -> str:
    """Tag 5A as the chip has it in its records, by its own length."""
    for value in chip.memory.under("debit/dgi/").values():
        at = value.find(b"\x5a")
        while at >= 0:
            length = value[at + 1] if at + 1 < len(value) else 0
            digits = value[at + 2 : at + 2 + length].hex().rstrip("f")
            if 8 <= length <= 10 and 16 <= len(digits) <= 19 and digits.isdigit():
                return digits
            at = value.find(b"\x5a", at + 1)
    raise ValueError("this chip has no account number")


def everything(place: CanaryPlace) -> Needles:
    """Keys, PINs and account numbers of the cards that are finished, and the roots above them."""
    finished = [chip for chip in place.chips() if "8010" in chip.memory.under("debit/dgi/")]
    assert finished, "no card was made"
    pans = {f"PAN {n}": pan_of(chip) for n, chip in enumerate(finished)}
    pad = training_root("bank/ZPK")
    blocks = {f"block of the pad, {name}, PIN {n}": encrypt_ecb(Algorithm.TDES, pad, pin_block(0, pin, pan=pan))
              for name, pan in pans.items() for n, pin in enumerate(place.pins)}  # fmt: skip
    return place.secrets() | Needles.of(roots() | blocks, pans)


def nothing_found(place: CanaryPlace) -> list[Path]:
    """Every file, and every word that was said, is free of them; the files that were looked at."""
    said = place.top / "said.txt"
    said.write_text("".join(one.text for one in place.said), encoding="utf-8")
    # A simulated chip's file is the chip itself. The demo shows its training cards whole: plan and read-back.
    files = [file for file in files_under(place.top) if file.suffix != ".card"]
    shown = ("plan.txt", "read-back.txt")
    found = in_files(everything(place), files)
    assert [one for one in found if not (one[1].startswith("PAN ") and Path(one[0]).name in shown)] == []
    return files


def planted(place: CanaryPlace, files: list[Path]) -> None:
    """A needle put into a copy of a file of each kind, in one spelling after another, is found."""
    needles = everything(place)
    name = next(one for one in needles.spelled if one.endswith("UDK AC, half 0"))
    raw = min(needles.spelled[name], key=len)
    forms = (raw, raw.hex().encode(), raw.hex(" ").upper().encode(), *(
        base64.b64encode(b"x" * n + raw + b"y" * (2 - n)) for n in range(3)))  # fmt: skip
    kinds = {file.suffix: file for file in files if file.stat().st_size > 200}
    assert {".db", ".pdf", ".txt", ".toml"} <= set(kinds), sorted(kinds)
    for file in kinds.values():
        for form in forms:
            content = file.read_bytes()
            middle = len(content) // 2
            assert name in needles.within(content[:middle] + form + content[middle:]), file.name


def one_card(place: CanaryPlace) -> list[str]:
    """A card is made with its trace kept, and what goes with it; the requests that may have a card."""
    place.run("request", "import", REQUESTS, by=place.worker)
    place.run("stock", "receive", "training-ssc2", "9", by=place.worker)
    listed = json.loads(place.run("--json", "request", "list", by=place.worker).out)["items"]
    ids = [str(one["id"]) for one in listed]
    made = place.top / "made"
    place.run("request", "approve", ids[0], by=place.worker)
    place.run("issue", ids[0], *place.devices(), "--trace", made / "trace.txt", by=place.worker)
    place.run("audit", "export", made / "export.txt", by=place.worker)
    for words in (("job", "list"), ("request", "list"), ("audit", "show", "--last", "200"), ("keys", "list"),
                  ("request", "show", ids[0]), ("job", "show", ids[0])):  # fmt: skip
        place.run(*words, by=place.worker)
        place.run("--json", *words, by=place.worker)
    return ids


def errors(place: CanaryPlace, ids: list[str]) -> None:
    """An error of each kind; each exits as its kind does."""
    made = place.top / "made"
    bad = made / "bad.csv"
    bad.write_text("request_id\nR1\n", encoding="utf-8")
    found = {
        place.run("request", "import", bad, status=None, by=place.worker).exit,
        place.run("issue", "R0000000000000", *place.devices(), status=None, by=place.worker).exit,
        place.run("keys", "kcv", "bank/NONE", status=None, by=place.worker).exit,
        place.run("keys", "export", "bank/IMK-AC", "--under", "bank/KMC", status=None, by=place.worker).exit,
        place.run("issue", ids[0], "--reader", "tcp://127.0.0.1:1", "--printer", "socket://127.0.0.1:1",
                  status=None, by=place.worker).exit,
        place.run("audit", "verify", bad, "--trust", bad, status=None, by=place.worker).exit,
    }  # fmt: skip
    assert 0 not in found
    assert len(found) > 2, found


@pytest.mark.proof
@pytest.mark.shows(f"{LINE} (proof)")
def test_D1_one_card_leaves_nothing_in_the_clear(one: tuple[CanaryPlace, list[str]]) -> None:
    """PCI CP-L 4.2: secret data is encrypted wherever it is stored, and on its way to the printer's files and logs."""
    place, ids = one
    errors(place, ids)
    temporary = ("temporary", "verify", place.top / "made" / "none.pdf")
    place.run(*temporary, status=None, by=place.worker)
    files = nothing_found(place)
    assert {"station.db", "trace.txt", "export.txt", "said.txt"} <= {file.name for file in files}
    needles = everything(place)
    [pan] = [name for name in needles.spelled if name.startswith("PAN")]
    control = place.top / "made" / "control.db"
    control.write_bytes(b"\x00" * 300 + max(needles.spelled[pan], key=len))
    assert in_files(needles, [control]) == [(str(control), pan)]


@pytest.mark.proof
@pytest.mark.shows(f"{LINE} (proof)")
def test_D4_no_pin_block_in_any_journal_of_everything_that_is_done(place: CanaryPlace) -> None:
    """PCI PIN 4: nor enciphered. The demo, three cards over a key service, killed, broken, and the benchmarks."""
    place.found([1, 2, 3, 4, 5], wrong=[2])
    place.serve()
    place.work()
    ids = one_card(place)
    errors(place, ids)
    made = place.top / "made"
    ended = []
    for one, fault in ((ids[1], ""), (ids[2], "jam:Dbc")):
        if fault:
            assert place.rig.ask(f"arm {fault}") == "ok\n"
        place.run("request", "approve", one, by=place.worker)
        ended.append(place.run("issue", one, *place.devices(), status=None, by=place.worker).exit)
        place.run("job", "resolve", one, *place.devices(), status=None, by=place.worker)
    assert ended == [4, 9], "a chip refused a key; a card jammed"
    os.kill(place.key_worker(), signal.SIGKILL)
    place.ready(times=2)
    place.run("keys", "list", by=place.worker)
    place.run("demo", "--out", made / "demo", "--count", "3")
    place.run("bench", "dataprep", "--count", "2")
    place.run("bench", "apdu", "--count", "20")
    place.run("bench", "keys", "--count", "20", "--rounds", "1", "--people", "20")
    os.kill(place.worker.pid, signal.SIGKILL)
    files = nothing_found(place)
    planted(place, files)


@pytest.mark.proof
@pytest.mark.shows("PAN at most first 6 and last 4 in what every command says (proof)")
def test_D2_account_numbers_are_masked_where_they_are_said(one: tuple[CanaryPlace, list[str]]) -> None:
    """PCI CP-L 4.3."""
    place, ids = one
    [chip] = place.chips()
    pan = pan_of(chip)
    said = "".join(one.text for one in place.said)
    assert pan not in said
    for length in range(11, len(pan)):
        assert pan[:length] not in said
    for length in range(7, len(pan)):
        assert pan[-length:] not in said
    assert pan[-4:] in place.run("plan", "show", ids[0], by=place.worker).text + said
