"""``cardfab card gp`` against the training chip, which reads the specification by itself, in one process."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli import gpsession
from cardfab.cli.main import run

Cardfab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cardfab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cardfab:
    """Run a command on the one chip of this test, in a folder without a station."""
    chip = gpsession._Chip()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CARDFAB_CONFIG", raising=False)
    monkeypatch.setattr(gpsession, "_Chip", lambda: chip)
    monkeypatch.setattr(chip, "close", chip.reset)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(["--lang", "en", "card", "gp", *arguments, "--reader", "simulated"])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def given(result: tuple[int, str, str]) -> Any:
    assert result[0] == 0, result[2]
    return json.loads(result[1])


def test_info_needs_no_login(cardfab: Cardfab) -> None:
    found = given(cardfab("info", "--json"))
    assert found["atr"].startswith("3B")
    assert found["protocols"]
    assert cardfab("info")[0] == 0


def test_list_says_what_it_will_try_before_it_does(cardfab: Cardfab) -> None:
    status, out, err = cardfab("list")
    assert status == 0
    assert "A000000333010101" in out
    before, _, after = err.partition("Logged in")
    words = " ".join(before.split())
    assert "'bank/KMC', diversified by: emv" in words
    assert "tries" in words
    assert after


def test_a_wrong_root_stops_before_a_try_is_spent(cardfab: Cardfab) -> None:
    status, _, err = cardfab("list", "--keys", "gp/test")
    assert status == 6
    assert "did not prove" in " ".join(err.split())
    assert cardfab("list")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--level", "all"), ("--kdf", "c"), ("--i", "xx"), ("--domain", "A0"), ("--key-version", "7E"),
        ("--key-version", "77"), ("--kdf", "KDD[0:20] i"),
    ],
)  # fmt: skip
def test_usage(cardfab: Cardfab, arguments: tuple[str, str]) -> None:
    assert cardfab("list", *arguments)[0] in (2, 3)


@pytest.mark.parametrize("level", ["c-mac", "c-dec"])
def test_new_keys_and_back(cardfab: Cardfab, level: str) -> None:
    put = given(cardfab("put-key", "--new-version", "2", "--new-keys", "gp/test", "--level", level, "--json"))
    assert (put["version"], put["checked"], put["kcv"]) == (2, True, ["8BAF47"] * 3)
    assert cardfab("list", "--keys", "gp/test", "--key-version", "2")[0] == 0
    back = cardfab(
        "put-key", "--new-version", "2", "--replaces", "2", "--new-keys", "bank/KMC", "--keys", "gp/test",
        "--key-version", "2", "--json",
    )  # fmt: skip
    given(back)
    assert cardfab("list", "--key-version", "2")[0] == 0


def test_install_and_delete(cardfab: Cardfab) -> None:
    def aids() -> list[str]:
        return [entry["aid"] for entry in given(cardfab("list", "--json"))["items"]]

    entry = next(one for one in given(cardfab("list", "--json"))["items"] if one["modules"])
    instance = "F04341524446414299"
    given(cardfab("install", entry["aid"], entry["modules"][0], instance, "--json"))
    assert instance in aids()
    given(cardfab("delete", instance, "--json"))
    assert instance not in aids()
    status, _, err = cardfab("delete", instance)
    assert status == 4
    assert "6A88" in err


def component(tag: int, body: bytes) -> bytes:
    return bytes([tag]) + len(body).to_bytes(2, "big") + body


def test_load(cardfab: Cardfab, tmp_path: Path) -> None:
    aid, applet = bytes.fromhex("F0000000010203"), bytes.fromhex("F000000001020304")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        header = bytes.fromhex("DECAFFED0102040301") + bytes([len(aid)]) + aid
        archive.writestr("x/javacard/Header.cap", component(1, header))
        archive.writestr("x/javacard/Applet.cap", component(3, b"\x01" + bytes([len(applet)]) + applet + b"\0\x08"))
        archive.writestr("x/javacard/Method.cap", component(7, bytes(1000)))
    file = tmp_path / "one.cap"
    file.write_bytes(out.getvalue())
    loaded = given(cardfab("load", str(file), "--json"))
    assert loaded == {"loaded": aid.hex().upper(), "applets": [applet.hex().upper()]}
    assert aid.hex().upper() in [entry["aid"] for entry in given(cardfab("list", "--json"))["items"]]
    file.write_bytes(b"nothing")
    assert cardfab("load", str(file))[0] == 3


def test_store_refuses_what_is_no_hex(cardfab: Cardfab, tmp_path: Path) -> None:
    file = tmp_path / "data.txt"
    for text in ("xyz", "# nothing\n"):
        file.write_text(text)
        assert cardfab("store", str(file))[0] == 3
    file.write_text("7001020304\n")
    assert cardfab("store", str(file), "--structure", "x")[0] == 2


def test_no_key_is_ever_printed(cardfab: Cardfab) -> None:
    from cardfab.keys.label import training_root

    said = ""
    for arguments in (
        ("list",),
        ("put-key", "--new-version", "3", "--new-keys", "gp/test"),
        ("list", "--keys", "gp/test", "--key-version", "3"),
    ):
        _, out, err = cardfab(*arguments)
        said += (out + err).replace(" ", "").replace("\n", "").upper()
    assert training_root("bank/KMC").hex().upper() not in said
    assert bytes(range(0x40, 0x50)).hex().upper() not in said
