"""Which rights open a file, and the steps that get them: one proof a condition, not one a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cardfab.errors import InputRefused, Text
from cardfab.keys import rooted
from cardfab.plan.filing import VerifyPin
from cardfab.plan.steps import Authenticate, Step
from cardfab.profile.access import PIN, alternatives
from cardfab.profile.application import CardKey, DedicatedFile
from cardfab.profile.card import CardProfile


@dataclass(frozen=True, slots=True)
class Opener:
    """The rights in one directory while it is current."""

    card: CardProfile
    directory: DedicatedFile
    granted: set[str] = field(default_factory=set)

    def wanted(self, condition: str) -> frozenset[str] | None:
        """The alternative that the station can fulfil; keys before the PIN, else the first. None: there is none."""
        reachable = [one for one in alternatives(condition) if self._keys(one) and self._pin(one)]
        return min(reachable, key=lambda one: PIN in one, default=None)

    def with_pin(self, condition: str) -> bool:
        """Whether the holder, with the station's keys, could open it."""
        return any(map(self._keys, alternatives(condition)))

    def _keys(self, rights: frozenset[str]) -> bool:
        keys = self.directory.keys
        return all(name in keys and keys[name].use == "external" for name in rights - {PIN})

    def _pin(self, rights: frozenset[str]) -> bool:
        return PIN not in rights or self.card.first_pin is not None

    def steps(self, wanted: frozenset[str]) -> Iterator[Step]:
        """What gets the rights that are not there yet, in the order of the profile; the PIN last."""
        missing = wanted - self.granted
        for name, key in self.directory.keys.items():
            if name in missing:
                yield self.authenticate(name, key, self.card.key_version if key.versions > 1 else None)
        if PIN in missing:
            yield from self.pin()
        self.granted.update(wanted)

    def pin(self) -> Iterator[Step]:
        """The PIN of the blank, where the station knows it."""
        if self.card.first_pin is not None:
            yield VerifyPin(self.card.first_pin, Text("verify the PIN of the blank", "验证空白卡初始密码"))

    def authenticate(self, name: str, key: CardKey, version: int | None) -> Authenticate:
        """The proof of one key. A key of one group has no version byte."""
        label = rooted(key.label, self.card.algorithm, version or 1)
        title = Text(f"prove {name} to the chip", f"外部认证 {name}")
        return Authenticate(label, key.id[0], title, version=version)

    def require(self, condition: str) -> frozenset[str]:
        """As :meth:`wanted`; raises InputRefused where the station has no way in."""
        wanted = self.wanted(condition)
        if wanted is None:
            raise InputRefused(
                Text(
                    f"{self.directory.name}: no key of the station opens the condition {condition}.",
                    f"{self.directory.name}：本制卡点没有密钥可满足条件 {condition}。",
                ),
                do=Text("Correct the application profile.", "请修改应用配置。"),
                code="CF-3211",
            )
        return wanted
