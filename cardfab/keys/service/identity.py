"""Who may connect: stations by their Ed25519 keys, enrolled at the service; how each proves itself.

A station's identity is a file of its own that never leaves it. The service keeps a list of public keys; it has an
identity too, so that a station can tell the service it was enrolled at from a program that sits on its socket. What is
signed names the side that signs, so that one side's signature is never taken for the other's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from cardfab.crypto import ed25519_public, ed25519_sign, ed25519_verify
from cardfab.errors import KeyFault, Text
from cardfab.keys.keyfile import KeyFile, write_private
from cardfab.keys.secret import Secret

NONCE: Final = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
_STATION, _SERVICE = b"cardfab key service 1, station\x00", b"cardfab key service 1, service\x00"
_IDENTITY, _PUBLIC, _LIST = ("cardfab station identity 1", "cardfab station key 1", "cardfab enrolled stations 1")


class IdentityRefused(KeyFault):
    """A station that the key service does not know, or no longer."""

    default_code = "CF-6330"


def is_name(name: str) -> bool:
    """Whether a station may be called so."""
    return _NAME.fullmatch(name) is not None


def _unreadable(what: str, zh: str) -> IdentityRefused:
    return IdentityRefused(Text(f"This is no {what}.", f"这不是{zh}。"), code="CF-6331")


@dataclass(frozen=True, slots=True)
class Greeting:
    """What both sides sign: the name, both nonces, and the digest of what may be said (32 bytes each)."""

    name: str
    of_service: bytes
    of_station: bytes
    schema: bytes

    def of(self, side: Literal["station", "service"]) -> bytes:
        """The message that a side signs."""
        name = self.name.encode("ascii")
        domain = _STATION if side == "station" else _SERVICE
        return domain + bytes([len(name)]) + name + self.of_service + self.of_station + self.schema


@dataclass(frozen=True, slots=True)
class Identity:
    """A name with its private key. ``service`` is the public key of the service it was enrolled at, or empty."""

    name: str
    seed: Secret
    service: bytes = b""

    def __post_init__(self) -> None:
        if not is_name(self.name) or len(self.seed) != 32:
            raise _unreadable("station identity", "制卡点身份文件")

    @classmethod
    def new(cls, name: str, random: Callable[[int], bytes], *, service: bytes = b"") -> Identity:
        """A new one; raises :class:`IdentityRefused` for a name that is none."""
        return cls(name, Secret(random(32)), service)

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return ed25519_public(self.seed.view())

    def sign(self, greeting: Greeting, side: Literal["station", "service"] = "station") -> bytes:
        """The proof of a side, 64 bytes."""
        return ed25519_sign(self.seed.view(), greeting.of(side))

    def to_bytes(self) -> bytes:
        """The private file: for its owner only."""
        return _dumped(_IDENTITY, name=self.name, seed=self.seed.view().hex(), service=self.service.hex())

    @classmethod
    def from_bytes(cls, data: bytes) -> Identity:
        """Read it; raises :class:`IdentityRefused`."""
        try:
            given = _loaded(data, _IDENTITY)
            return cls(str(given["name"]), Secret(bytes.fromhex(given["seed"])), bytes.fromhex(given["service"]))
        except (KeyError, TypeError, ValueError):
            raise _unreadable("station identity", "制卡点身份文件") from None

    def __repr__(self) -> str:
        return f"<identity {self.name}>"


@dataclass(frozen=True, slots=True)
class Station:
    """A station as the service keeps it."""

    name: str
    public: bytes
    enrolled_at: str = ""
    revoked_at: str = ""

    def __post_init__(self) -> None:
        if not is_name(self.name) or len(self.public) != 32:
            raise _unreadable("station key", "制卡点公钥文件")

    @property
    def fingerprint(self) -> str:
        """For people to compare: the first 8 bytes of the public key."""
        return self.public[:8].hex().upper()

    def proves(self, greeting: Greeting, signature: bytes) -> bool:
        """Whether the signature is this station's, and it is not revoked."""
        return not self.revoked_at and ed25519_verify(self.public, greeting.of("station"), signature)

    def to_bytes(self) -> bytes:
        """The public file that an administrator enrolls."""
        return _dumped(_PUBLIC, name=self.name, public=self.public.hex())

    @classmethod
    def from_bytes(cls, data: bytes) -> Station:
        """Read it; raises :class:`IdentityRefused`."""
        try:
            given = _loaded(data, _PUBLIC)
            return cls(str(given["name"]), bytes.fromhex(given["public"]))
        except (KeyError, TypeError, ValueError):
            raise _unreadable("station key", "制卡点公钥文件") from None


def service_proves(public: bytes, greeting: Greeting, signature: bytes) -> bool:
    """Whether the signature is the service's."""
    return ed25519_verify(public, greeting.of("service"), signature)


class Stations:
    """The list of enrolled stations in a file; read again whenever the file has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Station] = {}

    def all(self) -> tuple[Station, ...]:
        """Every station, revoked ones too, by name."""
        self._refresh()
        return tuple(self._known[name] for name in sorted(self._known))

    def find(self, name: str) -> Station | None:
        """A station by name."""
        self._refresh()
        return self._known.get(name)

    def enroll(self, station: Station, at: str) -> Station:
        """Take a station in; raises :class:`IdentityRefused` where the name is another key's."""
        with KeyFile(self._file).locked():
            return self._enroll(station, at)

    def _enroll(self, station: Station, at: str) -> Station:
        known = self.find(station.name)
        if known is not None and (known.public != station.public or known.revoked_at):
            raise IdentityRefused(
                Text(
                    f"There has been a station '{station.name}' with another key, or it was revoked.",
                    f"“{station.name}”已用其他公钥登记，或已被撤销。",
                ),
                do=Text("Give the new identity a new name.", "请为新的身份取新的名称。"),
                code="CF-6332",
            )
        taken = known or replace(station, enrolled_at=at)
        self._write([*(one for one in self._known.values() if one.name != taken.name), taken])
        return taken

    def revoke(self, name: str, at: str) -> Station:
        """No longer serve a station, also where it is connected; raises :class:`IdentityRefused` for an unknown one."""
        with KeyFile(self._file).locked():
            known = self.find(name)
            if known is None:
                raise IdentityRefused(Text(f"There is no station '{name}'.", f"没有登记名为“{name}”的制卡点。"))
            gone = known if known.revoked_at else replace(known, revoked_at=at)
            self._write([*(one for one in self._known.values() if one.name != name), gone])
            return gone

    def _refresh(self) -> None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            self._stamp, self._known = None, {}
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._known, self._stamp = {one.name: one for one in _listed(self._file.read_bytes())}, stamp

    def _write(self, stations: Iterable[Station]) -> None:
        entries = [
            {"name": one.name, "public": one.public.hex(), "enrolled": one.enrolled_at, "revoked": one.revoked_at}
            for one in sorted(stations, key=lambda one: one.name)
        ]
        write_private(self._file, _dumped(_LIST, stations=entries))


def _listed(data: bytes) -> list[Station]:
    try:
        given = _loaded(data, _LIST)["stations"]
        return [Station(one["name"], bytes.fromhex(one["public"]), one["enrolled"], one["revoked"]) for one in given]
    except (KeyError, TypeError, ValueError):
        raise _unreadable("list of stations", "制卡点登记表") from None


def _dumped(form: str, **values: object) -> bytes:
    return json.dumps({"form": form, **values}, indent=1).encode() + b"\n"


def _loaded(data: bytes, form: str) -> dict[str, Any]:
    given = json.loads(data)
    if not isinstance(given, dict) or given.get("form") != form:
        raise ValueError(form)
    return given
