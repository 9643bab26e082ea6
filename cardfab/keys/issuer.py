"""What a bank's keys do for its cards, behind the store's door: certificates, card keys, PINs, values on the stripe.

A mixin of :class:`~cardfab.keys.soft.SoftKeyStore`. No call gives a private key, a UDK or a PIN away; what is loaded to
a chip comes sealed. Every signature is verified before it leaves. RSA keys of chips are made ahead
(:mod:`cardfab.keys.pool`), SM2 keys on the spot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from cardfab.crypto import Algorithm, Buffer, CipherRefused, decrypt_ecb, pad80, seal, unseal
from cardfab.crypto.derive import kcv
from cardfab.crypto.emv import (
    cvn,
    odd_parity,
    pin_block,
    pin_digits,
    pin_length,
    pin_of_block,
    pvv,
    udk_data,
)
from cardfab.crypto.emvcert import certificate_block, request_proof, seal_block
from cardfab.crypto.kept import KeptEcb
from cardfab.crypto.rsa import RsaPrivate, RsaPublic, consistent, crt_of_der, der_of_primes, generate
from cardfab.crypto.sm import sm2_digest, sm2_generate, sm2_public, sm2_sign_digest, sm2_verify
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import (
    CertificateFault,
    IccCertificate,
    IccSubject,
    IssuerCertificate,
    IssuerRequest,
    PublicKey,
)
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import KeyInfo, Sealed, Usage
from cardfab.keys.published import PUBLISHED_PIN
from cardfab.keys.secret import Secret

POOL = "station/pool"
_TRANSPORT = "station/transport"
_RSA_PARTS = ("q^-1 mod p", "d mod (q-1)", "d mod (p-1)", "q", "p")
_BLOCK = 8


class SoftIssuer(ABC):
    """The bank's side of a key store over keys in memory."""

    _random: Callable[[int], bytes]
    _certificates: dict[str, IssuerCertificate]
    _signers: dict[str, RsaPrivate]
    _roots: dict[str, KeptEcb]
    _points: dict[str, bytes]

    @abstractmethod
    def info(self, label: str) -> KeyInfo:
        """A key's attributes; raises KeyUnknown."""

    @abstractmethod
    def _use(self, label: str, usage: Usage) -> Secret:
        """A key, for the one purpose that it has."""

    @abstractmethod
    def _seal_transport(self, plain: Secret, meaning: str, kcvs: tuple[bytes, ...]) -> Sealed:
        """Seal a card secret for its way to the chip."""

    @abstractmethod
    def _open_transport(self, sealed: Sealed) -> Secret:
        """The inverse of sealing it."""

    # -- issuer keys and the authority ---------------------------------------------------------------------------------

    def issuer_public(self, label: str) -> PublicKey:
        if self.info(label).algorithm == "SM2":
            d = self._use(label, Usage.ISSUER)
            if label not in self._points:
                self._points[label] = sm2_public(d.view())
            return self._points[label]
        return self._signer(label).public

    def issuer_request(self, label: str, rid: bytes, iin: bytes, expiry: bytes, tracking: bytes) -> IssuerRequest:
        """A request for a certificate, proved with the key itself."""
        public = self.issuer_public(label)
        if isinstance(public, bytes):
            fields = b"\x11" + iin + expiry + tracking + bytes.fromhex("04001140") + public
            proof = fields + self._sm2_sign(label, public, fields)
        else:
            block, _ = request_proof(public, iin, expiry, tracking)
            proof = self._signer(label).sign(block)
        return IssuerRequest(rid, iin, expiry, tracking, public, proof)

    def import_certificate(self, label: str, answer: IssuerCertificate) -> None:
        """Keep the authority's answer; raises :class:`CertificateFault` where it does not fit the key."""
        if answer.open().public != self.issuer_public(label):
            raise CertificateFault(
                Text(f"This certificate is for another key than '{label}'.", f"该证书不属于密钥“{label}”。"),
                code="CF-6403",
            )
        self._certificates[label] = answer

    def issuer_certificate(self, label: str) -> IssuerCertificate:
        self.info(label)
        if label not in self._certificates:
            raise CertificateFault(
                Text(f"The key '{label}' has no issuer certificate.", f"密钥“{label}”没有发卡行证书。"),
                do=Text("Ask the scheme authority for one and import it.", "请向认证机构申请并导入。"),
                code="CF-6404",
            )
        return self._certificates[label]

    # -- certificates of cards -----------------------------------------------------------------------------------------

    def sign_static(self, label: str, dac: bytes, static: bytes) -> bytes:
        if self.info(label).algorithm == "SM2":
            fields = b"\x13" + dac
            return fields + self._sm2_sign(label, self.issuer_public(label), fields + static)
        signer = self._signer(label)
        fields = b"\x03\x01" + dac  # EMV book 2, 5.4 table 7
        return signer.sign(seal_block(fields.ljust(signer.public.length - 22, b"\xbb"), static))

    def certify_icc(self, label: str, subject: IccSubject, public: PublicKey, static: bytes) -> IccCertificate:
        if isinstance(public, bytes):
            # The curve is 04 here and 11 in tag 90: both as on cards that verify (facts, unverified against the text).
            fields = b"\x14" + subject.head + bytes.fromhex("04000440") + public
            signature = self._sm2_sign(label, self.issuer_public(label), fields + static)
            return IccCertificate(fields + signature, b"", b"")
        signer = self._signer(label)
        block, remainder = certificate_block(public, signer.public.length, 0x04, subject.head, static)
        return IccCertificate(signer.sign(block), remainder, public.exponent)

    def _signer(self, label: str) -> RsaPrivate:
        value = self._use(label, Usage.ISSUER)
        if label not in self._signers:
            if not self.info(label).algorithm.startswith("RSA"):
                raise KeyFault(Text(f"'{label}' is no RSA key.", f"“{label}”不是 RSA 密钥。"), code="CF-6405")
            self._signers[label] = RsaPrivate.of_der(value.view())
        return self._signers[label]

    def _sm2_sign(self, label: str, public: PublicKey, message: bytes) -> bytes:
        if not isinstance(public, bytes):
            raise KeyFault(Text(f"'{label}' is no SM2 key.", f"“{label}”不是 SM2 密钥。"), code="CF-6405")
        digest = sm2_digest(public, message)
        signature = sm2_sign_digest(self._use(label, Usage.ISSUER).view(), digest, self._random)
        if not sm2_verify(public, message, signature):
            raise CipherRefused("a signature did not verify; this machine computes wrongly")
        return signature

    # -- card keys ----------------------------------------------------------------------------------------------------

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
    ) -> Sealed:
        data, keys, kcvs = udk_data(option, pan, psn), bytearray(), []
        for label in labels:
            key = self._root(label).encrypt(data)
            keys += odd_parity(key) if parity else key
            kcvs.append(kcv(Algorithm(check or self.info(label).algorithm), key))
        with Secret(keys) as joined:
            return self._seal_transport(joined, meaning, tuple(kcvs))

    def _root(self, label: str) -> KeptEcb:
        """The cipher of an issuer master key, its schedule kept for all the cards below it."""
        root = self._use(label, Usage.EMV_ROOT)
        if label not in self._roots:
            self._roots[label] = KeptEcb(Algorithm(self.info(label).algorithm), root.view())
        return self._roots[label]

    # -- chips' own keys -----------------------------------------------------------------------------------------------

    def icc_sm2(self, filling: Filling = "always80") -> IccKey:
        d, public = sm2_generate(self._random)
        return self._icc_sm2(d, public, filling)

    def _icc_sm2(self, d: bytes, public: bytes, filling: Filling) -> IccKey:
        values = (("SM2 private key", d), ("SM2 public key", public))
        return IccKey(public, tuple(self._chip_value(name, value, filling) for name, value in values))

    def make_for_pool(self, bits: int, exponent: int) -> bytes:
        """A new RSA key of a chip, sealed for the pool."""
        return self.seal_for_pool(generate(bits, exponent))

    def seal_for_pool(self, der: Buffer) -> bytes:
        """A chip's RSA key as the pool keeps it: length of the modulus, modulus, exponent, sealed CRT components."""
        public, crt = RsaPrivate.of_der(der).public, crt_of_der(der)
        if not consistent(crt, public):
            raise CipherRefused("the components of a new key do not belong together")
        head = bytes([public.length]) + public.modulus + public.exponent.rjust(3, b"\x00")
        return head + seal(self._use(POOL, Usage.POOL).view(), b"".join(crt.in_order()), head, self._random)

    def seal_primes_for_pool(self, p: int, q: int, exponent: int) -> bytes:
        """As :meth:`seal_for_pool`, of a key given by its primes: for keys that were made elsewhere."""
        return self.seal_for_pool(der_of_primes(p, q, exponent))

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        length = sealed[0]
        head = sealed[: length + 4]
        with Secret(unseal(self._use(POOL, Usage.POOL).view(), sealed[len(head) :], head)) as plain:
            half = (length + 1) // 2
            parts = [plain.view()[at : at + half] for at in range(0, 5 * half, half)]
            values = [self._chip_value(n, part, filling) for n, part in zip(_RSA_PARTS, parts, strict=True)]
        return IccKey(RsaPublic(head[1:-3], head[-3:].lstrip(b"\x00")), tuple(values))

    def _chip_value(self, meaning: str, value: Buffer, filling: Filling) -> Sealed:
        with Secret(pad80(value, _BLOCK) if filling == "always80" else value) as filled:
            return self._seal_transport(filled, meaning, ())

    # -- PIN and stripe ------------------------------------------------------------------------------------------------

    def pin_from_pad(self, label: str, form: int, ciphered: bytes, pan: str, meaning: str) -> Sealed:
        key = self._use(label, Usage.PIN_TRANSPORT)
        try:
            pin = pin_of_block(form, decrypt_ecb(Algorithm.TDES, key.view(), ciphered), pan=pan)
        except CipherRefused:
            raise KeyFault(
                Text(
                    "The pin pad gave no PIN block of this format and account number.",
                    "密码键盘给出的不是该格式和账号的 PIN 块。",
                ),
                do=Text("Ask the holder to enter the PIN again.", "请持卡人重新输入密码。"),
                code="CF-6406",
            ) from None
        with Secret(pin_block(2, pin)) as block:
            return self._seal_transport(block, meaning, ())

    def training_pin(self, digits: int, meaning: str) -> Sealed:
        if not self.info(_TRANSPORT).training:
            raise KeyFault(
                Text(
                    "The published PIN is for training cards, and this key store is not.",
                    "公开密码仅用于训练卡，本密钥库不是训练密钥库。",
                ),
                do=Text("Choose a product that is not for training.", "请选用非训练产品。"),
                code="CF-6413",
            )
        with Secret(pin_block(2, PUBLISHED_PIN[:digits])) as block:
            return self._seal_transport(block, meaning, ())

    def print_pin(self, pin: Sealed, before: bytes, after: bytes, send: Callable[[memoryview], None]) -> None:
        with self._open_transport(pin) as block:
            count = pin_length(block.view())
            with Secret(before + bytes(count) + after) as page:
                pin_digits(block.view(), page.view()[len(before) : len(before) + count])
                send(page.view())

    def cvn(self, label: str, pan: str, expiry: str, service_code: str) -> str:
        return cvn(self._use(label, Usage.CVN).view(), pan, expiry, service_code)

    def pvv(self, label: str, pan: str, pin: Sealed, index: int) -> str:
        key = self._use(label, Usage.PVV)
        with self._open_transport(pin) as block:
            return pvv(key.view(), pan, pin_of_block(2, block.view()), index)
