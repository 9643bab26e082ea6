"""PUT KEY (GPC 2.3.1, 11.8; AES: amendment D 1.2, 7.2). Keys come as ciphertext; none is seen here."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol

from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu
from cardfab.crypto import same
from cardfab.errors import KeyFault, Text

AES = 0x88


class AesForm(enum.Enum):
    """The two encodings of an AES key that cards want (11.8.2.3.3); which one is a line of the card's profile.

    ``WITH_LENGTH`` is ``88 11 10 cryptogram``, the length of the key inside; ``BARE`` is ``88 10 cryptogram``.
    """

    WITH_LENGTH = "with length"
    BARE = "bare"


class CardKeyBlock(Protocol):
    """A new key under the data-encryption key of the channel; the key room fulfils it."""

    @property
    def type(self) -> int:
        """80 DES, 88 AES (table 11-16)."""

    @property
    def ciphertext(self) -> bytes:
        """Whole blocks."""

    @property
    def length(self) -> int:
        """Of the key, in bytes; at most that of the ciphertext."""

    @property
    def kcv(self) -> bytes:
        """Key check value, 3 bytes."""


class KeysNotTaken(KeyFault):
    """The card answered PUT KEY with other check values than were sent."""

    default_code = "CF-6103"

    def __init__(self) -> None:
        super().__init__(
            Text(
                "PUT KEY: the check values in the card's answer are not those of the keys that were sent.",
                "PUT KEY：卡片返回的校验值与所发密钥不符。",
            ),
            do=Text(
                "Do not close this session: put the keys again, or the old ones. Else the card may be lost.",
                "请勿结束会话：重新写入密钥或写回旧密钥，否则可能失去该卡。",
            ),
        )


def _component(key: CardKeyBlock, form: AesForm) -> bytes:
    """Type, length, key data, and the check value (table 11-67)."""
    data = key.ciphertext
    if key.type == AES and form is AesForm.WITH_LENGTH:
        data = bytes([key.length]) + data
    elif key.length != len(key.ciphertext):
        raise ApduMalformed("a key that was filled up needs the form with its length", "经填充的密钥须使用带长度的形式")
    return bytes((key.type, len(data))) + data + bytes([len(key.kcv)]) + key.kcv


def put_key(
    keys: Sequence[CardKeyBlock],
    version: int,
    *,
    replaces: int = 0,
    key_id: int = 1,
    form: AesForm = AesForm.WITH_LENGTH,
) -> CommandApdu:
    """Keys with identifiers from ``key_id`` on, all of ``version`` (01..7F); ``replaces`` 00 adds a new version."""
    if not keys or not 1 <= version <= 0x7F or not 0 <= replaces <= 0x7F or not 1 <= key_id <= 0x7F:
        raise ApduMalformed("PUT KEY takes keys, and versions and identifiers to 7F", "PUT KEY 的版本与标识最大 7F")
    data = bytes([version]) + b"".join(_component(key, form) for key in keys)
    p2 = key_id | (0x80 if len(keys) > 1 else 0x00)
    return CommandApdu(0x80, 0xD8, replaces, p2, data, 256, secret=True, name=f"PUT KEY version {version:02X}")


def put_keys(
    keys: Sequence[CardKeyBlock],
    version: int,
    *,
    replaces: int = 0,
    key_id: int = 1,
    form: AesForm = AesForm.WITH_LENGTH,
) -> Exchange[bool]:
    """Send them and compare the check values of the answer; whether the card told any. Raises :class:`KeysNotTaken`."""
    command = put_key(keys, version, replaces=replaces, key_id=key_id, form=form)
    data = expect((yield command), command).data
    if data in (b"", bytes([version])):
        return False
    if not same(data, bytes([version]) + b"".join(key.kcv for key in keys)):
        raise KeysNotTaken
    return True
