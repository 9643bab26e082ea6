"""Where the keys of a rehearsal lie: in memory, until the rehearsal ends. No file knows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cardfab.keys.ceremony.components import SIZES
from cardfab.keys.held import Held, hold
from cardfab.keys.label import KeyInfo, KeySpec
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUnknown


class RehearsalKeys:
    """The part of a :class:`~cardfab.keys.store.KeyManager` that a ceremony asks for; every key is for training."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._held: dict[str, Held] = {}

    def infos(self) -> Sequence[KeyInfo]:
        """The keys of this rehearsal."""
        return tuple(held.info for held in self._held.values())

    def generate(self, spec: KeySpec, *, ceremony: str = "") -> KeyInfo:
        """A key at random, of a size that its algorithm has; of a key pair a stand-in that signs nothing."""
        stand_in = spec if spec.algorithm in SIZES else KeySpec(
            spec.label, "AES-256", spec.usage, spec.level, spec.version, spec.region
        )  # fmt: skip
        return self.import_value(stand_in, Secret(self._random(SIZES[stand_in.algorithm])), ceremony=ceremony)

    def import_value(self, spec: KeySpec, value: Secret, *, ceremony: str = "") -> KeyInfo:
        """The key; ``value`` is wiped."""
        with value:
            self._held[spec.label] = hold(spec, value.view(), training=True)
        return self._held[spec.label].info

    def rotate(self, label: str, *, ceremony: str = "") -> KeyInfo:
        """A rehearsal holds no key that could be replaced."""
        raise KeyUnknown(label)

    def destroy(self, label: str) -> KeyInfo:
        """The value is wiped."""
        if label not in self._held:
            raise KeyUnknown(label)
        held = self._held.pop(label)
        held.value.wipe()
        return held.info

    def wipe(self) -> None:
        """Forget all."""
        for label in tuple(self._held):
            self.destroy(label)
