"""The key store of a station whose keys are in the key-service process. No key is in this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate, PublicKey
from cardfab.keys.custody import Capabilities, Custody
from cardfab.keys.explain import Explained
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import KeyInfo, Sealed
from cardfab.keys.service.identity import Identity
from cardfab.keys.service.line import Line
from cardfab.keys.service.manyclient import RemoteMany
from cardfab.keys.service.objects import (
    RemoteCardKey,
    RemoteChannel,
    RemoteChannel03,
    RemoteEmvCard,
    RemoteFirstPin,
    RemoteLoadKey,
    RemoteLoadPurse,
    RemoteMasterKey,
    RemotePkiPin,
    RemotePurchasePurse,
    RemoteTacKey,
)
from cardfab.keys.service.wire import wipe


class RemoteKeyStore(RemoteMany):
    """A :class:`~cardfab.keys.auditing.StationKeys` at the other end of a socket.

    Connects when it is first asked. A break raises :class:`~cardfab.keys.away.KeysAway` once, what was open then is
    gone, and the next act connects again.
    """

    def __init__(self, path: Path, identity: Identity, random: Callable[[int], bytes]) -> None:
        self._line = Line(path, identity, random)
        self._path = path

    def __repr__(self) -> str:
        return f"<key store at {self._path}>"

    def close(self) -> None:
        self._line.close()

    def _bytes(self, method: str, *given: object) -> bytes:
        value: bytes = self._line.ask(method, *given)  # of the protocol's type: the line looks at every answer
        return value

    def _sealed(self, method: str, *given: object) -> Sealed:
        value: Sealed = self._line.ask(method, *given)
        return value

    def _truth(self, method: str, *given: object) -> bool:
        value: bool = self._line.ask(method, *given)
        return value

    def _text(self, method: str, *given: object) -> str:
        value: str = self._line.ask(method, *given)
        return value

    # -- what is known of keys, and data at rest ---------------------------------------------------------------------

    def infos(self) -> Sequence[KeyInfo]:
        value: Sequence[KeyInfo] = self._line.ask("infos")
        return value

    def info(self, label: str) -> KeyInfo:
        value: KeyInfo = self._line.ask("info", label)
        return value

    def capabilities(self) -> Capabilities:
        value: Capabilities = self._line.ask("capabilities")
        return value

    def explain(self, label: str, scheme: str, factors: Mapping[str, str]) -> tuple[Explained, ...]:
        value: tuple[Explained, ...] = self._line.ask("explain", label, scheme, tuple(sorted(factors.items())))
        return value

    def seal(self, label: str, salt: bytes, plain: bytes, bound: bytes) -> bytes:
        return self._bytes("seal", label, salt, plain, bound)

    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        return self._bytes("unseal", label, salt, sealed, bound)

    def index(self, label: str, data: bytes) -> bytes:
        return self._bytes("index", label, data)

    def sign(self, label: str, message: bytes) -> bytes:
        return self._bytes("sign", label, message)

    def public(self, label: str) -> bytes:
        return self._bytes("public", label)

    # -- keys of one card --------------------------------------------------------------------------------------------

    def card_key(self, label: str, region: str, historical: bytes) -> RemoteCardKey:
        return RemoteCardKey(self._line.ask("card_key", label, region, historical))

    def purse_load(self, label: str, region: str, historical: bytes) -> RemoteLoadPurse:
        return RemoteLoadPurse(self._line.ask("purse_load", label, region, historical))

    def purse_purchase(self, label: str, region: str, historical: bytes) -> RemotePurchasePurse:
        return RemotePurchasePurse(self._line.ask("purse_purchase", label, region, historical))

    def purse_tac(self, label: str, region: str, historical: bytes) -> RemoteTacKey:
        return RemoteTacKey(self._line.ask("purse_tac", label, region, historical))

    def master_key(self, label: str, region: str, historical: bytes) -> RemoteMasterKey:
        return RemoteMasterKey(self._line.ask("master_key", label, region, historical))

    def load_key(
        self,
        label: str,
        region: str,
        historical: bytes,
        *,
        under: str | None = None,
        header: bytes = b"",
        fill: int = 0,
    ) -> RemoteLoadKey:
        return RemoteLoadKey(self._line.ask("load_key", label, region, historical, under, header, fill))

    def channel(self, label: str, diversification: str | None = None) -> RemoteChannel:
        return RemoteChannel(self._line.ask("channel", label, diversification))

    def channel03(self, label: str, diversification: str | None = None) -> RemoteChannel03:
        return RemoteChannel03(self._line.ask("channel03", label, diversification))

    def emv_card(
        self, labels: Sequence[str], pan: str, psn: str, *, option: str = "A", parity: bool = False
    ) -> RemoteEmvCard:
        return RemoteEmvCard(self._line.ask("emv_card", tuple(labels), pan, psn, option, parity))

    # -- PINs --------------------------------------------------------------------------------------------------------

    def first_pin(self, label: str) -> RemoteFirstPin:
        return RemoteFirstPin(self._line.ask("first_pin", label))

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> RemotePkiPin:
        return RemotePkiPin(self._line.ask("pki_pin", label, region, historical, new))

    def holder_pin(self, pin: str | Sealed, *, new: str | Sealed | None = None) -> RemotePkiPin:
        return RemotePkiPin(self._line.ask("holder_pin", pin, new))

    def pki_reset(self, label: str, region: str, historical: bytes, *, new: str | Sealed) -> RemotePkiPin:
        return RemotePkiPin(self._line.ask("pki_reset", label, region, historical, new))

    def pin_under(self, label: str, region: str, historical: bytes, pin: Sealed, challenge: bytes) -> bytes:
        return self._bytes("pin_under", label, region, historical, pin, challenge)

    def pin_clear(self, pin: Sealed) -> bytes:
        """Refused: the service has no such word."""
        raise KeyFault(
            Text("The keys are in a service of their own, which gives no PIN out in clear.",
                 "密钥在独立的密钥服务中，不输出明文密码。"),
            do=Text("Let the holder enter the PIN at a reader with keys (PC/SC part 10).",
                    "请持卡人在带键盘的读卡器上输入密码。"),
            code="CF-6415",
        )  # fmt: skip

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        return self._sealed("random_pin", digits, meaning)

    def training_pin(self, digits: int, meaning: str) -> Sealed:
        return self._sealed("training_pin", digits, meaning)

    def print_pin(self, pin: Sealed, before: bytes, after: bytes, send: Callable[[memoryview], None]) -> None:
        page = self._line.page("print_pin", pin, before, after)
        try:
            send(memoryview(page))
        finally:
            wipe(page)

    def pin_from_pad(self, label: str, form: int, ciphered: bytes, pan: str, meaning: str) -> Sealed:
        return self._sealed("pin_from_pad", label, form, ciphered, pan, meaning)

    def pin_agrees(self, label: str, form: int, ciphered: bytes, pan: str, reference: Sealed) -> bool:
        return self._truth("pin_agrees", label, form, ciphered, pan, reference)

    def pin_has_pvv(self, label: str, form: int, ciphered: bytes, pan: str, pvk: str, index: int, pvv: str) -> bool:
        return self._truth("pin_has_pvv", label, form, ciphered, pan, pvk, index, pvv)

    def pad_block(self, label: str, form: int, pin: str, pan: str) -> bytes:
        return self._bytes("pad_block", label, form, pin, pan)

    def pvv(self, label: str, pan: str, pin: Sealed, index: int) -> str:
        return self._text("pvv", label, pan, pin, index)

    def cvn(self, label: str, pan: str, expiry: str, service_code: str) -> str:
        return self._text("cvn", label, pan, expiry, service_code)

    # -- what a payment card is made with ----------------------------------------------------------------------------

    def issuer_public(self, label: str) -> PublicKey:
        value: PublicKey = self._line.ask("issuer_public", label)
        return value

    def issuer_certificate(self, label: str) -> IssuerCertificate:
        value: IssuerCertificate = self._line.ask("issuer_certificate", label)
        return value

    def sign_static(self, label: str, dac: bytes, static: bytes) -> bytes:
        return self._bytes("sign_static", label, dac, static)

    def certify_icc(self, label: str, subject: IccSubject, public: PublicKey, static: bytes) -> IccCertificate:
        value: IccCertificate = self._line.ask("certify_icc", label, subject, public, static)
        return value

    def emv_keys(
        self,
        labels: Sequence[str],
        pan: str,
        psn: str,
        meaning: str,
        *,
        option: str = "A",
        parity: bool = False,
        check: str | None = None,
        custody: Custody = "service-clear",
    ) -> Sealed:
        return self._sealed("emv_keys", tuple(labels), pan, psn, meaning, option, parity, check, custody)

    def icc_sm2(self, filling: Filling = "always80") -> IccKey:
        value: IccKey = self._line.ask("icc_sm2", filling)
        return value

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        value: IccKey = self._line.ask("icc_from_pool", sealed, filling)
        return value

    def make_for_pool(self, bits: int, exponent: int) -> bytes:
        return self._bytes("make_for_pool", bits, exponent)
