"""What this process asks of the system so that its memory stays its own, and what the system allowed.

Linux: prctl(PR_SET_DUMPABLE, 0) keeps core dumps, ptrace and /proc/PID/mem from every process without CAP_SYS_PTRACE,
those of the same user too; RLIMIT_CORE 0 is for a dump by a handler that asks first; mlockall keeps pages from swap.
"""

from __future__ import annotations

import ctypes
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardfab.errors import Text

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_SWAPS: Final = Path("/proc/swaps")


@dataclass(frozen=True, slots=True)
class Protection:
    """One protection of this process's memory, and whether it holds."""

    name: Text
    holds: bool
    advice: Text | None = None


def harden() -> tuple[Protection, ...]:
    """Ask for every protection; what the system allowed. A child that is forked keeps all but the locked pages."""
    return (_not_dumpable(), _no_core(), _locked())


def look() -> tuple[Protection, ...]:
    """What :func:`harden` would get here, without locking anything in this process."""
    return (_not_dumpable(dry=True), _no_core(dry=True), _locked(dry=True))


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _not_dumpable(*, dry: bool = False) -> Protection:
    name = Text("not dumpable", "禁止转储与调试")
    try:
        library = _library()
        if not dry:
            library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        found = library.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError):  # another system
        return Protection(
            name, False, Text("This system has no prctl; use Linux.", "本系统不支持 prctl，请使用 Linux。")
        )
    return Protection(name, found >= 0 if dry else found == 0)


def _no_core(*, dry: bool = False) -> Protection:
    if not dry:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    holds = dry or resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    return Protection(Text("no core dump", "禁止核心转储"), holds)


def _locked(*, dry: bool = False) -> Protection:
    """Only where every page to come may be locked too: under a small limit the process would fail later, at work."""
    name = Text("memory kept from swap", "内存不换出")
    if not _swap():
        return Protection(name, True)
    if not _may_lock():
        return Protection(
            name,
            False,
            Text(
                "Let the service lock its memory (systemd: LimitMEMLOCK=infinity), or turn swap off.",
                "请允许服务锁定内存（systemd：LimitMEMLOCK=infinity），或关闭交换分区。",
            ),
        )
    if dry:
        return Protection(name, True)
    try:
        return Protection(name, _library().mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)
    except (OSError, AttributeError):
        return Protection(name, False)


def _may_lock() -> bool:
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
        soft = hard
    return soft == resource.RLIM_INFINITY or os.geteuid() == 0


def _swap() -> bool:
    """Whether the machine has any; where it cannot be told, it is taken to have."""
    try:
        return len(_SWAPS.read_text(encoding="ascii").splitlines()) > 1
    except OSError:
        return True
