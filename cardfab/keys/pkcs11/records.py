"""What a token keeps about its keys: one data object for each, bound by an HMAC under a key of the token.

A PKCS#11 object has a name and an id, and no purpose, level or validity. The data object holds them with the id and the
check value of the key, and a changed one is refused. ``HMAC(32) | number(4) | JSON``; the HMAC is over the object's
name, 00 and what follows it. A record is replaced by one of the next number, and the highest counts: a process that
dies between the two loses neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import pkcs11
from pkcs11 import Attribute, ObjectClass

from cardfab.crypto import same
from cardfab.errors import KeyFault, Text
from cardfab.keys.label import KeyInfo, Level, State, Usage, modes_of

APPLICATION = "cardfab"
_MAC, _HEAD = 32, 36


class RecordChanged(KeyFault):
    """What the token says about a key is not what was written, or does not fit the key."""

    default_code = "CF-6643"

    def __init__(self, label: str, why: Text) -> None:
        super().__init__(
            Text(f"The token's record of '{label}' {why.en}.", f"设备中“{label}”的记录{why.zh}。"),
            do=Text("Do not use this token; ask who looks after its keys.", "请停用该设备，并询问密钥管理员。"),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A key's attributes, the id of its object, and what is public of an asymmetric one."""

    info: KeyInfo
    id: bytes
    public: bytes = b""

    def to_json(self) -> bytes:
        """As it is kept."""
        told = {one.name: getattr(self.info, one.name) for one in fields(self.info)}
        told |= {
            "usage": self.info.usage.name,
            "level": self.info.level.name,
            "state": self.info.state.value,
            "modes": sorted(self.info.modes),
            "id": self.id.hex(),
            "public": self.public.hex(),
        }
        return json.dumps(told, sort_keys=True).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Record:
        """The inverse; raises KeyError, TypeError or ValueError."""
        told = json.loads(data)
        own, public = bytes.fromhex(told.pop("id")), bytes.fromhex(told.pop("public"))
        told |= {
            "usage": Usage[told["usage"]],
            "level": Level[told["level"]],
            "state": State(told["state"]),
            "modes": modes_of(told["modes"]),
        }
        return cls(KeyInfo(**told), own, public)


class Records:
    """The data objects of one token."""

    def __init__(self, session: pkcs11.Session, mac: Callable[[bytes], bytes]) -> None:
        self._session, self._mac = session, mac

    def read(self) -> Mapping[str, bytes]:
        """Every record by name, each proved; raises :class:`RecordChanged`."""
        found: dict[str, tuple[int, bytes]] = {}
        for name, value in self._all():
            number = self._number(name, value)
            if name not in found or found[name][0] < number:
                found[name] = number, value[_HEAD:]
        return {name: content for name, (_, content) in found.items()}

    def _number(self, name: str, value: bytes) -> int:
        if len(value) < _HEAD or not same(value[:_MAC], self._mac(name.encode() + b"\0" + value[_MAC:])):
            raise RecordChanged(name, Text("was changed", "被改动"))
        return int.from_bytes(value[_MAC:_HEAD], "big")

    def write(self, name: str, content: bytes) -> None:
        """The record in place of the one before, which goes once the new one is there."""
        old = list(self._objects(name))
        number = 1 + max((self._number(name, one[Attribute.VALUE]) for one in old), default=0)
        body = number.to_bytes(_HEAD - _MAC, "big") + content
        self._session.create_object({
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.APPLICATION: APPLICATION,
            Attribute.LABEL: name,
            Attribute.VALUE: self._mac(name.encode() + b"\0" + body) + body,
        })  # fmt: skip
        for one in old:
            one.destroy()

    def remove(self, name: str) -> None:
        """Take a record away."""
        for one in list(self._objects(name)):
            one.destroy()

    def _objects(self, name: str) -> Iterator[pkcs11.Object]:
        own = {Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: APPLICATION}
        yield from self._session.get_objects({**own, Attribute.LABEL: name} if name else own)

    def _all(self) -> Iterator[tuple[str, bytes]]:
        for one in list(self._objects("")):
            yield one[Attribute.LABEL], one[Attribute.VALUE]
