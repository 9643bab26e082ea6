"""The only place that joins parts into a running whole: settings, key store, database, profiles, fonts, devices."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from cardfab.apdu.link import CardConnection, CardGone, WatchedConnection
from cardfab.apdu.pcsc import PcscConnection
from cardfab.apdu.remote import RemoteConnection
from cardfab.apdu.trace import RecordingConnection
from cardfab.cli.authorities import authority_of
from cardfab.cli.databases import database_at
from cardfab.cli.keystores import ReadSecret, open_keys
from cardfab.cli.recording import auditor_keys, on_record
from cardfab.cli.session import SESSION, NotSignedIn, door_of, person_here, sign_in, signed_in, write_private
from cardfab.cli.sole import sole
from cardfab.cli.tray import TRAY, ChipInProcess, keep_cards
from cardfab.errors import DeviceFault, Text, UsageRefused
from cardfab.face.canvas import EVOLIS, Canvas
from cardfab.face.fonts import FontBook
from cardfab.keys.auditing import AuditedKeyStore, StationKeys
from cardfab.keys.pool import IccPool, PoolKeys
from cardfab.printer.driver import CardPrinter
from cardfab.printer.inserter import SCHEME, Inserter
from cardfab.printer.stream import open_port
from cardfab.production import Person
from cardfab.production.stock import is_premade
from cardfab.profile.loader import load
from cardfab.profile.printer import PrinterProfile
from cardfab.resources import ProfileFolders, data_folder
from cardfab.settings import Located
from cardfab.station.access import AskWord
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.station.devices import Devices
from cardfab.station.keyrecord import KeyRecord
from cardfab.station.pinpad import LinePad, PinPad, port_exchange
from cardfab.station.shelf import FolderShelf
from cardfab.watch import Watch, unwatched

_PAD_BAUD = 9600
"""Of a pin pad at a serial line."""


class StationBusy(DeviceFault):
    """Another program of this station is at work with the devices."""

    default_code = "CF-5400"


def profile_source(folder: Path | None) -> ProfileFolders:
    """The station's own profiles first, then the packaged ones."""
    packaged = data_folder("profiles")
    return ProfileFolders((packaged,) if folder is None else (folder / "profiles", packaged))


def font_book(dirs: Sequence[str]) -> FontBook:
    """Fonts of this machine."""
    return FontBook([Path(name) for name in dirs])


def station_keys(located: Located, ask: ReadSecret, ask_word: AskWord | None = None) -> StationKeys:
    """The station's keys: of the key service where the settings name one, else opened here."""
    opened: StationKeys
    if located.values.keystore.service:
        from cardfab.cli.keyservice import attach

        opened = attach(located)
    else:
        opened = open_keys(located, ask, ask_word)
    if any(info.training is not located.values.station.training for info in opened.infos()):
        opened.close()
        raise UsageRefused(
            Text(
                "The settings and the keys disagree on whether this is for training.",
                "配置与密钥库对是否用于训练的说法不一致。",
            ),
            do=Text(
                "Set [station] training as it was: people, products and keys are for training, all or none.",
                "请恢复 [station] training 的原值：人员、产品与密钥须同为训练或同为正式。",
            ),
            code="CF-2109",
        )
    return opened


def chip_pool(located: Located, keys: PoolKeys, tell: Callable[[Text], None] = lambda _: None) -> IccPool:
    """The chip keys that were made ahead, in the folder ``pool`` of the station.

    A training station with none left makes one on the spot; ``tell`` hears once what would be better.
    """
    told: set[Text] = set()

    def once(advice: Text) -> None:
        if advice not in told:
            told.add(advice)
            tell(advice)

    return IccPool(FolderShelf(located.folder / "pool"), keys, once if located.values.station.training else None)


def pin_pad(located: Located) -> PinPad | None:
    """Where holders enter a first PIN; None where the station has none. ``simulated`` is for training stations."""
    address = located.values.devices.pinpad
    if address == "none":
        return None
    if address.startswith("serial:"):
        device = address.removeprefix("serial://")
        return LinePad(port_exchange(lambda: open_port(device, baudrate=_PAD_BAUD)))
    if address != "simulated":
        return LinePad.at(address)
    from cardfab.simulator.pinpad import TrainingPad

    if not located.values.station.training:
        raise for_training()
    return LinePad(TrainingPad().answer)


def for_training() -> UsageRefused:
    return UsageRefused(
        Text("Simulated devices are for a training station.", "模拟设备仅用于训练制卡点。"),
        do=Text("Name real ones in the settings.", "请在配置中指定实际设备。"),
        code="CF-2110",
    )


def prompt(what: str) -> str:
    """A secret word from the person; of a service from systemd's credentials, else from standard input's first line."""
    if (given := os.environ.get("CREDENTIALS_DIRECTORY")) and (file := Path(given) / "keystore-word").is_file():
        return file.read_text(encoding="utf-8").rstrip("\n")
    if sys.stdin is None or sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{what}: ")
    return sys.stdin.readline().rstrip("\n")


@contextmanager
def open_desk(
    located: Located,
    *,
    ask: ReadSecret = prompt,
    watch: Watch = unwatched,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    login: str | None = None,
    ask_word: AskWord | None = None,
    tell: Callable[[Text], None] = lambda _: None,
    person: Person | None = None,
) -> Iterator[Desk]:
    """The station in use by whoever is signed in, or by ``login``, who then proves themselves for this once.

    ``ask_word`` asks people for their passwords. ``tell`` hears advice that stops nothing. ``person`` takes the place
    of who is signed in where people come in later, each by themselves.
    """
    database = database_at(located, watch=watch)
    with ExitStack() as stack:
        stack.callback(database.close)
        database.require_current()
        door = door_of(located, database, ask_word, now)
        person = person or person_here(located, door, login)
        opened = station_keys(located, ask, ask_word)
        stack.callback(opened.close)
        record = KeyRecord(database, lambda *said: desk.event(*said), frozenset({AUDIT_KEY}))
        keys = AuditedKeyStore(opened, record)
        desk = Desk(
            station=located.values.station.name,
            training=located.values.station.training,
            person=person,
            database=database,
            keys=keys,
            profiles=profile_source(located.folder),
            pictures=profile_source(located.folder).pictures,
            fonts=font_book(located.values.fonts.dirs),
            now=now,
            random=os.urandom,
            authority=authority_of(located.values.station.training, os.urandom, now, located.path("ca-revoked.json")),
            chip_keys=(pool := chip_pool(located, keys, tell)).take,
            pool=pool,
            pin_pad=pin_pad(located),
            door=door,
            auditors=auditor_keys(located),
            record=located.values.audit.record,
            outlet_policy=located.values.outlet.policy,
        )
        stack.enter_context(on_record(desk, keys, located, tell))
        yield desk


@contextmanager
def sole_worker(located: Located) -> Iterator[None]:
    """One program at a time moves cards here. The kernel frees the lock when its holder dies, however it dies."""
    busy = StationBusy(
        Text("Another cardfab is moving cards at this station.", "本制卡点已有另一个 cardfab 正在制卡。"),
        do=Text("Wait for it, or end it.", "请等待其结束，或将其终止。"),
    )
    with sole(located.path("station.lock"), busy):
        yield


@dataclass(frozen=True, slots=True)
class Bench:
    """What a station works with for a while. ``reader`` and ``printer`` as in the settings or on the command line."""

    reader: str
    printer: str
    printer_profile: str
    faces: Path | None = None
    trace: IO[str] | None = None
    prints: bool = True
    tray: Path | None = None
    """Where the cards of the simulated printer are kept, to be presented at the counter."""
    hopper: tuple[str, ...] = ()
    """The blanks that lie on top in the hopper of the simulated printer, by stock; the rest of the stock follows."""


@contextmanager
def open_devices(desk: Desk, bench: Bench, *, watch: Watch = unwatched) -> Iterator[Devices]:
    """The reader and printer pair. ``simulated`` runs a printer with a hopper as full as the books say."""
    kind, _, rest = bench.reader.partition(":")
    if kind == "file" and desk.training and not bench.prints:  # a training card put in by hand
        yield Devices(lambda: WatchedConnection(ChipInProcess(Path(rest)), watch), None, prints=False)
        return
    with ExitStack() as stack:
        if "simulated" in (bench.reader, bench.printer):
            _require_pair(bench)
            bench = stack.enter_context(_simulated(desk, bench))
        printer: CardPrinter | None = None
        canvas, retries = EVOLIS, 0
        moves_only = bench.printer.startswith(SCHEME)
        if moves_only:
            printer = stack.enter_context(closing(Inserter.at(bench.printer, watch)))
        elif bench.printer != "none":
            profile = load(desk.profiles, "printers", bench.printer_profile, PrinterProfile)
            canvas = Canvas(profile.canvas.width, profile.canvas.height, profile.canvas.dpi)
            retries = profile.printer.contact_retries
            printer = profile.open(bench.printer, watch)
            stack.callback(printer.close)
        yield Devices(
            lambda: _connect(bench, watch),
            printer,
            bench.prints and not moves_only,
            canvas,
            lambda: _find_reader(bench),
            retries,
            lambda: _sees_card(bench),
        )


_CARD_SEEN = 10.0
"""Seconds that a PC/SC service may take to see a card that a printer has just moved to its contact station."""


def _pcsc(reader: str, seconds: float) -> CardConnection:
    until = time.monotonic() + seconds
    while True:
        try:
            return PcscConnection(reader)
        except CardGone:
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)


def _find_reader(bench: Bench) -> None:
    """Raise ReaderFault unless the reader is there; whether a card lies in it does not matter."""
    _sees_card(bench)


def _sees_card(bench: Bench) -> bool:
    """Whether a chip answers in the reader now; raises ReaderFault unless the reader is there."""
    kind, _, rest = bench.reader.partition(":")
    with suppress(CardGone):
        (PcscConnection(rest) if kind == "pcsc" else RemoteConnection(bench.reader)).close()
        return True
    return False


def _connect(bench: Bench, watch: Watch) -> CardConnection:
    kind, _, rest = bench.reader.partition(":")
    by_hand = bench.printer == "none"
    connection = _pcsc(rest, 0.0 if by_hand else _CARD_SEEN) if kind == "pcsc" else RemoteConnection(bench.reader)
    watched = connection if watch is unwatched else WatchedConnection(connection, watch)
    if bench.trace is None:
        return watched
    return RecordingConnection(watched, bench.trace.write)


def _require_pair(bench: Bench) -> None:
    """A simulated reader lies in a simulated printer: a device that was named is never replaced by one of them."""
    if (bench.reader, bench.printer) != ("simulated", "simulated"):
        raise UsageRefused(
            Text(
                f"Reader '{bench.reader}' and printer '{bench.printer}' are no pair: both are simulated or neither.",
                f"读卡器“{bench.reader}”与打印机“{bench.printer}”不成对：须同为模拟设备或均不是。",
            ),
            do=Text(
                "Name both; to encode without printing: --no-print.", "请同时指定二者；只写卡不打印请用 --no-print。"
            ),
            code="CF-2120",
        )


_TRAINING = "training-ssc2"
"""The training card that stands for a blank whose stock has another name."""


def loaded(top: Sequence[str], remaining: Mapping[str, int]) -> list[str]:
    """The stock of each blank in the hopper: those of ``top`` as far as there are any, then all that remain."""
    left = dict(remaining)
    first: list[str] = []
    for stock in top:
        if left.get(stock, 0) > 0:
            left[stock] -= 1
            first.append(stock)
    return [*first, *(stock for stock, count in left.items() for _ in range(count))]


@contextmanager
def _simulated(desk: Desk, bench: Bench) -> Iterator[Bench]:
    """A printer, a reader and training chips in this process, on ports of the loopback that nobody else knows."""
    from cardfab.simulator.chip import CARDS, make_card
    from cardfab.simulator.rig import Rig

    if not desk.training:
        raise for_training()
    with desk.database.transaction("training blanks") as tx:
        blank = [one for one in tx.stock.accounts() if not is_premade(one.stock)]
        stocks = loaded(bench.hopper, {one.stock: one.remaining for one in blank})
        serials = [tx.jobs.next_number("training-chip", 1) for _ in stocks]
    blanks = [
        make_card(stock if stock in CARDS else _TRAINING, serial) for stock, serial in zip(stocks, serials, strict=True)
    ]
    with Rig(blanks, out=bench.faces) as rig:
        printer = f"socket://127.0.0.1:{rig.printer_port}"
        try:
            yield replace(bench, reader=f"tcp://127.0.0.1:{rig.reader_port}", printer=printer)
        finally:
            if bench.tray is not None:
                keep_cards([card.chip for card in rig.output], bench.tray)


def bench_of(located: Located, *, reader: str | None, printer: str | None, faces: Path | None = None) -> Bench:
    """The devices of the settings, or those named on the command line."""
    section = located.values.devices
    tray = located.path(TRAY)
    return Bench(reader or section.reader, printer or section.printer, section.printer_profile, faces, tray=tray)


__all__ = [
    "SESSION",
    "Bench",
    "NotSignedIn",
    "ReadSecret",
    "StationBusy",
    "bench_of",
    "chip_pool",
    "font_book",
    "for_training",
    "loaded",
    "open_desk",
    "open_devices",
    "open_keys",
    "pin_pad",
    "profile_source",
    "prompt",
    "sign_in",
    "signed_in",
    "sole_worker",
    "station_keys",
    "write_private",
]
