"""What a bank's keys do for its cards, behind the store's door: certificates, card keys, PINs, values on the stripe.

A part of :class:`~cardfab.keys.keystore.VaultKeyStore`. No call gives a private key, a UDK or a PIN away; what is
loaded to a chip comes sealed. Every signature is verified before it leaves. RSA keys of chips are made ahead
(:mod:`cardfab.keys.pool`), SM2 keys on the spot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from cardfab.crypto import Algorithm, Buffer, CipherRefused
from cardfab.crypto.derive import kcv
from cardfab.crypto.emv import (
    block2_of,
    cvn_of,
    cvn_text,
    pin_block,
    pin_digits,
    pin_length,
    pvv_block,
    pvv_of,
    set_odd_parity,
    udk_data,
)
from cardfab.crypto.emvcert import certificate_block, request_proof, seal_block
from cardfab.crypto.rsa import RsaPrivate, RsaPublic, consistent, crt_of_der, der_of_primes, generate
from cardfab.crypto.sm import sm2_digest, sm2_generate, sm2_verify
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import (
    CertificateFault,
    IccCertificate,
    IccSubject,
    IssuerCertificate,
    IssuerRequest,
    PublicKey,
)
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import KeyInfo, Mode, Sealed, Usage
from cardfab.keys.published import PUBLISHED_PIN
from cardfab.keys.secret import Secret
from cardfab.keys.vault import Vault, ecb

POOL = "station/pool"
_TRANSPORT = "station/transport"
_RSA_PARTS = ("q^-1 mod p", "d mod (q-1)", "d mod (p-1)", "q", "p")
_BLOCK = 8


def sm2_static_fields(dac: bytes) -> bytes:
    """What stands before the signature in tag 93, and is signed before the static data."""
    return b"\x13" + dac


def sm2_icc_fields(subject: IccSubject, public: bytes) -> bytes:
    """The same of tag 9F46."""
    # The curve is 04 here and 11 in tag 90: both as on cards that verify (facts, unverified against the text).
    return b"\x14" + subject.head + bytes.fromhex("04000440") + public


class BankSide(ABC):
    """The bank's side of a key store."""

    _vault: Vault
    _random: Callable[[int], bytes]
    _certificates: dict[str, IssuerCertificate]

    @abstractmethod
    def info(self, label: str) -> KeyInfo:
        """A key's attributes; raises KeyUnknown."""

    @abstractmethod
    def _may(self, label: str, usage: Usage, mode: Mode | None = None, *, making: bool = False) -> KeyInfo:
        """Raise unless the key may be used so; its attributes."""

    @abstractmethod
    def _seal_transport(self, plain: Secret, meaning: str, kcvs: tuple[bytes, ...]) -> Sealed:
        """Seal a card secret for its way to the chip."""

    @abstractmethod
    def _open_transport(self, sealed: Sealed) -> Secret:
        """The inverse of sealing it."""

    @abstractmethod
    def _unsealed(self, label: str, usage: Usage, sealed: bytes, bound: bytes, what: str) -> Secret:
        """What was sealed under a key or an earlier version of it; raises StoreLocked."""

    # -- issuer keys and the authority ---------------------------------------------------------------------------------

    def issuer_public(self, label: str) -> PublicKey:
        if self._may(label, Usage.ISSUER).algorithm == "SM2":
            return self._vault.sm2_public(label)
        return self._rsa(label)

    def issuer_request(self, label: str, rid: bytes, iin: bytes, expiry: bytes, tracking: bytes) -> IssuerRequest:
        """A request for a certificate, proved with the key itself."""
        public = self.issuer_public(label)
        if isinstance(public, bytes):
            fields = b"\x11" + iin + expiry + tracking + bytes.fromhex("04001140") + public
            proof = fields + self._sm2_sign(label, public, fields)
        else:
            block, _ = request_proof(public, iin, expiry, tracking)
            proof = self._vault.rsa(label, block)
        return IssuerRequest(rid, iin, expiry, tracking, public, proof)

    def import_certificate(self, label: str, answer: IssuerCertificate) -> None:
        """Keep the authority's answer; raises :class:`CertificateFault` where it does not fit the key."""
        if answer.open().public != self.issuer_public(label):
            raise CertificateFault(
                Text(f"This certificate is for another key than '{label}'.", f"该证书不属于密钥“{label}”。"),
                code="CF-6403",
            )
        self._keep_certificate(label, answer)
        self._certificates[label] = answer

    def _keep_certificate(self, label: str, answer: IssuerCertificate) -> None:  # noqa: B027 - a file is written whole
        """Where the keys lie in a device, their certificates do too."""

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
            fields = sm2_static_fields(dac)
            return fields + self._sm2_sign(label, self.issuer_public(label), fields + static)
        public = self._rsa(label, making=True)
        fields = b"\x03\x01" + dac  # EMV book 2, 5.4 table 7
        return self._vault.rsa(label, seal_block(fields.ljust(public.length - 22, b"\xbb"), static))

    def certify_icc(self, label: str, subject: IccSubject, public: PublicKey, static: bytes) -> IccCertificate:
        if isinstance(public, bytes):
            fields = sm2_icc_fields(subject, public)
            signature = self._sm2_sign(label, self.issuer_public(label), fields + static)
            return IccCertificate(fields + signature, b"", b"")
        issuer = self._rsa(label, making=True)
        block, remainder = certificate_block(public, issuer.length, 0x04, subject.head, static)
        return IccCertificate(self._vault.rsa(label, block), remainder, public.exponent)

    def _rsa(self, label: str, *, making: bool = False) -> RsaPublic:
        if not self._may(label, Usage.ISSUER, making=making).algorithm.startswith("RSA"):
            raise KeyFault(Text(f"'{label}' is no RSA key.", f"“{label}”不是 RSA 密钥。"), code="CF-6405")
        return self._vault.rsa_public(label)

    def _sm2_sign(self, label: str, public: PublicKey, message: bytes) -> bytes:
        if not isinstance(public, bytes):
            raise KeyFault(Text(f"'{label}' is no SM2 key.", f"“{label}”不是 SM2 密钥。"), code="CF-6405")
        self._may(label, Usage.ISSUER, making=True)
        signature = self._vault.sm2_sign(label, sm2_digest(public, message), self._random)
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
        custody: Custody = "service-clear",
    ) -> Sealed:
        for label in labels:
            self._may(label, Usage.EMV_ROOT, making=True)
        data = udk_data(option, pan, psn)
        if custody == "token-wrap":
            return self._emv_keys_inside(labels, data, meaning, parity=parity)
        joined, kcvs = Secret(bytes(16 * len(labels))), []
        with joined:
            for place, label in enumerate(labels):
                algorithm = Algorithm(self.info(label).algorithm)
                with self._vault.root(label).derive((ecb(algorithm, data),)) as key:
                    kcvs.append(kcv(Algorithm(check or algorithm.value), key.view()))
                    if parity:
                        set_odd_parity(key.view())
                    joined.view()[16 * place : 16 * place + 16] = key.view()
            return self._seal_transport(joined, meaning, tuple(kcvs))

    def _emv_keys_inside(self, labels: Sequence[str], data: bytes, meaning: str, *, parity: bool) -> Sealed:
        """The same, each key an object of the device that leaves it wrapped."""
        found = []
        for label in labels:
            path = (ecb(Algorithm(self.info(label).algorithm), data),)
            found.append(self._vault.root(label).sealed(path, parity=parity))
        wrapped, kcvs = (b"".join(one) for one in zip(*found, strict=True))
        checks = tuple(kcvs[at : at + 3] for at in range(0, len(kcvs), 3))
        return Sealed(wrapped, self._vault.wrapping, meaning, 16 * len(labels), checks)

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
        self._may(POOL, Usage.POOL, Mode.ENCRYPT, making=True)
        with Secret(b"".join(crt.in_order())) as plain:
            return head + self._vault.seal(POOL, plain.view(), head, self._random)

    def seal_primes_for_pool(self, p: int, q: int, exponent: int) -> bytes:
        """As :meth:`seal_for_pool`, of a key given by its primes: for keys that were made elsewhere."""
        return self.seal_for_pool(der_of_primes(p, q, exponent))

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        length = sealed[0]
        head = sealed[: length + 4]
        with self._unsealed(POOL, Usage.POOL, sealed[len(head) :], head, "chip key") as plain:
            half = (length + 1) // 2
            parts = [plain.view()[at : at + half] for at in range(0, 5 * half, half)]
            values = [self._chip_value(n, part, filling) for n, part in zip(_RSA_PARTS, parts, strict=True)]
        return IccKey(RsaPublic(head[1:-3], head[-3:].lstrip(b"\x00")), tuple(values))

    def _chip_value(self, meaning: str, value: Buffer, filling: Filling) -> Sealed:
        padded = len(value) // _BLOCK * _BLOCK + _BLOCK if filling == "always80" else len(value)
        with Secret(bytes(padded)) as filled:
            filled.view()[: len(value)] = value
            if filling == "always80":
                filled.view()[len(value)] = 0x80  # ISO 9797-1 method 2
            return self._seal_transport(filled, meaning, ())

    # -- PIN and stripe ------------------------------------------------------------------------------------------------

    def pin_from_pad(self, label: str, form: int, ciphered: bytes, pan: str, meaning: str) -> Sealed:
        try:
            block = self._pin_of_pad(label, form, ciphered, pan)
        except CipherRefused:
            raise KeyFault(
                Text(
                    "The pin pad gave no PIN block of this format and account number.",
                    "密码键盘给出的不是该格式和账号的 PIN 块。",
                ),
                do=Text("Ask the holder to enter the PIN again.", "请持卡人重新输入密码。"),
                code="CF-6406",
            ) from None
        with block:
            return self._seal_transport(block, meaning, ())

    def _pin_of_pad(self, label: str, form: int, ciphered: bytes, pan: str) -> Secret:
        """The PIN in a pad's block, as a block of format 2; raises CipherRefused where there is none."""
        self._may(label, Usage.PIN_TRANSPORT, Mode.DECRYPT)
        if len(ciphered) != _BLOCK:
            raise CipherRefused("a ciphered PIN block has 8 bytes")
        found = Secret(bytes(_BLOCK))
        with self._vault.decrypt(label, ciphered) as block:
            block2_of(form, block.view(), pan, found.view())
        return found

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
        self._may(label, Usage.CVN, Mode.MAC)
        return cvn_of(self._vault.retail_mac(label, cvn_text(pan, expiry, service_code)))

    def pvv(self, label: str, pan: str, pin: Sealed, index: int) -> str:
        with self._open_transport(pin) as block:
            return self._pvv(label, pan, block, index)

    def _pvv(self, label: str, pan: str, pin: Secret, index: int) -> str:
        self._may(label, Usage.PVV, Mode.MAC)
        with Secret(bytes(_BLOCK)) as text:
            pvv_block(pan, pin.view(), index, text.view())
            return pvv_of(self._vault.encrypt(label, text.view()))
