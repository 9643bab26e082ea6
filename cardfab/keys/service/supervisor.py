"""Starts the worker that holds the keys, and starts it again: recorded, and only with an authorisation (D5).

The supervisor holds the listening socket, so that stations that connect meanwhile wait for the next worker. It never
opens the key store. The worker is a fork of it, the key store is opened there; it ends when the supervisor does.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from cardfab.errors import CardfabError, KeyFault, Text
from cardfab.keys.auditing import UseOutcome

STOPPED, BROKEN, AWAY, REFUSED = 0, 70, 75, 76
"""How a worker ends: told to, by an error of its own, the token went away, its start was refused (and it said why)."""
_LIVED: Final = 10.0
_QUICK: Final = 8
"""Workers that ended within 10 seconds, one after the other, before the supervisor gives up."""
_PAUSE: Final = 5.0
"""Seconds between two looks for a token that is not there: that is waited for without end."""

Worker = Callable[[socket.socket, Callable[[str], None]], int]
"""Serves until the socket ends; tells "ready" or why not; its exit status."""


class Authority(Protocol):
    """Whose word starts a worker."""

    def __call__(self, start: int) -> str:
        """Say where the word for this start comes from; raises KeyFault where there is none. 0 is the first start."""
        ...


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a supervisor works with."""

    worker: Worker
    authority: Authority
    record: Callable[[str, str, UseOutcome, Mapping[str, str]], None]
    tell: Callable[[Text], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class WorkerRefused(KeyFault):
    """The worker could not start: the word is wrong, or the keys are not there."""

    default_code = "CF-6328"


def supervise(given: Supervision, stopping: Callable[[], bool]) -> None:
    """Run workers one after the other until told to stop. Raises KeyFault where no worker can be had."""
    start, quick, before = 0, 0, ""
    while True:
        by = _authorised(given, start)
        began = given.clock()
        ready, status, why = _one(given, start, by)
        if stopping() or status == STOPPED:
            given.record("keyservice.stop", "-", "done", {"starts": str(start + 1)})
            return
        waits = not ready and status == AWAY
        news, before = why != before, why if waits else ""
        if not ready and news:
            given.record("keyservice.restart" if start else "keyservice.start", "-", "refused", {"why": why})
        if not ready and start == 0:
            raise WorkerRefused(Text(f"The key service did not start ({why}).", f"密钥服务未能启动（{why}）。"))
        if waits:
            if news:
                given.tell(
                    Text(f"The token is not there ({why}); it is waited for.", f"设备不可用（{why}），等待恢复。")
                )
            given.sleep(_PAUSE)
            start += 1
            continue
        quick = quick + 1 if given.clock() - began < _LIVED else 0
        if quick >= _QUICK:
            given.record("keyservice.stop", "-", "failed", {"why": why})
            raise KeyFault(
                Text("The key service ends again and again.", "密钥服务反复中断。"),
                do=Text("Look at the token and at the messages above.", "请检查设备及上述提示。"),
                code="CF-6329",
            )
        given.tell(Text(f"The worker ended ({why}); it is started again.", f"工作进程结束（{why}），正在重新启动。"))
        given.sleep(min(5.0, 0.1 * 2**quick))
        start += 1


def _authorised(given: Supervision, start: int) -> str:
    try:
        return given.authority(start)
    except BaseException:
        if start:
            given.record("keyservice.restart", "-", "refused", {"why": "nobody gave the word"})
        raise


def _one(given: Supervision, start: int, by: str) -> tuple[bool, int, str]:
    """One worker from its start to its end: whether it was ready, how it ended, in words too."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        os._exit(_work(given.worker, theirs))
    theirs.close()
    with ours:
        try:
            said = _report(ours)
            ready = said == "ready"
            if ready:
                action = "keyservice.restart" if start else "keyservice.start"
                given.record(action, "-", "done", {"authorised": by, "start": str(start)})
        except BaseException:  # interrupted while it starts; or no audit write, no operation
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        if ready:
            given.tell(Text("The key service is ready.", "密钥服务已就绪。"))
        status = _wait(child, ours)
    if not ready:
        return False, status, said or f"status {status}"
    return True, status, {AWAY: "the token went away"}.get(status, f"status {status}")


def _wait(child: int, line: socket.socket) -> int:
    """Wait for the worker; an interruption of the supervisor tells it to end."""
    while True:
        try:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        except (KeyboardInterrupt, SystemExit):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


def _report(line: socket.socket) -> str:
    """What the worker says of its start; empty where it died before."""
    said = b""
    while not said.endswith(b"\n"):
        part = line.recv(1024)
        if not part:
            return said.decode("utf-8", "replace").strip()
        said += part
    return said.decode("utf-8", "replace").strip()


def _work(worker: Worker, line: socket.socket) -> int:
    """In the child: nothing leaves it but its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the supervisor tells it to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        return worker(line, lambda word: line.sendall(word.replace("\n", " ").encode() + b"\n"))
    except CardfabError as error:
        with suppress(OSError):
            line.sendall(error.sentence("en").replace("\n", " ").encode() + b"\n")
        return REFUSED
    except BaseException as error:  # it must not come up in what was the supervisor before the fork
        sys.stderr.write(f"{type(error).__name__}\n" + "".join(traceback.format_tb(error.__traceback__)))
        return BROKEN
