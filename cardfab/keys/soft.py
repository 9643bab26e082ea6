"""SoftKeyStore: keys in one sealed file, opened into memory. For training and small sites.

File format (docs/keys.md, to the byte)::

    "CFKS1\\n"  header JSON, one line "\\n"  sealed bytes (AES-256-GCM: nonce 12 | ciphertext | tag 16)

The header (Argon2id parameters and salt, training flag, count) is bound to the seal as associated data. The plaintext
is a JSON list of keys with their attributes and values in hex.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cardfab.crypto import (
    Algorithm,
    Buffer,
    SealBroken,
    argon2id,
    ed25519_public,
    ed25519_sign,
    keyed_digest,
    seal,
    unseal,
)
from cardfab.crypto.derive import Diversification, kcv
from cardfab.crypto.kept import KeptEcb
from cardfab.crypto.rsa import RsaPrivate, generate
from cardfab.crypto.sm import sm2_generate, sm2_public
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.channel import SoftChannelKeys, SoftPlatformKeys, SoftScp03Keys
from cardfab.keys.diversify import FACTORS_DONE, SoftCardKey, card_key_bytes, region_of
from cardfab.keys.emvcard import SoftEmvHost
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
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyOfAnotherRegion, KeyUnknown, KeyUseRefused, StoreLocked

MAGIC = b"CFKS1\n"
GP_TEST = "gp/test"
GP_TEST_KEY = bytes(range(0x40, 0x50))
"""The key that GlobalPlatform cards come with for tests, published everywhere. Only a training store has it."""
_PASSES, _KIB, _LANES = 3, 64 * 1024, 2  # RFC 9106 section 4, second recommended option, two lanes
_MOST = {"passes": 100, "kib": 4 * 1024 * 1024, "lanes": 64}
"""What a header may ask for: a changed one shall not take all the memory of the machine."""


_LOADED = (Usage.MASTER_ROOT, Usage.LOAD_ROOT, Usage.PURCHASE_ROOT, Usage.TAC_ROOT)
"""What a card holds besides keys that are proved or protect the line."""


@dataclass(frozen=True, slots=True)
class _Held:
    info: KeyInfo
    value: Secret


class SoftKeyStore(SoftEmvHost):
    """A :class:`~cardfab.keys.store.KeyStore` over keys held in this process's memory."""

    def __init__(
        self,
        held: Mapping[str, _Held],
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
        held = {spec.label: _hold(spec, training_root(spec.label), training=True) for spec in ROOTS}
        held |= {spec.label: _hold(spec, random(32), training=True) for spec in STATION_KEYS}
        held |= {spec.label: _hold(spec, published_issuer_key(spec.label), training=True) for spec in ISSUER_KEYS}
        return cls(held, random)

    def make_issuer_key(self, label: str, *, bits: int | None, exponent: int = 65537) -> KeyInfo:
        """A new issuer key: RSA of so many bits, SM2 for None. Raises KeyFault where the label is taken."""
        if label in self._held:
            raise KeyFault(Text(f"There is a key '{label}' already.", f"已有密钥“{label}”。"), code="CF-6407")
        value = sm2_generate(self._random)[0] if bits is None else generate(bits, exponent)
        spec = KeySpec(label, "SM2" if bits is None else f"RSA-{bits}", Usage.ISSUER, Level.BANK)
        self._held[label] = _hold(spec, value, training=self._training)
        return self._held[label].info

    def to_file(self, word: Buffer) -> bytes:
        """The sealed file under a word."""
        header = {
            "argon2id": {"passes": _PASSES, "kib": _KIB, "lanes": _LANES, "salt": self._random(16).hex()},
            "count": len(self._held),
            "training": self._training,
        }
        line = json.dumps(header, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        certificates = [
            {"certificate": kept.to_json_bytes().decode(), "label": label} for label, kept in self._certificates.items()
        ]
        plain = json.dumps([*(_to_json(key) for key in self._held.values()), *certificates]).encode()
        with _opening_key(header, word) as opening:
            return MAGIC + line + seal(opening.view(), plain, MAGIC + line, self._random)

    @classmethod
    def from_file(cls, data: bytes, word: Buffer, random: Callable[[int], bytes]) -> SoftKeyStore:
        """Open a sealed file; raises :class:`StoreLocked`."""
        line, sealed = _split(data)
        try:
            with _opening_key(json.loads(line), word) as opening:
                plain = unseal(opening.view(), sealed, MAGIC + line)
        except (SealBroken, KeyError, TypeError, ValueError) as broken:
            raise StoreLocked(
                Text(
                    "The key store does not open: the word is wrong or the file was changed.",
                    "密钥库无法打开：口令错误或文件被改动。",
                ),
                do=Text(
                    "Try the word again, or restore the file from its backup.", "请重新输入口令，或从备份恢复该文件。"
                ),
            ) from broken
        entries = json.loads(plain)
        held = [_from_json(entry) for entry in entries if "certificate" not in entry]
        certificates = {
            entry["label"]: IssuerCertificate.from_json_bytes(entry["certificate"].encode())
            for entry in entries
            if "certificate" in entry
        }
        return cls({key.info.label: key for key in held}, random, certificates)

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
        return ed25519_sign(self._use(label, Usage.SIGN).view(), message)

    def public(self, label: str) -> bytes:
        return ed25519_public(self._use(label, Usage.SIGN).view())

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


def _hold(spec: KeySpec, value: bytes, *, training: bool) -> _Held:
    check = _check(spec, value)
    info = KeyInfo(
        spec.label, spec.algorithm, spec.usage, spec.level, spec.version, training, check, region=spec.region
    )
    return _Held(info, Secret(value))


def _check(spec: KeySpec, value: bytes) -> str:
    if spec.algorithm == "Ed25519":
        return ed25519_public(value)[:4].hex().upper()
    if spec.algorithm == "SM2":
        return sm2_public(value)[:4].hex().upper()
    if spec.algorithm.startswith("RSA-"):
        return RsaPrivate.of_der(value).public.modulus[:4].hex().upper()
    if spec.algorithm == "HMAC-SHA-256":
        return keyed_digest(value, bytes(16))[:3].hex().upper()
    algorithm = {"AES-256": Algorithm.AES}.get(spec.algorithm) or Algorithm(spec.algorithm)
    return kcv(algorithm, value).hex().upper()


def _pin_block(digits: int, random: Callable[[int], bytes]) -> bytes:
    """ISO 9564-1 format 2: control 2, length, digits, F. Digits by rejection, so that none is likelier."""
    pin: list[int] = []
    while len(pin) < digits:
        pin += [byte % 10 for byte in random(16) if byte < 250][: digits - len(pin)]
    text = f"2{digits:X}" + "".join(map(str, pin))
    return bytes.fromhex(text.ljust(16, "F"))


def _split(data: bytes) -> tuple[bytes, bytes]:
    if not data.startswith(MAGIC) or b"\n" not in data[len(MAGIC) :]:
        raise StoreLocked(Text("This file is not a cardfab key store.", "该文件不是 cardfab 密钥库。"))
    line, _, sealed = data[len(MAGIC) :].partition(b"\n")
    return line + b"\n", sealed


def _opening_key(header: object, word: Buffer) -> Secret:
    """The key that the word opens. The header is not proved yet: nothing but whole, bearable costs is taken from it."""
    given = header.get("argon2id") if isinstance(header, dict) else None
    if not isinstance(given, dict) or not isinstance(given.get("salt"), str):
        raise ValueError("argon2id")
    passes, kib, lanes = (_cost(given.get(name), most) for name, most in _MOST.items())
    return Secret(argon2id(word, bytes.fromhex(given["salt"]), passes=passes, kib=kib, lanes=lanes))


def _cost(value: object, most: int) -> int:
    if type(value) is not int or not 0 < value <= most:
        raise ValueError("argon2id")
    return value


def _to_json(key: _Held) -> dict[str, object]:
    info = key.info
    return {
        "label": info.label,
        "algorithm": info.algorithm,
        "usage": info.usage.name,
        "level": info.level.name,
        "version": info.version,
        "region": info.region,
        "training": info.training,
        "value": key.value.view().hex(),
    }


def _from_json(entry: Mapping[str, str | int | bool]) -> _Held:
    spec = KeySpec(
        label=str(entry["label"]),
        algorithm=str(entry["algorithm"]),
        usage=Usage[str(entry["usage"])],
        level=Level[str(entry["level"])],
        version=int(entry["version"]),
        region=str(entry.get("region", "")),
    )
    return _hold(spec, bytes.fromhex(str(entry["value"])), training=bool(entry["training"]))
