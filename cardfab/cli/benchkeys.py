"""``cardfab bench keys``: keys a second by scheme, one at a time and many in one pass, in software and in a token.

Beside them stand the bare call of the cipher library over as many bytes (nothing can be faster), and pyemv where it is
installed. All in processor time of one core, in turns, the best of many short rounds: a busy machine is as busy for
each. The last figures are what sealing costs in a look-up: one person in a database of many.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.cli.output import talk_of
from cardfab.crypto import Algorithm
from cardfab.crypto.cipher import encrypt_ecb_into, room
from cardfab.errors import CardfabError, Text
from cardfab.keys import KeySpec, Level, SoftKeyStore, Usage
from cardfab.keys.label import STATION_KEYS
from cardfab.keys.schemes import Scheme, scheme_named
from cardfab.keys.secret import Secret
from cardfab.production import Person
from cardfab.station.vault import holder_index
from cardfab.store import Database, RequestRow

Work = Callable[[], object]
Rows = list[tuple[Any, ...]]
_FEW = 200
"""Rows of a round where each is a call of its own."""
_PERSON = 2000
"""Bytes of one person's sealed data: a request without its photo."""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """Keys a second and core of one scheme; None where there is nothing to measure. ``bare`` is the floor."""

    scheme: str
    algorithm: str
    where: str
    one: int
    many: int | None = None
    bare: int | None = None
    pyemv: int | None = None

    @property
    def beside_bare(self) -> float | None:
        """How much of the bare call's speed many() reaches."""
        return None if not self.many or not self.bare else round(self.many / self.bare, 2)

    @property
    def beside_pyemv(self) -> float | None:
        """How many times pyemv."""
        return None if not self.many or not self.pyemv else round(self.many / self.pyemv, 1)


@dataclass(frozen=True, slots=True)
class LookUp:
    """Microseconds to find one person among ``people``: sealed and by keyed index, and as plain text."""

    people: int
    sealed: float
    plain: float

    @property
    def ratio(self) -> float:
        """How many times the plain look-up."""
        return round(self.sealed / self.plain, 2)


# -- what is measured --------------------------------------------------------------------------------------------------


def _cases(count: int) -> list[tuple[Scheme, Algorithm, Rows]]:
    numbers = [f"{number:010d}" for number in range(count)]
    tdes, sm4, aes = Algorithm.TDES, Algorithm.SM4, Algorithm.AES
    short: Rows = [("622848" + number, "00") for number in numbers]
    long: Rows = [("622848000" + number, "00") for number in numbers]
    chips: Rows = [("440199", os.urandom(13)) for _ in numbers]
    kdd: Rows = [(os.urandom(10),) for _ in numbers]
    cases = [
        ("emv-a", tdes, short), ("emv-a", sm4, short), ("emv-b", tdes, long), ("emv-b", sm4, long),
        ("ss", tdes, chips), ("ss", sm4, chips), ("emv", tdes, kdd), ("visa2", tdes, kdd), ("kdf3", aes, kdd),
        ("an10922", aes, [(os.urandom(17),) for _ in numbers]), ("an10922", tdes, [(os.urandom(14),) for _ in numbers]),
        ("scp03", aes, [(os.urandom(16), 4) for _ in numbers]),
    ]  # fmt: skip
    return [(scheme_named(name), algorithm, rows) for name, algorithm, rows in cases]


def _ours(scheme: Scheme, algorithm: Algorithm, rows: Rows) -> dict[str, tuple[int, Work]]:
    """One, many and the bare call: how many keys a round makes, and the round."""
    root, few = os.urandom(16), rows[:_FEW]
    texts = [text for stage in scheme.stages(algorithm, 16, *rows[0]) for text in stage.path[-1].texts]
    texts = texts[-1:] if scheme.name == "ss" else texts  # the levels above are made once for a shard
    size = sum(len(text) + -len(text) % algorithm.block for text in texts) * len(rows)
    data = os.urandom(size)

    def one() -> None:
        for row in few:
            for key in scheme.one(algorithm, root, *row):
                key.wipe()

    def many() -> None:
        with scheme.many(algorithm, root, rows):
            pass

    def bare() -> None:
        encrypt_ecb_into(algorithm, root, data, bytearray(room(algorithm, size)))

    each = len(scheme.gives)
    return {"one": (each * len(few), one), "many": (each * len(rows), many), "bare": (each * len(rows), bare)}


def _pyemv(scheme: Scheme, algorithm: Algorithm, rows: Rows) -> dict[str, tuple[int, Work]]:
    """The same keys by pyemv, which has options A and B with 3DES; nothing where it is not installed."""
    if not scheme.name.startswith("emv-") or algorithm is not Algorithm.TDES:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls 3DES by its old name
        try:
            from pyemv import kd  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            return {}
    derive: Any = kd.derive_icc_mk_a if scheme.name == "emv-a" else kd.derive_icc_mk_b
    root, few = os.urandom(16), rows[:_FEW]

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for row in few:
                derive(root, *row)

    return {"pyemv": (len(few), work)}


def software(count: int, rounds: int) -> list[KeyFigure]:
    """Every scheme over ``count`` rows."""
    figures = []
    for scheme, algorithm, rows in _cases(count):
        works = _ours(scheme, algorithm, rows) | _pyemv(scheme, algorithm, rows)
        best = dict.fromkeys(works, float("inf"))
        for _ in range(rounds):
            for name, (_, work) in works.items():
                start = time.process_time()
                work()
                best[name] = min(best[name], time.process_time() - start)
        found = {name: round(works[name][0] / best[name]) for name in works}
        figures.append(KeyFigure(scheme.name, algorithm.value, "software", **found))
    return figures


def token(rounds: int) -> list[KeyFigure]:
    """One key a call in a new SoftHSM2 token, whose roots derive and do not encrypt: there is no many.

    Raises ImportError where python-pkcs11 is not installed, and KeyFault where SoftHSM2 is not.
    """
    from cardfab.keys.pkcs11.attach import Attached
    from cardfab.keys.pkcs11.manage import TokenManager
    from cardfab.keys.pkcs11.softhsm import make_token
    from cardfab.keys.pkcs11.vault import TokenVault

    roots = {"emv-a": Usage.EMV_ROOT, "ss": Usage.CARD_ROOT, "emv": Usage.CHANNEL_ROOT}
    cases = {scheme.name: rows[:50] for scheme, algorithm, rows in _cases(50) if algorithm is Algorithm.TDES}
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        uri, pin = make_token(Path(folder), "bench")
        vault = TokenVault(Attached(uri, lambda: pin))
        try:
            manager = TokenManager(vault, training=True)
            manager.found()
            for name, usage in roots.items():
                level = Level.MINISTRY if name == "ss" else Level.BANK
                manager.import_value(KeySpec(f"bench/{name}", "3DES", usage, level), Secret(os.urandom(16)))
                scheme, root = scheme_named(name), vault.root(f"bench/{name}")
                each = len(scheme.gives)
                paths = [stage.path for row in cases[name] for stage in scheme.stages(Algorithm.TDES, 16, *row)[-each:]]
                best = float("inf")
                for _ in range(rounds):
                    start = time.process_time()
                    for path in paths:
                        root.derive(path).wipe()
                    best = min(best, time.process_time() - start)
                figures.append(KeyFigure(name, "3DES", "token", round(len(paths) / best)))
        finally:
            vault.close()
    return figures


def token_or_why(rounds: int) -> list[KeyFigure] | Text:
    """The figures of a token, or why there are none."""
    try:
        return token(rounds)
    except ImportError:
        return Text("python-pkcs11 is not installed.", "未安装 python-pkcs11。")
    except CardfabError as missing:
        return missing.what


@contextmanager
def _database(folder: Path, rows: Iterator[tuple[bytes, bytes]]) -> Iterator[Database]:
    """A database of requests: what they are found by, and what is kept."""
    folder.mkdir()
    database = Database(folder / "people.db")
    try:
        database.upgrade()
        with database.transaction("bench") as tx:
            tx.people.add(Person("bench", "bench", frozenset()))
            batch = tx.requests.add_batch("bench", 0, bytes(16), at="2026-01-01T00:00:00+00:00", by="bench")
            tx.requests.add(
                [
                    RequestRow(f"B{n}", f"token-{n}", batch, index, "bench", "new", False, kept, None)
                    for n, (index, kept) in enumerate(rows)
                ]
            )
        yield database
    finally:
        database.close()


def look_up(people: int, rounds: int) -> LookUp:
    """One person of many by the number: index it, find the rows, open what is sealed; and all of it in plain."""
    keys = _station_keys()
    salt, plain = os.urandom(16), os.urandom(_PERSON)
    numbers = [f"{n:018d}" for n in range(people)]
    asked = numbers[:: max(1, people // _FEW)]

    def bound(n: int) -> bytes:
        return f"request:token-{n}".encode()

    sealed = (
        (holder_index(keys, one), keys.seal("station/seal", salt, plain, bound(n))) for n, one in enumerate(numbers)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        _database(Path(folder) / "sealed", sealed) as closed,
        _database(Path(folder) / "plain", ((one.encode(), plain) for one in numbers)) as open_,
    ):

        def by_index() -> None:
            with closed.transaction("bench") as tx:
                for one in asked:
                    for row in tx.requests.of_holder(holder_index(keys, one)):
                        keys.unseal("station/seal", salt, row.sealed, f"request:{row.token}".encode())

        def by_number() -> None:
            with open_.transaction("bench") as tx:
                for one in asked:
                    tx.requests.of_holder(one.encode())

        best = {by_index: float("inf"), by_number: float("inf")}
        for _ in range(rounds):
            for work in best:
                start = time.process_time()
                work()
                best[work] = min(best[work], time.process_time() - start)
    found = {work: round(seconds / len(asked) * 1e6, 1) for work, seconds in best.items()}
    return LookUp(people, found[by_index], found[by_number])


def _station_keys() -> SoftKeyStore:
    from cardfab.keys.held import hold

    specs = [spec for spec in STATION_KEYS if spec.usage in (Usage.SEAL, Usage.INDEX)]
    return SoftKeyStore({spec.label: hold(spec, os.urandom(32), training=True) for spec in specs}, os.urandom)


# -- the command -------------------------------------------------------------------------------------------------------


def keys(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", min=10, help="Rows of a shard.")] = 5000,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds; the best counts.")] = 30,
    people: Annotated[int, typer.Option("--people", min=1, help="People in the database.")] = 10_000,
) -> None:
    """Keys a second and core by scheme, software and token, one and many; and what a sealed look-up costs."""
    talk = talk_of(context)
    figures = software(count, rounds)
    if not any(figure.pyemv for figure in figures):
        talk.say("pyemv is not installed: nothing to compare with.", "未安装 pyemv，无法对比。")
    # In a process of its own: SoftHSM2 reads its configuration once, and other tokens of this one would be lost.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as aside:
        answer = aside.submit(token_or_why, max(1, rounds // 3)).result()
    if isinstance(answer, Text):
        talk.say(f"No token here: {answer.en}", f"此处没有加密设备：{answer.zh}")
    else:
        figures += answer
    found = look_up(people, rounds)
    value: dict[str, Any] = {
        "figures": [
            asdict(one) | {"beside_bare": one.beside_bare, "beside_pyemv": one.beside_pyemv} for one in figures
        ],
        "look_up": asdict(found) | {"ratio": found.ratio},
    }

    def shown() -> None:
        columns = (
            Text("scheme", "方案"), Text("cipher", "算法"), Text("where", "位置"), Text("one", "逐个"),
            Text("many", "批量"), Text("bare call", "裸调用"), Text("pyemv", "pyemv"), Text("/bare", "/裸调用"),
            Text("/pyemv", "/pyemv"),
        )  # fmt: skip
        where = {"software": Text("software", "软件"), "token": Text("token", "设备")}
        rows = [
            (
                one.scheme, one.algorithm, talk.of(where[one.where]), _number(one.one), _number(one.many),
                _number(one.bare), _number(one.pyemv), _times(one.beside_bare), _times(one.beside_pyemv),
            )
            for one in figures
        ]  # fmt: skip
        talk.table(columns, rows, empty=Text("", ""))
        said = Text(
            f"One of {people:,} people: {found.sealed:.0f} us sealed and by keyed index, "
            f"{found.plain:.0f} us in plain, {found.ratio} x.",
            f"在 {people:,} 人中查找一人：加密及带密钥索引 {found.sealed:.0f} 微秒，"
            f"明文 {found.plain:.0f} 微秒，{found.ratio} 倍。",
        )
        talk.out.print(talk.of(said), highlight=False)

    talk.give(value, shown)


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio}x"
