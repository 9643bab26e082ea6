"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A tag (or DGI) that breaks the rule, where it stands, and the sentence in both languages."""

    tag: str
    where: str
    en: str
    zh: str
