"""The issuer's host played from the key store: ARQC validated, ARPC made, PIN block checked, scripts MACed.

It is for proving cards. It keeps no accounts: it approves what is right, or declines where it was told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.crypto import CipherRefused
from cardfab.crypto.emv import CVN01, cvn01_data
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.keys.emvkeys import EmvHostKeys, OnCardEmv
from cardfab.profile.financial import FinancialApplication
from cardfab.terminal.emv.cryptogram import IssuerData
from cardfab.terminal.emv.deal import Kind, packed, unpacked
from cardfab.terminal.emv.issuer import APPROVED, DECLINED, Answered, Asked
from cardfab.terminal.emv.report import Check, Outcome
from cardfab.terminal.emv.script import Order, PutData, Script, build
from cardfab.terminal.emv.words import Item

_WRONG_PIN, _OVER_LIMIT, _INVALID = b"55", b"61", b"82"
"""Response codes of the national interchange: PIN wrong, amount over a limit, cryptogram wrong (general knowledge)."""
_3DES, _SM4 = 0x01, 0x04
_VALUE = {1: 5, 2: 5, 3: 10, 4: 10, 5: 5}
"""Bytes of the discretionary value by its id (facts, 9F10)."""


@dataclass(frozen=True, slots=True)
class PinReference:
    """How the host knows the holder's PIN: sealed, or by its value. ``pad_key`` ciphers the block of the pad."""

    pad_key: str
    form: int = 0
    pin: Sealed | None = None
    pvk: str = ""
    pvk_index: int = 1
    pvv: str = ""


@dataclass(slots=True)
class KeyHost:
    """One product's host. ``orders`` are delivered with the next answer, once; ``declines`` makes it refuse."""

    keys: EmvHostKeys = field(repr=False)
    application: FinancialApplication = field(repr=False)
    pin: PinReference | None = None
    orders: tuple[Order, ...] = ()
    declines: bool = False

    def authorise(self, asked: Asked) -> Answered:
        """Everything that an issuer checks of a request, and its answer."""
        checks: list[Check] = []
        card, data = self._card(asked, checks)
        arc = APPROVED if card is not None else _INVALID
        if card is not None and data is not None:
            if not self._cryptogram(asked, card, data, Item.ARQC, checks):
                arc = _INVALID
            if not self._value(asked, card, data, checks):
                arc = _INVALID
        if asked.pin_block is not None and not self._pin(asked, asked.pin_block, checks):
            arc = _WRONG_PIN
        if self.declines and arc == APPROVED:
            arc = DECLINED
        if card is None:
            return Answered(arc, checks=tuple(checks))
        orders = list(self.orders)
        if arc == APPROVED and asked.kind is Kind.LOAD:
            loaded = self._load(asked, data, checks)
            arc, orders = (_OVER_LIMIT, orders) if loaded is None else (arc, [*orders, loaded])
        scripts: tuple[Script, ...] = ()
        if orders and arc != _INVALID:  # nothing goes to a card that did not prove itself
            quirk = self.application.quirks.pin_change_key
            scripts = (
                build(orders, card, asked.atc, asked.cryptogram, d1=quirk, identifier=asked.atc.rjust(4, b"\0")),
            )
            self.orders = ()
        arpc = card.arpc(asked.atc, asked.cryptogram, arc) if arc != _INVALID else b""
        return Answered(arc, arpc, scripts, tuple(checks))

    def confirm(self, asked: Asked) -> tuple[Check, ...]:
        """Whether the last cryptogram is the card's."""
        checks: list[Check] = []
        card, data = self._card(asked, checks)
        if card is not None and data is not None:
            self._cryptogram(asked, card, data, Item.FINAL_CRYPTOGRAM, checks)
        return tuple(checks)

    # -- checks --------------------------------------------------------------------------------------------------------

    def _card(self, asked: Asked, checks: list[Check]) -> tuple[OnCardEmv | None, IssuerData | None]:
        data = IssuerData.of(asked.iad)
        if data is None or data.cipher not in (_3DES, _SM4):
            checks.append(_no(Item.ISSUER_DATA, "9F10", "its layout is not known here", "格式无法识别"))
            return None, data
        labels = self.application.keys if data.cipher == _3DES else self.application.keys_sm4
        if labels is None:
            en, zh = "it names SM4, the product has no SM4 keys", "标明 SM4，但产品没有 SM4 密钥"
            checks.append(_no(Item.ISSUER_DATA, "9F10", en, zh))
            return None, data
        if not (asked.pan.isascii() and asked.pan.isdigit() and (asked.psn + "0").isdigit()):
            checks.append(_no(Item.ISSUER_DATA, "5A", "it is no account number", "不是有效的账号"))
            return None, data
        parity = self.application.quirks.udk_parity == "odd"
        psn = asked.psn or self.application.psn  # e-cash records leave tag 5F34 out
        option = self.application.udk_option
        return self.keys.emv_card(labels.labels, asked.pan, psn, option=option, parity=parity), data

    def _cryptogram(self, asked: Asked, card: OnCardEmv, data: IssuerData, item: Item, checks: list[Check]) -> bool:
        covered = covered_by(data, asked.values)
        if covered is None:
            en, zh = f"version {data.version:02X} is not computed here", f"版本 {data.version:02X} 无法计算"
            checks.append(_no(item, "9F10", en, zh))
            return False
        if not card.certifies(asked.atc, covered, asked.cryptogram):
            en, zh = "it is not that of this card's keys over these data", "与该卡密钥及交易数据不符"
            checks.append(_no(item, "9F26", en, zh))
            return False
        shown = asked.cryptogram.hex().upper()
        checks.append(_yes(item, "9F26", shown, shown))
        return True

    def _value(self, asked: Asked, card: OnCardEmv, data: IssuerData, checks: list[Check]) -> bool:
        """The issuer's discretionary value, where the card gives one: its MAC (facts, IDD_MAC)."""
        if not data.mac:
            return True
        if len(data.value) != _VALUE.get(data.kind, len(data.value)) or not card.certifies_value(
            asked.atc, data.value, data.mac
        ):
            checks.append(_no(Item.ISSUER_DATA, "9F10", "the MAC of its value is wrong", "自定义数据的 MAC 错误"))
            return False
        shown = f"{data.kind:02X} {data.value.hex().upper()}"
        checks.append(_yes(Item.ISSUER_DATA, "9F10", shown, shown))
        return True

    def _pin(self, asked: Asked, block: bytes, checks: list[Check]) -> bool:
        known = self.pin
        if known is None:
            en, zh = "the host does not know this holder's PIN", "主机没有该持卡人的 PIN"
            checks.append(Check(Item.ONLINE_PIN, Outcome.NOT_DONE, "", Text(en, zh)))
            return True
        if known.pin is not None:
            right = self.keys.pin_agrees(known.pad_key, known.form, block, asked.pan, known.pin)
        else:
            pvv = known.pvv
            right = self.keys.pin_has_pvv(known.pad_key, known.form, block, asked.pan, known.pvk, known.pvk_index, pvv)
        checks.append(
            _yes(Item.ONLINE_PIN, "", "it is right", "正确")
            if right
            else _no(Item.ONLINE_PIN, "", "it is wrong", "错误")
        )
        return right

    def _load(self, asked: Asked, data: IssuerData | None, checks: list[Check]) -> PutData | None:
        """The new balance: the old one is that of tag 9F10, which the card has certified."""
        certified = data is not None and data.kind == 1 and data.mac
        balance = unpacked(data.value) if data is not None and certified else asked.balance
        limit = next((one.value for one in self.application.updatable if one.tag == b"\x9f\x77" and one.value), None)
        if balance is None or (limit is not None and balance + asked.amount > unpacked(limit)):
            en, zh = "the amount is over the card's limit", "金额超过卡片余额上限"
            tag = "9F77" if balance is not None else "9F79"
            checks.append(_no(Item.BALANCE, tag, en if balance is not None else "it is not known", zh))
            return None
        return PutData(0x9F79, packed(balance + asked.amount))


def covered_by(data: IssuerData, values: Mapping[int, bytes]) -> bytes | None:
    """What a cryptogram of that version covers; None for a version that is not computed here, or a value missing.

    Version 17 counts on one source for its last byte (facts, cvn17).
    """
    names = CVN01[:-1] if data.version == 1 else ("9F02", "9F37", "9F36") if data.version == 0x17 else None
    if names is None or any(int(name, 16) not in values for name in names):
        return None
    by_name = {name: values[int(name, 16)] for name in names}
    if data.version != 1:
        return b"".join(by_name.values()) + data.cvr[1:2]
    try:
        return cvn01_data({**by_name, "CVR": data.cvr})
    except CipherRefused:  # a DOL of the card asks for another length
        return None


def _yes(item: Item, tag: str, en: str, zh: str) -> Check:
    return Check(item, Outcome.PASSED, tag, Text(en, zh))


def _no(item: Item, tag: str, en: str, zh: str) -> Check:
    return Check(item, Outcome.FAILED, tag, Text(en, zh))
