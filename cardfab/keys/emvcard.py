"""The issuer's host behind the store's door: keys of one payment card used, never shown.

A part of :class:`~cardfab.keys.soft.SoftKeyStore`; the computations are those of :mod:`cardfab.crypto.emv`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cardfab.crypto import Algorithm, Buffer, CipherRefused, decrypt_ecb, encrypt_ecb
from cardfab.crypto.derive import emv_option_a
from cardfab.crypto.emv import (
    application_cryptogram,
    arpc,
    emv_option_b,
    iad_mac,
    odd_parity,
    pin_block,
    pin_change_block,
    pin_of_block,
    pvv,
    script_mac,
    session_key,
)
from cardfab.crypto.mac import same
from cardfab.errors import KeyFault, Text
from cardfab.keys.emvkeys import PinChangeKey
from cardfab.keys.issuer import SoftIssuer
from cardfab.keys.label import Sealed, Usage
from cardfab.keys.secret import Secret
from cardfab.keys.store import KeyUseRefused


@dataclass(frozen=True, slots=True)
class SoftEmvCard:
    """UDKs of one card; each session key lives as long as one computation."""

    algorithm: Algorithm
    ac: Secret = field(repr=False)
    smi: Secret = field(repr=False)
    smc: Secret = field(repr=False)
    open_sealed: Callable[[Sealed], Secret] = field(repr=False)

    def _session(self, key: Secret, atc: bytes) -> Secret:
        return Secret(session_key(self.algorithm, key.view(), atc))

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


class SoftEmvHost(SoftIssuer):
    """The host's side of a key store over keys in memory."""

    def emv_card(
        self, labels: Sequence[str], pan: str, psn: str, *, option: str = "A", parity: bool = False
    ) -> SoftEmvCard:
        derive = {"A": emv_option_a, "B": emv_option_b}[option]
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
            key = derive(self._use(label, Usage.EMV_ROOT).view(), pan, psn, algorithm=algorithm)
            found.append(Secret(odd_parity(key) if parity and algorithm is Algorithm.TDES else key))
        ac, smi, smc = found
        return SoftEmvCard(algorithm, ac, smi, smc, self._open_transport)

    def pin_agrees(self, label: str, form: int, ciphered: bytes, pan: str, reference: Sealed) -> bool:
        entered = self._entered(label, form, ciphered, pan)
        if entered is None:
            return False
        with self._open_transport(reference) as block:
            return same(entered.encode(), pin_of_block(2, block.view()).encode())

    def pin_has_pvv(self, label: str, form: int, ciphered: bytes, pan: str, pvk: str, index: int, pvv: str) -> bool:
        entered = self._entered(label, form, ciphered, pan)
        return entered is not None and same(_pvv(self._use(pvk, Usage.PVV).view(), pan, entered, index), pvv.encode())

    def pad_block(self, label: str, form: int, pin: str, pan: str) -> bytes:
        """What a pin pad gives for a PIN that was typed here: for a training station, which has no pad."""
        info = self.info(label)
        if not info.training:
            raise KeyUseRefused(info, Usage.PIN_TRANSPORT)
        with Secret(pin_block(form, pin, pan=pan, random=self._random)) as block:
            return encrypt_ecb(Algorithm.TDES, self._use(label, Usage.PIN_TRANSPORT).view(), block.view())

    def _entered(self, label: str, form: int, ciphered: bytes, pan: str) -> str | None:
        key = self._use(label, Usage.PIN_TRANSPORT)
        try:
            return pin_of_block(form, decrypt_ecb(Algorithm.TDES, key.view(), ciphered), pan=pan)
        except CipherRefused:
            return None


def _pvv(key: Buffer, pan: str, pin: str, index: int) -> bytes:
    return pvv(key, pan, pin, index).encode()
