"""The medical account: load, purchase, balance, proof, starting day. LD/T 32 part 5 ch. 7; part 7 ch. 11, 12, 14, 15.

Three states (part 5 table 49): idle, load, purchase. An initialisation holds for the next command only, but for GET
BALANCE and GET TRANSACTION PROOF; any failure ends in idle. What the documents do not say, as this card has it: the
type in MACs is ASCII 1 or 2, the TAC of a load covers the new balance, the log has the number that was answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cardfab.crypto import same
from cardfab.simulator.chip import word
from cardfab.simulator.chip.crypt import message_mac, session_key, transaction_code
from cardfab.simulator.chip.filesystem import ALGORITHM_BYTES, FileSystem
from cardfab.simulator.chip.layout import File, Key, group
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.premade import ACCOUNT_ONLY_RECORD
from cardfab.simulator.chip.word import Refused

LOAD, PURCHASE = b"\x31", b"\x32"
FRESH = bytes(18) + b"\x01\x01"  # nothing in it, the year begins on 1 January
MOST_COUNTED, MOST_AMOUNT = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Amounts:
    """The internal amount file, V2.0 table 9: amounts in fen, ``year`` and ``start`` as BCD yyyy and mmdd."""

    loads: int
    purchases: int
    balance: int
    own: int
    pooled: int
    year: bytes
    start: bytes

    @classmethod
    def decode(cls, cell: bytes) -> Amounts:
        """From its 20 bytes."""
        counters, totals = (cell[0:2], cell[2:4]), (cell[4:8], cell[8:12], cell[12:16])
        loads, purchases, balance, own, pooled = (int.from_bytes(one) for one in counters + totals)
        return cls(loads, purchases, balance, own, pooled, cell[16:18], cell[18:20])

    def encode(self) -> bytes:
        """Its 20 bytes."""
        counters = self.loads.to_bytes(2) + self.purchases.to_bytes(2)
        totals = b"".join(one.to_bytes(4) for one in (self.balance, self.own, self.pooled))
        return counters + totals + self.year + self.start

    def paid(self, day: int, account: int, own: int, pooled: int) -> Amounts:
        """After a purchase on ``day`` (yyyymmdd): the totals go on within the year, else they begin anew. 12.6."""
        start = int(self.start.hex())
        balance, purchases = self.balance - account, self.purchases + 1
        if day - (int(self.year.hex()) * 10000 + start) < 10000:
            own, pooled = self.own + own, self.pooled + pooled
            return replace(self, balance=balance, purchases=purchases, own=own, pooled=pooled)
        year = day // 10000 - (day % 10000 < start)
        begun = replace(self, year=bytes.fromhex(f"{year:04d}"))
        return replace(begun, balance=balance, purchases=purchases, own=own, pooled=pooled)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A transaction between its two commands."""

    kind: bytes
    number: bytes
    key: bytes
    challenge: bytes
    sums: bytes
    terminal: bytes


def cell(path: str) -> str:
    """Where the amounts of a directory lie."""
    return f"purse/{path}"


def amounts(memory: Memory, path: str) -> bytes:
    """The internal amount file of a directory."""
    return memory.read(cell(path), FRESH)


class Purse:
    """The commands of class B0 in whichever directory has a purse; only the state between two commands is its own."""

    def __init__(self, files: FileSystem) -> None:
        self._files = files
        self._begun: _Begun | None = None
        self._handlers: dict[tuple[int, int], Callable[[Command], bytes]] = {
            (0x26, 0x00): self._balance,
            (0x28, 0x00): self._initialize_load,
            (0x28, 0x01): self._initialize_purchase,
            (0x2A, 0x00): self._credit,
            (0x2C, 0x01): self._debit,
            (0x2E, 0x00): self._proof,
            (0x56, 0x00): self._set_start,
            (0x56, 0x01): self._start,
        }

    def idle(self) -> None:
        """Forget a transaction that was begun."""
        self._begun = None

    def execute(self, command: Command) -> bytes:
        """One command of the purse; raises :class:`Refused`, and is idle then."""
        try:
            expect(any(ins == command.ins for ins, _ in self._handlers), word.UNKNOWN_INS)
            expect(bool(self._files.directory.log), word.NOT_SUPPORTED)
            self._expect_state(command.ins)
            handler = self._handlers.get((command.ins, command.p1))
            if handler is None:
                raise Refused(word.WRONG_P1P2)
            return handler(command)
        except Refused:
            self.idle()
            raise

    def _expect_state(self, ins: int) -> None:
        kind = self._begun.kind if self._begun else b""
        needed = {0x2A: LOAD, 0x2C: PURCHASE}.get(ins, kind)
        expect(kind == needed, word.WRONG_STATE)

    # What there is

    @property
    def _now(self) -> Amounts:
        return Amounts.decode(amounts(self._files.memory, self._files.directory.path))

    @property
    def _log(self) -> File:
        return next(file for file in self._files.directory.files if file.fid == self._files.directory.log)

    @property
    def _account_only(self) -> bool:
        return self._log.length == ACCOUNT_ONLY_RECORD

    def _place(self, use: str) -> Key:
        found = next((key for key in self._files.directory.keys if key.use == use), None)
        if found is None:
            raise Refused(word.KEY_INDEX)
        return found

    def _indexed(self, use: str, version: int) -> bytes:
        """The key whose version is the index of the command; 9403."""
        place = self._place(use)
        stored = f"key/{self._files.directory.path}/{place.name}{group(version)}"
        expect(1 <= version <= place.groups and self._files.memory.has(stored), word.KEY_INDEX)
        return self._files.memory.read(stored)

    def _expect_holder(self) -> None:
        expect("PIN" in self._files.rights, word.NOT_AUTHORISED)  # part 7 chapters 11, 12; part 5, 7.3

    # Load: part 7 chapter 11

    def _initialize_load(self, command: Command) -> bytes:
        """Key index 1 | amount 4 | terminal 6 -> balance 4, number 2, version 1, algorithm 1, challenge 4, MAC1 4."""
        expect(command.p2 == 0x01, word.WRONG_P1P2)
        expect(len(command.data) == 11, word.WRONG_LENGTH)
        self._expect_holder()
        index, sum_, terminal = command.data[0], command.data[1:5], command.data[5:]
        key, now = self._indexed("load", index), self._now
        expect(now.loads < MOST_COUNTED, word.LIMIT)
        expect(now.balance + int.from_bytes(sum_) <= MOST_AMOUNT, word.LIMIT)
        begun = self._begin(LOAD, now.loads, key, sum_, terminal)
        balance = now.balance.to_bytes(4)
        mac = self._mac(self._session(begun, b"\x80\x00"), balance + sum_ + LOAD + terminal)
        return fitted(command, balance + self._facts(begun, index) + mac)

    def _credit(self, command: Command) -> bytes:
        """Time 7 | MAC2 4 -> TAC 4."""
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 11, word.WRONG_LENGTH)
        begun, time, mac = self._ended(), command.data[:7], command.data[7:]
        right = self._mac(self._session(begun, b"\x80\x00"), begun.sums + LOAD + begun.terminal + time)
        expect(same(right, mac), word.MAC_INVALID)
        _day(time)
        now = self._now
        after = replace(now, balance=now.balance + int.from_bytes(begun.sums), loads=now.loads + 1)
        covered = after.balance.to_bytes(4) + begun.number + begun.sums + LOAD + begun.terminal + time
        tac = self._code(covered)
        self._commit(begun, after, time, bytes(4) + tac)
        return fitted(command, tac)

    # Purchase: part 7 chapter 12

    def _initialize_purchase(self, command: Command) -> bytes:
        """Key index 1 | account 4 | own 4 | pooled 4 | terminal 6 -> balance, totals, year, number, .., challenge."""
        expect(command.p2 == 0x01, word.WRONG_P1P2)
        expect(len(command.data) == 19, word.WRONG_LENGTH)
        self._expect_holder()
        index, sums, terminal = command.data[0], command.data[1:13], command.data[13:]
        key, now = self._indexed("purchase", index), self._now
        expect(now.balance >= int.from_bytes(sums[:4]), word.BALANCE_TOO_SMALL)
        expect(now.purchases < MOST_COUNTED, word.LIMIT)
        begun = self._begin(PURCHASE, now.purchases, key, sums, terminal)
        totals = bytes(10) if self._account_only else now.own.to_bytes(4) + now.pooled.to_bytes(4) + now.year
        return fitted(command, now.balance.to_bytes(4) + totals + self._facts(begun, index))

    def _debit(self, command: Command) -> bytes:
        """Terminal's number 4 | time 7 | MAC1 4 -> TAC 4, MAC2 4."""
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 15, word.WRONG_LENGTH)
        begun, number, time, mac = self._ended(), command.data[:4], command.data[4:11], command.data[11:]
        session = self._session(begun, number[2:])
        right = self._mac(session, begun.sums + PURCHASE + begun.terminal + time)
        expect(same(right, mac), word.MAC_INVALID)
        account, own, pooled = (int.from_bytes(begun.sums[n : n + 4]) for n in (0, 4, 8))
        if self._account_only:
            own = pooled = 0
        after = self._now.paid(_day(time), account, own, pooled)
        expect(max(after.own, after.pooled) <= MOST_AMOUNT, word.LIMIT)
        tac = self._code(begun.sums + PURCHASE + begun.terminal + number + time)
        mac = self._mac(session, begun.sums)
        self._commit(begun, after, time, mac + tac)
        return fitted(command, tac + mac)

    # Both

    def _begin(self, kind: bytes, number: int, key: bytes, sums: bytes, terminal: bytes) -> _Begun:
        self._begun = _Begun(kind, number.to_bytes(2), key, self._files.entropy(4), sums, terminal)
        return self._begun

    def _ended(self) -> _Begun:
        """The transaction that was begun; it has had its second command now."""
        begun, self._begun = self._begun, None
        if begun is None:
            raise Refused(word.WRONG_STATE)
        return begun

    def _facts(self, begun: _Begun, version: int) -> bytes:
        algorithm = ALGORITHM_BYTES[self._files.algorithm]
        return begun.number + bytes((version, algorithm)) + begun.challenge

    def _session(self, begun: _Begun, last: bytes) -> bytes:
        """SESLK or SESPK: challenge, number, 8000 or the right half of the terminal's number."""
        return session_key(self._files.algorithm, begun.key, begun.challenge + begun.number + last)

    def _mac(self, session: bytes, covered: bytes) -> bytes:
        """Without a header: part 4, 8.2.4."""
        return message_mac(self._files.algorithm, session, covered)

    def _code(self, covered: bytes) -> bytes:
        """The TAC under DTK: part 7 chapter 15."""
        return transaction_code(self._files.algorithm, self._indexed("tac", 1), covered)

    def _commit(self, begun: _Begun, after: Amounts, time: bytes, proof: bytes) -> None:
        """Amounts, proof and log in one write, the log last. Part 7, 12.6 and chapter 14."""
        sums = begun.sums[:4] if self._account_only else begun.sums.ljust(12, b"\x00")
        record = begun.number + begun.kind + begun.terminal + time + sums
        where = cell(self._files.directory.path)
        changes = {where: after.encode(), where + "/proof": begun.kind + begun.number + proof}
        self._files.memory.write(changes | self._files.added(self._log, record))

    # Reading

    def _balance(self, command: Command) -> bytes:
        """P2 01 account, 02 own total and year, 03 pooled total and year."""
        expect(command.p2 in (1, 2, 3), word.WRONG_P1P2)
        now = self._now
        answer = (now.balance, now.own, now.pooled)[command.p2 - 1].to_bytes(4) + (now.year if command.p2 > 1 else b"")
        expect(not command.data and command.le in (None, len(answer), 256), word.WRONG_LENGTH)
        self._expect_holder()
        return answer

    def _proof(self, command: Command) -> bytes:
        """P2 type, number 2 -> MAC 4, TAC 4 of the last transaction where it is that one; 9406."""
        kind = bytes((command.p2,))
        expect(kind in (LOAD, PURCHASE), word.WRONG_P1P2)
        expect(len(command.data) == 2 and command.le in (None, 8, 256), word.WRONG_LENGTH)
        kept = self._files.memory.read(cell(self._files.directory.path) + "/proof")
        expect(kept[:3] == kind + command.data, word.NO_PROOF)
        return kept[3:]

    def _start(self, command: Command) -> bytes:
        """GET STARTING DAY: mmdd."""
        self.idle()
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(not command.data and command.le in (None, 2, 256), word.WRONG_LENGTH)
        return self._now.start

    def _set_start(self, command: Command) -> bytes:
        """UPDATE STARTING DAY after DSK: mmdd."""
        self.idle()
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 2, word.WRONG_LENGTH)
        expect(self._place("start-day").name in self._files.granted, word.NOT_AUTHORISED)
        day = command.data.hex()
        expect(day.isdecimal() and 1 <= int(day[:2]) <= 12 and 1 <= int(day[2:]) <= 31, word.WRONG_DATA)
        where = cell(self._files.directory.path)
        self._files.memory.write({where: replace(self._now, start=command.data).encode()})
        return b""


def _day(time: bytes) -> int:
    """yyyymmdd of yyyymmddhhmmss in BCD; 6985 where it is no such thing."""
    digits = time.hex()
    expect(digits.isdecimal() and 1 <= int(digits[4:6]) <= 12 and 1 <= int(digits[6:8]) <= 31, word.CONDITIONS)
    return int(digits[:8])
