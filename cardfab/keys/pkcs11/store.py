"""Pkcs11KeyStore: the one key store, over a token."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import CipherRefused
from cardfab.errors import Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.channel import WRAPPING
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.label import STATION_KEYS, KeySpec, Level, Mode, Usage, training_root
from cardfab.keys.pkcs11.attach import Attached
from cardfab.keys.pkcs11.manage import TokenManager
from cardfab.keys.pkcs11.shapes import TokenCannotHold
from cardfab.keys.pkcs11.uri import TokenUri
from cardfab.keys.pkcs11.vault import RECORD_KEY, TokenVault
from cardfab.keys.published import ISSUER_KEYS, published_issuer_key
from cardfab.keys.roots import ROOTS
from cardfab.keys.secret import Secret
from cardfab.keys.store import StoreLocked, Today

WRAP_SPEC = KeySpec(
    WRAPPING, "AES-256", Usage.TRANSPORT, Level.STATION, modes=frozenset((Mode.WRAP, Mode.UNWRAP)), exportable=False
)
"""What wraps card keys between preparation and chip. It never encrypts or decrypts: that would read them."""


class Pkcs11KeyStore(VaultKeyStore):
    """A :class:`~cardfab.keys.store.KeyStore` over keys in a token. One process, one thread."""

    _vault: TokenVault

    @classmethod
    def open(
        cls, uri: TokenUri, pin: Callable[[], str], random: Callable[[int], bytes], today: Today | None = None
    ) -> Pkcs11KeyStore:
        """The keys of a token. Raises :class:`StoreLocked`, and RecordChanged where a record does not fit its key."""
        vault = TokenVault(Attached(uri, pin))
        if RECORD_KEY not in vault.labels():
            vault.close()
            raise StoreLocked(
                Text(f"The token '{uri.token}' has no keys of cardfab.", f"设备“{uri.token}”中没有 cardfab 密钥。"),
                do=Text("Found it: 'cardfab demo --keystore pkcs11:' does for training.", "请先建立。"),
                code="CF-6655",
            )
        return cls._over(vault, random, today)

    @classmethod
    def found(
        cls, uri: TokenUri, pin: Callable[[], str], random: Callable[[int], bytes], *, today: Today | None = None
    ) -> Pkcs11KeyStore:
        """Put the published training roots into an empty token, and make the station's own keys in it.

        What the token cannot hold (SM2, SM4, transport keys of factories) is left out; a product that needs it is
        refused before a card is touched.
        """
        vault = TokenVault(Attached(uri, pin))
        manager = TokenManager(vault, training=True)
        manager.found()
        manager.generate(WRAP_SPEC)
        for spec in STATION_KEYS:
            manager.generate(spec)
        for spec in (*ROOTS, *ISSUER_KEYS):
            value = published_issuer_key(spec.label) if spec.usage is Usage.ISSUER else training_root(spec.label)
            try:
                manager.import_value(spec, Secret(value))
            except (TokenCannotHold, CipherRefused):
                continue
        return cls._over(vault, random, today)

    @classmethod
    def _over(cls, vault: TokenVault, random: Callable[[int], bytes], today: Today | None) -> Pkcs11KeyStore:
        kept = {label: IssuerCertificate.from_json_bytes(one) for label, one in vault.certificates.items()}
        return cls(vault, random, kept, today)

    def manager(self, *, training: bool) -> TokenManager:
        """Changes of the keys of this token; the store sees them at once."""
        return TokenManager(self._vault, training=training)

    def reattach(self) -> None:
        """After the token went away: module, session and records anew."""
        self._vault.reattach()

    def _keep_certificate(self, label: str, answer: IssuerCertificate) -> None:
        self._vault.keep_certificate(label, answer.to_json_bytes())


__all__ = ["WRAP_SPEC", "Pkcs11KeyStore"]
