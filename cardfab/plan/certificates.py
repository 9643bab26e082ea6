"""The certificate side of a plan, for cards of the third generation."""

from __future__ import annotations

from collections.abc import Iterator

from cardfab.apdu import pki as commands
from cardfab.errors import InputRefused, Text
from cardfab.plan.certifying import (
    Certify,
    ChangeManagerPin,
    ChangeUserPin,
    ExpectCertificate,
    ImportEncryptionKey,
    ReplacePkiMaster,
    VerifyPki,
    WriteCertificate,
)
from cardfab.plan.steps import Select, Step
from cardfab.prepare.card import PreparedCard
from cardfab.profile.card import Pki


def ask(card: PreparedCard, pki: Pki) -> Iterator[Step]:
    """The chip's key is read and certified while nothing is written: an authority that refuses spoils no data."""
    title = Text("have the chip's key certified", "为芯片公钥申请证书")
    yield from _selected(pki)
    yield Certify(_n(pki.signing_public), _name(card), card.card_number, title)


def write(pki: Pki, first_pin: str | None) -> Iterator[Step]:
    """The encryption key, both certificates, then the rights that the card had before issue are taken away.

    The application gets the PIN of the card where it came with another: a holder has one PIN.
    """
    yield from _selected(pki)
    yield VerifyPki(pki.user, commands.USER, Text("prove the holder's PIN (PKI)", "验证用户 PIN（PKI）"))
    if first_pin is not None and first_pin != pki.user:
        yield ChangeUserPin(pki.user, first_pin, Text("make the PIN of the card that of PKI", "将卡密码设为 PKI 密码"))
    yield VerifyPki(pki.manager_before, commands.MANAGER, Text("prove the manager PIN", "验证管理员 PIN"))
    files = (_n(pki.signing_key), _n(pki.encryption_public), _n(pki.encryption_key))
    yield ImportEncryptionKey(*files, Text("import the encryption key", "导入加密密钥"))
    signing = Text("write the signing certificate", "写入签名证书")
    yield WriteCertificate(_n(pki.signing_certificate), False, pki.block, signing)
    encryption = Text("write the encryption certificate", "写入加密证书")
    yield WriteCertificate(_n(pki.encryption_certificate), True, pki.block, encryption)
    yield ChangeManagerPin(pki.manager_before, pki.manager, Text("change the manager PIN", "修改管理员 PIN"))
    yield ReplacePkiMaster(pki.master_before, pki.master, Text("replace the ADF's master key", "替换 ADF 主控密钥"))
    yield _select(pki.ddf, "DDF")
    yield ReplacePkiMaster(pki.master_before, pki.master, Text("replace the DDF's master key", "替换 DDF 主控密钥"))


def read(card: PreparedCard, pki: Pki) -> Iterator[Step]:
    """Both certificates: their chain, their holder, and that they are over the chip's keys."""
    yield from _selected(pki)
    for fid, key, title in (
        (pki.signing_certificate, pki.signing_public, Text("signing certificate", "签名证书")),
        (pki.encryption_certificate, pki.encryption_public, Text("encryption certificate", "加密证书")),
    ):
        yield ExpectCertificate(_n(fid), _n(key), pki.room, card.card_number, title)


def _selected(pki: Pki) -> Iterator[Step]:
    yield _select(pki.ddf, "DDF")
    yield _select(pki.adf, "ADF")


def _select(aid: bytes, what: str) -> Select:
    return Select(aid, Text(f"SELECT PKI {what}", f"选择 PKI {what}"))


def _n(fid: bytes) -> int:
    return int.from_bytes(fid, "big")


def _name(card: PreparedCard) -> str:
    """The holder's name as it stands on the card. The number of a certificate is the card's, which is free to read."""
    parts = [one.value.rstrip(b"\0") for one in card.records if one.source in ("name", "name_extension")]
    if not any(parts):
        raise InputRefused(
            Text("A certificate needs a name, which the card lacks.", "证书需要姓名，卡片没有该值。"),
            do=Text("Correct the application profile.", "请修改应用配置。"),
            code="CF-3218",
        )
    return b"".join(parts).decode("gb18030")
