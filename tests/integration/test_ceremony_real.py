"""A station that is not for training, from nothing: its people, its ceremonies, its keys. Only by the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from cardfab.cli import ceremony, ceremonyroom
from cardfab.cli.output import Talk
from cardfab.crypto import password
from cardfab.keys import sealedfile
from cardfab.keys.openings import Cost
from cardfab.station import ceremony as sitting
from tests.ceremonies import Script
from tests.integration.conftest import Said, cardfab

pytestmark = pytest.mark.proof

A = "A7C3456789ABCDEFFEDCBA9876543210"
B = "11112222333344445555666677778889"
STORE = "a lantern over grey water"
PEOPLE = {"aud": "auditor", "cust-a": "key-custodian", "cust-b": "key-custodian", "cust-c": "key-custodian"}
TWO = ("--custodian", "cust-a", "--custodian", "cust-b")


def first(login: str) -> str:
    return f"once upon a bridge for {login[-1]}7"


def own(login: str) -> str:
    return f"seven blue herons with {login[-1]}9"


@dataclass
class Real:
    """The station, the words that are asked for through a descriptor, and what people answer in a ceremony."""

    folder: Path
    script: Script
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str | Path, words: tuple[str, ...] = (), store: tuple[str, ...] = (STORE,)) -> Said:
        hear, say = os.pipe()
        os.write(say, "".join(f"{word}\n" for word in words).encode())
        os.close(say)
        self.monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in store)))
        try:
            return cardfab("--config", self.folder / "cardfab.toml", "--password-fd", str(hear), *arguments)
        finally:
            os.close(hear)

    def login(self, who: str) -> None:
        assert self("user", "login", who, words=(own(who),)).exit == 0

    def hold(self, kind: str, label: str, answers: list[str | None], *more: str, store: int = 1) -> Said:
        self.script.answers = answers
        return self(
            "keys", "ceremony", kind, label, *TWO, *more, "--json", words=(own("cust-a"), own("cust-b")),
            store=(STORE,) * store,
        )  # fmt: skip


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The room that the others are copies of: its people, and its own first keys by ceremonies."""
    with pytest.MonkeyPatch.context() as patched:
        at = room(tmp_path_factory.mktemp("real"), patched)
        found(at)
    return at.folder


@pytest.fixture
def real(founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    """A copy of the room; Argon2 and the network are the test's."""
    at = room(tmp_path, monkeypatch)
    shutil.copytree(founded, at.folder)
    return at


def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    monkeypatch.setattr(sealedfile, "COST", Cost(1, 8, 1))
    monkeypatch.setattr(password, "_KIB", 64)
    monkeypatch.setattr(ceremonyroom, "INTERFACES", tmp_path / "net")
    (tmp_path / "net").mkdir()
    script = Script([])

    def opened(talk: Talk, *, piped: bool) -> object:
        return script.dialog(talk.language)

    monkeypatch.setattr(ceremony, "open_dialog", opened)
    return Real(tmp_path / "room", script, monkeypatch)


def found(at: Real) -> None:
    assert at("init", at.folder, "--real", "--ceremony-room", words=(STORE,)).exit == 0
    assert at("user", "add", "boss", "Head Person", "administrator", words=(own("boss"),)).exit == 0
    at.login("boss")
    alone = at("user", "add", "cust-a", "Person", "key-custodian", words=(first("cust-a"),))
    assert (alone.exit, "CF-7901" in alone.err) == (7, True)
    for number, (login, role) in enumerate(PEOPLE.items()):
        vouched = () if role == "auditor" else ("--second", "aud")
        typed = (*(own("aud") for _ in vouched[:1]), first(login))
        at.login("boss")
        assert at("user", "add", login, f"Person {number}", role, *vouched, words=typed).exit == 0
        assert at("user", "login", login, words=(first(login), own(login))).exit == 0
    at.login("cust-a")
    said = at.hold("generate", "station/documents", ["yes"], store=2)
    assert said.exit == 0, said.err
    assert at.hold("generate", "station/audit", ["yes"]).exit == 0


def listed(real: Real) -> dict[str, dict[str, object]]:
    return {one["label"]: one for one in real("keys", "list", "--json").json()["items"]}


def test_a_key_comes_in_by_components_and_its_record_stands_without_the_station(real: Real, tmp_path: Path) -> None:
    public = real("keys", "ceremony", "show", "--json").json()["items"][0]["kcv"]
    value = real.hold("enter", "bank/ZPK", ["", A, "", "", B, "", ""]).json()
    summed = bytes(a ^ b for a, b in zip(bytes.fromhex(A), bytes.fromhex(B), strict=True))
    cipher = Cipher(TripleDES(summed + summed[:8]), modes.ECB()).encryptor()  # noqa: S305 - as a check value is made
    assert value["kcv"] == cipher.update(bytes(8))[:3].hex().upper()
    key = listed(real)["bank/ZPK"]
    assert (key["training"], key["ceremony"], key["kcv"]) == (False, value["ceremony"], value["kcv"])
    steps = json.loads(Path(value["json"]).read_bytes())["record"]["steps"]
    assert [(one["event"], one["people"]) for one in steps if one["event"] == "enter"] == [
        ("enter", ["cust-a", "cust-b"]), ("enter", ["cust-b", "cust-a"]),
    ]  # fmt: skip
    checked = cardfab("keys", "ceremony", "verify", value["json"], "--json").json()
    trust = tmp_path / "trust"
    trust.write_text(checked["public"], encoding="ascii")
    assert bytes.fromhex(checked["public"])[1:5].hex().upper() == public  # the record is signed with that very key
    for file in (value["json"], value["pdf"]):
        assert cardfab("keys", "ceremony", "verify", file, "--trust", trust).exit == 0
    for file in real.folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert not any(bytes.fromhex(one) in data or one.encode() in data for one in (A, B, summed.hex()))
    assert all(one.stat().st_mode & 0o77 == 0 for one in real.folder.glob("station.keys*"))


def test_K17_who_held_a_component_holds_no_other_of_that_key(real: Real) -> None:
    """Also where it was typed and broken off before its check value was compared."""
    assert real.hold("enter", "bank/ZPK", ["", A, None]).exit == 130
    assert "bank/ZPK" not in listed(real)
    real.script.answers = []
    turned = ("--custodian", "cust-b", "--custodian", "cust-a")
    said = real("keys", "ceremony", "enter", "bank/ZPK", *turned, words=(own("cust-b"), own("cust-a")))
    assert (said.exit, "CF-6511" in said.err) == (6, True)
    assert real.hold("enter", "bank/ZPK", ["", A, "", "", B, "", ""]).exit == 0  # each their own again


def test_no_key_comes_in_beside_a_ceremony(real: Real) -> None:
    made = real.hold("generate", "bank/KBPK", ["yes"], "--algorithm", "AES-256", "--usage", "KEY_BLOCK").json()
    make = ("keys", "generate", "bank/CVK", "--algorithm", "3DES", "--usage", "CVN", "--second", "cust-b")
    for ceremony_id, status, code in (("", 6, "CF-6256"), ("made-up", 3, "CF-3913"), (made["ceremony"], 6, "CF-6276")):
        said = real(*make, "--ceremony", ceremony_id, words=(own("cust-b"),))
        assert (said.exit, code in said.err) == (status, True), said.err
    said = real("keys", "rotate", "bank/KBPK", "--second", "cust-b", "--ceremony", "made-up", words=(own("cust-b"),))
    assert (said.exit, "CF-3913" in said.err) == (3, True)
    said = real("keys", "retire", "bank/KBPK")
    assert (said.exit, "CF-6275" in said.err) == (6, True)
    said = real("keys", "retire", "bank/KBPK", "--second", "cust-a")
    assert (said.exit, "CF-7402" in said.err) == (7, True)
    assert "bank/CVK" not in listed(real)
    again = real.hold("generate", "bank/KBPK", ["yes"], "--algorithm", "AES-256", "--usage", "KEY_BLOCK").json()
    there = listed(real)
    assert (there["bank/KBPK"]["version"], there["bank/KBPK"]["ceremony"]) == (2, again["ceremony"])
    assert (there["bank/KBPK@1"]["state"], there["bank/KBPK@1"]["ceremony"]) == ("retired", made["ceremony"])


def test_settings_that_say_training_do_not_open_real_keys(real: Real) -> None:
    file = real.folder / "cardfab.toml"
    file.write_text(file.read_text("utf-8").replace("training = false", "training = true"), encoding="utf-8")
    said = real("keys", "list")
    assert (said.exit, "CF-2109" in said.err) == (2, True)


def test_shares_open_it_each_under_a_word_that_is_no_login_password(real: Real) -> None:
    words = {login: f"a share of {login}" for login in ("cust-a", "cust-b", "cust-c")}
    holders = [word for login in words for word in ("--holder", login)]
    make = ("keys", "shares", "make", "--threshold", "2", *holders, "--out", real.folder / "s", "--second", "cust-b")
    files = real(*make, "--json", words=(own("cust-b"), *words.values())).json()["files"]
    typed = real("keys", "kcv", "station/audit")  # the store's word, where a share is asked for
    assert (typed.exit, STORE in typed.text) == (3, False)
    shares = (files[0], files[1])
    real.script.answers = ["yes"]
    said = real(
        "keys", "ceremony", "generate", "bank/PVK", *TWO,
        words=(words["cust-a"], words["cust-b"], own("cust-a"), own("cust-b")), store=shares,
    )  # fmt: skip
    assert said.exit == 0, said.err


def test_K3_who_proves_again_is_asked_again(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a quarter of an hour, here at once: no password that was given before is remembered."""
    monkeypatch.setattr(sitting, "FRESH", timedelta(0))
    real.script.answers = ["yes"]
    said = real("keys", "ceremony", "generate", "bank/PVK", *TWO, words=(own("cust-a"), own("cust-b")))
    assert (said.exit, "CF-6700" in said.err) == (6, True)
    assert "bank/PVK" not in listed(real)
