"""Parts of the docs that a program writes, between two markers of a kind and a name.

Such a part begins with ``<!-- KIND NAME ... -->`` and ends with ``<!-- /KIND NAME -->``.
"""

from __future__ import annotations

import re


def replaced(page: str, text: str, kind: str, name: str, content: str) -> str:
    """``text`` with ``content`` between the markers. Raises ValueError unless both stand in the page once."""
    parts = re.split(rf"(<!-- {kind} {name}\b[^>]*-->\n|<!-- /{kind} {name} -->)", text)
    if len(parts) != 5:
        raise ValueError(f"{page}: the two markers of the {kind} '{name}' must stand there once")
    before, begin, _, end, after = parts
    return f"{before}{begin}\n{content}\n\n{end}{after}"
