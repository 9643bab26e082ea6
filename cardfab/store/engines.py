"""The two databases a station may have, and what each does in its own way: begin, wait, commit, break, be tidied.

SQLite: write-ahead log, ``synchronous=FULL``, ``BEGIN IMMEDIATE``. PostgreSQL: an advisory lock that every writing
transaction takes first, so that there too one writes at a time and what was proved of one file holds; a reader takes
no lock and sees one moment. A commit that returned is on the disk in both.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from cardfab.errors import InputRefused, Text

PATIENCE: Final = 10000
"""Milliseconds that a writer waits for another one."""
HASTE: Final = 1000
"""A sequencer waits less: its work does not run away."""
_LOCK: Final = 0x63617264666162
"""The advisory lock of writers, one number a database: "cardfab" in ASCII."""
_READERS, _MORE = 12, 52
"""Connections that are kept, and how many more there may be at once: as many as a server of pages has threads."""
_ASKING: Final = 3.0
"""Seconds for finding out what became of a commit, before that is left to later."""
_COLLATIONS = frozenset(("C", "POSIX", "C.UTF-8", "C.utf8"))

Became = Literal["kept", "undone"]


class DatabaseRefused(InputRefused):
    """The database is missing, of another kind than is needed, newer or older than this program."""

    default_code = "CF-3700"


class StoreEngine(Protocol):
    """One database. ``beside``: the file by whose name what must survive a roll-back is put."""

    engine: Engine
    name: str
    beside: Path

    def wait(self, connection: Connection, milliseconds: int) -> None:
        """Let the next transaction of this connection wait so long for others."""
        ...

    def busy(self, broken: DBAPIError) -> bool:
        """Whether another writer was waited for in vain."""
        ...

    def away(self, broken: DBAPIError) -> bool:
        """Whether the database is not reached, or no longer."""
        ...

    def full(self, broken: DBAPIError) -> bool:
        """Whether the disk takes nothing more, or fails."""
        ...

    def mark(self, connection: Connection) -> str | None:
        """A name of the open transaction, by which it is found again; None where no commit can be in doubt."""
        ...

    def became(self, mark: str) -> Became | None:
        """What became of a transaction; None while that cannot be asked."""
        ...

    def require(self, connection: Connection) -> None:
        """Raise :class:`DatabaseRefused` for a database of this kind that will not do."""
        ...

    def compact(self, connection: Connection) -> bool:
        """See :meth:`cardfab.store.database.Database.compact`."""
        ...

    def says(self, connection: Connection) -> str:
        """The kind of database and its version."""
        ...

    def server(self) -> Mapping[str, Any] | None:
        """How another client of libpq connects to the same database; None for a file."""
        ...


def engine_of(where: Path | str, beside: Path | None = None) -> StoreEngine:
    """The database at a path, or at a ``postgresql://`` URL; ``beside`` is needed with a URL."""
    if isinstance(where, str) and where.startswith("postgresql://"):
        return PostgresServer(_url(where), beside or Path("station.db"))
    return SqliteFile(Path(where))


def _url(given: str) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as wrong:
        raise DatabaseRefused(Text("The URL of the database is wrong.", "数据库地址有误。"), code="CF-3702") from wrong
    if url.password is not None or "password" in url.query:
        raise DatabaseRefused(
            Text("The URL of the database has a password in it.", "数据库地址中含有口令。"),
            do=Text(
                "Take it out; use peer authentication, a service file or a password file (PGPASSFILE).",
                "请删除，改用 peer 认证、服务文件或口令文件（PGPASSFILE）。",
            ),
            code="CF-3703",
        )
    return url.set(drivername="postgresql+psycopg")


class SqliteFile:
    """A file beside the station's settings."""

    def __init__(self, path: Path) -> None:
        self.name, self.beside = path.name, path
        self.engine = create_engine(f"sqlite:///{path}", pool_size=_READERS, max_overflow=_MORE, hide_parameters=True)
        event.listen(self.engine, "connect", _pragmas)
        event.listen(self.engine, "begin", _begin_sqlite)

    def wait(self, connection: Connection, milliseconds: int) -> None:
        _raw(connection).execute(f"PRAGMA busy_timeout={milliseconds}").close()

    def busy(self, broken: DBAPIError) -> bool:
        return "database is locked" in str(broken.orig)

    def away(self, broken: DBAPIError) -> bool:
        return False

    def full(self, broken: DBAPIError) -> bool:
        # The low byte is the kind of error; where there is no room for the index of the log, SQLite says I/O error.
        code = getattr(broken.orig, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

    def mark(self, connection: Connection) -> str | None:
        return None

    def became(self, mark: str) -> Became | None:
        return None

    def require(self, connection: Connection) -> None:
        """Every SQLite file will do."""

    def compact(self, connection: Connection) -> bool:
        raw = _raw(connection)
        raw.execute("VACUUM").close()
        raw.execute(f"PRAGMA busy_timeout={HASTE}").close()
        busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        raw.execute(f"PRAGMA busy_timeout={PATIENCE}").close()
        return bool(busy == 0)

    def says(self, connection: Connection) -> str:
        return f"SQLite {connection.exec_driver_sql('SELECT sqlite_version()').scalar()}"

    def server(self) -> Mapping[str, Any] | None:
        return None


def _pragmas(raw: Any, record: object) -> None:
    raw.isolation_level = None  # pysqlite must not open transactions of its own
    # What is deleted is overwritten: an erased salt must not lie in a free page.
    erasing = ("secure_delete=ON", f"busy_timeout={PATIENCE}")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *erasing):
        raw.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


class PostgresServer:
    """A database of a PostgreSQL server. Who connects is proved without a password in the settings."""

    def __init__(self, url: URL, beside: Path) -> None:
        self.name, self.beside = f"postgresql:{url.database or ''}", beside
        try:
            self.engine = create_engine(
                url,
                pool_size=_READERS,
                max_overflow=_MORE,
                pool_pre_ping=True,
                connect_args=_LINE,
                hide_parameters=True,
            )
        except ModuleNotFoundError as missing:
            raise DatabaseRefused(
                Text("The program is installed without PostgreSQL.", "程序未安装 PostgreSQL 支持。"),
                do=Text("Install cardfab[postgres].", "请安装 cardfab[postgres]。"),
                code="CF-3704",
            ) from missing
        event.listen(self.engine, "connect", _settings)
        event.listen(self.engine, "begin", _begin_postgres)

    def wait(self, connection: Connection, milliseconds: int) -> None:
        connection.execution_options(patience=milliseconds)

    def busy(self, broken: DBAPIError) -> bool:
        return getattr(broken.orig, "sqlstate", None) == "55P03"

    def away(self, broken: DBAPIError) -> bool:
        # Without a state nobody answered; 08 is the connection, 57P the server going down, 53300 too many connections.
        state = getattr(broken.orig, "sqlstate", None)
        unreached = state is None and type(broken.orig).__name__ in ("OperationalError", "ConnectionTimeout")
        return broken.connection_invalidated or unreached or (state or "")[:3] in ("080", "57P", "533")

    def full(self, broken: DBAPIError) -> bool:
        return getattr(broken.orig, "sqlstate", None) in ("53100", "58030")  # disk_full, io_error

    def mark(self, connection: Connection) -> str | None:
        return str(connection.exec_driver_sql("SELECT pg_current_xact_id()").scalar())

    def became(self, mark: str) -> Became | None:
        until = time.monotonic() + _ASKING
        while True:
            try:
                with self.engine.connect() as asking, asking.execution_options(reading=True).begin():
                    said = asking.exec_driver_sql("SELECT pg_xact_status(%(mark)s::xid8)", {"mark": mark}).scalar()
            except DBAPIError as broken:
                if not self.away(broken):
                    raise
                said = "in progress"
            if said != "in progress":
                return "kept" if said == "committed" else "undone"
            if time.monotonic() >= until:
                return None
            time.sleep(0.1)

    def require(self, connection: Connection) -> None:
        found = connection.exec_driver_sql(
            "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
        ).one()
        if found[0] not in _COLLATIONS or found[1] != "UTF8":
            raise DatabaseRefused(
                Text(
                    f"The database sorts by {found[0]} in {found[1]}; times and numbers would not come in their order.",
                    f"数据库的排序规则为 {found[0]}、编码为 {found[1]}，时间与编号将无法正确排序。",
                ),
                do=Text(
                    "Make it with: createdb --template template0 --locale C --encoding UTF8 NAME.",
                    "请这样建立：createdb --template template0 --locale C --encoding UTF8 库名。",
                ),
                code="CF-3705",
            )

    def compact(self, connection: Connection) -> bool:
        """Rewritten whole; old pages of the write-ahead log go when the server reuses them, which nobody here sees."""
        connection.execution_options(isolation_level="AUTOCOMMIT", plain=True)
        connection.exec_driver_sql("VACUUM FULL")
        return False

    def says(self, connection: Connection) -> str:
        return f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}"

    def server(self) -> Mapping[str, Any] | None:
        return {**_LINE, **self.engine.dialect.create_connect_args(self.engine.url)[1]}


_LINE: Final = {
    "connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
    "tcp_user_timeout": 30000, "application_name": "cardfab",
}  # fmt: skip

_CUT_OFF: Final = {
    "tcp_keepalives_idle": 6, "tcp_keepalives_interval": 3, "tcp_keepalives_count": 3, "tcp_user_timeout": 15000,
}  # fmt: skip
"""How the server finds out that a client is no longer there; at a socket of the same machine they say nothing."""


def _settings(raw: Any, record: object) -> None:
    """Whatever the server's defaults are: a commit that returned is on the disk, times and texts are as we write."""
    with raw.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(f"SET lock_timeout = {PATIENCE}")
        cursor.execute("SET default_transaction_isolation = 'read committed'")
        # A machine that is cut off while it writes must not keep the writers' lock for the two hours of the default.
        cursor.execute("; ".join(f"SET {setting} = {value}" for setting, value in _CUT_OFF.items()))
    raw.commit()


def _begin_postgres(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("plain"):
        return
    if options.get("reading"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return
    # Read committed: what is read behind the lock is what the writer before has written.
    wait = f"set_config('lock_timeout', '{options.get('patience', PATIENCE)}', true)"
    connection.exec_driver_sql(f"SELECT {wait}, pg_advisory_xact_lock({_LOCK})")


def _raw(connection: Connection) -> Any:
    """Outside of SQLAlchemy's own transactions, which a statement would begin."""
    raw = connection.connection.driver_connection
    if raw is None:
        raise LookupError("the connection is closed")
    return raw


__all__ = ["HASTE", "PATIENCE", "Became", "DatabaseRefused", "PostgresServer", "SqliteFile", "StoreEngine", "engine_of"]
