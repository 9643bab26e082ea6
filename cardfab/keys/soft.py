"""SoftKeyStore: keys opened into memory from one sealed file. For training and small sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cardfab.crypto import (
    Algorithm,
    Buffer,
    SealBroken,
    ed25519_public,
    ed25519_sign,
    keyed_digest,
    seal,
    unseal,
)
from cardfab.crypto.derive import Diversification
from cardfab.crypto.ec import p256_public, p256_sign
from cardfab.crypto.kept import KeptEcb
from cardfab.crypto.rsa import RsaPrivate, generate
from cardfab.crypto.sm import sm2_generate
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.channel import SoftChannelKeys, SoftPlatformKeys, SoftScp03Keys
from cardfab.keys.diversify import FACTORS_DONE, SoftCardKey, card_key_bytes, region_of
from cardfab.keys.emvcard import SoftEmvHost
from cardfab.keys.held import Held, hold, station_value
from cardfab.keys.label import STATION_KEYS, KeyInfo, KeySpec, Level, Sealed, Usage, training_root
from cardfab.keys.loading import (
    FACTORY_DEFAULT,
    FACTORY_DEFAULT_KEY,
    FIRST_PIN,
    FIRST_PIN_VALUE,
    SoftFirstPin,
    SoftLoadKey,
    SoftMasterKey,
)
from cardfab.keys.pki import SoftPkiPin, manager_digits, packed
from cardfab.keys.published import ISSUER_KEYS, published_issuer_key
from cardfab.keys.purse import SoftLoadPurse, SoftPurchasePurse, SoftTacKey
from cardfab.keys.roots import PUBLISHED, ROOTS
from cardfab.keys.sealedfile import read_sealed, write_sealed
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyOfAnotherRegion, KeyUnknown, KeyUseRefused, StoreLocked

GP_TEST = "gp/test"
GP_TEST_KEY = bytes(range(0x40, 0x50))
"""The key that GlobalPlatform cards come with for tests, published everywhere. Only a training store has it."""

_LOADED = (Usage.MASTER_ROOT, Usage.LOAD_ROOT, Usage.PURCHASE_ROOT, Usage.TAC_ROOT)
"""What a card holds besides keys that are proved or protect the line."""


class SoftKeyStore(SoftEmvHost):
    """A :class:`~cardfab.keys.store.KeyStore` over keys held in this process's memory."""

    def __init__(
        self,
        held: Mapping[str, Held],
        random: Callable[[int], bytes],
        certificates: Mapping[str, IssuerCertificate] | None = None,
    ) -> None:
        self._held = dict(held)
        self._random = random
        self._certificates = dict(certificates or {})
        self._signers: dict[str, RsaPrivate] = {}
        self._roots: dict[str, KeptEcb] = {}
        self._points: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"<SoftKeyStore of {len(self._held)} keys>"

    # -- making and opening the file -------------------------------------------------------------------------------

    @classmethod
    def training(cls, random: Callable[[int], bytes]) -> SoftKeyStore:
        """The published training roots, and station keys at random."""
        held = {spec.label: hold(spec, training_root(spec.label), training=True) for spec in ROOTS}
        held |= {spec.label: hold(spec, station_value(spec, random), training=True) for spec in STATION_KEYS}
        held |= {spec.label: hold(spec, published_issuer_key(spec.label), training=True) for spec in ISSUER_KEYS}
        return cls(held, random)

    def make_issuer_key(self, label: str, *, bits: int | None, exponent: int = 65537) -> KeyInfo:
        """A new issuer key: RSA of so many bits, SM2 for None. Raises KeyFault where the label is taken."""
        if label in self._held:
            raise KeyFault(Text(f"There is a key '{label}' already.", f"已有密钥“{label}”。"), code="CF-6407")
        value = sm2_generate(self._random)[0] if bits is None else generate(bits, exponent)
        spec = KeySpec(label, "SM2" if bits is None else f"RSA-{bits}", Usage.ISSUER, Level.BANK)
        self._held[label] = hold(spec, value, training=self._training)
        return self._held[label].info

    def to_file(self, word: Buffer) -> bytes:
        """The sealed file under a word."""
        return write_sealed(self._held, self._certificates, word, self._random)

    @classmethod
    def from_file(cls, data: bytes, word: Buffer, random: Callable[[int], bytes]) -> SoftKeyStore:
        """Open a sealed file; raises :class:`StoreLocked`."""
        held, certificates = read_sealed(data, word)
        return cls(held, random, certificates)

    # -- KeyStore ----------------------------------------------------------------------------------------------------

    def infos(self) -> Sequence[KeyInfo]:
        return tuple(self._held[label].info for label in sorted(self._held))

    def info(self, label: str) -> KeyInfo:
        if label not in self._held:
            raise KeyUnknown(label, published=label in PUBLISHED and self._training)
        return self._held[label].info

    def card_key(self, label: str, region: str, historical: bytes) -> SoftCardKey:
        return SoftCardKey(*self._on_card(label, Usage.CARD_ROOT, region, historical))

    def purse_load(self, label: str, region: str, historical: bytes) -> SoftLoadPurse:
        return SoftLoadPurse(*self._on_card(label, Usage.LOAD_ROOT, region, historical))

    def purse_purchase(self, label: str, region: str, historical: bytes) -> SoftPurchasePurse:
        return SoftPurchasePurse(*self._on_card(label, Usage.PURCHASE_ROOT, region, historical))

    def purse_tac(self, label: str, region: str, historical: bytes) -> SoftTacKey:
        return SoftTacKey(*self._on_card(label, Usage.TAC_ROOT, region, historical))

    def master_key(self, label: str, region: str, historical: bytes) -> SoftMasterKey:
        if label == FACTORY_DEFAULT and self._training:
            return SoftMasterKey(Algorithm.TDES, Secret(FACTORY_DEFAULT_KEY))
        if self.info(label).usage is Usage.FACTORY:  # one key for every chip of the lot
            value = self._use(label, Usage.FACTORY)
        else:
            value = self._card_value(label, Usage.MASTER_ROOT, region, historical)
        return SoftMasterKey(Algorithm(self.info(label).algorithm), value)

    def load_key(
        self,
        label: str,
        region: str,
        historical: bytes,
        *,
        under: str | None = None,
        header: bytes = b"",
        fill: int = 0,
    ) -> SoftLoadKey:
        over = None if under is None else self.master_key(under, region, historical)
        if label == FIRST_PIN and self._training:
            return SoftLoadKey(label, Secret(FIRST_PIN_VALUE), over, header, fill, published=True)
        info = self.info(label)
        if info.usage is Usage.FACTORY:
            value = self._use(label, Usage.FACTORY)
        else:
            usage = info.usage if info.usage in _LOADED else Usage.CARD_ROOT
            value = self._card_value(label, usage, region, historical)
        return SoftLoadKey(label, value, over, header, fill, info.training)

    def first_pin(self, label: str) -> SoftFirstPin:
        if label == FIRST_PIN and self._training:
            return SoftFirstPin(Secret(FIRST_PIN_VALUE))
        raise KeyUnknown(label)

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> SoftPkiPin:
        value = self._pki_value(label, region, historical)
        return SoftPkiPin(value, None if new is None else self._pki_value(new, region, historical))

    def holder_pin(self, pin: str, *, new: str | None = None) -> SoftPkiPin:
        return SoftPkiPin(packed(pin), None if new is None else packed(new))

    def pki_reset(self, label: str, region: str, historical: bytes, *, new: str) -> SoftPkiPin:
        return SoftPkiPin(self._pki_value(label, region, historical), packed(new))

    def channel(self, label: str, diversification: str | None = None) -> SoftChannelKeys:
        return self.platform(label, _scheme(diversification or "emv")).scp02

    def channel03(self, label: str, diversification: str | None = None) -> SoftScp03Keys:
        return self.platform(label, _scheme(diversification or "kdf3")).scp03

    def platform(self, label: str, scheme: Diversification | None) -> SoftPlatformKeys:
        if label == GP_TEST and label not in self._held and self._training:
            both = frozenset((Algorithm.TDES, Algorithm.AES))
            return SoftPlatformKeys(Secret(GP_TEST_KEY), scheme, both, self._open_transport)
        root, info = self._use(label, Usage.CHANNEL_ROOT), self.info(label)
        own = Algorithm.AES if info.algorithm.startswith("AES") else Algorithm(info.algorithm)
        # A published root may serve either cipher; any other has the one purpose that it was made for.
        ciphers = frozenset((Algorithm.TDES, Algorithm.AES)) if info.training else frozenset((own,))
        return SoftPlatformKeys(root, scheme, ciphers, self._open_transport)

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        with Secret(_pin_block(digits, self._random)) as block:
            return self._seal_transport(block, meaning, ())

    def seal(self, label: str, salt: bytes, plain: bytes, bound: bytes) -> bytes:
        with self._salted(label, salt) as key:
            return seal(key.view(), plain, bound, self._random)

    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        with self._salted(label, salt) as key:
            try:
                return unseal(key.view(), sealed, bound)
            except SealBroken as broken:
                raise StoreLocked(
                    Text(
                        "Sealed data does not open: it was changed, or belongs to another station.",
                        "加密数据无法打开：数据被改动，或不属于本制卡点。",
                    )
                ) from broken

    def index(self, label: str, data: bytes) -> bytes:
        return keyed_digest(self._use(label, Usage.INDEX).view(), data)

    def sign(self, label: str, message: bytes) -> bytes:
        key = self._use(label, Usage.SIGN).view()
        return p256_sign(key, message) if self.info(label).algorithm == "EC-P256" else ed25519_sign(key, message)

    def public(self, label: str) -> bytes:
        key = self._use(label, Usage.SIGN).view()
        return p256_public(key) if self.info(label).algorithm == "EC-P256" else ed25519_public(key)

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _training(self) -> bool:
        return all(key.info.training for key in self._held.values())

    def _on_card(self, label: str, usage: Usage, region: str, historical: bytes) -> tuple[Algorithm, Secret]:
        value = self._card_value(label, usage, region, historical)
        return Algorithm(self.info(label).algorithm), value

    def _use(self, label: str, usage: Usage) -> Secret:
        info = self.info(label)
        if info.usage is not usage:
            raise KeyUseRefused(info, usage)
        return self._held[label].value

    def _card_value(self, label: str, usage: Usage, region: str, historical: bytes) -> Secret:
        info = self.info(label)
        root = self._use(label, usage)
        # A root of a lower level has had its upper factors applied already (LD/T 32 part 9, 8); files of before this
        # was kept do not say for which region.
        done = FACTORS_DONE[info.level]
        if info.region and info.region != region_of(info.level, region):
            raise KeyOfAnotherRegion(info, region)
        return Secret(card_key_bytes(Algorithm(info.algorithm), root.view(), region, historical, done))

    def _pki_value(self, label: str, region: str, historical: bytes) -> Secret:
        if label not in self._held:  # no key: the PIN of a lot of blanks
            return Secret(self.first_pin(label).block())
        with self._card_value(label, Usage.MASTER_ROOT, region, historical) as key:
            return Secret(manager_digits(key.view()))

    def _salted(self, label: str, salt: bytes) -> Secret:
        return Secret(keyed_digest(self._use(label, Usage.SEAL).view(), b"cardfab batch key" + salt))

    def _seal_transport(self, plain: Secret, meaning: str, kcvs: tuple[bytes, ...]) -> Sealed:
        under = "station/transport"
        key = self._use(under, Usage.TRANSPORT)
        ciphertext = seal(key.view(), plain.view(), meaning.encode(), self._random)
        return Sealed(ciphertext, under, meaning, len(plain), kcvs)

    def _open_transport(self, sealed: Sealed) -> Secret:
        key = self._use(sealed.under, Usage.TRANSPORT)
        try:
            return Secret(unseal(key.view(), sealed.ciphertext, sealed.meaning.encode()))
        except SealBroken as broken:
            raise StoreLocked(
                Text(f"The sealed secret '{sealed.meaning}' does not open.", f"密文“{sealed.meaning}”无法打开。")
            ) from broken


def _scheme(name: str) -> Diversification | None:
    return None if name == "none" else Diversification.of(name)


def _pin_block(digits: int, random: Callable[[int], bytes]) -> bytes:
    """ISO 9564-1 format 2: control 2, length, digits, F. Digits by rejection, so that none is likelier."""
    pin: list[int] = []
    while len(pin) < digits:
        pin += [byte % 10 for byte in random(16) if byte < 250][: digits - len(pin)]
    text = f"2{digits:X}" + "".join(map(str, pin))
    return bytes.fromhex(text.ljust(16, "F"))
