"""The closed list of what may be said to the key service: records, lists of names, methods with their types.

The methods are those of the protocols in :mod:`cardfab.keys.store`, read from them once, so that both sides and the
checks of what comes in are never of another mind than the door itself.
"""

from __future__ import annotations

import enum
import hashlib
import inspect
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from cardfab.crypto.purse import Load, Purchase
from cardfab.crypto.rsa import RsaPublic
from cardfab.keys import store
from cardfab.keys.auditing import StationKeys
from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate
from cardfab.keys.custody import Capabilities, Capability
from cardfab.keys.emvkeys import OnCardEmv
from cardfab.keys.explain import Explained
from cardfab.keys.issuerkeys import IccKey
from cardfab.keys.label import KeyInfo, Level, Mode, Sealed, State, Usage

ENUMS: Final[Mapping[int, type[enum.Enum]]] = {1: Usage, 2: Level, 3: Mode, 4: State}
RECORDS: Final[Mapping[int, type[Any]]] = {
    1: KeyInfo,
    2: Sealed,
    3: RsaPublic,
    4: IccKey,
    5: IccSubject,
    6: IccCertificate,
    7: IssuerCertificate,
    8: store.KeyUnderDek,
    9: Load,
    10: Purchase,
    11: Capabilities,
    12: Capability,
    13: Explained,
}
OBJECTS: Final[Mapping[str, type[Any]]] = {
    cls.__name__: cls
    for cls in (
        store.OnCardKey,
        store.LoadPurse,
        store.PurchasePurse,
        store.TacKey,
        store.ChannelKeys,
        store.ChannelSession,
        store.ChannelKeys03,
        store.ChannelSession03,
        store.OnCardMasterKey,
        store.FirstPin,
        store.PkiPin,
        store.KeyToLoad,
        OnCardEmv,
    )
}
"""What the store hands out and keeps: the station holds a number that stands for it."""
_HINTS: Final = {cls: {one.name: get_type_hints(cls)[one.name] for one in fields(cls)} for cls in RECORDS.values()}
_LOCAL = frozenset(("close", "pin_clear"))
"""Not said to the service: the station's own, and what a service does not do."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its parameters in order with their types, how many are given by place, and what it gives."""

    name: str
    parameters: tuple[tuple[str, Any], ...]
    by_place: int
    result: Any

    def accepts(self, given: tuple[Any, ...]) -> bool:
        """Whether these are its parameters, all of them, in order."""
        return len(given) == len(self.parameters) and all(
            fits(value, hint) for value, (_, hint) in zip(given, self.parameters, strict=True)
        )

    def arguments(self, given: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """What was accepted, as the method takes it: by place and by name."""
        values = [
            dict(value) if get_origin(hint) is Mapping else value
            for value, (_, hint) in zip(given, self.parameters, strict=True)
        ]
        names = [name for name, _ in self.parameters[self.by_place :]]
        return values[: self.by_place], dict(zip(names, values[self.by_place :], strict=True))


def fits(value: object, hint: Any) -> bool:
    """Whether a value that came over the wire is of a type. A bool is no int here."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in get_args(hint))
    if origin is Literal:
        return type(value) is str and value in get_args(hint)
    if origin is Mapping:  # goes over as pairs
        return type(value) is tuple and all(
            type(pair) is tuple and len(pair) == 2 and all(map(fits, pair, get_args(hint))) for pair in value
        )
    if origin in (tuple, Sequence):
        return type(value) is tuple and all(fits(one, get_args(hint)[0]) for one in value)
    if origin is frozenset:
        return type(value) is frozenset and all(fits(one, get_args(hint)[0]) for one in value)
    return type(value) is (type(None) if hint is None else hint)


def hints_of(record: type[Any]) -> Mapping[str, Any]:
    """The types of a record's fields, in order."""
    return _HINTS[record]


def methods_of(kind: str) -> Mapping[str, Method]:
    """The methods of the store (kind "") or of one kind of object."""
    return _METHODS[kind]


def _method(name: str, function: Any) -> Method:
    hints = get_type_hints(function)
    given = list(inspect.signature(function).parameters.values())[1:]
    sent = [one for one in given if one.name != "send"]  # a page comes back to where it is printed
    by_place = sum(one.kind is not inspect.Parameter.KEYWORD_ONLY for one in sent)
    result = bytes if len(sent) < len(given) else hints["return"]
    return Method(name, tuple((one.name, hints[one.name]) for one in sent), by_place, result)


def _all(cls: type[Any]) -> Mapping[str, Method]:
    found = {
        name: function
        for base in reversed(cls.__mro__)
        for name, function in vars(base).items()
        if inspect.isfunction(function) and not name.startswith("_") and name not in _LOCAL
    }
    return {name: _method(name, function) for name, function in sorted(found.items())}


_METHODS: Final = {"": _all(StationKeys)} | {kind: _all(cls) for kind, cls in OBJECTS.items()}


def digest() -> bytes:
    """Of all this: two sides that differ in a record's field or a method's parameter do not connect."""
    lines = [f"{number} {cls.__name__} {list(hints_of(cls).items())!r}" for number, cls in RECORDS.items()]
    lines += [f"{number} {cls.__name__} {[one.name for one in cls]!r}" for number, cls in ENUMS.items()]
    lines += [f"{kind}.{one!r}" for kind, methods in _METHODS.items() for one in methods.values()]
    return hashlib.sha256("\n".join(lines).encode()).digest()
