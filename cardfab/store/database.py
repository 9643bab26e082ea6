"""One database, and the one way to change it: a transaction that is announced before and after its commit.

SQLite: write-ahead log, ``synchronous=FULL`` (a commit that returned is on the disk), ``BEGIN IMMEDIATE`` (two stations
on one file queue up instead of failing half-way).

What must be in the record whatever becomes of the open transaction is noted (:meth:`Database.note`): in a transaction
of its own at once, or where one is open already, in a file that its roll-back does not reach.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from cardfab.audit import AuditEvent
from cardfab.errors import DeviceFault, InputRefused, Text
from cardfab.store.audit import MakeNote
from cardfab.store.notes import NoteFile, left_behind
from cardfab.store.sequencer import sequence
from cardfab.store.transaction import Transaction
from cardfab.watch import Watch, unwatched

_MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseRefused(InputRefused):
    """The database is missing, newer or older than this program."""

    default_code = "CF-3700"


class RecordUnwritten(DeviceFault):
    """The audit record takes nothing: what was to be recorded has not begun."""

    default_code = "CF-5710"

    def __init__(self) -> None:
        super().__init__(
            Text(
                "The audit record cannot be written; what it was to record was not done.",
                "审计记录无法写入；相应操作未执行。",
            ),
            do=Text("Look at the disk of the database.", "请检查数据库所在磁盘。"),
        )


class RecordChanged(InputRefused):
    """The record was set back: the place of the next event is taken."""

    default_code = "CF-3701"

    def __init__(self) -> None:
        super().__init__(
            Text(
                "The audit record was changed: the place of its next event is taken.",
                "审计记录被改动：下一条事件的位置已被占用。",
            ),
            do=Text("Stop issuing; 'cardfab audit verify' says more.", "请停止制卡；cardfab audit verify 可查看详情。"),
        )


_PATIENCE, _HASTE = 10000, 1000
"""Milliseconds that a writer waits for another one; a sequencer waits less, its work does not run away."""


def _pragmas(raw: Any, record: object) -> None:
    raw.isolation_level = None  # pysqlite must not open transactions of its own
    # What is deleted is overwritten: an erased salt must not lie in a free page.
    erasing = ("secure_delete=ON", f"busy_timeout={_PATIENCE}")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *erasing):
        raw.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


class Database:
    """An open database. ``watch`` stands before and after every commit.

    ``joins`` gives events that go along with the next commit: outcomes whose intents are on record. ``signed`` hears of
    every new checkpoint after its commit. ``sequences_inside``: a transaction gives its events their places itself,
    since nobody else can write meanwhile; where others can, that is done after it.
    """

    def __init__(self, path: Path, *, watch: Watch = unwatched) -> None:
        self.path = path
        self.joins: Callable[[], Sequence[AuditEvent]] | None = None
        self.signed: Callable[[bytes], None] | None = None
        self._watch = watch
        self._here = threading.local()
        self._due: list[AuditEvent] = []
        self._engine: Engine = create_engine(f"sqlite:///{path}")
        self.sequences_inside = self._engine.dialect.name == "sqlite"
        event.listen(self._engine, "connect", _pragmas)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def transaction(self, name: str) -> Iterator[Transaction]:
        """Everything inside happens together or not at all; what was noted inside happens in any case."""
        notes = self._here.notes = NoteFile(self.path)
        try:
            with self._engine.connect() as connection:
                with connection.begin() as begun:
                    yield (tx := Transaction(connection))
                    self._join(tx)
                    signed = self._sequenced_inside(connection, tx)
                    self._watch(f"before:commit:{name}")
                    begun.commit()
                self._due.clear()
                self._watch(f"after:commit:{name}")
        finally:
            self._here.notes = None
            self._take_in(notes)
        if signed is not None and self.signed is not None:
            self.signed(signed)
        if not self.sequences_inside and (tx.audit.grown or tx.audit.note):
            self.sequence(tx.audit.note, patient=tx.audit.note is not None)

    def note(self, *events: AuditEvent, name: str = "note") -> None:
        """Put events on record whatever becomes of the transaction that is open in this thread.

        They are on the disk when this returns; raises :class:`RecordUnwritten`. They wait for their places until the
        next sequencing.
        """
        open_notes: NoteFile | None = getattr(self._here, "notes", None)
        try:
            if open_notes is not None:
                open_notes.add(one.encode() for one in events)
            else:
                self._write(events, name)
        except (SQLAlchemyError, OSError) as broken:
            raise RecordUnwritten from broken

    def flush(self) -> None:
        """Put on record what only waits for a commit to go along with, and what processes that died have noted."""
        with left_behind(self.path) as leaves:
            events = [AuditEvent.decode(leaf) for leaf in leaves]
            if events or self._outcomes():
                self._write(events, "flush")

    def sequence(self, note: MakeNote | None = None, *, patient: bool = True) -> None:
        """Give waiting events their places, and sign the head if ``note`` is given.

        Without patience somebody else's lock ends it: who holds it looks again afterwards, and whatever stays waits
        for the next. Raises :class:`RecordChanged`, with patience.
        """
        newest: bytes | None = None
        try:
            more = True
            while more:
                signed, more = self._sequenced(note, patient)
                newest = signed or newest
        except OperationalError:
            if patient:
                raise
        except IntegrityError as taken:
            if patient:
                raise RecordChanged from taken
        if newest is not None and self.signed is not None:
            self.signed(newest)  # what it notes waits for the next time

    def _sequenced_inside(self, connection: Connection, tx: Transaction) -> bytes | None:
        """Where there is one writer anyway: the places and the checkpoint go along with the act's own commit."""
        if not self.sequences_inside or not (tx.audit.grown or tx.audit.note):
            return None
        try:
            with connection.begin_nested():
                return sequence(connection, tx.audit.note)
        except IntegrityError:  # the record was changed: the act is recorded and waits, a start and doctor say so
            return None

    def _sequenced(self, note: MakeNote | None, patient: bool) -> tuple[bytes | None, bool]:
        """One round: the new checkpoint, and whether leaves came in meanwhile."""
        with self._engine.connect() as connection:
            _wait(connection, _PATIENCE if patient else _HASTE)
            try:
                with connection.begin() as begun:
                    signed = sequence(connection, note)
                    self._watch("before:commit:sequence")
                    begun.commit()
            finally:
                _wait(connection, _PATIENCE)
        self._watch("after:commit:sequence")
        with self.reading() as tx:
            return signed, tx.audit.waiting() > 0

    def _write(self, events: Sequence[AuditEvent], name: str) -> None:
        with self._engine.connect() as connection:
            with connection.begin() as begun:
                tx = Transaction(connection)
                tx.audit.append(*events)
                self._join(tx)
                self._watch(f"before:commit:{name}")
                begun.commit()
            self._due.clear()
            self._watch(f"after:commit:{name}")

    def _outcomes(self) -> Sequence[AuditEvent]:
        """What is to go along with the next commit; it stays here until that is done."""
        if self.joins is not None:
            self._due += self.joins()
        return self._due

    def _join(self, tx: Transaction) -> None:
        tx.audit.append(*self._outcomes())

    def _take_in(self, notes: NoteFile) -> None:
        if leaves := notes.leaves():
            try:
                self._write([AuditEvent.decode(leaf) for leaf in leaves], "note")
            except SQLAlchemyError as broken:
                raise RecordUnwritten from broken
            notes.taken()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A look at one moment; nothing is kept of what is changed inside."""
        with self._engine.connect() as connection, connection.execution_options(reading=True).begin() as begun:
            yield Transaction(connection)
            begun.rollback()

    def version(self) -> str | None:
        """The version of the schema, None where there is none."""
        with self._engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def upgrade(self) -> None:
        """Bring the schema to this program's version, creating it where there is none."""
        with self._engine.begin() as connection:
            command.upgrade(_config(connection), "head")

    def require_current(self) -> None:
        """Raise :class:`DatabaseRefused` unless the schema is this program's."""
        here = self.version()
        with self._engine.connect() as connection:
            head = ScriptDirectory.from_config(_config(connection)).get_current_head()
        if here != head:
            raise DatabaseRefused(
                Text(
                    f"The database {self.path.name} is at version {here}, this program needs {head}.",
                    f"数据库 {self.path.name} 的版本为 {here}，本程序需要 {head}。",
                ),
                do=Text(
                    "Run 'cardfab doctor --upgrade' after a backup.", "请先备份，再运行 cardfab doctor --upgrade。"
                ),
            )

    def compact(self) -> bool:
        """Rewrite the file and empty its log, so that nothing of what was deleted is left in either; whether that was
        done: another program that reads the database holds the log back.
        """
        with self._engine.connect() as connection:
            if (raw := connection.connection.driver_connection) is None:
                return False
            raw.execute("VACUUM").close()
            raw.execute(f"PRAGMA busy_timeout={_HASTE}").close()
            busy, *_ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            raw.execute(f"PRAGMA busy_timeout={_PATIENCE}").close()
        return bool(busy == 0)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()


def _wait(connection: Connection, milliseconds: int) -> None:
    """Outside of SQLAlchemy's own transactions, which a statement would begin."""
    if (raw := connection.connection.driver_connection) is not None:
        raw.execute(f"PRAGMA busy_timeout={milliseconds}").close()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config
