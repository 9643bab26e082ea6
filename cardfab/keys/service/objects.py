"""What the service keeps for a station, as the station holds it: each fulfils its protocol of the store by asking."""

from __future__ import annotations

from cardfab.crypto.purse import Load, Purchase
from cardfab.keys.emvkeys import PinChangeKey
from cardfab.keys.label import Sealed
from cardfab.keys.service.line import Handle


class _Kept:
    """Holds the handle; dropping the object drops it."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __repr__(self) -> str:
        return repr(self._handle)

    def _bytes(self, method: str, *given: object) -> bytes:
        value: bytes = self._handle.ask(method, *given)  # of the protocol's type: the line looks at every answer
        return value

    def _truth(self, method: str, *given: object) -> bool:
        value: bool = self._handle.ask(method, *given)
        return value


class RemoteCardKey(_Kept):
    """A card's key."""

    __slots__ = ()

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return self._bytes("authenticate", challenge, original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return self._bytes("mac", challenge, data)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        return self._bytes("encrypt", challenge, plain)

    def answer(self, data: bytes) -> bytes:
        return self._bytes("answer", data)

    def code(self, data: bytes) -> bytes:
        return self._bytes("code", data)


class RemoteMasterKey(_Kept):
    """A master or transport key of a card."""

    __slots__ = ()

    def answer(self, data: bytes) -> bytes:
        return self._bytes("answer", data)

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return self._bytes("authenticate", challenge, original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return self._bytes("mac", challenge, data)


class RemoteLoadKey(_Kept):
    """A key on its way into a card."""

    __slots__ = ()

    def clear(self) -> bytes:
        return self._bytes("clear")

    def encrypted(self) -> bytes:
        return self._bytes("encrypted")

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return self._bytes("mac", challenge, data)


class RemoteLoadPurse(_Kept):
    """The host's side of a load."""

    __slots__ = ()

    def offers(self, load: Load, mac1: bytes) -> bool:
        return self._truth("offers", load, mac1)

    def credit(self, load: Load) -> bytes:
        return self._bytes("credit", load)


class RemotePurchasePurse(_Kept):
    """The terminal's side of a purchase."""

    __slots__ = ()

    def debit(self, purchase: Purchase) -> bytes:
        return self._bytes("debit", purchase)

    def paid(self, purchase: Purchase, mac2: bytes) -> bool:
        return self._truth("paid", purchase, mac2)


class RemoteTacKey(_Kept):
    """Certifies transactions."""

    __slots__ = ()

    def certifies(self, transaction: Load | Purchase, tac: bytes) -> bool:
        return self._truth("certifies", transaction, tac)


class RemoteFirstPin(_Kept):
    """The PIN of the blanks."""

    __slots__ = ()

    def block(self) -> bytes:
        return self._bytes("block")


class RemotePkiPin(_Kept):
    """A PIN of the certificate application."""

    __slots__ = ()

    def proof(self, challenge: bytes) -> bytes:
        return self._bytes("proof", challenge)

    def change(self, challenge: bytes, header: bytes) -> bytes:
        return self._bytes("change", challenge, header)


class RemoteEmvCard(_Kept):
    """The keys of a payment card, as the issuer's host uses them."""

    __slots__ = ()

    def certifies(self, atc: bytes, data: bytes, cryptogram: bytes) -> bool:
        return self._truth("certifies", atc, data, cryptogram)

    def certifies_value(self, atc: bytes, value: bytes, mac: bytes) -> bool:
        return self._truth("certifies_value", atc, value, mac)

    def arpc(self, atc: bytes, cryptogram: bytes, arc: bytes) -> bytes:
        return self._bytes("arpc", atc, cryptogram, arc)

    def script_mac(self, atc: bytes, cryptogram: bytes, header: bytes, data: bytes) -> bytes:
        return self._bytes("script_mac", atc, cryptogram, header, data)

    def pin_change(self, atc: bytes, new: Sealed, current: Sealed | None, d1: PinChangeKey) -> bytes:
        return self._bytes("pin_change", atc, new, current, d1)


class RemoteSession(_Kept):
    """The session keys of an SCP02 channel."""

    __slots__ = ()

    def cryptogram(self, data: bytes) -> bytes:
        return self._bytes("cryptogram", data)

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        return self._bytes("cmac", icv, data)

    def encrypt_icv(self, icv: bytes) -> bytes:
        return self._bytes("encrypt_icv", icv)

    def encrypt(self, data: bytes) -> bytes:
        return self._bytes("encrypt", data)

    def rmac(self, icv: bytes, data: bytes) -> bytes:
        return self._bytes("rmac", icv, data)

    def rewrap(self, sealed: Sealed) -> bytes:
        return self._bytes("rewrap", sealed)


class RemoteSession03(_Kept):
    """The session keys of an SCP03 channel."""

    __slots__ = ()

    def cryptogram(self, constant: int, context: bytes, length: int) -> bytes:
        return self._bytes("cryptogram", constant, context, length)

    def cmac(self, data: bytes) -> bytes:
        return self._bytes("cmac", data)

    def rmac(self, data: bytes) -> bytes:
        return self._bytes("rmac", data)

    def encrypt(self, counter: bytes, data: bytes) -> bytes:
        return self._bytes("encrypt", counter, data)

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        return self._bytes("decrypt", counter, data)

    def rewrap(self, sealed: Sealed) -> bytes:
        return self._bytes("rewrap", sealed)


class RemoteChannel(_Kept):
    """Opens SCP02 channels."""

    __slots__ = ()

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> RemoteSession:
        return RemoteSession(self._handle.ask("open", key_data, kvn, sequence))


class RemoteChannel03(_Kept):
    """Opens SCP03 channels."""

    __slots__ = ()

    def open(self, key_data: bytes, kvn: int, context: bytes) -> RemoteSession03:
        return RemoteSession03(self._handle.ask("open", key_data, kvn, context))
