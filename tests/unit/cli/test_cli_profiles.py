"""What ``cardfab profile lint`` says of applications and of the items of a product."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.cli.main import run

REGION = 'extends = "ssc-v2"\nkind = "file-system"\nname = "region"\n\n'
PRODUCT = 'extends = "debit"\nname = "mine"\n\n'


def _lint(folder: Path, kind: str, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], Path]:
    file = folder / kind / f"{'region' if kind == 'applications' else 'mine'}.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    status = run(["--lang", "en", "profile", "lint", str(file)])
    return status, capsys.readouterr().out.splitlines(), file


@pytest.mark.proof
def test_the_packaged_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--lang", "en", "profile", "lint"]) == 0
    assert "no fault" in capsys.readouterr().out


def test_a_region_that_breaks_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = REGION + "[directories.DF02.files.EF07]\nrecords = 3\n"
    status, lines, file = _lint(tmp_path, "applications", text, capsys)
    assert status == 3
    assert f"{file}:6: EF07 keeps 3 records" in lines[0]


def test_a_region_that_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = REGION + "[directories.DF02.files.EF07]\nrecords = 9\n"
    assert _lint(tmp_path, "applications", text, capsys)[0] == 0


def test_an_extension_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = _lint(tmp_path, "applications", 'extends = "nosuch"\n', capsys)
    assert status == 3
    assert "there is no such profile" in lines[0]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('[items]\n"DF04/EF05/8F" = "3"\n', 5, "it is none of its codes"),
        ('[items]\n"DF04/EF05/8C" = "11"\n"DF04/EF05/FF" = "1"\n', 6, "the address of no item"),
        ('[items]\n"SSSE/EF06/0A" = "1"\n', 5, "it is made from sex"),
        ('files = "ssc-v1"\n\n[chip_photo]\ndpi = 300\n', 6, "has no file for the portrait"),
        ('regions = ["0"]\n', 4, "pattern"),
    ],
)
def test_a_product_with_a_value_that_is_none(
    text: str, line: int, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines, file = _lint(tmp_path, "products", PRODUCT + text, capsys)
    assert status == 3
    assert any(one.startswith(f"{file}:{line}: ") for one in lines), lines
    assert why in " ".join(lines)


def test_a_product_with_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = PRODUCT + '[items]\n"DF04/EF05/8F" = "2"\n\n[chip_photo]\ndpi = 300\n'
    assert _lint(tmp_path, "products", text, capsys)[0] == 0
