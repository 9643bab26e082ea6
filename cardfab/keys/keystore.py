"""The key store over a vault: what a label may be used for, and what is computed with it.

Where the keys lie is the vault's affair (:mod:`cardfab.keys.vault`); everything else is here once, for the sealed file
(:class:`~cardfab.keys.soft.SoftKeyStore`) and for a device (:class:`~cardfab.keys.pkcs11.store.Pkcs11KeyStore`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from cardfab.crypto import Algorithm, CipherRefused, SealBroken, seal, unseal
from cardfab.crypto.derive import Diversification
from cardfab.crypto.emv import pin_length
from cardfab.errors import KeyFault, Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.channel import SoftChannelKeys, SoftPlatformKeys, SoftScp03Keys
from cardfab.keys.custody import Capabilities
from cardfab.keys.diversify import FACTORS_DONE, SoftCardKey, card_key_path, region_of
from cardfab.keys.explain import Explained, explained
from cardfab.keys.label import HOLDERS_PIN, KeyInfo, Mode, Sealed, State, Usage
from cardfab.keys.loading import (
    FACTORY_DEFAULT,
    FACTORY_DEFAULT_KEY,
    FIRST_PIN,
    FIRST_PIN_VALUE,
    SoftFirstPin,
    SoftLoadKey,
    SoftMasterKey,
)
from cardfab.keys.manyside import ManySide
from cardfab.keys.pki import SoftPkiPin, manager_digits, packed
from cardfab.keys.purse import SoftLoadPurse, SoftPurchasePurse, SoftTacKey
from cardfab.keys.roots import PUBLISHED
from cardfab.keys.schemes import scheme_named
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyOfAnotherRegion, KeyUnknown, StoreLocked, Today, require_use
from cardfab.keys.vault import ClearRoot, Path, Root, Vault

GP_TEST = "gp/test"
GP_TEST_KEY = bytes(range(0x40, 0x50))
"""The key that GlobalPlatform cards come with for tests, published everywhere. Only a training store has it."""

_LOADED = (Usage.MASTER_ROOT, Usage.LOAD_ROOT, Usage.PURCHASE_ROOT, Usage.TAC_ROOT)
"""What a card holds besides keys that are proved or protect the line."""


class VaultKeyStore(ManySide):
    """A :class:`~cardfab.keys.store.KeyStore` over any vault. ``today`` None: validity is not looked at."""

    def __init__(
        self,
        vault: Vault,
        random: Callable[[int], bytes],
        certificates: Mapping[str, IssuerCertificate] | None = None,
        today: Today | None = None,
    ) -> None:
        self._vault = vault
        self._random = random
        self._certificates = dict(certificates or {})
        self._today = today

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._vault.infos())} keys>"

    def close(self) -> None:
        """Wipe or let go of every key; the store is of no use afterwards."""
        self._vault.close()

    # -- KeyStore ----------------------------------------------------------------------------------------------------

    def capabilities(self) -> Capabilities:
        return self._vault.capabilities()

    def infos(self) -> Sequence[KeyInfo]:
        found = self._vault.infos()
        return tuple(found[label] for label in sorted(found))

    def info(self, label: str) -> KeyInfo:
        found = self._vault.infos().get(label)
        if found is None:
            raise KeyUnknown(label, published=label in PUBLISHED and self._training)
        return found

    def card_key(self, label: str, region: str, historical: bytes) -> SoftCardKey:
        root, algorithm, path = self._on_card(label, Usage.CARD_ROOT, region, historical)
        return SoftCardKey(algorithm, root.inside(path))

    def purse_load(self, label: str, region: str, historical: bytes) -> SoftLoadPurse:
        return SoftLoadPurse(*self._card_value(label, Usage.LOAD_ROOT, region, historical))

    def purse_purchase(self, label: str, region: str, historical: bytes) -> SoftPurchasePurse:
        return SoftPurchasePurse(*self._card_value(label, Usage.PURCHASE_ROOT, region, historical))

    def purse_tac(self, label: str, region: str, historical: bytes) -> SoftTacKey:
        return SoftTacKey(*self._card_value(label, Usage.TAC_ROOT, region, historical))

    def master_key(self, label: str, region: str, historical: bytes) -> SoftMasterKey:
        if label == FACTORY_DEFAULT and self._training:
            return SoftMasterKey(Algorithm.TDES, Secret(FACTORY_DEFAULT_KEY))
        if self.info(label).usage is Usage.FACTORY:
            return SoftMasterKey(*self._lot_value(label))
        return SoftMasterKey(*self._card_value(label, Usage.MASTER_ROOT, region, historical))

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
            _, value = self._lot_value(label, making=True)
        else:
            usage = info.usage if info.usage in _LOADED else Usage.CARD_ROOT
            _, value = self._card_value(label, usage, region, historical, making=True)
        return SoftLoadKey(label, value, over, header, fill, info.training)

    def first_pin(self, label: str) -> SoftFirstPin:
        if label == FIRST_PIN and self._training:
            return SoftFirstPin(Secret(FIRST_PIN_VALUE))
        raise KeyUnknown(label)

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> SoftPkiPin:
        value = self._pki_value(label, region, historical)
        return SoftPkiPin(value, None if new is None else self._pki_value(new, region, historical))

    def holder_pin(self, pin: str | Sealed, *, new: str | Sealed | None = None) -> SoftPkiPin:
        return SoftPkiPin(self._of_holder(pin), None if new is None else self._of_holder(new))

    def pki_reset(self, label: str, region: str, historical: bytes, *, new: str | Sealed) -> SoftPkiPin:
        return SoftPkiPin(self._pki_value(label, region, historical), self._of_holder(new))

    def pin_under(self, label: str, region: str, historical: bytes, pin: Sealed, challenge: bytes) -> bytes:
        with self._of_holder(pin) as value:
            return self.card_key(label, region, historical).encrypt(challenge, bytes(value.view()))

    def pin_clear(self, pin: Sealed) -> bytes:
        with self._of_holder(pin) as value:
            return bytes(value.view())

    def channel(self, label: str, diversification: str | None = None) -> SoftChannelKeys:
        return self.platform(label, _scheme(diversification or "emv")).scp02

    def channel03(self, label: str, diversification: str | None = None) -> SoftScp03Keys:
        return self.platform(label, _scheme(diversification or "kdf3")).scp03

    def platform(self, label: str, scheme: Diversification | None) -> SoftPlatformKeys:
        """The card keys of GlobalPlatform chips by one root; ``scheme`` None: the root is all three itself."""
        if label == GP_TEST and label not in self._vault.infos() and self._training:
            both = frozenset((Algorithm.TDES, Algorithm.AES))
            return SoftPlatformKeys(ClearRoot(Secret(GP_TEST_KEY)), scheme, both, self._open_transport)
        info = self._may(label, Usage.CHANNEL_ROOT)
        own = Algorithm.AES if info.algorithm.startswith("AES") else Algorithm(info.algorithm)
        # A published root may serve either cipher; any other, and any in a device, has the one that it was made for.
        free = info.training and not self.capabilities().inside
        ciphers = frozenset((Algorithm.TDES, Algorithm.AES)) if free else frozenset((own,))
        length = int(info.algorithm[4:] or 128) // 8 if own is Algorithm.AES and info.algorithm != "AES" else 16
        return SoftPlatformKeys(self._vault.root(label), scheme, ciphers, self._open_transport, length)

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        with _pin_block(digits, self._random) as block:
            return self._seal_transport(block, meaning, ())

    def seal(self, label: str, salt: bytes, plain: bytes, bound: bytes) -> bytes:
        with self._salted(label, salt, making=True) as key:
            return seal(key.view(), plain, bound, self._random)

    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        for at in self._versions(label):
            with self._salted(at, salt) as key:
                try:
                    return unseal(key.view(), sealed, bound)
                except SealBroken:
                    continue
        raise StoreLocked(
            Text(
                "Sealed data does not open: it was changed, or belongs to another station.",
                "加密数据无法打开：数据被改动，或不属于本制卡点。",
            )
        )

    def index(self, label: str, data: bytes) -> bytes:
        self._may(label, Usage.INDEX)
        return self._vault.hmac(label, data)

    def sign(self, label: str, message: bytes) -> bytes:
        self._may(label, Usage.SIGN, making=True)
        return self._vault.sign(label, message)

    def public(self, label: str) -> bytes:
        self._may(label, Usage.SIGN)
        return self._vault.public(label)

    def explain(self, label: str, scheme: str, factors: Mapping[str, str]) -> tuple[Explained, ...]:
        asked = scheme_named(scheme)
        info = self.info(label)
        self._may(label, info.usage if info.usage in asked.usages else asked.usages[0])
        if info.region and info.region != region_of(info.level, factors.get("region", "")):
            raise KeyOfAnotherRegion(info, factors.get("region", ""))
        return explained(self._vault.root(label), info, asked, factors)

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _training(self) -> bool:
        return all(info.training for info in self._vault.infos().values())

    def _may(self, label: str, usage: Usage, mode: Mode | None = None, *, making: bool = False) -> KeyInfo:
        info = self.info(label)
        require_use(info, usage, mode, today=self._today, making=making)
        return info

    def _versions(self, label: str) -> Iterator[str]:
        """The label and what its earlier versions were kept as, newest first; these are looked for when asked for."""
        self.info(label)
        yield label
        found, begin = self._vault.infos(), f"{label}@"
        kept = [one for one in found if one.startswith(begin) and found[one].state is not State.DESTROYED]
        yield from sorted(kept, key=lambda one: -int(one.rpartition("@")[2]))

    def _on_card(
        self, label: str, usage: Usage, region: str, historical: bytes, *, making: bool = False
    ) -> tuple[Root, Algorithm, Path]:
        info = self._may(label, usage, making=making)
        # A root of a lower level has had its upper factors applied already (LD/T 32 part 9, 8); files of before this
        # was kept do not say for which region.
        if info.region and info.region != region_of(info.level, region):
            raise KeyOfAnotherRegion(info, region)
        algorithm = Algorithm(info.algorithm)
        path = card_key_path(algorithm, region, historical, FACTORS_DONE[info.level])
        return self._vault.root(label), algorithm, path

    def _card_value(
        self, label: str, usage: Usage, region: str, historical: bytes, *, making: bool = False
    ) -> tuple[Algorithm, Secret]:
        root, algorithm, path = self._on_card(label, usage, region, historical, making=making)
        return algorithm, root.derive(path)

    def _lot_value(self, label: str, *, making: bool = False) -> tuple[Algorithm, Secret]:
        """A transport key of a factory: one for every chip of the lot."""
        info = self._may(label, Usage.FACTORY, making=making)
        return Algorithm(info.algorithm), self._vault.root(label).derive(())

    def _pki_value(self, label: str, region: str, historical: bytes) -> Secret:
        if label not in self._vault.infos():  # no key: the PIN of a lot of blanks
            return Secret(self.first_pin(label).block())
        _, value = self._card_value(label, Usage.MASTER_ROOT, region, historical)
        with value as key:
            return Secret(manager_digits(key.view()))

    def _of_holder(self, pin: str | Sealed) -> Secret:
        """A holder's PIN, two digits a byte. What was sealed as anything else, a first PIN or a key, is refused."""
        if isinstance(pin, str):
            return packed(pin)
        if pin.meaning != HOLDERS_PIN:
            raise KeyFault(
                Text(f"'{pin.meaning}' is no PIN that a holder entered.", f"“{pin.meaning}”不是持卡人输入的密码。"),
                code="CF-6414",
            )
        with self._open_transport(pin) as block:
            return Secret(block.view()[1 : 1 + (pin_length(block.view()) + 1) // 2])

    def _salted(self, label: str, salt: bytes, *, making: bool = False) -> Secret:
        self._may(label, Usage.SEAL, making=making)
        return Secret(self._vault.hmac(label, b"cardfab batch key" + salt))

    def _seal_transport(self, plain: Secret, meaning: str, kcvs: tuple[bytes, ...]) -> Sealed:
        under = "station/transport"
        self._may(under, Usage.TRANSPORT, Mode.ENCRYPT, making=True)
        ciphertext = self._vault.seal(under, plain.view(), meaning.encode(), self._random)
        return Sealed(ciphertext, under, meaning, len(plain), kcvs)

    def _open_transport(self, sealed: Sealed) -> Secret:
        bound = sealed.meaning.encode()
        return self._unsealed(sealed.under, Usage.TRANSPORT, sealed.ciphertext, bound, sealed.meaning)

    def _unsealed(self, label: str, usage: Usage, sealed: bytes, bound: bytes, what: str) -> Secret:
        for at in self._versions(label):
            self._may(at, usage, Mode.DECRYPT)
            try:
                return self._vault.unseal(at, sealed, bound)
            except SealBroken:
                continue
        raise StoreLocked(Text(f"The sealed secret '{what}' does not open.", f"密文“{what}”无法打开。"))


def _scheme(name: str) -> Diversification | None:
    return None if name == "none" else Diversification.of(name)


def _pin_block(digits: int, random: Callable[[int], bytes]) -> Secret:
    """ISO 9564-1 format 2: control 2, length, digits, F. Digits by rejection, so that none is likelier."""
    if not 4 <= digits <= 12:
        raise CipherRefused("a PIN has 4 to 12 digits")
    block = Secret(bytes((0x20 | digits,)) + b"\xff" * 7)
    view, done = block.view(), 0
    while done < digits:
        for byte in random(16):
            if byte < 250 and done < digits:
                high = done % 2 == 0
                at = 1 + done // 2
                view[at] = (byte % 10 << 4 | 0x0F) if high else (view[at] & 0xF0 | byte % 10)
                done += 1
    return block
