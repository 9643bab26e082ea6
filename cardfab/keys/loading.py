"""Keys on their way into a card: encrypted under the card's current master key, with a MAC (LD/T 32 part 9, 7.1)."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm
from cardfab.crypto.derive import kcv
from cardfab.crypto.line import auth_data, load_encrypt, load_mac
from cardfab.errors import KeyFault, Text
from cardfab.keys.diversify import one_block
from cardfab.keys.secret import Secret

FACTORY_DEFAULT = "cos/factory-default"
FACTORY_DEFAULT_KEY = b"\xff" * 16
"""The transport key that many chips leave their factory with, published everywhere. Only a training store has it."""
FIRST_PIN = "ss/PIN"
FIRST_PIN_VALUE = bytes.fromhex("123456")
"""The PIN that blanks of a training station get, two digits a byte. Only a training store has it."""


class ClearKeyRefused(KeyFault):
    """A key that is not published was to go over the line in clear, or under no key."""

    default_code = "CF-6220"

    def __init__(self, label: str) -> None:
        super().__init__(
            Text(
                f"The key '{label}' is not published; it leaves the key store only under another key.",
                f"密钥“{label}”不是公开密钥，只能在其他密钥保护下离开密钥库。",
            ),
            do=Text(
                "Choose a dialect that loads it encrypted, or name the key it goes under.",
                "请选用加密装载的卡片方言，或指定其保护密钥。",
            ),
        )


@dataclass(frozen=True, slots=True)
class SoftFirstPin:
    """The PIN that blanks come with; fulfils :class:`~cardfab.keys.store.FirstPin`."""

    value: Secret

    def block(self) -> bytes:
        return bytes(self.value.view())

    def __repr__(self) -> str:
        return "<the first PIN of the blanks>"


@dataclass(frozen=True, slots=True)
class SoftMasterKey:
    """A master or transport key of one card: it is proved to the card, and other keys go under it."""

    algorithm: Algorithm
    value: Secret

    def answer(self, data: bytes) -> bytes:
        return one_block(self.algorithm, self.value.view(), data)

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return auth_data(self.algorithm, self.value.view(), challenge, original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return load_mac(self.algorithm, self.value.view(), challenge, data)

    def __repr__(self) -> str:
        return f"<master key {self.algorithm.value}, KCV {kcv(self.algorithm, self.value.view()).hex().upper()}>"


@dataclass(frozen=True, slots=True)
class SoftLoadKey:
    """A key's record, header | value padded with FF to ``fill`` bytes; fulfils ``apdu.dialect.LoadKey``."""

    label: str
    value: Secret
    under: SoftMasterKey | None
    header: bytes
    fill: int
    published: bool

    def clear(self) -> bytes:
        if not self.published:
            raise ClearKeyRefused(self.label)
        return self._record()

    def encrypted(self) -> bytes:
        under = self._under()
        with Secret(self._record()) as record:
            return load_encrypt(under.algorithm, under.value.view(), record.view())

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        under = self._under()
        return load_mac(under.algorithm, under.value.view(), challenge, data)

    def _under(self) -> SoftMasterKey:
        if self.under is None:
            raise ClearKeyRefused(self.label)
        return self.under

    def _record(self) -> bytes:
        return self.header + bytes(self.value.view()).ljust(self.fill, b"\xff")

    def __repr__(self) -> str:
        return f"<the key {self.label} to be loaded>"
