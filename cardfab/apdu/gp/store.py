"""STORE DATA in every form of P1 (GPC 2.3.1, table 11-88); that of EMV CPS is ``commands.store_data_blocks``.

::

    bit 8  the last block        bits 7 6  00 not said, 01 by the application, 11 encrypted
    bits 5 4  00 not said, 01 DGIs, 10 BER-TLV        bit 1  the card answers with data (case 4)
"""

from __future__ import annotations

import enum

from cardfab.apdu.message import ApduMalformed, CommandApdu


class Structure(enum.IntEnum):
    """Bits 5 and 4 of P1. Some applets take nothing but the right one."""

    NOT_SAID = 0x00
    DGI = 0x08
    BER_TLV = 0x10


class Encryption(enum.IntEnum):
    """Bits 7 and 6 of P1: whether the data is encrypted under the DEK."""

    NOT_SAID = 0x00
    BY_APPLICATION = 0x20
    ENCRYPTED = 0x60


def store_p1(
    *, last: bool, structure: Structure, encryption: Encryption = Encryption.NOT_SAID, answers: bool = False
) -> int:
    """P1 from its parts."""
    return last * 0x80 | encryption | structure | answers


def store_blocks(
    data: list[bytes],
    chunk: int,
    *,
    structure: Structure = Structure.NOT_SAID,
    encryption: Encryption = Encryption.NOT_SAID,
    answers: bool = False,
    wraps: bool = False,
    secret: bool = True,
) -> list[CommandApdu]:
    """The blocks that carry each of ``data``; what exceeds ``chunk`` bytes goes on in the next.

    P2 counts from 00. More than 256 blocks only with ``wraps``, where the card's profile says that P2 begins again.
    """
    if not 1 <= chunk <= 0xFF or not all(data):
        raise ApduMalformed("STORE DATA takes data, in blocks to 255 bytes", "STORE DATA 需要数据，分块最长 255 字节")
    pieces = [whole[at : at + chunk] for whole in data for at in range(0, len(whole), chunk)]
    if len(pieces) > 0x100 and not wraps:
        raise ApduMalformed(f"{len(pieces)} blocks, P2 counts to 256", f"共 {len(pieces)} 块，P2 最多计 256")
    last = len(pieces) - 1
    return [
        CommandApdu(
            0x80,
            0xE2,
            store_p1(last=n == last, structure=structure, encryption=encryption, answers=answers),
            n & 0xFF,
            piece,
            256 if answers else None,
            secret,
            f"STORE DATA block {n}",
        )
        for n, piece in enumerate(pieces)
    ]
