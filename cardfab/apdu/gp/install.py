"""INSTALL in all its forms, and DELETE (GPC 2.3.1, 11.5 and 11.2). AIDs have 5 to 16 bytes; a token may be empty.

``parameters`` is the whole parameter field, TLVs as table 11-49 (C9 application, EF system, EA SIM...).
"""

from __future__ import annotations

from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu
from cardfab.apdu.tlv import Tlv, encode

_NAMES = {
    0x02: "load", 0x04: "install", 0x08: "make selectable", 0x0C: "install and make selectable", 0x10: "extradition",
    0x20: "personalization", 0x40: "registry update", 0x0E: "load, install and make selectable",
}  # fmt: skip


def check_aid(aid: bytes, *, absent: bool = False) -> bytes:
    """The AID; raises :class:`ApduMalformed` where its length is none (ISO/IEC 7816-5)."""
    if not 5 <= len(aid) <= 16 and not (absent and not aid):
        raise ApduMalformed(f"an AID has 5 to 16 bytes, not {len(aid)}", f"AID 应为 5 至 16 字节，实为 {len(aid)}")
    return aid


def _field(value: bytes) -> bytes:
    """Length, coded as in BER, and value."""
    n = len(value)
    return (bytes([n]) if n < 0x80 else bytes([0x81, n]) if n < 0x100 else b"\x82" + n.to_bytes(2, "big")) + value


def _install(p1: int, *values: bytes) -> CommandApdu:
    data = b"".join(map(_field, values))
    return CommandApdu(0x80, 0xE6, p1, 0x00, data, 256, name=f"INSTALL [for {_NAMES[p1]}]")


def install_for_load(
    load_file: bytes, *, domain: bytes = b"", digest: bytes = b"", parameters: bytes = b"", token: bytes = b""
) -> CommandApdu:
    """INSTALL [for load]; ``digest`` of the load file data block where a DAP or token follows (table 11-44)."""
    return _install(0x02, check_aid(load_file), check_aid(domain, absent=True), digest, parameters, token)


def install(
    load_file: bytes,
    module: bytes,
    instance: bytes,
    *,
    privileges: bytes = b"\x00",
    parameters: bytes = b"\xc9\x00",
    token: bytes = b"",
    selectable: bool = True,
) -> CommandApdu:
    """INSTALL [for install], by default with [make selectable]; ``privileges`` 1 or 3 bytes (table 11-45)."""
    _privileges(privileges)
    p1 = 0x0C if selectable else 0x04
    return _install(p1, check_aid(load_file), check_aid(module), check_aid(instance), privileges, parameters, token)


def make_selectable(instance: bytes, *, privileges: bytes = b"\x00", token: bytes = b"") -> CommandApdu:
    """INSTALL [for make selectable] of what was installed before (table 11-46)."""
    _privileges(privileges)
    return _install(0x08, b"", b"", check_aid(instance), privileges, b"", token)


def install_for_personalization(instance: bytes) -> CommandApdu:
    """INSTALL [for personalization]: STORE DATA that follows goes to that application (table 11-48)."""
    return _install(0x20, b"", b"", check_aid(instance), b"", b"", b"")


def extradite(instance: bytes, domain: bytes, *, parameters: bytes = b"", token: bytes = b"") -> CommandApdu:
    """INSTALL [for extradition]: the application gets another security domain (table 11-47)."""
    return _install(0x10, check_aid(domain), b"", check_aid(instance), b"", parameters, token)


def update_registry(
    instance: bytes, *, domain: bytes = b"", privileges: bytes = b"", parameters: bytes = b"", token: bytes = b""
) -> CommandApdu:
    """INSTALL [for registry update]: new privileges or another security domain; what is empty stays."""
    if privileges:
        _privileges(privileges)
    return _install(0x40, check_aid(domain, absent=True), b"", check_aid(instance), privileges, parameters, token)


def _privileges(raw: bytes) -> None:
    if len(raw) not in (1, 3):
        raise ApduMalformed(f"privileges have 1 or 3 bytes, not {len(raw)}", f"权限应为 1 或 3 字节，实为 {len(raw)}")


def delete(aid: bytes, *, related: bool = False, token: bytes = b"") -> CommandApdu:
    """DELETE an application or load file; ``related`` with everything made from it (P2 80)."""
    objects = [Tlv(0x4F, check_aid(aid))] + ([Tlv(0x9E, token)] if token else [])
    return CommandApdu(0x80, 0xE4, 0x00, 0x80 if related else 0x00, encode(objects), 256, name="DELETE")


def delete_key(*, key_id: int | None = None, version: int | None = None) -> CommandApdu:
    """DELETE keys: one, or every one of a version or of an identifier (11.2.2.3.2)."""
    parts = ((0xD0, key_id), (0xD2, version))
    objects = [Tlv(tag, bytes([value])) for tag, value in parts if value is not None]
    if not objects:
        raise ApduMalformed("name the key to delete", "请指明要删除的密钥")
    return CommandApdu(0x80, 0xE4, 0x00, 0x00, encode(objects), 256, name="DELETE key")


def send(command: CommandApdu) -> Exchange[ResponseApdu]:
    """One command, expected to answer 9000; a receipt is in the response."""
    return expect((yield command), command)
