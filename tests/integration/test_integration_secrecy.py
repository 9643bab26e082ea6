"""No key, no PIN and no number of a person where it does not belong: plans, traces, books, errors, files at rest."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli import issuing
from cardfab.crypto import Algorithm
from cardfab.crypto.derive import emv_cps, emv_option_a, ss_diversify, ss_factors
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.printer import Fault
from cardfab.station.vault import open_request
from tests.integration.conftest import APPROVED, PLAIN, RARE, SERIALS, UNAPPROVED, URGENT, World

OTHER = next(iter(RARE))
PERSONS = (PLAIN, OTHER, "R2026112100007")

SS = ("IRK", "STK", "UKSSSE", "BK", "PUK", "RKSSSE")
DF01 = ("STK", "UK1", "UK2", "UK3", "UK4", "UK5", "RK1")
LABELS = [*(f"ss/{name}" for name in SS), *(f"ss/DF01/{name}" for name in DF01), "ss/MK/SSSE", "ss/MK/DF01"]
BANK = ("bank/KMC", "bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")


def root(label: str) -> bytes:
    """The published rule, written out once more."""
    return hashlib.sha256(b"cardfab training key, not secret: " + label.encode()).digest()[:16]


def keys_of(chip: TrainingChip, pan: str) -> set[bytes]:
    """Every key that has to do with one card: roots, the steps between, the card's own, whole and by halves."""
    historical = chip.atr[4:]
    found = {root(label) for label in (*LABELS, *BANK)}
    for region in ("440199", "110199", "650199", "330199", "320199", "510199"):
        for label in LABELS:
            key = root(label)
            for factor in ss_factors(region, historical):
                key = ss_diversify(Algorithm.TDES, key, factor)
                found.add(key)
    key_data = bytes.fromhex("FFFFFF629999") + historical[9:13]
    found |= {emv_cps(root("bank/KMC"), key_data, index) for index in (1, 2, 3)}
    found |= {emv_option_a(root(label), pan, psn) for label in BANK[1:] for psn in ("00", "01")}
    return found | {half for key in found for half in (key[:8], key[8:])}


def card_secrets(chip: TrainingChip) -> dict[str, bytes]:
    """White box: the secret groupings as they lie on a finished chip."""
    stored = chip.memory.under("debit/dgi/")
    return {dgi: stored[dgi] for dgi in ("8000", "8010") if dgi in stored}


def bcd(digits: str) -> bytes:
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def spellings(request: IssuanceRequest, card: PreparedCard) -> dict[str, list[bytes]]:
    """What of a person must not lie about, in every spelling a file could hold it."""
    texts = {"number": request.social_security_number, "name": request.name, "PAN": card.pan,
             "address": request.household_address, "phone": request.phone}  # fmt: skip
    found = {what: [text.encode(code) for code in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")]
             for what, text in texts.items()}  # fmt: skip
    found["name"].append(request.name.encode("unicode_escape"))
    found["PAN"].append(bcd(card.pan))
    for what in found:
        found[what] += [raw.hex().encode() for raw in list(found[what])] + [
            raw.hex().upper().encode() for raw in found[what]
        ]
    if request.photo is not None:
        middle = len(request.photo) // 2
        found["photo"] = [request.photo[middle : middle + 48]]
    return found


def held(data: bytes, found: dict[str, list[bytes]]) -> list[str]:
    return [what for what, spelled in found.items() if any(raw in data for raw in spelled)]


def people(world: World, requests: tuple[str, ...] = PERSONS) -> Iterator[dict[str, list[bytes]]]:
    for request in requests:
        yield spellings(*world.prepared(request))


@pytest.mark.proof
@pytest.mark.shows("plan show prints every APDU in words and bytes, secrets named, not shown (proof)")
def test_a_plan_shows_no_key_and_no_pin(world: World) -> None:
    before = {words: world.cli(*words) for words in (
        ("plan", "show", PLAIN), ("plan", "show", PLAIN, "--json"), ("plan", "run", PLAIN, "--dry-run"),
        ("plan", "show", PLAIN, "--lang", "zh"),
    )}  # fmt: skip
    assert world.cli("issue", PLAIN).exit == 0
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    _, card = world.prepared(PLAIN)
    secrets = card_secrets(chip)
    assert set(secrets) == {"8000", "8010"}, "the chip has its keys and its PIN"
    keys = keys_of(chip, card.pan)
    assert {secrets["8000"][at : at + 16] for at in (0, 16, 32)} <= keys, "these are the keys that are looked for"
    pin = secrets["8010"].hex().upper()
    for words, said in before.items():
        assert said.exit == 0
        text = said.out.upper()
        shown = re.sub(r"[^0-9A-F]", "", text)
        for key in keys:
            assert key.hex().upper() not in text, words
            assert key.hex().upper() not in shown, words
        assert pin not in shown
        assert "PROOF OF SS/UKSSSE" in text
        assert "UNDER S-DEK" in text
        assert "FIRST PIN" in text


@pytest.mark.proof
def test_D1_the_sealed_card_holds_no_key_in_the_clear(world: World) -> None:
    """Not even inside the seal: a prepared card carries its secrets as ciphertext."""
    assert world.cli("issue", PLAIN).exit == 0
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    _, card = world.prepared(PLAIN)
    plain = card.to_json_bytes()
    for key in keys_of(chip, card.pan):
        assert key.hex().encode() not in plain
        assert key not in plain
    assert card_secrets(chip)["8010"].hex().encode() not in plain


@pytest.mark.proof
@pytest.mark.shows("a trace masks PIN, keys, PAN, track 2 and identity data (proof)")
def test_D4_a_trace_masks_what_is_secret(world: World, tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    assert world.cli("issue", OTHER, "--trace", trace).exit == 0
    text = trace.read_bytes()
    assert text.startswith(b"# cardfab trace 1\n")
    assert text.count(b"> 00DC") == 26
    assert b"**" in text
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    request, card = world.prepared(OTHER)
    packed = re.sub(rb"[^0-9A-Fa-f]", b"", text)
    for data in (text, packed):
        assert held(data, spellings(request, card)) == []
        for key in keys_of(chip, card.pan):
            assert key.hex().upper().encode() not in data
        assert card_secrets(chip)["8010"].hex().upper().encode() not in data
    track2 = (card.pan + "D").encode()
    assert track2 not in text
    assert request.birth_date.strftime("%Y%m%d").encode() not in packed


@pytest.mark.proof
@pytest.mark.shows("personal data at rest is sealed: no number, name, photo or PAN in any file of the station (proof)")
def test_D1_the_station_at_rest_holds_no_personal_data(new_world: Callable[..., World], tmp_path: Path) -> None:
    world = new_world(make_blank(serial=next(SERIALS), wrong_update_key=True))
    assert world.cli("issue", PLAIN).exit == 4
    assert world.cli("issue", PLAIN).exit == 0
    assert world.rig is not None
    world.rig.reader.cut_power_after(30)
    assert world.cli("issue", OTHER).exit == 9
    assert world.cli("job", "resolve").exit == 0
    assert world.typed(world.holder(URGENT), "temporary", "issue", URGENT, "--out", tmp_path).exit == 0
    assert world.cli("audit", "export", tmp_path / "export.txt").exit == 0
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    looked_for = list(people(world, APPROVED))
    with world.desk() as desk, desk.database.reading() as tx:
        for number in tx.requests.ids():
            if number == UNAPPROVED:
                request = open_request(desk.keys, tx.requests.get(number))
                looked_for.append({"number": [request.social_security_number.encode()]})
    for file in (*files, tmp_path / "export.txt"):
        data = file.read_bytes()
        for person in looked_for:
            assert held(data, person) == [], file.name
        assert b"\xff\xd8\xff\xe0" not in data, f"{file.name}: a JPEG"


@pytest.mark.proof
def test_D4_the_books_name_nobody(new_world: Callable[..., World]) -> None:
    """Job list and history, stock, audit, temporary cards: none needs the person."""
    world = new_world(make_blank(serial=next(SERIALS), wrong_update_key=True))
    assert world.rig is not None
    said = [world.cli("issue", PLAIN), world.cli("issue", PLAIN)]
    world.rig.printer.inject(Fault.RIBBON_END, on="Dbc")
    said += [world.cli("issue", OTHER), world.cli("job", "resolve"), world.cli("job", "resolve", OTHER, "--spoil")]
    for words in (
        ("job", "list"), ("job", "show", PLAIN), ("job", "show", OTHER), ("request", "list"), ("stock", "report"),
        ("audit", "show", "--last", "500"), ("keys", "list"), ("config", "show", "--origin"), ("doctor",),
    ):  # fmt: skip
        said += [world.cli(*words), world.cli(*words, "--json"), world.cli(*words, "--lang", "zh")]
    text = "".join(one.text for one in said).encode()
    assert text.count(b"SPOILED") > 2
    for person in people(world, (PLAIN, OTHER)):
        assert held(text, person) == []


@pytest.mark.proof
def test_D2_a_request_is_shown_with_its_number_masked(station: World) -> None:
    request, card = station.prepared(PLAIN)
    for words in (("request", "show", PLAIN), ("request", "show", PLAIN, "--json")):
        text = station.cli(*words).text
        assert request.name in text
        assert request.social_security_number not in text
        assert card.pan not in text
        assert request.phone not in text


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.proof
@pytest.mark.parametrize("fault", ["wrong key", "power", "read back", "printer", "swapped"])
def test_D4_no_exception_quotes_a_person_or_a_key(
    fault: str, new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(make_blank(serial=next(SERIALS), wrong_update_key=fault == "wrong key"))
    assert world.rig is not None
    rig, transmit = world.rig, world.rig.reader._transmit

    def broken(card: Any, apdu: bytes) -> bytes:
        answer = transmit(card, apdu)
        if fault == "read back" and apdu[:2] == b"\x00\xb2" and len(answer) > 20:
            return bytes([answer[0]]) + bytes(len(answer) - 3) + b"\x90\x00"
        if fault == "swapped" and apdu[:4] == b"\x00\xb2\x07\x2c":
            return answer[:2] + b"T7654321X\x90\x00"
        return answer

    rig.reader._transmit = broken  # type: ignore[method-assign]
    if fault == "power":
        rig.reader.cut_power_after(50)
    if fault == "printer":
        rig.printer.inject(Fault.JAM, on="Dbc", skip=2)
    caught: list[BaseException] = []
    issue = vars(issuing)["issue"]

    def watched(*arguments: Any, **more: Any) -> Any:
        try:
            return issue(*arguments, **more)
        except BaseException as error:
            caught.append(error)
            raise

    monkeypatch.setattr(issuing, "issue", watched)
    assert world.cli("issue", PLAIN).exit in (4, 9)
    (error,) = caught
    text = "".join(
        f"{one!r} {one} {one.args} {one.__notes__ if hasattr(one, '__notes__') else ''}" for one in chain(error)
    )
    request, card = world.prepared(PLAIN)
    assert held(text.encode(), spellings(request, card)) == []
    packed = re.sub(r"[^0-9A-Fa-f]", "", text).upper()
    for chip in world.chips():
        assert not [key for key in keys_of(chip, card.pan) if key.hex().upper() in packed]


@pytest.mark.proof
def test_a_bug_report_holds_no_value(station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request, card = station.prepared(PLAIN)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def broken(_desk: object, ids: list[str]) -> None:
        secret = f"{request.name} {request.social_security_number} {card.pan}"
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"cannot approve {secret} of {ids}") from error

    monkeypatch.setattr("cardfab.cli.requests.approve", broken)
    said = station.cli("request", "approve", PLAIN)
    assert said.exit == 1
    assert "bug in cardfab" in said.err
    (report,) = tmp_path.glob("cardfab-report-*.txt")
    assert str(report) in said.err
    content = report.read_bytes()
    assert b"ValueError" in content
    assert b"test_integration_secrecy.py" in content
    for data in (content, said.text.encode()):
        assert held(data, spellings(request, card)) == []
        assert PLAIN.encode() not in data
    assert report.stat().st_mode & 0o077 == 0
    as_json = station.cli("request", "approve", PLAIN, "--json")
    assert as_json.exit == 1
    assert as_json.json()["exit"] == 1
