"""What the training host knows: cards by number, people by their social security number, applications. Kept as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OLD_BALANCE = 12_345
"""Fen on the old account of a person that the host sees for the first time."""

Record = dict[str, Any]


@dataclass
class Books:
    """The host's books. ``file`` None: they live as long as the process."""

    file: Path | None = None
    cards: dict[str, Record] = field(default_factory=dict)
    people: dict[str, Record] = field(default_factory=dict)
    applications: dict[str, Record] = field(default_factory=dict)
    answered: dict[str, Record] = field(default_factory=dict)
    """Answers by request id: the same request is answered the same."""
    batches: dict[str, Record] = field(default_factory=dict)
    """Batch numbers that were given away, and whose they are."""
    certificates: dict[str, Record] = field(default_factory=dict)
    """By chip and public key: the same key gets the same answer."""
    serial: int = 0
    """The last number this host has given to a card."""
    locked_until: float = 0.0
    """No batch is confirmed before this moment of the host's clock."""

    @classmethod
    def open(cls, file: Path) -> Books:
        """The books of a file, empty where there is none; raises ValueError for another file."""
        if not file.exists():
            return cls(file)
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or found.get("books") != "training host":
            raise ValueError(f"{file.name} holds no books of a training host")
        later = (found.get("batches", {}), found.get("certificates", {}), found.get("serial", 0))
        return cls(file, found["cards"], found["people"], found["applications"], found["answered"], *later)

    def keep(self) -> None:
        """Write them down, whole or not at all."""
        if self.file is None:
            return
        content = {
            "books": "training host", "cards": self.cards, "people": self.people, "applications": self.applications,
            "answered": self.answered, "batches": self.batches, "certificates": self.certificates,
            "serial": self.serial,
        }  # fmt: skip
        part = self.file.with_suffix(self.file.suffix + ".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(content, out, ensure_ascii=False)
            out.flush()
            os.fsync(out.fileno())
        part.replace(self.file)

    def person(self, number: str, name: str) -> Record:
        """A person, who gets an old account the first time the host hears of them."""
        return self.people.setdefault(
            number, {"name": name, "old_account": OLD_BALANCE, "dead": False, "offsite": True}
        )

    def card(self, number: str) -> Record | None:
        """A card by its number."""
        return self.cards.get(number)

    def cards_of(self, holder: str) -> dict[str, Record]:
        """The cards of a person by number."""
        return {number: card for number, card in self.cards.items() if card["holder"] == holder}
