"""A private PC/SC service for tests: pcscd with the virtual reader driver vpcd, started and stopped by the caller.

Nothing of the machine's own PC/SC service is used or touched:

- The socket is a file of this service's own folder. Debian's pcscd 1.9.9 has no option for the path, but it takes a
  listening socket from its starter (``sd_listen_fds(3)``: descriptor 3, ``LISTEN_PID``, ``LISTEN_FDS``). Clients find
  it by ``PCSCLITE_CSOCK_NAME``, which libpcsclite reads once a process: it must be set before the first PC/SC call.
- A mount namespace hides ``/run`` (so that no pid file of the machine's service is overwritten) and the drivers of
  real readers. Where root may not make one (some containers), pcscd starts without it.
- vpcd listens on two adjacent ports (slots 0 and 1), **on all interfaces**: it has no option for the address. The
  ports are drawn at each start, never the known 35963 and 35964.
- The kernel kills pcscd when its starter dies, so that a killed test run leaves nothing running.

A card is a TCP client of ``vpcd_host``:``vpcd_port``. A frame is a 2-byte length and the payload: 00 power off,
01 power on, 02 reset, 04 get ATR (answered by the ATR), anything longer an APDU (answered by the response).

From a shell: ``.venv/bin/python tools/services.py`` starts one, prints its environment and waits for Ctrl-C;
``.venv/bin/python tools/services.py COMMAND...`` runs a command with it and ends with the command's exit status.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

DRIVERS = Path("/usr/lib/pcsc/drivers")
VPCD = DRIVERS / "serial" / "libifdvpcd.so"
FRIENDLY_NAME = "Cardfab Virtual Reader"
START_SECONDS = 10.0
STOP_SECONDS = 5.0
PORT_TRIES = 5
# Below the range from which Linux draws the ports of outgoing connections (32768 and up).
PORTS = range(20000, 32000)

_IN_NAMESPACE = """
set -e
mount -t tmpfs tmpfs /run
mount --bind "$DRIVERS/serial" "$FOLDER/drivers"
mount -t tmpfs tmpfs "$DRIVERS"
"""
# The socket comes as standard input: the shell can only copy descriptors of one digit.
_EXEC = 'LISTEN_PID=$$ LISTEN_FDS=1 exec setpriv --pdeathsig KILL "$@" 3<&0 0</dev/null'


class ServiceError(Exception):
    """The service cannot be started; the sentence says what is missing or quotes the end of its log."""


class _PortTaken(Exception):
    """Another program took a port between our look and vpcd's bind."""


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    ports: list[int]
    """Of slot 0 of each reader; slot 1 has the next one."""


class PcscService:
    """Context manager: a pcscd of its own with vpcd readers of two slots each, one unless ``readers`` says more.

    pcscd has room for 16 slots.

    ``__enter__`` raises ServiceError when a package is missing or the service is not up in 10 seconds; ``__exit__``
    ends pcscd and removes the folder, whatever happened.
    """

    def __init__(self, readers: int = 1) -> None:
        self._readers = readers
        # Not below TMPDIR: a socket path holds 107 bytes at most.
        self._folder = Path("/tmp") / f"cardfab-pcsc-{os.getpid()}-{secrets.token_hex(4)}"  # noqa: S108
        self._running: _Running | None = None

    @property
    def socket_path(self) -> Path:
        """The socket of the service; known before the start, so that the environment can be set early."""
        return self._folder / "pcscd.comm"

    @property
    def log_path(self) -> Path:
        """What pcscd and vpcd say."""
        return self._folder / "pcscd.log"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a PC/SC client needs in its environment to meet this service and no other."""
        return {"PCSCLITE_CSOCK_NAME": str(self.socket_path)}

    @property
    def reader_names(self) -> tuple[str, str]:
        """Names of slot 0 and slot 1, as a PC/SC client lists them."""
        return (f"{FRIENDLY_NAME} 00 00", f"{FRIENDLY_NAME} 00 01")

    @property
    def slots(self) -> tuple[tuple[str, int], ...]:
        """Every slot: its name, as a PC/SC client lists it, and its port. ServiceError when it does not run."""
        if self._running is None:
            raise ServiceError("the PC/SC service does not run")
        return tuple(
            (f"{_friendly(number)} 00 {slot:02d}", port + slot)
            for number, port in enumerate(self._running.ports)
            for slot in (0, 1)
        )

    @property
    def vpcd_host(self) -> str:
        """Where a virtual card connects to."""
        return "127.0.0.1"

    @property
    def vpcd_port(self) -> int:
        """Port of slot 0; slot 1 has the next one. ServiceError when the service does not run."""
        if self._running is None:
            raise ServiceError("the PC/SC service does not run")
        return self._running.ports[0]

    @property
    def pid(self) -> int:
        """Process id of pcscd. ServiceError when the service does not run."""
        if self._running is None:
            raise ServiceError("the PC/SC service does not run")
        return self._running.process.pid

    def __enter__(self) -> Self:
        pcscd = _program("pcscd")
        if not VPCD.exists():
            raise ServiceError(f"{VPCD} (Debian package vsmartcard-vpcd) is missing: run 'make setup-services'")
        try:
            for _ in range(PORT_TRIES):
                try:
                    self._start(pcscd, [_free_ports() for _ in range(self._readers)])
                except _PortTaken:
                    continue
                return self
            raise ServiceError(f"vpcd could bind no pair of ports in {PORT_TRIES} tries\n{self._log_tail()}")
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self, pcscd: str, ports: list[int]) -> None:
        self._stop()
        self._folder.mkdir(mode=0o700)
        (self._folder / "readers").mkdir()
        (self._folder / "drivers").mkdir()
        hidden = _namespace()
        driver = self._folder / "drivers" / VPCD.name if hidden else VPCD
        entries = []
        for number, port in enumerate(ports):
            if number:  # a driver serves so many slots at once as vpcd has; a copy of it is another driver
                driver = self._folder / f"vpcd-{number}.so"
                shutil.copy(VPCD, driver)
            entries.append(
                f'FRIENDLYNAME "{_friendly(number)}"\nDEVICENAME /dev/null:0x{port:X}\n'
                f"LIBPATH {driver}\nCHANNELID 0x{port:X}\n"
            )
        (self._folder / "readers" / "vpcd").write_text("\n".join(entries))
        script = (_IN_NAMESPACE if hidden else "") + _EXEC
        command = [
            *hidden,
            "sh",
            "-c",
            script,
            "sh",
            pcscd,
            "--foreground",
            "--info",
            "-c",
            str(self._folder / "readers"),
        ]
        with socket.socket(socket.AF_UNIX) as listener, self.log_path.open("wb") as log:
            listener.bind(str(self.socket_path))
            self.socket_path.chmod(0o600)
            listener.listen(16)
            process = subprocess.Popen(
                command,
                stdin=listener.fileno(),
                stdout=log,
                stderr=log,
                env={
                    "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin",
                    "DRIVERS": str(DRIVERS),
                    "FOLDER": str(self._folder),
                },
            )
        self._running = _Running(process, ports)
        self._wait_ready(process, ports)

    def _wait_ready(self, process: subprocess.Popen[bytes], ports: list[int]) -> None:
        """Wait until vpcd listens on all ports; connecting to look would be taken for a card."""
        wanted = {port + slot for port in ports for slot in (0, 1)}
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServiceError(f"pcscd ended with status {process.returncode}\n{self._log_tail()}")
            if wanted <= _listening_ports(process.pid):
                return
            # A second look: the ports may have come up between the first one and the line in the log.
            if b"daemon ready" in self.log_path.read_bytes() and not wanted <= _listening_ports(process.pid):
                raise _PortTaken
            time.sleep(0.01)
        raise ServiceError(f"pcscd was not ready in {START_SECONDS:.0f} s\n{self._log_tail()}")

    def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.process.terminate()
            try:
                running.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-15:])
        return "(no log)"


def _friendly(number: int) -> str:
    return FRIENDLY_NAME if number == 0 else f"{FRIENDLY_NAME} {chr(ord('A') + number)}"


def _program(name: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise ServiceError(f"the program {name} (Debian package {name}) is missing: run 'make setup-services'")
    return path


def _namespace() -> list[str]:
    """The command that starts another in a mount namespace of its own; empty where root may not make one."""
    root = os.geteuid() == 0
    command = ["unshare", "--mount", "--"] if root else ["unshare", "--map-root-user", "--mount", "--"]
    tried = subprocess.run(
        [*command, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False, timeout=10
    )
    if tried.returncode == 0:
        return command
    if root:
        return []
    raise ServiceError(
        "pcscd writes to /run/pcscd, which takes root or the right to make a user namespace; "
        f"unshare said: {tried.stderr.decode(errors='replace').strip()}"
    )


def _free_ports() -> int:
    """A port that is free together with the next one. Another program may still take it: the start looks again."""
    for _ in range(100):
        port = random.choice(PORTS)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("", port))
            second.bind(("", port + 1))
            return port
    raise ServiceError(f"no two adjacent free ports between {PORTS.start} and {PORTS.stop}")


def _listening_ports(pid: int) -> set[int]:
    """TCP ports on which the process listens: its sockets (``/proc/PID/fd``) found in ``/proc/net/tcp`` in state 0A."""
    inodes: set[str] = set()
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(link)
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    ports: set[int] = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == "0A" and columns[9] in inodes:
                    ports.add(int(columns[1].rsplit(":", 1)[1], 16))
    return ports


def main(arguments: list[str]) -> int:
    """Run ``arguments`` as a command with a service of its own; without a command, wait for Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with PcscService() as service:
            if arguments:
                return subprocess.run(arguments, env=os.environ | service.environment, check=False).returncode
            for name, value in service.environment.items():
                print(f"export {name}={shlex.quote(value)}")
            print(f"# readers: {', '.join(service.reader_names)}")
            print(
                f"# a virtual card connects to {service.vpcd_host}:{service.vpcd_port}; Ctrl-C ends the service",
                flush=True,
            )
            signal.pause()
    except ServiceError as error:
        print(f"services: {error}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
