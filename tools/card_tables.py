"""The tables of files and keys in docs/card.md, from the profiles of the card, between markers.

``python tools/card_tables.py`` writes them; ``--check`` writes nothing and exits 1 where the page is out of date.
A marked part begins with ``<!-- table NAME ... -->`` and ends with ``<!-- /table NAME -->``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from markers import replaced

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cardfab.profile.application import DedicatedFile, ElementaryFile, FileApplication  # noqa: E402
from cardfab.profile.loader import load  # noqa: E402
from cardfab.resources import ProfileFolders  # noqa: E402

PAGE = "docs/card.md"
STRUCTURES = {"variable": "records", "fixed": "records, fixed", "cyclic": "cyclic", "transparent": "transparent"}
CATEGORIES = {"enabled": "", "predefined": ", predefined", "reserved": ", reserved"}


def application(name: str) -> FileApplication:
    """A packaged file-system application."""
    return load(ProfileFolders((ROOT / "profiles",)), "applications", name, FileApplication)


def files() -> str:
    """Every file of the 2.0 card, directory by directory."""
    return "\n\n".join(_directory(each) for each in application("ssc-v2").directories)


def keys() -> str:
    """Every key of the 2.0 card."""
    rows = [
        (
            f"`{name}`", f"`{key.label}`", f"{key.id.hex().upper()}{' ?' if key.unverified else ''}", key.use,
            str(key.versions), key.level, _opens(directory, name),
        )
        for directory in application("ssc-v2").directories
        for name, key in directory.keys.items()
    ]  # fmt: skip
    return _table(("key", "label of its root", "id", "use", "groups", "root of the", "opens"), rows)


def versions() -> str:
    """What the files of 1.0 and 3.0 have otherwise than those of 2.0."""
    second = _by_address(application("ssc-v2"))
    rows = []
    for name in ("ssc-v1", "ssc-v3"):
        other = _by_address(application(name))
        for address, file in second.items():
            if address not in other:
                rows.append((name, f"`{address}`", file.name_en, "not there"))
            elif words := _otherwise(file, other[address]):
                rows.append((name, f"`{address}`", other[address].name_en, words))
    return _table(("profile", "file", "content", "otherwise than 2.0"), rows)


TABLES: dict[str, Callable[[], str]] = {"files": files, "keys": keys, "versions": versions}


def _by_address(files: FileApplication) -> dict[str, ElementaryFile]:
    return {f"{each.name}/{file.name}": file for each in files.directories for file in each.files}


def _otherwise(old: ElementaryFile, new: ElementaryFile) -> str:
    words = []
    if old.read != new.read:
        words.append(f"read {_condition(new.read)}")
    before, after = ({item.key: item for item in file.items} for file in (old, new))
    gone = [f"`{key}`" for key in before if key not in after]
    more = [f"`{key}`" for key in after if key not in before]
    changed = [f"`{key}`" for key in before if key in after and before[key] != after[key]]
    if [key for key in before if key in after] != [key for key in after if key in before]:
        words.append("another order")
    parts = (("without", gone), ("also", more), ("otherwise", changed))
    words += [f"{word} {', '.join(listed)}" for word, listed in parts if listed]
    if (old.fields, old.records, old.size) != (new.fields, new.records, new.size):
        words.append("other fields or size")
    return "; ".join(words)


def _directory(directory: DedicatedFile) -> str:
    lines = [f"**{directory.name}** {directory.name_zh}, {directory.name_en}; name `{directory.aid.hex().upper()}`"]
    rows = [
        (
            f"`{file.name}`", f"{file.name_zh}, {file.name_en}", _kind(file), _content(file), _condition(file.read),
            _condition(file.write),
        )
        for file in directory.files
    ]  # fmt: skip
    lines.append(_table(("file", "content", "structure", "items: tag, name, type and bytes", "read", "write"), rows))
    return "\n\n".join(lines)


def _kind(file: ElementaryFile) -> str:
    more = f", {file.records} of {file.record_length} bytes" if file.records else ""
    more += f", {file.size} bytes" if file.size else ""
    return f"{STRUCTURES[file.structure]}{more}{CATEGORIES[file.category]}"


def _content(file: ElementaryFile) -> str:
    items = [f"`{item.key}` {item.name_en} {_shape(item.type, item.length)}" for item in file.items]
    return ", ".join([*items, *(f"{field.name_en} {_shape(field.type, field.length)}" for field in file.fields)]) or "-"


def _shape(kind: str, length: int) -> str:
    return f"{'B-TLV' if kind == 'btlv' else kind}&nbsp;{length}"


def _condition(condition: str) -> str:
    named = {"FREE": "everybody", "FORBIDDEN": "nobody"}
    return named.get(condition, condition.replace("|", " or ").replace("&", " and "))


def _opens(directory: DedicatedFile, name: str) -> str:
    told = []
    for word in ("read", "write"):
        listed = [file.name for file in directory.files if name in re.split(r"[|&]", getattr(file, word))]
        if listed:
            told.append(f"{word} {', '.join(listed)}")
    return "; ".join(told)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = tuple(head)
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def with_tables(text: str) -> str:
    """The page with its tables as the profiles have them. Raises ValueError where a marker is missing."""
    for name, make in TABLES.items():
        text = replaced(PAGE, text, "table", name, make())
    return text


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` only say whether it is out of date."""
    if arguments not in ([], ["--check"]):
        print("usage: python tools/card_tables.py [--check]", file=sys.stderr)
        return 2
    page = ROOT / PAGE
    text = page.read_text(encoding="utf-8")
    wanted = with_tables(text)
    if wanted == text:
        return 0
    if arguments:
        print(f"{PAGE}: a table is out of date; run: python tools/card_tables.py")
        return 1
    page.write_text(wanted, encoding="utf-8")
    print(f"{PAGE}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
