"""A social security card whose structure was created on it: the same commands as on a pre-made one, rights by level.

A key or PIN grants its name and its level in its directory. Levels of the directories above stay when a directory
below them is selected; the right PIN stays until the power goes.
"""

from __future__ import annotations

from typing import ClassVar

from cardfab.simulator.chip import created
from cardfab.simulator.chip.created import Conditions
from cardfab.simulator.chip.layout import Directory, Key
from cardfab.simulator.chip.social import SocialApplication


class MadeCard(SocialApplication):
    """The social security application over what was created."""

    conditions: ClassVar[Conditions] = Conditions()

    def structure(self) -> dict[int, Directory]:
        """What was created."""
        return created.structure(self.memory, self.conditions)

    def surviving(self, directory: Directory) -> frozenset[str]:
        """Levels of the directories above, and the PIN."""
        above, parent = set[str](), directory.parent
        while parent is not None:
            above.add(created.right(f"{parent:04X}", 0)[:6])
            parent = self.tree[parent].parent
        return frozenset(one for one in self.granted if one[:6] in above) | (self.granted & self.pin_grants())

    def grants(self, path: str, key: Key) -> frozenset[str]:
        """The key by name, and the level it has."""
        return super().grants(path, key) | {created.right(path, key.level)}

    def pin_grants(self) -> frozenset[str]:
        """PIN, and its level."""
        found = created.decode(self.memory.read(created.PIN_PLACE))
        return super().pin_grants() | ({created.right(found["path"], found["level"])} if found else frozenset())
