"""The issuer's host behind the store's door: keys of one payment card used, never shown.

A part of :class:`~cardfab.keys.keystore.VaultKeyStore`; the computations are those of :mod:`cardfab.crypto.emv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cardfab.crypto import Algorithm, CipherRefused, encrypt_ecb
from cardfab.crypto.cipher import encrypt_ecb_to
from cardfab.crypto.emv import (
    application_cryptogram,
    arpc,
    iad_mac,
    pin_block,
    pin_change_block,
    pin_of_block,
    script_mac,
    session_text,
    set_odd_parity,
    udk_data,
)
from cardfab.crypto.mac import same
from cardfab.errors import KeyFault, Text
from cardfab.keys.emvkeys import PinChangeKey
from cardfab.keys.issuer import BankSide
from cardfab.keys.label import Mode, Sealed, Usage
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUseRefused
from cardfab.keys.vault import ecb, taken


@dataclass(frozen=True, slots=True)
class SoftEmvCard:
    """UDKs of one card; each session key lives as long as one computation."""

    algorithm: Algorithm
    ac: Secret = field(repr=False)
    smi: Secret = field(repr=False)
    smc: Secret = field(repr=False)
    open_sealed: Callable[[Sealed], Secret] = field(repr=False)

    def _session(self, key: Secret, atc: bytes) -> Secret:
        return taken(encrypt_ecb_to(self.algorithm, key.view(), session_text(atc)))

    def certifies(self, atc: bytes, data: bytes, cryptogram: bytes) -> bool:
        with self._session(self.ac, atc) as key:
            return same(application_cryptogram(self.algorithm, key.view(), data), cryptogram)

    def certifies_value(self, atc: bytes, value: bytes, mac: bytes) -> bool:
        with self._session(self.smi, atc) as key:
            return same(iad_mac(self.algorithm, key.view(), atc, value), mac)

    def arpc(self, atc: bytes, cryptogram: bytes, arc: bytes) -> bytes:
        with self._session(self.ac, atc) as key:
            return arpc(self.algorithm, key.view(), cryptogram, arc)

    def script_mac(self, atc: bytes, cryptogram: bytes, header: bytes, data: bytes) -> bytes:
        with self._session(self.smi, atc) as key:
            return script_mac(self.algorithm, key.view(), header, atc, cryptogram, data)

    def pin_change(self, atc: bytes, new: Sealed, current: Sealed | None, d1: PinChangeKey) -> bytes:
        udk = self.smc if d1 == "ENC" else self.ac
        old = None if current is None else self._pin(current)
        with (
            Secret(pin_change_block(udk.view(), self._pin(new), old)) as block,
            self._session(self.smc, atc) as key,
        ):
            return encrypt_ecb(self.algorithm, key.view(), block.view())

    def _pin(self, sealed: Sealed) -> str:
        with self.open_sealed(sealed) as block:
            return pin_of_block(2, block.view())

    def __repr__(self) -> str:
        return f"<keys of one payment card, {self.algorithm.value}>"


class HostSide(BankSide):
    """The host's side of a key store. A card's keys are in clear here while its card is on line: service-clear."""

    def emv_card(
        self, labels: Sequence[str], pan: str, psn: str, *, option: str = "A", parity: bool = False
    ) -> SoftEmvCard:
        algorithms = {self.info(label).algorithm for label in labels}
        if len(algorithms) != 1 or len(labels) != 3:
            raise KeyFault(
                Text(
                    "A payment card has three keys of one cipher: AC, SMI, SMC.",
                    "支付卡须有同一算法的三个密钥：AC、SMI、SMC。",
                ),
                do=Text("Correct the labels in the application profile.", "请修改应用配置中的密钥名称。"),
                code="CF-6411",
            )
        algorithm = Algorithm(algorithms.pop())
        found: list[Secret] = []
        for label in labels:
            self._may(label, Usage.EMV_ROOT)
            key = self._vault.root(label).derive((ecb(algorithm, udk_data(option, pan, psn)),))
            if parity and algorithm is Algorithm.TDES:
                set_odd_parity(key.view())
            found.append(key)
        ac, smi, smc = found
        return SoftEmvCard(algorithm, ac, smi, smc, self._open_transport)

    def pin_agrees(self, label: str, form: int, ciphered: bytes, pan: str, reference: Sealed) -> bool:
        entered = self._entered(label, form, ciphered, pan)
        if entered is None:
            return False
        with entered, self._open_transport(reference) as block:
            return same(entered.view(), block.view())

    def pin_has_pvv(self, label: str, form: int, ciphered: bytes, pan: str, pvk: str, index: int, pvv: str) -> bool:
        entered = self._entered(label, form, ciphered, pan)
        if entered is None:
            return False
        with entered:
            return same(self._pvv(pvk, pan, entered, index).encode(), pvv.encode())

    def pad_block(self, label: str, form: int, pin: str, pan: str) -> bytes:
        """What a pin pad gives for a PIN that was typed here: for a training station, which has no pad."""
        info = self.info(label)
        if not info.training:
            raise KeyUseRefused(info, Usage.PIN_TRANSPORT)
        with Secret(pin_block(form, pin, pan=pan, random=self._random)) as block:
            self._may(label, Usage.PIN_TRANSPORT, Mode.ENCRYPT)
            return self._vault.encrypt(label, bytes(block.view()))

    def _entered(self, label: str, form: int, ciphered: bytes, pan: str) -> Secret | None:
        try:
            return self._pin_of_pad(label, form, ciphered, pan)
        except CipherRefused:
            return None
