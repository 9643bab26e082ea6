"""One data grouping: what STORE DATA carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.keys import Sealed


@dataclass(frozen=True, slots=True)
class DataGrouping:
    """One DGI: its two-byte id and its value, or the sealed secret that becomes the value inside the key store.

    ``repr`` does not show the value: a record holds PAN and track 2."""

    dgi: str
    value: bytes | Sealed = field(repr=False)
    title: str

    @property
    def secret(self) -> bool:
        """Whether the value travels under the session's data-encryption key (STORE DATA P1 60)."""
        return isinstance(self.value, Sealed)

    @property
    def length(self) -> int:
        """Of the value, in bytes."""
        return self.value.length if isinstance(self.value, Sealed) else len(self.value)
