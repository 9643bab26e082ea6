"""One database, and the one way to change it: a transaction that is announced before and after its commit.

One writes at a time, in the whole database: threads of this process by turns (:mod:`cardfab.store.turn`), processes and
stations by the database's own lock (:mod:`cardfab.store.engines`). A commit that returned is on the disk; one whose
answer was lost is in doubt (:mod:`cardfab.store.doubt`).

What must be in the record whatever becomes of the open transaction is noted (:meth:`Database.note`): in a transaction
of its own at once, or where one is open already, in a file that its roll-back does not reach.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from cardfab.audit import AuditEvent
from cardfab.errors import DeviceFault, InputRefused, Text
from cardfab.store.audit import MakeNote
from cardfab.store.doubt import CommitInDoubt, Doubts
from cardfab.store.engines import HASTE, PATIENCE, DatabaseRefused, StoreEngine, engine_of
from cardfab.store.notes import NoteFile, left_behind
from cardfab.store.sequencer import sequence
from cardfab.store.transaction import Transaction
from cardfab.store.turn import Turn
from cardfab.watch import Watch, unwatched

_MIGRATIONS = Path(__file__).parent / "migrations"


class DatabaseBusy(DeviceFault):
    """Another program has been writing for as long as this one waits."""

    default_code = "CF-5702"

    def __init__(self) -> None:
        super().__init__(
            Text("The database is locked by another program; nothing was done.", "数据库被其他程序占用；未执行操作。"),
            do=Text("Try again; see which program hangs.", "请重试，并检查是否有程序停滞。"),
        )


class DatabaseAway(DeviceFault):
    """The database is not reached, or the connection to it broke before anything was kept."""

    default_code = "CF-5701"

    def __init__(self) -> None:
        super().__init__(
            Text("The database is not reached; nothing was done.", "无法连接数据库；未执行操作。"),
            do=Text("Look at its server and the line to it, then try again.", "请检查数据库服务器及网络后重试。"),
        )


class DatabaseFull(DeviceFault):
    """The disk of the database takes nothing more, or fails."""

    default_code = "CF-5703"

    def __init__(self) -> None:
        super().__init__(
            Text(
                "The disk of the database is full, or fails; nothing was done.",
                "数据库所在磁盘已满或出现故障；未执行操作。",
            ),
            do=Text("Make room on it, or mend it, then try again.", "请腾出空间或排除故障后重试。"),
        )


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


_PATIENCE, _HASTE = PATIENCE, HASTE


class Database:
    """An open database. ``watch`` stands before and after every commit.

    ``where`` is a file or a ``postgresql://`` URL; ``beside`` the file by whose name notes are put, with a URL.
    ``joins`` gives events that go along with the next commit: outcomes whose intents are on record. ``signed`` hears of
    every new checkpoint after its commit. ``sequences_inside``: a transaction gives its events their places itself,
    since nobody else can write meanwhile.
    """

    def __init__(self, where: Path | str, *, beside: Path | None = None, watch: Watch = unwatched) -> None:
        self._kind: StoreEngine = engine_of(where, beside)
        self.path = self._kind.beside
        self.joins: Callable[[], Sequence[AuditEvent]] | None = None
        self.signed: Callable[[bytes], None] | None = None
        self.sequences_inside = True
        self._watch = watch
        self._here = threading.local()
        self._turn = Turn()
        self._due: list[AuditEvent] = []
        self._due_lock = threading.Lock()
        self._doubts = Doubts(self._kind)
        self._engine: Engine = self._kind.engine

    @contextmanager
    def transaction(self, name: str, *, places: bool = True) -> Iterator[Transaction]:
        """Everything inside happens together or not at all; what was noted inside happens in any case.

        Without ``places`` its events wait for theirs until a later transaction gives them: a place says nothing before
        a checkpoint signs it, and one step of a card follows the other.
        """
        notes = self._here.notes = NoteFile(self.path)
        try:
            with self._told(), self._turn.taken(_PATIENCE / 1000) as came:
                if not came:
                    raise DatabaseBusy
                self._settle_doubt()
                with self._engine.connect() as connection, connection.begin() as begun:
                    yield (tx := Transaction(connection))
                    due = self._join(tx)
                    ripe = tx.audit.note is not None or (places and tx.audit.grown)
                    signed = self._sequenced_inside(connection, tx) if ripe and self.sequences_inside else None
                    self._commit(connection, begun, name, due)
                self._watch(f"after:commit:{name}")
        finally:
            self._here.notes = None
            self._take_in(notes)
        if signed is not None and self.signed is not None:
            self.signed(signed)
        if ripe and not self.sequences_inside:
            self.sequence(tx.audit.note, patient=tx.audit.note is not None)

    def note(self, *events: AuditEvent, name: str = "note") -> Callable[[], bool]:
        """Put events on record whatever becomes of the transaction that is open in this thread.

        They are on the disk when this returns; raises :class:`RecordUnwritten`. They wait for their places until the
        next sequencing. What comes back says whether they have reached the database: until then nothing may be put
        there that is to stand behind them.
        """
        open_notes: NoteFile | None = getattr(self._here, "notes", None)
        try:
            if open_notes is not None:
                open_notes.add(one.encode() for one in events)
                return lambda: open_notes.reached
            self._write(events, name)
        except (SQLAlchemyError, DatabaseBusy, OSError) as broken:
            raise RecordUnwritten from broken
        return _reached

    def flush(self) -> None:
        """Put on record what only waits for a commit to go along with, and what processes that died have noted."""
        with left_behind(self.path) as leaves:
            events = [AuditEvent.decode(leaf) for leaf in leaves]
            if events or self._outcomes():
                with self._told():
                    self._write(events, "flush")

    def doubts(self) -> tuple[tuple[str, bool], ...]:
        """Commits whose answer was lost and whose fate is known now: (name, whether it was kept). Told once."""
        with self._told():
            return self._doubts.settled()

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
        except (OperationalError, DatabaseBusy) as broken:
            if patient:
                self._tell(broken)
                raise
        except IntegrityError as taken:
            if patient:
                raise RecordChanged from taken
        if newest is not None and self.signed is not None:
            self.signed(newest)  # what it notes waits for the next time

    def _sequenced_inside(self, connection: Connection, tx: Transaction) -> bytes | None:
        """Where there is one writer anyway: the places and the checkpoint go along with the act's own commit."""
        try:
            with connection.begin_nested():
                return sequence(connection, tx.audit.note)
        except IntegrityError:  # the record was changed: the act is recorded and waits, a start and doctor say so
            return None

    def _sequenced(self, note: MakeNote | None, patient: bool) -> tuple[bytes | None, bool]:
        """One round: the new checkpoint, and whether leaves came in meanwhile."""
        wait = _PATIENCE if patient else _HASTE
        with self._turn.taken(wait / 1000) as came:
            if not came:
                raise DatabaseBusy
            with self._engine.connect() as connection:
                self._kind.wait(connection, wait)
                try:
                    with connection.begin() as begun:
                        signed = sequence(connection, note)
                        self._commit(connection, begun, "sequence", ())
                finally:
                    if not connection.invalidated:
                        self._kind.wait(connection, _PATIENCE)
        self._watch("after:commit:sequence")
        with self.reading() as tx:
            return signed, tx.audit.waiting() > 0

    def _write(self, events: Sequence[AuditEvent], name: str) -> None:
        with self._turn.taken(_PATIENCE / 1000) as came:
            if not came:
                raise DatabaseBusy
            self._settle_doubt()
            with self._engine.connect() as connection, connection.begin() as begun:
                tx = Transaction(connection)
                tx.audit.append(*events)
                self._commit(connection, begun, name, self._join(tx))
            self._watch(f"after:commit:{name}")

    def _commit(self, connection: Connection, begun: RootTransaction, name: str, due: Sequence[AuditEvent]) -> None:
        """Commit, and forget what went along. Raises :class:`CommitInDoubt` where the answer is lost for now."""
        mark = self._kind.mark(connection)
        self._watch(f"before:commit:{name}")
        try:
            begun.commit()
        except DBAPIError as broken:
            if mark is None or not self._kind.away(broken):
                raise
            if (became := self._kind.became(mark)) is None:
                self._doubts.keep(mark, name, due)
                raise CommitInDoubt(name) from broken
            if became == "undone":
                raise
        self._gone(due)

    def _settle_doubt(self) -> None:
        """Before anything new is written: what became of the commit whose answer was lost."""
        self._gone(self._doubts.settle())

    def _outcomes(self) -> Sequence[AuditEvent]:
        """What is to go along with the next commit; it stays here until that is done."""
        with self._due_lock:
            if self.joins is not None:
                self._due += self.joins()
            return tuple(self._due)

    def _join(self, tx: Transaction) -> Sequence[AuditEvent]:
        """What only waited for a commit goes along, behind the events of the act; all of them are written now."""
        due = self._outcomes()
        tx.audit.append(*due)
        tx.audit.put()
        return due

    def _gone(self, due: Sequence[AuditEvent]) -> None:
        """These are on record; what came in meanwhile stays. It is always the first ones: writers come by turns."""
        with self._due_lock:
            del self._due[: len(due)]

    def _take_in(self, notes: NoteFile) -> None:
        if leaves := notes.leaves():
            try:
                self._write([AuditEvent.decode(leaf) for leaf in leaves], "note")
            except (SQLAlchemyError, DatabaseBusy) as broken:
                raise RecordUnwritten from broken
        notes.taken()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database says of itself in a person's words; other errors go through."""
        try:
            yield
        except SQLAlchemyError as broken:
            self._tell(broken)
            raise

    def _tell(self, broken: Exception) -> None:
        if (isinstance(broken, DBAPIError) and self._kind.busy(broken)) or isinstance(broken, NoConnection):
            raise DatabaseBusy from broken
        if isinstance(broken, DBAPIError) and self._kind.away(broken):
            raise DatabaseAway from broken
        if isinstance(broken, DBAPIError) and self._kind.full(broken):
            raise DatabaseFull from broken

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A look at one moment; nothing is kept of what is changed inside."""
        with self._told(), self._looking() as connection:
            yield Transaction(connection)

    @contextmanager
    def _looking(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.execution_options(reading=True).begin() as begun:
            yield connection
            begun.rollback()

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """One moment of the whole database, for what reads all of it."""
        with self._told(), self._looking() as connection:
            yield connection

    @contextmanager
    def filling(self) -> Iterator[Connection]:
        """All at once into an empty database, or nothing."""
        with self._told(), self._engine.begin() as connection:
            self._kind.require(connection)
            yield connection

    def version(self) -> str | None:
        """The version of the schema, None where there is none."""
        with self._told(), self._looking() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def says(self) -> str:
        """The kind of database, its version and its name."""
        with self._told(), self._looking() as connection:
            return f"{self._kind.says(connection)}, {self._kind.name}"

    def server(self) -> Mapping[str, Any] | None:
        """How another client of libpq connects to the same database; None where it is a file."""
        return self._kind.server()

    def upgrade(self) -> None:
        """Bring the schema to this program's version, creating it where there is none."""
        with self._told(), self._engine.begin() as connection:
            self._kind.require(connection)
            command.upgrade(config_of(connection), "head")

    def require_current(self) -> None:
        """Raise :class:`DatabaseRefused` unless the schema is this program's."""
        here, head = self.version(), _head()
        with self._told(), self._looking() as connection:
            self._kind.require(connection)
        if here != head:
            raise DatabaseRefused(
                Text(
                    f"The database {self._kind.name} is at version {here}, this program needs {head}.",
                    f"数据库 {self._kind.name} 的版本为 {here}，本程序需要 {head}。",
                ),
                do=Text(
                    "Run 'cardfab doctor --upgrade' after a backup.", "请先备份，再运行 cardfab doctor --upgrade。"
                ),
            )

    def compact(self) -> bool:
        """Rewrite the file and empty its log, so that nothing of what was deleted is left in either; whether that was
        done: another program that reads the database holds the log back.
        """
        with self._told(), self._engine.connect() as connection:
            return self._kind.compact(connection)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()


def _reached() -> bool:
    return True


def config_of(connection: Connection) -> Config:
    """Alembic's configuration over an open connection."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@cache
def _head() -> str:
    """The newest version of the schema that this program knows; reading every migration for it takes a while."""
    return ScriptDirectory(str(_MIGRATIONS)).get_current_head() or ""


_config = config_of
