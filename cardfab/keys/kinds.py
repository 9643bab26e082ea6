"""Training and production are kept apart: the one place where that is decided (PCI PIN requirement 19)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cardfab.errors import KeyFault, Text
from cardfab.keys.label import KeyInfo


class KindMixed(KeyFault):
    """A training key for a card in earnest, or the reverse."""

    default_code = "CF-6257"


class Labels(Protocol):
    """What knows keys by label."""

    def info(self, label: str) -> KeyInfo:
        """One key's attributes."""
        ...


def require_kind(keys: Labels, labels: Iterable[str | None], *, training: bool, product: str) -> None:
    """Raise :class:`KindMixed` unless every key of a product is of its kind; ``None`` is no key."""
    for label in labels:
        if label is None or (info := keys.info(label)).training is training:
            continue
        what = (
            Text("is for training and its key is not", "为训练产品，其密钥不是训练密钥")
            if training
            else Text("is not for training and its key is", "不是训练产品，其密钥为训练密钥")
        )
        raise KindMixed(
            Text(f"The product '{product}' {what.en}: '{info.label}'.", f"产品“{product}”{what.zh}：“{info.label}”。"),
            do=Text(
                "Name a product and keys of one kind; a key in earnest comes by a ceremony.",
                "请选用同类的产品与密钥；正式密钥须经密钥仪式产生。",
            ),
        )
