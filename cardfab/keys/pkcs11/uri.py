"""Which token is meant: a PKCS#11 URI (RFC 7512), without a PIN in it.

``pkcs11:token=NAME;serial=..?module-path=..&pin-source=..``. ``pin-source`` is ``fd:N``, ``file:PATH`` (for training)
or left out, which asks a person; ``pin-value`` is refused, since settings and command lines are read by others.
``x-softhsm2-conf=PATH`` names SoftHSM2's own configuration, which it takes from the environment when it is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from cardfab.errors import Text, UsageRefused

_PATH = {"token", "serial", "manufacturer", "model"}
_QUERY = {"module-path", "module-name", "pin-source", "x-softhsm2-conf"}


class UriRefused(UsageRefused):
    """The URI cannot be used."""

    default_code = "CF-2102"

    def __init__(self, what: Text) -> None:
        super().__init__(
            what,
            do=Text(
                "Write pkcs11:token=NAME?module-path=/path/to/module.so.",
                "请写为 pkcs11:token=名称?module-path=/模块路径.so。",
            ),
        )


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A token and the module that leads to it. Empty: not said."""

    token: str = ""
    serial: str = ""
    module: str = ""
    pin_source: str = ""
    softhsm: str = ""

    @classmethod
    def of(cls, text: str) -> TokenUri:
        """Read it; raises :class:`UriRefused`."""
        scheme, mark, rest = text.partition(":")
        if scheme != "pkcs11" or not mark:
            raise UriRefused(Text("This is no PKCS#11 URI.", "这不是 PKCS#11 URI。"))
        path, _, query = rest.partition("?")
        found = {**_pairs(path, ";", _PATH), **_pairs(query, "&", _QUERY)}
        return cls(
            found.get("token", ""),
            found.get("serial", ""),
            found.get("module-path", found.get("module-name", "")),
            found.get("pin-source", ""),
            found.get("x-softhsm2-conf", ""),
        )

    def __str__(self) -> str:
        path = [("token", self.token), ("serial", self.serial)]
        query = [("module-path", self.module), ("pin-source", self.pin_source), ("x-softhsm2-conf", self.softhsm)]
        head, tail = (
            mark.join(f"{name}={quote(value, safe='/:.-_')}" for name, value in pairs if value)
            for pairs, mark in ((path, ";"), (query, "&"))
        )
        return f"pkcs11:{head}?{tail}" if tail else f"pkcs11:{head}"

    @property
    def empty(self) -> bool:
        """Whether it says nothing but that a token is wanted."""
        return not (self.token or self.serial or self.module)

    def beside(self, folder: Path) -> TokenUri:
        """The same, what is relative in it taken from a folder."""
        conf = str(folder / self.softhsm) if self.softhsm else ""
        kind, mark, rest = self.pin_source.partition(":")
        source = f"file:{folder / rest}" if kind == "file" and mark else self.pin_source
        return TokenUri(self.token, self.serial, self.module, source, conf)


def _pairs(text: str, mark: str, known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(mark)):
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise UriRefused(Text("A PIN is never written into a URI.", "URI 中不得包含 PIN。"))
        if name not in known or not equals or name in found:
            raise UriRefused(Text(f"The URI says '{name}', which is not understood.", f"URI 中的“{name}”无法识别。"))
        found[name] = unquote(value)
    return found
