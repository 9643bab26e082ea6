"""Steps that load keys into a chip: temporary masters, every group of every key, the PIN, the masters in the end."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu.dialect import CosDialect, Protection
from cardfab.errors import Text
from cardfab.keys import rooted
from cardfab.plan.conditions import Conditions
from cardfab.plan.making import ProveMaster, WriteKey
from cardfab.profile.application import CardKey, DedicatedFile

KEY_LENGTH = 16  # 3DES and SM4 alike
MASTER_ID = b"\x00"


@dataclass(frozen=True, slots=True)
class Loading:
    """Keys of one card. Until the end all go under one temporary master key (LB 002 part 10, 5.2.3)."""

    dialect: CosDialect
    conditions: Conditions
    algorithm: str
    transport: str

    @property
    def temporary(self) -> str:
        """The label of the temporary master key."""
        return rooted(self.dialect.temporary_master, self.algorithm)

    def prove(self, name: str) -> ProveMaster:
        """The temporary master key of the current directory, proved to the chip."""
        title = Text(f"prove the temporary master key of {name} to the chip", f"外部认证 {name} 临时主控密钥")
        return ProveMaster(self.temporary, MASTER_ID[0], self.dialect.commands.prove, title)

    def master(self, name: str, *, first: bool) -> WriteKey:
        """The temporary master key of a directory; the first of all goes under the transport key or in clear."""
        keys = self.dialect.keys
        under = self.transport if first and keys.first_under_transport else self.temporary
        protection = keys.first if first else keys.others
        fields = self._fields(MASTER_ID, 1, self.dialect.access.master)
        title = Text(f"load the temporary master key of {name}", f"装载 {name} 临时主控密钥")
        header = self.dialect.commands.write_master[protection].fill(fields)
        return self._write(self.temporary, under, protection, header, keys.master.fill(fields), title)

    def key(self, directory: DedicatedFile, name: str, key: CardKey, version: int) -> WriteKey:
        """One group of a key of the application."""
        keys = self.dialect.keys
        kid = bytes([key.id[0] + keys.groups * (version - 1)])
        fields = self._fields(kid, version, self.conditions.levels(directory).get(name, b"\x00"))
        several = key.versions > 1
        title = Text(
            f"load {name}" + (f", version {version}" if several else ""),
            f"装载 {name}" + (f"（版本 {version}）" if several else ""),
        )
        header = self.dialect.commands.write_key[keys.others].fill(fields)
        label = rooted(key.label, self.algorithm, version)
        return self._write(label, self.temporary, keys.others, header, keys.uses[key.use].fill(fields), title)

    def pin(self, label: str) -> WriteKey | None:
        """The PIN of the blank; None where the dialect has no record for one."""
        keys = self.dialect.keys
        if keys.pin is None:
            return None
        fields = self._fields(MASTER_ID, 1, self.dialect.access.pin)
        header = self.dialect.commands.write_key[keys.others].fill(fields)
        title = Text("load the PIN of the blank", "装载空白卡初始密码")
        return self._write(label, self.temporary, keys.others, header, keys.pin.fill(fields), title)

    def replacement(self, name: str, key: CardKey) -> WriteKey:
        """The master key of the card in the place of the temporary one (part 10, 5.2.6)."""
        fields = self._fields(key.id, 1, self.dialect.access.master)
        title = Text(f"replace the master key of {name}", f"替换 {name} 主控密钥")
        header, record = self.dialect.commands.replace_master.fill(fields), self.dialect.keys.replacement.fill(fields)
        label = rooted(key.label, self.algorithm)
        return self._write(label, self.temporary, Protection.ENCRYPTED_MAC, header, record, title)

    def _fields(self, kid: bytes, version: int, grant: bytes) -> dict[str, bytes]:
        keys = self.dialect.keys
        return {
            "kid": kid,
            "version": bytes([version if version > 1 else keys.version]),
            "tries": bytes([keys.tries]),
            "algorithm": keys.algorithms[self.algorithm],
            "grant": grant,
            "key_length": bytes([KEY_LENGTH]),
        }

    def _write(
        self, label: str, under: str, protection: Protection, header: bytes, record: bytes, title: Text
    ) -> WriteKey:
        return WriteKey(
            label=label,
            under=None if protection is Protection.PLAIN else under,
            protection=protection,
            header=header,
            record=record,
            fill=self.dialect.keys.fill,
            challenge=self.dialect.keys.challenge,
            title=title,
        )
