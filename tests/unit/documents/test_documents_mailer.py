"""The PIN mailer as bytes for a printer: everything on it but the PIN, in the printer's own font."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cardfab.documents.mailer import PinMailer, mailer_page
from cardfab.simulator.mailer import TrainingMailer

MAILER = PinMailer(
    number="R1/1",
    bank="示例银行 SAMPLE BANK",
    name="样卡",
    pan="6299990000000017",
    station="training-01",
    made_at=datetime(2026, 11, 21, 10, 42),
    specimen=False,
)


def printed(mailer: PinMailer, pin: bytes = b"271828") -> str:
    before, behind = mailer_page(mailer)
    pages: list[str] = []
    printer = TrainingMailer(pages.append)
    for at, byte in enumerate(before + pin + behind):
        assert not pages, at
        printer.receive(bytes([byte]))
    (page,) = pages
    return page


def test_a_page() -> None:
    lines = printed(MAILER).splitlines()
    assert lines[0].strip() == "密码信封 PIN MAILER"
    assert "    账号 Account: **** **** **** 0017" in lines
    assert "    密码 PIN: 271828" in lines
    assert "    R1/1  training-01  2026-11-21 10:42" in lines
    assert not any("样卡 SPECIMEN" in line for line in lines)
    assert all(len(line.encode("gb18030")) <= 80 for line in lines), "as wide as an impact printer's line"


def test_a_training_page_says_so_first() -> None:
    assert printed(replace(MAILER, specimen=True)).splitlines()[0].strip() == "*** 样卡 SPECIMEN ***"


@pytest.mark.parametrize("name", ["张𠅤", "古丽巴哈尔·阿卜力米提艾合麦提江", "a\x1b@\x0cb\r\nc"])
def test_a_name_is_never_a_command(name: str) -> None:
    page = printed(replace(MAILER, name=name))
    assert f"持卡人 Holder: {''.join(one for one in name if one.isprintable())}\n" in page


def test_its_repr_shows_nobody() -> None:
    assert "6299990000000017" not in repr(MAILER)
    assert "样卡" not in repr(MAILER)


def test_half_a_page_is_thrown_away() -> None:
    pages: list[str] = []
    printer = TrainingMailer(pages.append)
    printer.receive(mailer_page(MAILER)[0])
    printer.hang_up()
    printer.receive(b"\x0c")
    assert pages == [""]
