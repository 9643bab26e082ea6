"""Every computation of the token equals the software store's on the same roots."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from cardfab.crypto import Algorithm, ed25519_verify
from cardfab.crypto.derive import Diversification
from cardfab.crypto.ec import p256_verify
from cardfab.crypto.purse import Load, Purchase
from cardfab.keys import KeySpec, Level, Sealed, Usage
from cardfab.keys.certificates import IccSubject
from cardfab.keys.held import hold
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.secret import Secret
from tests.service.softhsm import Token, software

pytestmark = pytest.mark.service

CARD = ("440199", bytes.fromhex("0087BF10028649440100000017"))
CHALLENGE, ORIGINAL = bytes.fromhex("0102030405060708"), bytes.fromhex("1122334455667788")
PAN, LONG = "6299990000000017", "6299990000000000012"
IMKS = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
LOAD = Load(1000, 250, 7, b"\x01\x02\x03\x04", bytes.fromhex("000000000001"), bytes.fromhex("20260101120000"))
PURCHASE = Purchase(
    1000, 200, 50, 8, b"\x01\x02\x03\x04", bytes.fromhex("000000000001"), 3, bytes.fromhex("20260101120000")
)
KDD = bytes(range(10))
AES_KDD = "AES KDD[4:10] F0 i KDD[4:10] 0F i"
Act = Callable[[VaultKeyStore], object]


def scp02(store: VaultKeyStore) -> object:
    session = store.channel("bank/KMC").open(KDD, 1, b"\x00\x05")
    data = bytes(range(24))
    icv = session.encrypt_icv(ORIGINAL)
    return session.cryptogram(data), session.cmac(icv, data), session.rmac(icv, data), session.encrypt(data)


def scp03(store: VaultKeyStore) -> object:
    session = store.channel03("bank/AES/KMC", AES_KDD).open(KDD, 0x30, bytes(range(16)))
    counter, data = bytes(15) + b"\x01", bytes(range(32))
    ciphered = session.encrypt(counter, data)
    assert session.decrypt(counter, ciphered) == data
    return session.cryptogram(0, bytes(16), 8), session.cmac(data), session.rmac(data), ciphered


def new_keys(store: VaultKeyStore) -> object:
    """PUT KEY: the keys of one root under the DEK of a channel of another."""
    new = store.platform("bank/KMC", Diversification.of("visa2"))
    older = store.channel("bank/KMC").open(KDD, 1, b"\x00\x05").new_keys(new, Algorithm.TDES, KDD)
    newer = store.channel03("bank/AES/KMC", AES_KDD).open(KDD, 0x30, bytes(16))
    aes = store.platform("bank/AES/KMC", Diversification.of(AES_KDD))
    return older, newer.new_keys(new, Algorithm.TDES, KDD), newer.new_keys(aes, Algorithm.AES, KDD)


def udks(store: VaultKeyStore, pan: str, **how: Any) -> object:
    sealed = store.emv_keys(IMKS, pan, "01", "UDK", **how)
    with store._open_transport(sealed) as keys:
        return bytes(keys.view()), sealed.kcvs, sealed.length


def pin(store: VaultKeyStore) -> Sealed:
    return store.training_pin(6, "first PIN")


def host(store: VaultKeyStore) -> object:
    card = store.emv_card(IMKS, PAN, "01")
    data, atc = bytes(37), b"\x00\x09"
    return (
        card.arpc(atc, bytes(8), b"00"),
        card.script_mac(atc, bytes(8), bytes.fromhex("8424000008"), b"data"),
        card.pin_change(atc, pin(store), None, "ENC"),
        card.certifies(atc, data, bytes(8)),
    )


def rewrapped(store: VaultKeyStore, channel: str) -> object:
    """A PIN and card keys in service-clear as the chip gets them."""
    if channel == "SCP02":
        session: Any = store.channel("bank/KMC").open(KDD, 1, b"\x00\x05")
    else:
        session = store.channel03("bank/AES/KMC", AES_KDD).open(KDD, 0x30, bytes(16))
    return session.rewrap(pin(store)), session.rewrap(store.emv_keys(IMKS, PAN, "01", "UDK"))


SUBJECT = IccSubject(bytes.fromhex(PAN.ljust(20, "F")), bytes.fromhex("1233"), b"\x00\x00\x01")
ACTS: dict[str, Act] = {
    **{
        f"card key {label}": lambda s, label=label: (  # type: ignore[misc]
            (key := s.card_key(label, *CARD)).authenticate(CHALLENGE, ORIGINAL), key.mac(CHALLENGE, b"data"),
            key.encrypt(CHALLENGE[:4], b"plain text"), key.answer(b"\x01\x02"), key.code(b"twelve bytes"), repr(key),
        )
        for label in ("ss/IRK", "ss/UKSSSE/v2", "ss/DF04/STK")
    },
    "purse load": lambda s: ((p := s.purse_load("ss/DF04/DLK", *CARD)).credit(LOAD), p.offers(LOAD, bytes(4))),
    "purse purchase": lambda s: s.purse_purchase("ss/DF04/DPK", *CARD).debit(PURCHASE),
    "TAC": lambda s: s.purse_tac("ss/DF04/DTK", *CARD).certifies(LOAD, bytes(4)),
    "master key": lambda s: ((m := s.master_key("ss/MK/MF", *CARD)).authenticate(CHALLENGE, ORIGINAL), m.answer(b"1")),
    "key to load": lambda s: (
        (k := s.load_key("ss/UKSSSE", *CARD, under="ss/MK/SSSE", header=b"\x01")).encrypted(), k.mac(CHALLENGE, b"d")
    ),
    "KMC, SCP02": scp02,
    "KMC, SCP03": scp03,
    "PUT KEY": new_keys,
    "UDK option A": lambda s: udks(s, PAN),
    "UDK option B": lambda s: udks(s, LONG, option="B"),
    "UDK odd parity": lambda s: udks(s, PAN, parity=True),
    "UDK as the host has it": host,
    "to the chip, SCP02": lambda s: rewrapped(s, "SCP02"),
    "to the chip, SCP03": lambda s: rewrapped(s, "SCP03"),
    "RSA, tag 93": lambda s: s.sign_static("bank/ISSUER-RSA", b"\xda\xc1", b"static data"),
    "RSA, tag 9F46": lambda s: s.certify_icc("bank/ISSUER-RSA", SUBJECT, s.issuer_public("bank/ISSUER-RSA-1152"), b"s"),
    "issuer certificate": lambda s: s.issuer_certificate("bank/ISSUER-RSA"),
    "CVN": lambda s: [s.cvn("bank/CVK", one, "3312", "220") for one in (PAN, LONG)],
    "PVV": lambda s: s.pvv("bank/PVK", PAN, pin(s), 1),
    "PIN pad block": lambda s: (block := s.pad_block("bank/ZPK", 0, "4711", PAN), s.pin_agrees(
        "bank/ZPK", 0, block, PAN, s.pin_from_pad("bank/ZPK", 0, block, PAN, "PIN"))),
    "PIN against PVV": lambda s: [
        s.pin_has_pvv("bank/ZPK", 0, s.pad_block("bank/ZPK", 0, "123456", PAN), PAN, "bank/PVK", 1, one)
        for one in (s.pvv("bank/PVK", PAN, pin(s), 1), "0000")
    ],
}  # fmt: skip


@pytest.mark.proof
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_token_computes_what_software_does(token: Token, act: Act) -> None:
    assert act(token.store) == act(software())


def test_check_values_are_the_same(token: Token) -> None:
    """Of every root that both hold, 3DES, AES and RSA."""
    ours = {info.label: info.kcv for info in software().infos() if not info.label.startswith("station/")}
    theirs = {info.label: info.kcv for info in token.store.infos() if info.label in ours}
    assert len(theirs) > 100
    assert theirs == {label: ours[label] for label in theirs}


def test_what_one_seals_the_other_opens(token: Token) -> None:
    """Batch seal and index under keys that were put into both; pool and transport go out and in."""
    seal, index = (
        KeySpec("test/seal", "AES-256", Usage.SEAL, Level.STATION),
        KeySpec("test/index", "HMAC-SHA-256", Usage.INDEX, Level.STATION),
    )
    manager, values = (
        token.store.manager(training=True),
        {spec.label: secrets.token_bytes(32) for spec in (seal, index)},
    )
    ours = software()
    for spec in (seal, index):
        manager.import_value(spec, Secret(values[spec.label]))
        ours._held[spec.label] = hold(spec, values[spec.label], training=True)
    assert (
        ours.unseal("test/seal", b"salt", token.store.seal("test/seal", b"salt", b"a name", b"at"), b"at") == b"a name"
    )
    assert (
        token.store.unseal("test/seal", b"salt", ours.seal("test/seal", b"salt", b"a name", b"at"), b"at") == b"a name"
    )
    assert token.store.index("test/index", b"number") == ours.index("test/index", b"number")
    made = token.store.make_for_pool(1024, 3)
    assert token.store.icc_from_pool(made).public.length == 128  # type: ignore[union-attr]
    for label in values:
        manager.destroy(label)
        del ours._held[label]


def test_signatures_of_keys_made_inside_verify(token: Token) -> None:
    message = b"a checkpoint"
    for info in token.store.infos():
        if info.usage is Usage.SIGN:
            verify = p256_verify if info.algorithm == "EC-P256" else ed25519_verify
            public = token.store.public(info.label)
            assert verify(public, message, token.store.sign(info.label, message))
            assert not verify(public, message + b"!", token.store.sign(info.label, message))
