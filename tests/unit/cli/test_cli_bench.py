"""The benchmark measures something and says so; whether the figures are good is for a quiet machine."""

from __future__ import annotations

import json

import pytest

from cardfab.cli import bench
from cardfab.cli.main import run

pytestmark = pytest.mark.shows("cardfab bench apdu: figures beside yubikit's in one run (test)")


def test_bench_apdu(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "apdu", "--count", "5", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    names = {figure["name"]: figure["bytes"] for figure in value["figures"]}
    assert names["cardfab SCP02 C-MAC"] == names["cardfab SCP03 C-MAC"] == 247
    assert names["cardfab SCP02 C-MAC+C-DEC"] == names["cardfab SCP03 C-MAC+C-DEC"] == 239
    assert all(figure["microseconds"] > 0 for figure in value["figures"])


def test_bench_without_yubikit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench, "_yubikit", lambda: None)
    assert run(["--lang", "en", "bench", "apdu", "--count", "1"]) == 0
    captured = capsys.readouterr()
    assert "not installed" in " ".join(captured.err.split())
    assert run(["bench", "apdu", "--reader", "tcp://x:1"]) == 2


def test_round_trips_stand_beside_bare_pyscard(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Reader:
        """Our connection and pyscard's in one."""

        def __init__(self, name: str) -> None:
            assert name == "Reader 0"
            self.bare = self

        def transmit(self, apdu: bytes | list[int]) -> object:
            assert bytes(apdu) == bytes.fromhex("0084000008")
            return bytes(8) + b"\x90\x00"

        def close(self) -> None:
            """Nothing to let go."""

    monkeypatch.setattr(bench, "PcscConnection", Reader)
    assert run(["bench", "apdu", "--count", "3", "--reader", "pcsc:Reader 0", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {"cardfab through PC/SC", "bare pyscard"} <= {figure["name"] for figure in value["figures"]}
    assert value["ratios"]["round trip beside pyscard"] > 0
