"""The life of the keys of a sealed file: a :class:`~cardfab.keys.store.KeyManager` over it.

Every change reads the file again under its lock, is written whole and durable (:mod:`cardfab.keys.keyfile`), and only
then seen by the store in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

from cardfab.crypto import Buffer, same
from cardfab.crypto.rsa import generate as generate_rsa
from cardfab.crypto.sm import sm2_generate
from cardfab.errors import KeyFault, Text
from cardfab.keys import sealedfile
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.held import Held, check_value, cipher_of, info_of, station_value
from cardfab.keys.keyblock import algorithm_of, header_for, modes_of, require_check_values, unwrap, usage_of, wrap
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.known import KeyKnown, require_strong
from cardfab.keys.label import KeyInfo, KeySpec, Mode, State, Usage
from cardfab.keys.openings import KEY, Cost, Slot, WordSlot
from cardfab.keys.sealedfile import Opened, new_file, open_with
from cardfab.keys.secret import Secret
from cardfab.keys.shares import Share, make_shares
from cardfab.keys.soft import SoftKeyStore
from cardfab.keys.store import KeyUnknown, StoreLocked, require_use

Random = Callable[[int], bytes]
Clock = Callable[[], datetime]


class ChangeRefused(KeyFault):
    """A change of keys that may not be."""

    default_code = "CF-6261"


@dataclass(frozen=True, slots=True)
class Resealing:
    """Other ways into the file, not yet its own: hand out the shares first, then :meth:`SoftKeyManager.reseal`."""

    key: Secret
    slots: tuple[Slot, ...]
    shares: tuple[Share, ...] = ()


class SoftKeyManager:
    """Keys of one file. ``store`` is the door to them and always what the last change made it."""

    def __init__(self, file: KeyFile, data: bytes, opened: Opened, random: Random, now: Clock) -> None:
        self.file = file
        self._seen = data
        self._opened = opened
        self._random = random
        self._now = now
        self.store = SoftKeyStore(opened.held, random, opened.certificates, today=self.today)

    def __repr__(self) -> str:
        return f"<SoftKeyManager of {len(self._opened.held)} keys in {self.file.path.name}>"

    @classmethod
    def found(
        cls, file: KeyFile, word: Buffer, random: Random, now: Clock, *, training: bool, cost: Cost | None = None
    ) -> SoftKeyManager:
        """A new store without a key; raises :class:`ChangeRefused` where there is one."""
        with file.locked():
            if file.exists() or file.before.exists():
                raise ChangeRefused(
                    Text(f"There is a key store {file.path.name} already.", f"已有密钥库 {file.path.name}。"),
                    code="CF-6269",
                )
            opened = new_file(word, random, training=training, cost=cost)
            data = opened.to_bytes(random)
            file.write(data, both=True)
        return cls(file, data, opened, random, now)

    @property
    def training(self) -> bool:
        """Whether the keys of this store are for training, all of them."""
        return self._opened.training

    def today(self) -> date:
        """The day by which validity is judged."""
        return self._now().date()

    def close(self) -> None:
        """Forget every value."""
        self.store.close()
        self._opened.wipe()

    # -- KeyManager ----------------------------------------------------------------------------------------------------

    def infos(self) -> Sequence[KeyInfo]:
        return tuple(self._opened.held[label].info for label in sorted(self._opened.held))

    def info(self, label: str) -> KeyInfo:
        """One key's attributes."""
        return self._held(label).info

    def generate(self, spec: KeySpec, *, ceremony: str = "", exponent: int = 65537) -> KeyInfo:
        """A new key at random; ``exponent`` is that of RSA."""
        with self._change() as draft:
            return self._enter(draft, spec, self._fresh(spec, exponent), ceremony)

    def import_value(self, spec: KeySpec, value: Secret, *, ceremony: str = "") -> KeyInfo:
        with value, self._change() as draft:
            return self._enter(draft, spec, Secret(value.view()), ceremony)

    def import_block(self, spec: KeySpec, block: str, under: str, *, ceremony: str = "") -> KeyInfo:
        with self._change() as draft:
            kbpk = self._kbpk(draft, under, Mode.UNWRAP)
            header, value = unwrap(kbpk.view(), block)
            with value:
                usage = usage_of(header, spec.usage)
                require_check_values(header, value.view(), kbpk.view())
                spec = self._of_algorithm(spec, algorithm_of(header, len(value)))
                allowed = modes_of(header, usage)
                asked = allowed if spec.modes == usage.modes else spec.modes  # the spec may ask for less, never more
                if not asked <= allowed:
                    raise ChangeRefused(
                        Text(
                            f"The key block does not let '{spec.label}' {', '.join(sorted(asked - allowed))}.",
                            f"密钥块不允许“{spec.label}”用于{'、'.join(mode.zh for mode in sorted(asked - allowed))}。",
                        ),
                        code="CF-6265",
                    )
                spec = replace(spec, modes=asked, parent=under, exportable=header.exportability != "N")
                return self._enter(draft, spec, Secret(value.view()), ceremony)

    def export_block(self, label: str, under: str) -> str:
        key = self._held(label)
        require_use(key.info, key.info.usage, today=self.today)
        if not key.info.exportable:
            raise ChangeRefused(
                Text(f"The key '{label}' came in as one that is not exported.", f"密钥“{label}”导入时标明不可导出。"),
                code="CF-6266",
            )
        kbpk = self._kbpk(self._opened, under, Mode.WRAP)
        version = "B" if self._held(under).info.algorithm == "3DES" else "D"
        header = header_for(key.info, key.value.view(), self._now(), version=version, kbpk=kbpk.view())
        return wrap(kbpk.view(), header, key.value.view(), self._random)

    def rotate(self, label: str, *, ceremony: str = "") -> KeyInfo:
        old = self._held(label).info
        if old.usage is Usage.INDEX:
            raise ChangeRefused(
                Text(
                    f"Under '{label}' people are found again; another key would find nobody.",
                    f"“{label}”用于检索已存数据，更换后将无法检索。",
                ),
                code="CF-6267",
            )
        with self._change() as draft:
            old = self._held(label, draft).info
            spec = KeySpec(
                label, old.algorithm, old.usage, old.level, old.version + 1, old.region, old.modes, old.group,
                exportable=old.exportable,
            )  # fmt: skip
            return self._enter(draft, spec, self._fresh(spec, 65537), ceremony)

    def retire(self, label: str) -> KeyInfo:
        with self._change() as draft:
            key = self._held(label, draft)
            if key.info.state is State.DESTROYED:
                raise ChangeRefused(Text(f"The key '{label}' is destroyed.", f"密钥“{label}”已销毁。"), code="CF-6268")
            draft.held[label] = Held(replace(key.info, state=State.RETIRED), key.value)
            return draft.held[label].info

    def destroy(self, label: str) -> KeyInfo:
        with self._change(both=True) as draft:
            gone = self._held(label, draft)
            draft.held[label] = Held(replace(gone.info, state=State.DESTROYED), Secret(b""))
            draft.certificates.pop(label, None)
        gone.value.wipe()
        return self.info(label)

    # -- issuer certificates, copies, ways in --------------------------------------------------------------------------

    def import_certificate(self, label: str, certificate: IssuerCertificate) -> None:
        """Verify an authority's answer and keep it with its key."""
        with self._change() as draft:
            self.store.import_certificate(label, certificate)
            draft.certificates[label] = certificate

    def opens(self, data: bytes) -> bool:
        """Whether another generation opens by this file's key."""
        try:
            open_with(data, self._opened.key).wipe()
        except StoreLocked:
            return False
        return True

    def copy(self) -> bytes:
        """The file as it lies there, proved to open, for a copy elsewhere."""
        data = self.file.read()
        open_with(data, self._opened.key).wipe()
        return data

    def under_word(self, word: Buffer, cost: Cost | None = None) -> Resealing:
        """A new file key under one word, in place of every other way in."""
        key = Secret(self._random(KEY))
        return Resealing(key, (WordSlot.make(key, word, self._random, cost or sealedfile.COST),))

    def under_shares(self, threshold: int, holders: Sequence[str], *, keep_word: bool = False) -> Resealing:
        """Shares, in place of the word with a new file key, or beside it with the same."""
        if not keep_word:
            key = Secret(self._random(KEY))
            slot, shares = make_shares(key, threshold, holders, self._random)
            return Resealing(key, (slot,), shares)
        slot, shares = make_shares(self._opened.key, threshold, holders, self._random)
        words = tuple(one for one in self._opened.slots if isinstance(one, WordSlot))
        return Resealing(Secret(self._opened.key.view()), (*words, slot), shares)

    def reseal(self, made: Resealing) -> None:
        """Let the file be opened in these ways only; the generation before becomes the same."""
        with self._change(both=True) as draft:
            draft.key, draft.slots = made.key, made.slots

    # -- inside --------------------------------------------------------------------------------------------------------

    @contextmanager
    def _change(self, *, both: bool = False) -> Iterator[Opened]:
        """A draft of the contents, kept when the block ends well. Nothing is seen of one that does not."""
        with self.file.locked():
            data = self.file.read()
            if data != self._seen:
                self._opened, self._seen = self._again(data), data
            present = self._opened
            draft = Opened(dict(present.held), dict(present.certificates), present.training, present.key, present.slots)
            yield draft
            data = draft.to_bytes(self._random)
            self.file.write(data, both=both)
            self._opened, self._seen = draft, data
            self.store.replace(draft.held, draft.certificates)

    def _again(self, data: bytes) -> Opened:
        try:
            return open_with(data, self._opened.key)
        except StoreLocked as changed:
            raise StoreLocked(
                Text(
                    "The key store was sealed anew by another program since it was opened here.",
                    "密钥库在此打开后已被另一程序重新加密。",
                ),
                do=Text("Open it again.", "请重新打开。"),
                code="CF-6303",
            ) from changed

    def _held(self, label: str, opened: Opened | None = None) -> Held:
        held = (opened or self._opened).held
        if label not in held:
            raise KeyUnknown(label)
        return held[label]

    def _kbpk(self, opened: Opened, under: str, mode: Mode) -> Secret:
        key = self._held(under, opened)
        require_use(key.info, Usage.KEY_BLOCK, mode, today=self.today, making=mode is Mode.WRAP)
        return key.value

    @staticmethod
    def _of_algorithm(spec: KeySpec, found: str) -> KeySpec:
        """The spec where the block agrees; one without an algorithm takes the block's. AES alone is of any length."""
        if not spec.algorithm:
            return replace(spec, algorithm=found)
        if spec.algorithm not in (found, found.partition("-")[0] if found.startswith("AES") else found):
            raise ChangeRefused(
                Text(
                    f"The key block holds a key for {found}, not for {spec.algorithm}.",
                    f"密钥块中的密钥算法为 {found}，而非 {spec.algorithm}。",
                ),
                code="CF-6264",
            )
        return spec

    def _fresh(self, spec: KeySpec, exponent: int) -> Secret:
        """A new value; a weak or known one, which chance may give, is made again."""
        while True:
            value = _random_value(spec, self._random, exponent)
            try:
                require_strong(spec, value.view(), check_value(spec, value.view()))
            except KeyKnown:
                value.wipe()
                continue
            return value

    def _enter(self, draft: Opened, spec: KeySpec, value: Secret, ceremony: str) -> KeyInfo:
        """Put a key into the draft, or refuse it."""
        if not spec.label.isascii() or not spec.label.isprintable() or not spec.label or "@" in spec.label:
            raise ChangeRefused(
                Text(f"'{spec.label}' is no label of a key.", f"“{spec.label}”不能作为密钥标签。"),
                do=Text("Use printable ASCII without '@'.", "请使用不含 @ 的可打印 ASCII 字符。"),
                code="CF-6270",
            )
        check = check_value(spec, value.view())
        info = info_of(replace(spec, ceremony=ceremony), check, training=draft.training)
        if not draft.training:
            if not ceremony:
                raise ChangeRefused(
                    Text(
                        f"The key '{spec.label}' comes into this store by a ceremony only.",
                        f"密钥“{spec.label}”只能通过密钥仪式进入本密钥库。",
                    ),
                    do=Text("'cardfab keys ceremony' leads through one.", "请使用 cardfab keys ceremony。"),
                    code="CF-6256",
                )
            require_strong(info, value.view(), check)
            self._require_new(draft, info, value)
        there = draft.held.get(spec.label)
        if there is not None:
            self._make_room(draft, there, info)
        draft.held[spec.label] = Held(info, value)
        return info

    @staticmethod
    def _require_new(draft: Opened, info: KeyInfo, value: Secret) -> None:
        """One key, one purpose: no second label for a value."""
        for other in draft.held.values():
            if len(other.value) == len(value) and same(other.value.view(), value.view()):
                raise ChangeRefused(
                    Text(
                        f"The value of '{info.label}' is there already as '{other.info.label}'.",
                        f"“{info.label}”的密钥值已存在，标签为“{other.info.label}”。",
                    ),
                    do=Text("One key, one purpose: make another.", "一钥一用：请另行生成密钥。"),
                    code="CF-6271",
                )

    @staticmethod
    def _make_room(draft: Opened, there: Held, info: KeyInfo) -> None:
        """The version before goes beside the new one, retired; anything but its next version is refused."""
        old = there.info
        if info.version != old.version + 1:
            raise ChangeRefused(
                Text(f"There is a key '{old.label}' already.", f"已有密钥“{old.label}”。"),
                do=Text(f"Its next version is {old.version + 1}.", f"其下一版本为 {old.version + 1}。"),
            )
        if (info.usage, info.level, info.region) != (old.usage, old.level, old.region):
            raise ChangeRefused(
                Text(
                    f"A new version of '{old.label}' has the purpose, level and region of the old one.",
                    f"“{old.label}”的新版本须与旧版本的用途、层级和地区相同。",
                ),
                code="CF-6272",
            )
        label = versioned(old.label, old.version)
        state = State.RETIRED if old.state is State.ACTIVE else old.state
        draft.held[label] = Held(replace(old, label=label, state=state), there.value)
        if old.label in draft.certificates:
            draft.certificates[label] = draft.certificates.pop(old.label)


def versioned(label: str, version: int) -> str:
    """The label of a version that is no longer the present one."""
    return f"{label}@{version}"


def _random_value(spec: KeySpec, random: Random, exponent: int) -> Secret:
    if spec.algorithm.startswith("RSA-"):
        return Secret(generate_rsa(int(spec.algorithm[4:]), exponent))
    if spec.algorithm == "SM2":
        return Secret(sm2_generate(random)[0])
    cipher = cipher_of(spec.algorithm)
    if cipher is not None:
        bits = {"AES-192": 24, "AES-256": 32}
        return Secret(random(bits.get(spec.algorithm, 16)))
    if spec.algorithm in ("Ed25519", "EC-P256", "HMAC-SHA-256"):
        return Secret(station_value(spec, random))
    raise ChangeRefused(
        Text(f"Keys for {spec.algorithm} are not made here.", f"此处不生成 {spec.algorithm} 密钥。"), code="CF-6273"
    )
