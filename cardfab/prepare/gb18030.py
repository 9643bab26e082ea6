"""Text as the card holds it: GB 18030, and a name over two items.

The card specification does not name its encoding; cards in the field hold GBK, and GB 18030 adds the rare characters.
"""

from __future__ import annotations

NAME_BYTES = 30  # item 09
EXTENSION_BYTES = 20  # item 4E


def encode(text: str) -> bytes:
    """``text`` in GB 18030. Raises UnicodeEncodeError for a lone surrogate, the only thing it cannot hold."""
    return text.encode("gb18030", "strict")


def split_name(name: str) -> tuple[str, str]:
    """The name as items 09 and 4E hold it; together they are the name (人社信息函[2012]37号, table 9).

    Characters take 1, 2 or 4 bytes and none is cut, so item 09 may end short of its 30 bytes.
    Raises ValueError when the rest needs more than 20 bytes, UnicodeEncodeError as :func:`encode` does.
    """
    if len(encode(name)) <= NAME_BYTES:
        return name, ""
    taken = size = 0
    for character in name:
        size += len(encode(character))
        if size > NAME_BYTES:
            break
        taken += 1
    rest = len(encode(name[taken:]))
    if rest > EXTENSION_BYTES:
        raise ValueError(f"{rest} bytes are left for item 4E, which holds {EXTENSION_BYTES}")
    return name[:taken], name[taken:]
