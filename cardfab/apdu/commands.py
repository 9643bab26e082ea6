"""Commands by name: functions that give a value, and exchanges where one command is not enough.

Facts of the social-security card from LD/T 32 part 5; GlobalPlatform from GPC 2.3.1; STORE DATA from EMV CPS 1.1, 4.3.
``sfi`` 1 to 30, record numbers from 1, ``ne`` the bytes asked for (256: as many as there are). ``secret=True`` marks
what carries or fetches personal data or a secret, so that traces hide it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu

RECORD_NOT_FOUND = 0x6A83


def _in_range(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ApduMalformed(f"{name} is {value}, not {low} to {high}", f"{name} 为 {value}，应为 {low} 至 {high}")
    return value


def _sfi(sfi: int) -> int:
    return _in_range("SFI", sfi, 1, 30) << 3


def select(aid: bytes, *, name: str = "") -> CommandApdu:
    """SELECT by DF name (an AID of 5 to 16 bytes); the answer is its FCI."""
    _in_range("AID length", len(aid), 5, 16)
    return CommandApdu(0x00, 0xA4, 0x04, 0x00, aid, 256, name=name or f"SELECT {aid.hex().upper()}")


def select_file(fid: int, *, elementary: bool = False, name: str = "") -> CommandApdu:
    """SELECT by file identifier: a DF (P1 00; 3F00 is the MF), or with ``elementary`` an EF (P1 02)."""
    raw = _in_range("FID", fid, 0, 0xFFFF).to_bytes(2, "big")
    return CommandApdu(0x00, 0xA4, 2 * elementary, 0x00, raw, 256, name=name or f"SELECT {fid:04X}")


def read_record(number: int, sfi: int, *, ne: int = 256, secret: bool = False, name: str = "") -> CommandApdu:
    """One record, T(1) L(1) V on a linear file. P2 = SFI | 100."""
    _in_range("record number", number, 1, 0xFF)
    title = name or f"READ RECORD {number} of SFI {sfi:02X}"
    return CommandApdu(0x00, 0xB2, number, _sfi(sfi) | 0x04, b"", ne, secret, title)


def read_all_records(*, ne: int = 256, secret: bool = False) -> CommandApdu:
    """Records 1 to the last of the current EF in one answer (P2 05)."""
    return CommandApdu(0x00, 0xB2, 0x01, 0x05, b"", ne, secret, "READ RECORD 1 to the last")


def read_record_by_tag(tag: int, *, sfi: int | None = None, ne: int = 256, secret: bool = False) -> CommandApdu:
    """The first record with that tag (P1 the tag, P2 low bits 000), in the current EF where ``sfi`` is None."""
    p2 = 0 if sfi is None else _sfi(sfi)
    return CommandApdu(
        0x00, 0xB2, _in_range("tag", tag, 1, 0xFF), p2, b"", ne, secret, f"READ RECORD with tag {tag:02X}"
    )


def update_record(number: int, sfi: int, data: bytes, *, secret: bool = False, name: str = "") -> CommandApdu:
    """Write a record; on a linear file the number after the last one appends."""
    _in_range("record number", number, 1, 0xFF)
    title = name or f"UPDATE RECORD {number} of SFI {sfi:02X}"
    return CommandApdu(0x00, 0xDC, number, _sfi(sfi) | 0x04, data, None, secret, title)


def add_record(sfi: int, data: bytes, *, secret: bool = False, name: str = "") -> CommandApdu:
    """A new record of a cyclic file: UPDATE RECORD of the previous instance (P2 low bits 011)."""
    return CommandApdu(0x00, 0xDC, 0x00, _sfi(sfi) | 0x03, data, None, secret, name or f"ADD RECORD to SFI {sfi:02X}")


def _offset(offset: int, sfi: int | None) -> tuple[int, int]:
    """P1 P2 of a transparent file: bit 8 of P1 set, an SFI with an offset to 255; clear, an offset to 32767."""
    if sfi is None:
        return divmod(_in_range("offset", offset, 0, 0x7FFF), 0x100)
    return 0x80 | _in_range("SFI", sfi, 1, 30), _in_range("offset", offset, 0, 0xFF)


def read_binary(
    offset: int, ne: int = 256, *, sfi: int | None = None, secret: bool = False, name: str = ""
) -> CommandApdu:
    """Bytes of a transparent file: the current one, or with ``sfi`` that one, which becomes current."""
    p1, p2 = _offset(offset, sfi)
    return CommandApdu(0x00, 0xB0, p1, p2, b"", ne, secret, name or f"READ BINARY at {offset}")


def update_binary(
    offset: int, data: bytes, *, sfi: int | None = None, secret: bool = False, name: str = ""
) -> CommandApdu:
    """Write bytes of a transparent file; see :func:`read_binary`."""
    p1, p2 = _offset(offset, sfi)
    return CommandApdu(0x00, 0xD6, p1, p2, data, None, secret, name or f"UPDATE BINARY at {offset}")


def verify(pin: str) -> CommandApdu:
    """VERIFY with a PIN of 4 to 16 digits, packed two a byte, an odd last one padded F."""
    return CommandApdu(0x00, 0x20, 0x00, 0x00, _packed_pin(pin), secret=True, name="VERIFY PIN")


def verify_block(block: bytes, *, name: str = "") -> CommandApdu:
    """VERIFY with a PIN that is packed already (2 to 8 bytes)."""
    _in_range("PIN block length", len(block), 2, 8)
    return CommandApdu(0x00, 0x20, 0x00, 0x00, block, secret=True, name=name or "VERIFY PIN")


def _packed_pin(pin: str) -> bytes:
    _in_range("PIN length", len(pin), 4, 16)
    if not (pin.isascii() and pin.isdigit()):
        raise ApduMalformed("a PIN has digits only", "密码只能是数字")
    return bytes.fromhex(pin + "F" * (len(pin) % 2))


def change_pin(old: str, new: str) -> CommandApdu:
    """CHANGE PIN, in clear: old | FF | new; ``old`` empty where no PIN is set, ``new`` empty to have none (6.3)."""
    both = [_packed_pin(pin) if pin else b"" for pin in (old, new)]
    return change_block(both[0], both[1])


def change_block(old: bytes, new: bytes) -> CommandApdu:
    """CHANGE PIN with PINs that are packed already."""
    return CommandApdu(0x80, 0x5E, 0x01, 0x00, old + b"\xff" + new, secret=True, name="CHANGE PIN")


def unblock_pin() -> CommandApdu:
    """PIN CHANGE/UNBLOCK that sets the tries back; goes under a line MAC, PUK proved before (6.8)."""
    return CommandApdu(0x80, 0x24, 0x00, 0x00, name="PIN UNBLOCK")


def reload_pin(new: str) -> CommandApdu:
    """PIN CHANGE/UNBLOCK with a new PIN; goes encrypted and under a line MAC, PUK proved before (6.8)."""
    return CommandApdu(0x80, 0x24, 0x00, 0x01, _packed_pin(new), secret=True, name="PIN RELOAD")


def reload_sealed() -> CommandApdu:
    """As :func:`reload_pin`, for a PIN that its key store enciphers: without the data field."""
    return CommandApdu(0x80, 0x24, 0x00, 0x01, secret=True, name="PIN RELOAD")


def block_application() -> CommandApdu:
    """APPLICATION BLOCK of the current application, for ever; goes under a line MAC (6.1)."""
    return CommandApdu(0x80, 0x1E, 0x00, 0x01, name="APPLICATION BLOCK")


def block_card() -> CommandApdu:
    """CARD BLOCK, for ever: every command then answers 6A81; goes under a line MAC (6.2)."""
    return CommandApdu(0x80, 0x16, 0x00, 0x00, name="CARD BLOCK")


def pin_tries() -> CommandApdu:
    """VERIFY without data: 63Cx tells the tries left and leaves the counter; 9000 when no PIN is set."""
    return CommandApdu(0x00, 0x20, 0x00, 0x00, name="VERIFY (tries left)")


def get_challenge(length: int = 8) -> CommandApdu:
    """4, 8 or 16 random bytes of the card."""
    return CommandApdu(0x00, 0x84, 0x00, 0x00, b"", _in_range("challenge length", length, 4, 16), name="GET CHALLENGE")


def get_data(tag: int, *, cla: int = 0x80, ne: int = 256) -> CommandApdu:
    """A data object by its tag of one or two bytes (CLA 80 of GP and PBOC, 00 of ISO)."""
    p1, p2 = divmod(_in_range("tag", tag, 1, 0xFFFF), 0x100)
    return CommandApdu(cla, 0xCA, p1, p2, b"", ne, name=f"GET DATA {tag:04X}")


def external_authenticate(key_id: int, data: bytes, *, version: int | None = None, name: str = "") -> CommandApdu:
    """Social-security form: authentication data (8) | original (8), and the key version where there are groups."""
    _in_range("authentication data length", len(data), 16, 16)
    title = name or f"EXTERNAL AUTHENTICATE key {key_id:02X}"
    return CommandApdu(0x00, 0x82, 0x00, key_id, data + _version(version), name=title)


def internal_authenticate(data: bytes, *, key_id: int = 0x00, version: int | None = None) -> CommandApdu:
    """Social-security form: session factor (8) | original (8); the answer is 8 bytes."""
    _in_range("authentication data length", len(data), 16, 16)
    return CommandApdu(0x00, 0x88, 0x00, key_id, data + _version(version), 8, name="INTERNAL AUTHENTICATE")


def _version(version: int | None) -> bytes:
    return b"" if version is None else bytes([_in_range("key version", version, 1, 3)])


def initialize_update(host_challenge: bytes, kvn: int = 0) -> CommandApdu:
    """The first command of a GlobalPlatform channel (E.5.1; 16 bytes for S16 mode); ``kvn`` 0 is the card's choice."""
    _in_range("host challenge length", len(host_challenge), 8, 16)
    return CommandApdu(0x80, 0x50, kvn, 0x00, host_challenge, 256, name="INITIALIZE UPDATE")


def external_authenticate_channel(cryptogram: bytes, level: int) -> CommandApdu:
    """The second one (E.5.2), still without its C-MAC."""
    return CommandApdu(0x80, 0x82, level, 0x00, cryptogram, name="EXTERNAL AUTHENTICATE (secure channel)")


def get_processing_options(pdol_data: bytes = b"") -> CommandApdu:
    """GPO with the values that the PDOL asks for, wrapped in tag 83."""
    length = _in_range("PDOL data length", len(pdol_data), 0, 252)
    head = bytes([0x83, length]) if length < 0x80 else bytes([0x83, 0x81, length])
    return CommandApdu(0x80, 0xA8, 0x00, 0x00, head + pdol_data, 256)


def store_data(p1: int, p2: int, data: bytes, *, secret: bool = True, name: str = "") -> CommandApdu:
    """One block. P1: bit 8 the last block; bits 7 and 6 set, every DGI in it is encrypted (EMV CPS 1.1, 4.3.4)."""
    return CommandApdu(0x80, 0xE2, p1, p2, data, None, secret, name or f"STORE DATA block {p2}")


def store_data_blocks(
    groupings: Sequence[tuple[bytes, bool]], chunk: int, *, packed: bool = False, secret: bool = True
) -> list[CommandApdu]:
    """The blocks that carry ``groupings``: each the bytes of a DGI (identifier, length, value) and whether encrypted.

    A DGI starts a block; what exceeds ``chunk`` bytes (see :attr:`Scp02.room`) goes on in the next. ``packed``: whole
    ones share a block as far as they fit and are encrypted alike. P1 is 60 for an encrypted DGI, plus 80 on the last
    block; P2 counts from 00. More than 256 blocks are refused: P2 would repeat.
    """
    _in_range("chunk", chunk, 1, 0xFF)
    parts: list[tuple[int, bytes, str]] = []
    for data, encrypted in groupings:
        _in_range("data grouping length", len(data), 3, 0x10004)
        name, p1 = data[:2].hex().upper(), 0x60 if encrypted else 0x00
        if packed and parts and parts[-1][0] == p1 and len(parts[-1][1]) + len(data) <= chunk:
            _, before, names = parts[-1]
            parts[-1] = (p1, before + data, f"{names}, {name}")
            continue
        pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
        for number, piece in enumerate(pieces, 1):
            part = f" ({number} of {len(pieces)})" if len(pieces) > 1 else ""
            parts.append((p1, piece, f"STORE DATA {name}{part}"))
    _in_range("number of blocks", len(parts), 0, 0x100)
    last = len(parts) - 1
    return [
        store_data(p1 | (0x80 if p2 == last else 0x00), p2, data, secret=secret, name=name)
        for p2, (p1, data, name) in enumerate(parts)
    ]


def send_all(blocks: Sequence[CommandApdu]) -> Exchange[None]:
    """Each command in order, each expected to answer 9000."""
    for command in blocks:
        expect((yield command), command)


def read_records(sfi: int, *, secret: bool = False) -> Exchange[tuple[bytes, ...]]:
    """Every record of a file, from number 1 until the card says that there is none."""
    found: list[bytes] = []
    for number in range(1, 0x100):
        command = read_record(number, sfi, secret=secret)
        response = expect((yield command), command, RECORD_NOT_FOUND)
        if not response.sw.ok:
            break
        found.append(response.data)
    return tuple(found)


def read_whole_binary(
    length: int, *, sfi: int | None = None, chunk: int = 0xF0, secret: bool = False
) -> Exchange[bytes]:
    """``length`` bytes of a transparent file from its start; shorter where the file ends."""
    data = b""
    while len(data) < length:
        wanted = min(chunk, length - len(data))
        command = read_binary(len(data), wanted, sfi=None if data else sfi, secret=secret)
        response = expect((yield command), command, 0x6282)
        data += response.data
        if len(response.data) < wanted:
            break
    return data


def write_whole_binary(
    data: bytes, *, sfi: int | None = None, chunk: int = 0xF0, secret: bool = False
) -> Exchange[None]:
    """``data`` from the start of a transparent file, in blocks."""
    for at in range(0, len(data), chunk):
        command = update_binary(at, data[at : at + chunk], sfi=None if at else sfi, secret=secret)
        expect((yield command), command)
