"""What workers have in common before any of them runs: names, paces, and where their queue is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from cardfab.errors import InputRefused, Text
from cardfab.store import Database

QUEUE: Final = "shards"
SHARD: Final = "cardfab.shard"
FINISH: Final = "cardfab.finish"
SCHEMA: Final = "cardfab_workers"
"""The queue's tables are in this schema of the station's database, apart from its own."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,59}")


class WorkersRefused(InputRefused):
    """There can be no workers here, or not with this."""

    default_code = "CF-3760"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``beat``: between two signs of life; ``lost``: after which a silent worker is lost."""

    beat: float = 10
    lost: float = 60
    look: float = 2
    """Between two looks at what was lost, and at what is left."""
    again: float = 2
    """Before a database that was not reached is tried again."""


def lock_of(batch: int, shard: int | None) -> str:
    """The lock of a shard's task, or of a batch's last one: nobody holds it twice, nor stands in the queue twice."""
    return f"batch {batch} {'end' if shard is None else f'shard {shard}'}"


def worker_name(station: str, given: str | None, pid: int) -> str:
    """How a worker is called in the books; raises :class:`WorkersRefused` for a name that is none."""
    name = f"{station}.{pid}" if given is None else given
    if not _NAME.fullmatch(name):
        raise WorkersRefused(
            Text(f"{name!r} is no name of a worker: letters, digits, '.', '-', 60 at most.",
                 f"{name!r} 不是有效的工作进程名称：须为字母、数字、点或连字符，最多 60 个。"),
            do=Text("Give another: --name NAME.", "请另取名称：--name 名称。"),
            code="CF-3762",
        )  # fmt: skip
    return name


def server_of(database: Database) -> Mapping[str, Any]:
    """How the queue is reached; raises :class:`WorkersRefused` where the database is a file."""
    server = database.server()
    if server is None:
        raise WorkersRefused(
            Text("Workers on several machines need PostgreSQL; the database here is a file.",
                 "多机工作进程需要 PostgreSQL；此处的数据库是文件。"),
            do=Text("Name a server in the settings ('database'), or prepare on this machine: --processes N.",
                    "请在配置 database 中指定服务器，或在本机准备：--processes N。"),
        )  # fmt: skip
    return server


def require_library() -> None:
    """Raise :class:`WorkersRefused` where the program was installed without what the queue needs."""
    if find_spec("procrastinate") is None or find_spec("psycopg") is None:
        raise WorkersRefused(
            Text("The program is installed without the bureau's workers.", "程序未安装制卡中心工作进程支持。"),
            do=Text("Install cardfab[bureau,postgres].", "请安装 cardfab[bureau,postgres]。"),
            code="CF-3761",
        )


__all__ = [
    "FINISH",
    "QUEUE",
    "SCHEMA",
    "SHARD",
    "Pace",
    "WorkersRefused",
    "lock_of",
    "require_library",
    "server_of",
    "worker_name",
]
