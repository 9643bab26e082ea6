"""Printers and a print service of strangers: Debian's ippeveprinter and a private cupsd, on ports of the loopback.

``ippeveprinter`` wants a D-Bus system bus; a private one does. cupsd refuses to run its programs as root and drops to
``lp``, so its folders are given to it. Both are killed with the test that started them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

BUS = """\
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""
PRINTER = """\
ATTR uri printer-more-info "http://localhost/"
ATTR text printer-make-and-model "Card printer of a stranger"
ATTR keyword media-supported om_card_54x86mm
ATTR keyword media-default om_card_54x86mm
ATTR keyword media-ready om_card_54x86mm
ATTR collection media-size-supported {{ MEMBER integer x-dimension 5398 MEMBER integer y-dimension 8560 }}
ATTR integer media-bottom-margin-supported 0
ATTR integer media-left-margin-supported 0
ATTR integer media-right-margin-supported 0
ATTR integer media-top-margin-supported 0
ATTR keyword sides-supported one-sided,two-sided-long-edge
ATTR keyword sides-default one-sided
ATTR keyword pwg-raster-document-type-supported srgb_8
ATTR resolution pwg-raster-document-resolution-supported 300dpi
ATTR keyword pwg-raster-document-sheet-back normal
ATTR resolution printer-resolution-supported 300dpi
ATTR resolution printer-resolution-default 300dpi
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 15.0) -> None:
    """Until something listens there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


@contextlib.contextmanager
def running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a group of its own, whose whole group is killed in the end."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@contextlib.contextmanager
def private_bus(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of programs that want a system bus."""
    (folder / "bus.conf").write_text(BUS.format(path=folder / "bus.sock"), encoding="ascii")
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus.sock", "HOME": str(folder)}
    command = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile"]
    with running(command, folder / "bus.log", environment):
        until = time.monotonic() + 10
        while not (folder / "bus.sock").exists():
            if time.monotonic() > until:
                raise TimeoutError((folder / "bus.log").read_text())
            time.sleep(0.02)
        yield environment


@contextlib.contextmanager
def ippeveprinter(folder: Path, script: str) -> Iterator[int]:
    """A driverless printer whose command is that shell script ($1: the file); its port. Its files: ``folder/spool``."""
    (folder / "spool").mkdir()
    command = folder / "print.sh"
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    command.chmod(0o755)
    (folder / "card.conf").write_text(PRINTER.format(), encoding="ascii")
    port = free_port()
    with private_bus(folder) as environment:
        call = [
            "ippeveprinter", "-r", "off", "-p", str(port), "-n", "localhost", "-K", str(folder / "keys"),
            "-d", str(folder / "spool"), "-k", "-a", str(folder / "card.conf"), "-c", str(command), "Card",
        ]  # fmt: skip
        with running(call, folder / "printer.log", environment) as process:
            wait_for(port, process)
            yield port


@contextlib.contextmanager
def cups(folder: Path) -> Iterator[int]:
    """A print service of its own with no queue; its port. ``CUPS_SERVER`` of clients is ``127.0.0.1:PORT``."""
    port, lp = free_port(), pwd.getpwnam("lp")
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    for name in ("root", "run", "run/certs", "cache", "spool", "tmp", "ppd", "log"):
        made = folder / name
        made.mkdir(mode=0o775, parents=True)
        shutil.chown(made, lp.pw_uid, lp.pw_gid)
    (folder / "cupsd.conf").write_text(
        f"Listen 127.0.0.1:{port}\nLogLevel warn\nDefaultAuthType None\nBrowsing Off\nWebInterface No\n"
        "<Location />\nOrder allow,deny\nAllow from 127.0.0.1\n</Location>\n"
        "<Policy default>\n<Limit All>\nOrder allow,deny\nAllow from 127.0.0.1\n</Limit>\n</Policy>\n",
        encoding="ascii",
    )
    (folder / "cups-files.conf").write_text(
        f"ServerRoot {folder}/root\nStateDir {folder}/run\nCacheDir {folder}/cache\nRequestRoot {folder}/spool\n"
        f"TempDir {folder}/tmp\nAccessLog {folder}/log/access\nErrorLog {folder}/log/error\nPageLog {folder}/log/page\n"
        "User lp\nGroup lp\nSystemGroup root lpadmin\nFileDevice Yes\nFatalErrors none\n",
        encoding="ascii",
    )
    with private_bus(folder) as environment:
        call = ["/usr/sbin/cupsd", "-f", "-c", f"{folder}/cupsd.conf", "-s", f"{folder}/cups-files.conf"]
        with running(call, folder / "cupsd.log", environment) as process:
            wait_for(port, process)
            yield port
