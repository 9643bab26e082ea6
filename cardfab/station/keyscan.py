"""Which keys a product's cards hold or are made with: every label of its profiles, for its cipher and its groups."""

from __future__ import annotations

import threading
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from cardfab.keys import rooted
from cardfab.plan.spaces import key_groups
from cardfab.profile.application import FileApplication
from cardfab.profile.loader import ProfileRefused
from cardfab.station.desk import Desk, ProductSet

_Model = TypeVar("_Model", bound=BaseModel)


def labels_of(chosen: ProductSet, known: Collection[str]) -> frozenset[str]:
    """The labels among ``known`` that cards of the product have keys of."""
    return frozenset().union(*profiles_of(chosen, known).values())


def profiles_of(chosen: ProductSet, known: Collection[str]) -> dict[str, frozenset[str]]:
    """The labels that each profile of the product names, by ``kind/name``; a key of three groups counts three times."""
    algorithm, held = chosen.card.algorithm, frozenset(known)
    groups = _groups(_Loaded(chosen.files), algorithm)
    models = {
        f"products/{chosen.product.name}": chosen.product,
        f"cards/{chosen.card.name}": chosen.card,
        f"applications/{chosen.product.files}": chosen.files,
        f"applications/{chosen.product.financial}": chosen.financial,
    }
    found = {name: _labels(_Loaded(model), algorithm) & held for name, model in models.items()}
    found[f"applications/{chosen.product.files}"] |= groups & held
    dialect = frozenset() if chosen.dialect is None else frozenset({chosen.dialect.transport_label}) & held
    if dialect and chosen.card.dialect:
        found[f"dialects/{chosen.card.dialect}"] = dialect
    return found


def used_by(desk: Desk, known: Collection[str]) -> dict[str, frozenset[str]]:
    """The profiles that name each label, over every product that can be read."""
    found: dict[str, set[str]] = {}
    for name in desk.profiles.names("products"):
        try:
            chosen = desk.product(name)
        except ProfileRefused:  # 'cardfab profile lint' says what is wrong with it
            continue
        for profile, labels in profiles_of(chosen, known).items():
            for label in labels:
                found.setdefault(label, set()).update((profile, f"products/{name}"))
    return {label: frozenset(profiles) for label, profiles in found.items()}


class _Loaded(Generic[_Model]):
    """A profile as it was loaded, which is kept: the same one comes again for every card of a product."""

    __slots__ = ("model",)

    def __init__(self, model: _Model) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loaded) and other.model is self.model

    def __hash__(self) -> int:
        return id(self.model)


@lru_cache(maxsize=64)
def _groups(loaded: _Loaded[FileApplication], algorithm: str) -> frozenset[str]:
    """The labels of an application's keys, group by group."""
    return frozenset(
        rooted(key.label, algorithm, version)
        for directory in loaded.model.directories
        for _, key, version in key_groups(directory)
    )


_SCANNING = threading.Lock()
"""The slots of a line begin at one time, with one product: it is looked through once."""


def _labels(loaded: _Loaded[BaseModel], algorithm: str) -> frozenset[str]:
    with _SCANNING:
        return _scanned(loaded, algorithm)


@lru_cache(maxsize=64)
def _scanned(loaded: _Loaded[BaseModel], algorithm: str) -> frozenset[str]:
    """Every text of a profile that may be a label, in the forms in which the store may have it."""
    texts = {text for text in _texts(loaded.model.model_dump()) if "/" in text}
    return frozenset(texts | {rooted(text, algorithm) for text in texts})


def _texts(whole: Any) -> list[str]:
    found: list[str] = []
    left: list[Any] = [whole]
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):  # of model_dump, as what follows
            left += value.values()
        elif isinstance(value, (list, tuple, set, frozenset)):
            left += value
    return found
