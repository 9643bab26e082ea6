"""Debian's opensc-tool on our chip: it lists the reader, reads the ATR, selects and reads records.

Package opensc (``make setup-services``). It knows no driver for the card, so commands go out by the driver ``default``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import pytest

from cardfab.simulator.chip import TrainingChip, make_blank, make_card

pytestmark = [pytest.mark.service, pytest.mark.shows("opensc-tool drives our chip over PC/SC (test)")]

Insert = Callable[[TrainingChip], AbstractContextManager[str]]
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00"  # SELECT by name, sx1.sh.社会保障
SELECT_EF05, READ_VERSION, READ_FIRST = "00A4020002EF05", "00B2030406", "00B2010412"


@pytest.fixture
def tool(pcsc_service: Any) -> Callable[..., str]:
    """Runs opensc-tool in the private service and gives what it printed."""
    environment: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **pcsc_service.environment}

    def run(*arguments: str, status: int = 0) -> str:
        command = ["opensc-tool", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


def _answers(printed: str) -> list[tuple[bytes, int]]:
    """(data, status word) of every command: ``Received (SW1=0x90, SW2=0x00):``, then a dump of 16 bytes a line.

    A byte takes three columns and one more in the text behind; the text of a last line stands below that of the others.
    """
    found: list[tuple[bytes, int]] = []
    for answer in printed.split("Received (SW1=0x")[1:]:
        head, *lines = answer.partition("Sending: ")[0].splitlines()
        counts = (len(line) - 48 if len(line) > 48 else len(line) // 4 for line in lines)
        dump = "".join(line[: 3 * count] for line, count in zip(lines, counts, strict=True))
        found.append((bytes.fromhex(dump), int(head[:2] + head[10:12], 16)))
    return found


@pytest.mark.proof
def test_lists_readers_and_reads_the_atr(insert: Insert, tool: Callable[..., str]) -> None:
    chip = make_blank(serial=881)
    with insert(chip) as reader:
        assert re.search(rf"^0 +Yes +{re.escape(reader)}$", tool("--list-readers"), re.MULTILINE)
        assert bytes.fromhex(tool("--reader", reader, "--atr").strip().replace(":", "")) == chip.atr
    with insert(make_card("gp-scp03-aes128-s8", serial=882)) as reader:  # T=1, with TCK
        assert (
            tool("--reader", reader, "--atr").strip() == "3b:8d:81:31:fe:45:80:73:c0:21:c0:57:63:61:72:64:66:61:62:72"
        )


def test_selects_and_reads_records(insert: Insert, tool: Callable[..., str]) -> None:
    with insert(make_blank(serial=883)) as reader:
        sent = [word for apdu in (SSSE, SELECT_EF05, READ_VERSION, READ_FIRST) for word in ("--send-apdu", apdu)]
        (fci, selected, version, first) = _answers(tool("--reader", reader, "-c", "default", *sent))
        assert (fci[1], selected) == (0x9000, (b"", 0x9000))
        assert fci[0][:2] == b"\x6f\x1c"
        assert b"sx1.sh." + "社会保障".encode("gbk") in fci[0]
        assert version == (b"\x03\x04" + b"2.00", 0x9000)
        assert first[1] == 0x9000
        assert first[0][:5] == bytes.fromhex("0110440199")  # card identification: record 01, 16 bytes, the region
        assert first[0][-4:] == b"\xff" * 4  # a blank has no authentication code


def test_sees_the_refusals_as_they_are(insert: Insert, tool: Callable[..., str]) -> None:
    with insert(make_blank(serial=884)) as reader:
        sent = [
            word
            for apdu in ("00A4040005F00000000000", SSSE, "00A4020002EF7F", "00DC010403010100", "00FF0000")
            for word in ("--send-apdu", apdu)
        ]
        answers = _answers(tool("--reader", reader, "-c", "default", *sent))
        assert [sw for _, sw in answers] == [0x6A82, 0x9000, 0x6A82, 0x6986, 0x6D00]
        assert all(not data for data, sw in answers if sw != 0x9000)


def test_reads_card_data_of_a_security_domain(insert: Insert, tool: Callable[..., str]) -> None:
    with insert(make_card("gp-scp02-i55", serial=885)) as reader:
        sent = [
            word for apdu in ("00A4040000", "80CA006600", "80CA00E000", "80F28002024F0000") for word in ("-s", apdu)
        ]
        select, recognition, keys, status = _answers(tool("--reader", reader, "-c", "default", *sent))
        assert select[0][:4] == bytes.fromhex("6F418408")
        assert recognition[0].endswith(bytes.fromhex("640B06092A864886FC6B040255"))
        assert keys == (bytes.fromhex("E012C00401018010C00402018010C00403018010"), 0x9000)
        assert status == (b"", 0x6982)  # GET STATUS takes a secure channel
