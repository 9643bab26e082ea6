"""One station's connection after it has proved itself: calls come in, answers go out, objects are kept by number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from cardfab.crypto import CipherRefused
from cardfab.errors import CardfabError, KeyFault, Text
from cardfab.keys.auditing import AuditedKeyStore, AuditSink, StationKeys, UseOutcome, about
from cardfab.keys.away import KeysAway
from cardfab.keys.label import Level, Sealed
from cardfab.keys.service.schema import OBJECTS, Method, methods_of
from cardfab.keys.service.wire import WireFault, frame, read, wipe

OBJECTS_MOST: Final = 256
"""Objects that one connection may keep: a card needs some dozens."""
EXTRAS: Final[Mapping[str, type]] = {"level": Level}
"""What an error may carry besides its texts."""
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class ConnectionSink(AuditSink, Protocol):
    """Where the key uses of one connection are written."""

    def settle(self) -> None:
        """Write outcomes that wait for company."""
        ...

    def close(self) -> None:
        """The connection has ended."""
        ...


class ServiceRecord(Protocol):
    """Where the service writes what it does. Every call is durable when it returns, and raises where it cannot be."""

    def sink(self, station: str, peer: str) -> ConnectionSink:
        """For the key uses of one connection; ``peer`` says which process of which user."""
        ...

    def event(self, action: str, actor: str, outcome: UseOutcome, details: Mapping[str, str]) -> None:
        """Something else that happened: a station connected, was refused, the service started again."""
        ...

    def settle(self) -> None:
        """Nothing is being asked: bring the record up to date."""
        ...


class Session:
    """Answers the calls of one station."""

    def __init__(self, store: StationKeys, sink: ConnectionSink) -> None:
        self._keys = AuditedKeyStore(store, sink)
        self._sink = sink
        self._objects: dict[int, tuple[str, Any]] = {}
        self._last = 0
        self.away: KeysAway | None = None
        """Set when the token went away under an act: the service must start again."""

    def answer(self, body: bytearray) -> bytearray | None:
        """The answer to one frame, None where it wants none. Raises :class:`WireFault`; the connection ends then."""
        match read(body):
            case ("call", str(token), int(number), str(name), tuple(given)) if _TOKEN.fullmatch(token):
                kind, target = self._find(number)
                method = methods_of(kind).get(name)
                if method is None or not method.accepts(given):
                    raise WireFault("there is no such call")
                return self._call(token, target, method, given)
            case ("free", tuple(numbers)):
                for number in numbers:
                    self._objects.pop(number, None)
                return None
        raise WireFault("this is no call")

    @property
    def kept(self) -> int:
        """How many objects are kept."""
        return len(self._objects)

    def end(self) -> None:
        """Let go of every object, and write what was only counted."""
        self._objects.clear()
        try:
            self._keys.flush()
        finally:
            self._sink.close()

    def settle(self) -> None:
        """Write what waits for company in the record."""
        self._sink.settle()

    def _find(self, number: int) -> tuple[str, Any]:
        if number == 0:
            return "", self._keys
        if number not in self._objects:
            raise WireFault("there is no such object")
        return self._objects[number]

    def _call(self, token: str, target: Any, method: Method, given: tuple[Any, ...]) -> bytearray:
        by_place, named = method.arguments(given)
        try:
            with about(token):
                if method.name == "print_pin":
                    return self._page(*by_place)
                result = getattr(target, method.name)(*by_place, **named)
            return self._done(method, result)
        except WireFault:
            raise
        except CardfabError as error:
            if isinstance(error, KeysAway):
                self.away = error
            return frame(failure(error))
        except CipherRefused as error:  # says what cannot be computed, never with what
            return frame(("cipher", str(error)))
        except Exception as error:
            # Only the kind: a text from below may quote what it was given.
            return frame(failure(_inside(type(error).__name__)))

    def _page(self, pin: Sealed, before: bytes, after: bytes) -> bytearray:
        pages: list[bytearray] = []
        try:
            self._keys.print_pin(pin, before, after, lambda page: pages.append(bytearray(page)))
            [page] = pages
            return frame(("done", page))
        finally:
            for page in pages:
                wipe(page)

    def _done(self, method: Method, result: Any) -> bytearray:
        kind = getattr(method.result, "__name__", "")
        if OBJECTS.get(kind) is not method.result:
            return frame(("done", tuple(result) if isinstance(result, list) else result))
        if len(self._objects) >= OBJECTS_MOST:
            raise KeyFault(
                Text("This station keeps too many keys open.", "该制卡点同时打开的密钥过多。"),
                do=Text("End the work at hand and begin again.", "请结束当前操作后重试。"),
                code="CF-6323",
            )
        self._last += 1
        self._objects[self._last] = (kind, result)
        return frame(("object", self._last, kind))


def _inside(kind: str) -> KeyFault:
    return KeyFault(
        Text(f"The key service failed inside ({kind}).", f"密钥服务内部出错（{kind}）。"),
        do=Text("Its own messages say more; report it.", "请查看密钥服务的输出并上报。"),
        code="CF-6322",
    )


def failure(error: CardfabError, word: Literal["failed", "refused"] = "failed") -> tuple[Any, ...]:
    """An error as it is said: its class and those above it, code, texts, and what else it carries.

    ``refused`` is the last word of a connection.
    """
    do = (None, None) if error.do is None else (error.do.en, error.do.zh)
    extras = tuple(
        (name, getattr(error, name)) for name, kind in EXTRAS.items() if isinstance(getattr(error, name, None), kind)
    )
    names = tuple(cls.__name__ for cls in type(error).__mro__ if issubclass(cls, CardfabError))
    return (word, names, error.code, error.what.en, error.what.zh, *do, extras)
