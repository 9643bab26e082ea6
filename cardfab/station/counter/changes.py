"""What was rewritten, in the holder's words: items by their names, and of an item of flags only those that changed."""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.documents.counter import Change, Words
from cardfab.errors import Text
from cardfab.prepare.items import ItemBook


def label_of(book: ItemBook, address: str) -> Text:
    """What a holder calls an item: its name without address and tag."""
    place = book.place(address)
    inner = place.valued
    if inner is None:
        return Text(place.file.name_en, place.file.name_zh)
    outer = place.item if place.inner is not None and place.item is not None else None
    if outer is None:
        return Text(inner.name_en, inner.name_zh)
    return Text(f"{outer.name_en}, {inner.name_en}", f"{outer.name_zh}·{inner.name_zh}")


def changed_parts(label: Text, old: Words | None, new: Words | None) -> tuple[Change, ...]:
    """One change; or, where both values are the same list of flags, a change for each flag that differs.

    ``old`` None: the rights do not show it; "" an item that was empty.
    """
    if not isinstance(old, Text) or not isinstance(new, Text):
        return (Change(label, old, new),)
    pairs = zip(_parts(old), _parts(new), strict=False)
    differing = [(one, other) for one, other in pairs if one != other]
    alike = len(list(_parts(old))) == len(list(_parts(new))) > 1
    if not alike or not differing:
        return (Change(label, old, new),)
    return tuple(_flag(label, one, other) for one, other in differing)


def _parts(words: Text) -> Iterator[Text]:
    for en, zh in zip(words.en.split("; "), words.zh.split("；"), strict=False):
        yield Text(en, zh)


def _flag(label: Text, old: Text, new: Text) -> Change:
    """``sign: yes`` beside ``sign: no`` is the change of the sign; a part without a name keeps the item's."""
    name_en, en, was_en = old.en.rpartition(": ")
    name_zh, zh, was_zh = old.zh.rpartition("：")
    if not (en and zh and new.en.startswith(name_en + ": ") and new.zh.startswith(name_zh + "：")):
        return Change(label, old, new)
    now = Text(new.en.removeprefix(name_en + ": "), new.zh.removeprefix(name_zh + "："))
    return Change(Text(name_en, name_zh), Text(was_en, was_zh), now)
