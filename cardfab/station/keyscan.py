"""Which keys a product's cards hold or are made with: every label of its profiles, for its cipher and its groups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from cardfab.keys import rooted
from cardfab.plan.spaces import key_groups
from cardfab.profile.loader import ProfileRefused
from cardfab.station.desk import Desk, ProductSet


def labels_of(chosen: ProductSet, known: Collection[str]) -> frozenset[str]:
    """The labels among ``known`` that cards of the product have keys of."""
    return frozenset().union(*profiles_of(chosen, known).values())


def profiles_of(chosen: ProductSet, known: Collection[str]) -> dict[str, frozenset[str]]:
    """The labels that each profile of the product names, by ``kind/name``; a key of three groups counts three times."""
    algorithm = chosen.card.algorithm
    groups = {
        rooted(key.label, algorithm, version)
        for directory in chosen.files.directories
        for _, key, version in key_groups(directory)
    }
    models = {
        f"products/{chosen.product.name}": chosen.product,
        f"cards/{chosen.card.name}": chosen.card,
        f"applications/{chosen.product.files}": chosen.files,
        f"applications/{chosen.product.financial}": chosen.financial,
    }
    found = {name: _labels(_Loaded(model), algorithm) & set(known) for name, model in models.items()}
    found[f"applications/{chosen.product.files}"] |= groups & set(known)
    dialect = frozenset() if chosen.dialect is None else frozenset({chosen.dialect.transport_label}) & set(known)
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


class _Loaded:
    """A profile as it was loaded, which is kept: the same one comes again for every card of a product."""

    __slots__ = ("model",)

    def __init__(self, model: BaseModel) -> None:
        self.model = model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loaded) and other.model is self.model

    def __hash__(self) -> int:
        return id(self.model)


@lru_cache(maxsize=64)
def _labels(loaded: _Loaded, algorithm: str) -> frozenset[str]:
    """Every text of a profile that may be a label, in the forms in which the store may have it."""
    return frozenset(form for text in _texts(loaded.model.model_dump()) for form in _forms(text, algorithm))


def _forms(text: str, algorithm: str) -> tuple[str, ...]:
    """A label as the store may have it."""
    return (text, rooted(text, algorithm)) if "/" in text else ()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
