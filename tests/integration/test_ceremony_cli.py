"""``cardfab keys ceremony`` as people meet it: rehearsed, refused where it may not be, its record checked."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cardfab.cli import ceremony, ceremonyroom
from cardfab.cli.output import Talk
from cardfab.store import Database
from tests.ceremonies import Script
from tests.integration.conftest import Said, World, cardfab

pytestmark = pytest.mark.proof

A = "0123456789ABCDEFFEDCBA9876543210"
B = "11112222333344445555666677778888"
TWO = ("--custodian", "custodian", "--custodian", "custodian-2")
WHOLE = {
    "generate": ["yes"],
    "enter": ["", A, "", "", B, "", ""],
    "export": ["yes", "S-1", "yes", "", "yes", "S-2"],
    "send": ["courier A", "courier B"],
    "receive": ["T1", "T2", "T1", "yes", "T2", "no", "bank/ZPK"],
    "destroy": ["bank/ZPK", "bank/ZPK", "yes"],
}
KEPT = ("ceremony", "ceremony_step", "component_held", "component_package")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Script:
    """What the people will answer; each test fills it."""
    script = Script([])

    def opened(talk: Talk, *, piped: bool) -> object:
        return script.dialog(talk.language)

    monkeypatch.setattr(ceremony, "open_dialog", opened)
    return script


def rows(world: World) -> int:
    database = Database(world.folder / "station.db")
    try:
        with database._engine.connect() as connection:
            return sum(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in KEPT)  # noqa: S608
    finally:
        database.close()


def keys_digest(world: World) -> bytes:
    return hashlib.sha256((world.folder / "training.keys").read_bytes()).digest()


def rehearse(world: World, kind: str, *more: str) -> Said:
    witness = ("--witness", "auditor") if kind == "destroy" else ()
    return world.cli("keys", "ceremony", "rehearse", kind, *TWO, *witness, "--json", *more)


@pytest.mark.parametrize("kind", list(WHOLE))
def test_a_rehearsal_goes_to_its_end_and_leaves_nothing_but_its_record(
    station: World, answer: Script, kind: str
) -> None:
    before = keys_digest(station)
    answer.answers = list(WHOLE[kind])
    said = rehearse(station, kind)
    assert said.exit == 0, said.err
    assert answer.answers == []
    value = said.json()
    assert (value["outcome"], value["rehearsal"]) == ("closed", True)
    assert keys_digest(station) == before
    assert rows(station) == 0
    assert "REHEARSAL" in answer.text
    record = json.loads(Path(value["json"]).read_bytes())
    assert record["record"]["rehearsal"] is True
    assert record["record"]["id"].startswith("R")
    for name in ("json", "pdf"):
        assert cardfab("keys", "ceremony", "verify", value[name]).exit == 0
    assert A not in Path(value["json"]).read_text("utf-8") + said.text
    events = station.cli("audit", "show", "--json").json()["items"]
    assert [event["details"]["kind"] for event in events if event["action"] == "key.rehearsal"] == [kind]


def test_a_rehearsal_that_breaks_off_has_a_record_that_says_so(station: World, answer: Script) -> None:
    answer.answers = ["", A, None]
    said = rehearse(station, "enter")
    assert said.exit == 130
    (file,) = (station.folder / "ceremonies").glob("*.json")
    assert json.loads(file.read_bytes())["record"]["outcome"] == "interrupted"
    assert rows(station) == 0


def test_the_talk_is_in_both_languages(station: World, answer: Script) -> None:
    answer.answers = list(WHOLE["enter"])
    assert station.cli("--lang", "zh", "keys", "ceremony", "rehearse", "enter", *TWO).exit == 0
    assert "演练" in answer.text
    assert not re.search(r"[a-z]{4,} [a-z]{4,}", answer.text.replace("bank/ZPK", ""))


@pytest.mark.parametrize("kind", ["generate", "enter", "export", "destroy"])
def test_K5_a_training_station_is_told_to_rehearse(station: World, answer: Script, kind: str) -> None:
    said = station.cli("keys", "ceremony", kind, "bank/ZPK", *TWO, "--witness", "auditor")
    assert said.exit == 6
    assert "CF-6531" in said.err
    assert "ceremony rehearse" in said.err
    assert answer.said == []


@pytest.mark.parametrize(
    ("keystore", "host", "up", "code"),
    [("", "none", "", "CF-6532"), ("ceremony_room = true", "tcp://10.0.0.1:7000", "", "CF-6533"),
     ("ceremony_room = true", "none", "eth0", "CF-6534")],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["enter", "export"])
def test_K5_clear_components_are_refused_in_production_and_on_a_network(
    station: World, answer: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    kind: str, keystore: str, host: str, up: str, code: str,
) -> None:  # fmt: skip
    text = station.config.read_text("utf-8").replace("training = true", "training = false")
    text = text.replace("[keystore]", f"[keystore]\n{keystore}").replace('host = "simulated"', f'host = "{host}"')
    station.config.write_text(text, encoding="utf-8")
    monkeypatch.setattr(ceremonyroom, "INTERFACES", tmp_path / "net")
    (tmp_path / "net").mkdir()
    if up:
        (tmp_path / "net" / up).mkdir()
        (tmp_path / "net" / up / "flags").write_text("0x1003\n", encoding="ascii")
    said = station.cli("keys", "ceremony", kind, "bank/ZPK", *TWO)
    assert said.exit == 6
    assert code in said.err
    assert answer.said == []


def test_K6_components_are_not_printed_over_a_network(station: World) -> None:
    with (
        pytest.raises(ceremonyroom.NotARoom) as refused,
        ceremonyroom.blind_printer(Talk(), "socket://10.0.0.1:9100", rehearsal=False),
    ):
        pass
    assert refused.value.code == "CF-6535"


def test_show_verify_and_trust(station: World, answer: Script, tmp_path: Path) -> None:
    answer.answers = list(WHOLE["generate"])
    value = rehearse(station, "generate", "--out", str(tmp_path)).json()
    public = cardfab("keys", "ceremony", "verify", value["json"], "--json").json()["public"]
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(public + "\n", encoding="ascii")
    wrong.write_text(public[:-2] + "00\n", encoding="ascii")
    for file in (value["json"], value["pdf"]):
        assert cardfab("keys", "ceremony", "verify", file, "--trust", right).exit == 0
        assert cardfab("keys", "ceremony", "verify", file, "--trust", wrong).exit == 3
        data = bytearray(Path(file).read_bytes())
        data[len(data) // 2] ^= 1
        changed = tmp_path / "changed"
        changed.write_bytes(data)
        assert cardfab("keys", "ceremony", "verify", changed).exit == 3
    assert station.cli("keys", "ceremony", "show").exit == 0
    assert station.cli("keys", "ceremony", "show", "C20261121-000000").exit == 3


def _read_until(fd: int, words: str, heard: list[str]) -> None:
    until = time.monotonic() + 60
    while words not in "".join(heard).rpartition("\x00")[2]:
        if time.monotonic() > until or not select.select([fd], [], [], 60)[0]:
            raise AssertionError("".join(heard))
        heard.append(os.read(fd, 4096).decode("utf-8", "replace"))
    heard.append("\x00")


def test_what_is_typed_as_a_component_does_not_come_back_on_the_terminal(station: World) -> None:
    """At a real terminal (a pty): serials are echoed, components are not."""
    master, slave = pty.openpty()
    program = "import sys; from cardfab.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "--config", str(station.config), "keys", "ceremony", "rehearse", "enter"]
    process = subprocess.Popen([*command, *TWO], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    heard: list[str] = []
    try:
        for component in (A, B):
            _read_until(master, "came in none): ", heard)
            os.write(master, b"\n")
            _read_until(master, "unseen: ", heard)
            os.write(master, component.encode() + b"\n")
            _read_until(master, "(empty: none): ", heard)
            os.write(master, b"\n")
        _read_until(master, "(empty: none): ", heard)
        os.write(master, b"  \n")
        _read_until(master, ".pdf", heard)
    finally:
        os.close(master)
        try:
            process.wait(30)
        finally:
            process.kill()
    text = "".join(heard)
    assert process.returncode == 0
    assert A not in text
    assert B not in text
    assert "08D7B4" in text
