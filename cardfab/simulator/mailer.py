"""A training printer of PIN mailers: shows each page as text once it is whole, and keeps none."""

from __future__ import annotations

import re
from collections.abc import Callable

_COMMANDS = re.compile(rb"\x1b@|\x1bW[01]|\x1c[&.]")  # ESC @, ESC W, FS & and FS . of ESC/P


class TrainingMailer:
    """``show`` gets the text of a page."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._pending = b""

    def receive(self, portion: bytes) -> bytes:
        """Take bytes of the station; a printer of this kind says nothing."""
        *pages, self._pending = (self._pending + portion).split(b"\x0c")
        for page in pages:
            self._show(_COMMANDS.sub(b"", page).decode("gb18030", "replace").replace("\r\n", "\n"))
        return b""

    def hang_up(self) -> None:
        """The station went; half a page is thrown away."""
        self._pending = b""
