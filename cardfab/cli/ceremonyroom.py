"""What a ceremony needs of this machine: that it is a room for clear components, and its printer of blind mailers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardfab.cli.output import Talk
from cardfab.cli.pin import mailer_printer
from cardfab.cli.sole import sole
from cardfab.errors import DeviceFault, Text, UsageRefused
from cardfab.keys.ceremony import NotARoom, Room
from cardfab.settings import Located
from cardfab.station.pinmailer import Send

INTERFACES = Path("/sys/class/net")
"""Where the system lists its network interfaces."""
_UP = 0x1  # IFF_UP of net/if.h


class CeremonyRunning(DeviceFault):
    """Another program holds a ceremony here."""

    default_code = "CF-5730"


def interfaces_up(folder: Path | None = None) -> tuple[str, ...]:
    """Network interfaces that are up, but the loopback. A system that does not tell is taken as networked."""
    folder = INTERFACES if folder is None else folder
    if not folder.is_dir():
        return ("unknown",)
    return tuple(sorted(one.name for one in folder.iterdir() if one.name != "lo" and _is_up(one)))


def _is_up(interface: Path) -> bool:
    try:
        return bool(int((interface / "flags").read_text(encoding="ascii"), 16) & _UP)
    except (OSError, ValueError):
        return True


def room_of(located: Located, folder: Path | None = None) -> Room:
    """What this process stands in, by its settings and its system."""
    values = located.values
    named = {
        "host": values.host,
        "[devices] reader": values.devices.reader,
        "[devices] printer": values.devices.printer,
        "[devices] pinpad": values.devices.pinpad,
        "[devices] mailer": values.devices.mailer,
        "[keystore] service": str(getattr(values.keystore, "service", None) or ""),
    }
    networked = ("tcp://", "socket://", "unix:")
    services = tuple(name for name, value in named.items() if value.startswith(networked))
    return Room(values.keystore.ceremony_room, values.station.training, services, interfaces_up(folder))


@contextmanager
def blind_printer(talk: Talk, address: str, *, rehearsal: bool) -> Iterator[Send]:
    """The printer of blind mailers, on a line of this machine alone (PCI PIN 6-3). A rehearsal may show its pages."""
    if rehearsal and not address.startswith(("socket://", "/dev/")):
        from cardfab.simulator.mailer import TrainingMailer

        shown = TrainingMailer(lambda page: talk.err.print(page, markup=False))

        def show(page: memoryview) -> None:
            shown.receive(bytes(page))

        yield show
        return
    if not address.startswith("/dev/") and not rehearsal:
        raise NotARoom(
            Text(f"Components are not printed over a network ({address}).", f"分量不得经网络打印（{address}）。"),
            do=Text(
                "Name the device of a printer at this machine: --printer /dev/usb/lp0.",
                "请指定本机打印机设备：--printer /dev/usb/lp0。",
            ),
            code="CF-6535",
        )
    with mailer_printer(address) as send:
        yield send


@contextmanager
def sole_ceremony(located: Located) -> Iterator[None]:
    """One ceremony at a time; the kernel frees the lock when its holder dies."""
    busy = CeremonyRunning(
        Text("Another cardfab holds a ceremony here.", "此处已有另一个 cardfab 正在举行仪式。"),
        do=Text("Wait for its end.", "请等待其结束。"),
    )
    with sole(located.path("ceremony.lock"), busy):
        yield


def require_terminal_of(located: Located) -> None:
    """Raise :class:`UsageRefused` at a station whose keys lie elsewhere: a ceremony changes the key file itself."""
    if getattr(located.values.keystore, "service", None):
        raise UsageRefused(
            Text("This station's keys lie with a key service.", "本站密钥由密钥服务保管。"),
            do=Text("Hold the ceremony where the key file is.", "请在密钥文件所在机器上举行仪式。"),
            code="CF-2171",
        )
