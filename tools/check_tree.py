"""Checks on the files of the tree that no other tool makes: what may not be in any file, and how long a module may be.

Exit 0 when clean, 1 with ``file:line: reason`` for each finding. Reads the files that git has or would take.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_MODULE = 500

# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = ["/wo" + "rk/", "/ro" + "ot/", "/bash" + "_jobs"]
REGISTRIES = [
    "py" + r"pi\.org",
    "python" + r"hosted\.org",
    "npm" + r"js\.(org|com)",
    "deb" + r"\.debian\.org",
    "security" + r"\.debian\.org",
    "archive" + r"\.ubuntu\.com",
    "proxy" + r"\.golang\.org",
    "static" + r"\.crates\.io",
]
OPEN_ENDS = [r"\bTO" + r"DO\b", r"\bFIX" + r"ME\b", r"\bXX" + r"X\b"]
SECRETS = [r"-----BEGIN [A-Z ]*PRIV" + "ATE KEY-----", r"\bgh[pousr]_[A-Za-z0-9]{36}\b", r"\bAKIA[0-9A-Z]{16}\b"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that may not occur in the files below ``under`` (a prefix of the path; empty means everywhere)."""

    pattern: re.Pattern[str]
    reason: str
    under: str = ""
    suffix: str = ""


def _rule(patterns: list[str], reason: str, under: str = "", suffix: str = "") -> Rule:
    return Rule(re.compile("|".join(patterns)), reason, under, suffix)


RULES = (
    _rule([rf"(?<![\w.]){re.escape(path)}" for path in MACHINE_PATHS], "a path of one machine"),
    _rule(REGISTRIES, "names a package registry's host"),
    _rule(OPEN_ENDS, "an open end: finish it or file an issue"),
    _rule(SECRETS, "looks like a secret"),
    _rule([r"\bNotImplemented" + r"Error\b"], "a stub", "cardfab/", ".py"),
    _rule(
        [r"pytest\.(skip|xfail|importorskip)\b", r"mark\.(skip|skipif|xfail)\b", r"unittest\.skip"],
        "a test that may not run: what is missing is a failure",
        "tests/",
        ".py",
    ),
)


def files(root: Path) -> list[Path]:
    """Paths, relative to ``root``, of the files that git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=60).stdout.decode().split("\0")
    return sorted(Path(name) for name in set(names) if name and (root / name).is_file())


def findings(path: Path, text: str) -> Iterator[str]:
    """What is wrong with one file, as ``file:line: reason``."""
    name = path.as_posix()
    lines = text.splitlines()
    rules = [rule for rule in RULES if name.startswith(rule.under) and name.endswith(rule.suffix)]
    for number, line in enumerate(lines, start=1):
        for rule in rules:
            if found := rule.pattern.search(line):
                yield f"{name}:{number}: {rule.reason}: {found.group()}"
    if name.startswith("cardfab/") and name.endswith(".py") and len(lines) > LONGEST_MODULE:
        yield f"{name}:{len(lines)}: longer than {LONGEST_MODULE} lines: make it a folder"


def stale_locks(root: Path) -> Iterator[str]:
    """Lock files whose direct requirements are not those of pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    for lock, requirements in {
        "run": project["project"]["dependencies"],
        "dev": [*groups["test"], *groups["check"]],
        "pcsc": project["project"]["optional-dependencies"]["pcsc"],
    }.items():
        name = f"requirements/{lock}.txt"
        text = (root / name).read_text(encoding="utf-8")
        locked = set(
            re.findall(r"^([\w.-]+)==(?:(?!^\S).)*?# via [^\n]*pyproject\.toml", text, re.MULTILINE | re.DOTALL)
        )
        asked = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}
        for package in sorted(locked ^ asked):
            yield f"{name}:1: does not agree with pyproject.toml: {package} (make lock)"


def main() -> int:
    """Check the tree that this program is in."""
    root = Path(__file__).resolve().parents[1]
    found = list(stale_locks(root))
    for path in files(root):
        content = (root / path).read_bytes()
        if b"\0" in content:
            continue
        try:
            found.extend(findings(path, content.decode()))
        except UnicodeDecodeError:
            # The only text that is not UTF-8 is test data in the encoding of a card.
            continue
    for line in found:
        print(line)
    print(f"check_tree: {len(found)} finding(s)" if found else "check_tree: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
