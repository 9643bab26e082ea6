"""``cardfab bench apdu``: what our own code costs per wrapped command, beside yubikit's, and a PC/SC round trip beside
bare pyscard. All figures of one run are taken in turns, so that a busy machine is as busy for each.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Annotated, Any

import typer

from cardfab.apdu import Level, ResponseApdu, Scp02, Scp03, commands, link_to
from cardfab.apdu.pcsc import PcscConnection
from cardfab.apdu.status import StatusWord
from cardfab.cli.benchkeys import keys
from cardfab.cli.benchline import line
from cardfab.cli.benchprep import dataprep
from cardfab.cli.benchprint import print_
from cardfab.cli.benchstation import station
from cardfab.cli.output import talk_of
from cardfab.crypto import pad80
from cardfab.errors import Text, UsageRefused
from cardfab.keys import SoftKeyStore, SoftPlatformKeys
from cardfab.keys.soft import GP_TEST

app = typer.Typer(help="Benchmarks.", no_args_is_help=True)
app.command()(dataprep)
app.command()(keys)
app.command("print")(print_)
app.command()(station)
app.command()(line)
_OK = b"\x90\x00"
Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: microseconds of processor time (our code) or of the clock (round trips), best of the rounds."""

    name: str
    bytes: int
    microseconds: float


def _opened(platform: SoftPlatformKeys, scp: int, level: Level) -> Scp02[Any] | Scp03[Any]:
    """A channel whose card is played with the same keys."""
    channel: Scp02[Any] | Scp03[Any] = Scp02(platform.scp02) if scp == 2 else Scp03(platform.scp03)
    channel.initialize(bytes(8))
    if scp == 2:
        cryptogram = platform.scp02.open(bytes(10), 0, bytes(2)).cryptogram(pad80(bytes(16), 8))
        raw = bytes(10) + b"\x00\x02" + bytes(8) + cryptogram
    else:
        cryptogram = platform.scp03.open(bytes(10), 0, bytes(16)).cryptogram(0, bytes(16), 8)
        raw = bytes(10) + b"\x00\x03\x60" + bytes(8) + cryptogram
    channel.authenticate(ResponseApdu(raw, StatusWord(0x9000)), level)
    channel.unwrap(ResponseApdu(b"", StatusWord(0x9000)))
    return channel


def _ours(scp: int, level: Level) -> tuple[int, Work]:
    """From the command as a value to bytes, and from the bytes of its answer back."""
    channel = _opened(SoftKeyStore.training(os.urandom).platform(GP_TEST, None), scp, level)
    command = commands.store_data(0x00, 0x00, bytes(channel.room))

    def work() -> object:
        channel.wrap(command).to_bytes()
        return channel.unwrap(ResponseApdu.from_bytes(_OK))

    return channel.room, work


def _yubikit() -> dict[str, tuple[int, Work]] | None:
    """The whole SCP03 processor of yubikit over a card that says 9000; None where it is not installed."""
    try:
        from yubikit.core.smartcard import (  # type: ignore[import-not-found,unused-ignore]
            ApduFormatProcessor,
            ScpProcessor,
            ShortApduFormatter,
        )
        from yubikit.core.smartcard.scp import (  # type: ignore[import-not-found,unused-ignore]
            ScpState,
            SessionKeys,
        )
    except ImportError:
        return None

    class Card:
        def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
            return b"", 0x9000

    formatter: Any = ShortApduFormatter()
    delegate = ApduFormatProcessor(Card(), formatter)  # type: ignore[arg-type,unused-ignore]
    processor: Any = ScpProcessor(delegate, formatter, ScpState(SessionKeys(bytes(16), bytes(range(16)), bytes(16))))
    mac, both = bytes(247), bytes(239)
    return {
        "SCP03 C-MAC": (247, lambda: processor.send_apdu(0x80, 0xE2, 0, 0, mac, 0, encrypt=False)),
        "SCP03 C-MAC+C-DEC": (239, lambda: processor.send_apdu(0x80, 0xE2, 0, 0, both, 0)),
    }


def _in_turns(works: list[Work], count: int, rounds: int, clock: Callable[[], float]) -> list[float]:
    """Microseconds a call of each, the best of the rounds."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            start = clock()
            for _ in range(count):
                work()
            best[place] = min(best[place], (clock() - start) / count * 1e6)
    return best


def measure(count: int = 2000, rounds: int = 40) -> tuple[list[Figure], bool]:
    """The figures of wrapping over ``count`` commands each, and whether yubikit was there to stand beside."""
    levels = {"C-MAC": Level.C_MAC, "C-MAC+C-DEC": Level.C_DECRYPTION_C_MAC}
    rows = {f"cardfab SCP{scp:02} {name}": _ours(scp, level) for scp in (2, 3) for name, level in levels.items()}
    theirs = _yubikit()
    rows |= {f"yubikit {name}": row for name, row in (theirs or {}).items()}
    each = max(1, count // rounds)  # many short rounds: one of them is undisturbed on a busy machine too
    best = _in_turns([work for _, work in rows.values()], each, rounds, time.process_time)
    figures = [Figure(name, size, round(us, 2)) for (name, (size, _)), us in zip(rows.items(), best, strict=True)]
    return figures, theirs is not None


def round_trips(reader: str, count: int = 2000) -> list[Figure]:
    """Medians of GET CHALLENGE through our link and through bare pyscard, on the same connection, by turns."""
    connection = PcscConnection(reader)
    try:
        link = link_to(connection)
        command = commands.get_challenge(8)
        bare, raw = connection.bare, list(command.to_bytes())
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(count):
            for work, into in ((lambda: link.send(command), ours), (lambda: bare.transmit(raw), theirs)):
                start = time.perf_counter()
                work()
                into.append((time.perf_counter() - start) * 1e6)
    finally:
        connection.close()
    return [
        Figure("cardfab through PC/SC", 8, round(median(ours), 2)),
        Figure("bare pyscard", 8, round(median(theirs), 2)),
    ]


@app.command()
def apdu(
    context: typer.Context,
    reader: Annotated[str | None, typer.Option("--reader", help="pcsc:NAME, to measure round trips too.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Commands of each kind.")] = 4000,
) -> None:
    """Microseconds per wrapped STORE DATA, the largest that fits a short APDU; and per PC/SC round trip."""
    talk = talk_of(context)
    if reader is not None and not reader.startswith("pcsc:"):
        raise UsageRefused(Text("--reader takes pcsc:NAME here.", "此处 --reader 须为 pcsc:名称。"))
    figures, compared = measure(count)
    trips = round_trips(reader.removeprefix("pcsc:"), count) if reader is not None else []
    found = {figure.name: figure.microseconds for figure in [*figures, *trips]}
    ratios = {
        name: round(found[ours] / found[theirs], 2)
        for name, ours, theirs in (
            ("C-MAC beside yubikit", "cardfab SCP03 C-MAC", "yubikit SCP03 C-MAC"),
            ("C-MAC+C-DEC beside yubikit", "cardfab SCP03 C-MAC+C-DEC", "yubikit SCP03 C-MAC+C-DEC"),
            ("round trip beside pyscard", "cardfab through PC/SC", "bare pyscard"),
        )
        if ours in found and theirs in found
    }
    if not compared:
        talk.say("yubikit (yubikey-manager) is not installed: nothing to compare with.", "未安装 yubikit，无法对比。")
    value = {"figures": [asdict(f) for f in [*figures, *trips]], "yubikit": compared, "ratios": ratios}
    rows = [(f.name, str(f.bytes), f"{f.microseconds:.2f}") for f in [*figures, *trips]]
    rows += [(name, "", f"{ratio:.2f} x") for name, ratio in ratios.items()]
    columns = (Text("what", "项目"), Text("bytes", "字节"), Text("microseconds", "微秒"))
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))
