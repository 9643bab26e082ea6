"""What the token does not let out, and what the store does not take from it: tried, not read off a flag."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import AttributeSensitive, KeyUnextractable, PKCS11Error

from cardfab.errors import KeyFault
from cardfab.keys import KeySpec, KeyUnknown, KeyUseRefused, Level, StoreLocked, Usage
from cardfab.keys.channel import WRAPPING
from cardfab.keys.label import State, training_root
from cardfab.keys.pkcs11.attach import Attached, TokenGone
from cardfab.keys.pkcs11.native import block
from cardfab.keys.pkcs11.records import APPLICATION, RecordChanged
from cardfab.keys.pkcs11.shapes import TokenCannotHold, checked, secret
from cardfab.keys.pkcs11.uri import TokenUri, UriRefused
from cardfab.keys.pkcs11.vault import RECORD_KEY
from cardfab.keys.secret import Secret
from tests.service.softhsm import Token

pytestmark = pytest.mark.service


def objects(token: Token, label: str, kind: ObjectClass = ObjectClass.SECRET_KEY) -> list[Any]:
    wanted = {Attribute.CLASS: kind, Attribute.LABEL: label}
    return list(token.attached.session.get_objects(wanted))


@pytest.mark.proof
@pytest.mark.parametrize("label", ["bank/IMK-AC", "bank/AES/KMC", "ss/IRK", "bank/ZPK", WRAPPING, RECORD_KEY])
def test_a_key_on_the_token_does_not_come_out(token: Token, label: str) -> None:
    """Read, copied into a readable one, wrapped: each is tried and refused."""
    (key,) = objects(token, label)
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]
    with pytest.raises(PKCS11Error):
        key[Attribute.EXTRACTABLE] = True
    with pytest.raises(PKCS11Error):
        key[Attribute.SENSITIVE] = False
    (wrapping,) = objects(token, WRAPPING)
    with pytest.raises(KeyUnextractable):
        wrapping.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP_PAD)


def test_wrapping_is_refused_to_roots_only(token: Token) -> None:
    """Positive control: the same call wraps a card key that may leave."""
    value = token.store._vault.put(bytes(16))
    (wrapping,) = objects(token, WRAPPING)
    assert len(wrapping.wrap_key(value, mechanism=Mechanism.AES_KEY_WRAP_PAD)) == 24
    value.destroy()


@pytest.mark.parametrize("label", ["bank/IMK-AC", "bank/KMC", "ss/UKSSSE"])
def test_a_root_that_derives_is_no_oracle(token: Token, label: str) -> None:
    """Encryption of a card's factor would be the card's key: the right is neither there nor given afterwards."""
    (key,) = objects(token, label)
    assert not hasattr(key, "encrypt")
    with pytest.raises(PKCS11Error):
        _encrypt_all_the_same(token, key)
    with suppress(PKCS11Error):
        key[Attribute.ENCRYPT] = True  # SoftHSM2 lets the user change it; the store looks at every start
    try:
        if key[Attribute.ENCRYPT]:
            with pytest.raises(KeyFault) as refused:
                token.store._vault.require_safe(label)
            assert refused.value.code == "CF-6653"
    finally:
        with suppress(PKCS11Error):
            key[Attribute.ENCRYPT] = False
    token.store._vault.require_safe(label)


def _encrypt_all_the_same(token: Token, key: Any) -> bytes:
    """C_EncryptInit past the class that python-pkcs11 made: by a class that has the call."""
    (able,) = objects(token, "bank/PVK")
    bare = type(able)(key.wrapper)
    return bytes(bare.encrypt(bytes(8), mechanism=Mechanism.DES3_ECB))


def test_the_oracle_would_work_with_the_right(token: Token) -> None:
    """Positive control for the trial above."""
    (able,) = objects(token, "bank/PVK")
    assert len(_encrypt_all_the_same(token, able)) == 8


def test_the_wrapping_key_opens_nothing(token: Token) -> None:
    (key,) = objects(token, WRAPPING)
    assert not hasattr(key, "decrypt")
    assert not hasattr(key, "encrypt")


@contextmanager
def changed_record(token: Token, label: str, change: Any) -> Iterator[None]:
    """Another record in place of the one that was written, as who reaches the token could put it there."""
    wanted = {Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: APPLICATION, Attribute.LABEL: f"key:{label}"}
    session = token.attached.session
    (record,) = list(session.get_objects(wanted))
    kept = record[Attribute.VALUE]
    own = {**wanted, Attribute.TOKEN: True, Attribute.PRIVATE: True}
    record.destroy()
    other = session.create_object({**own, Attribute.VALUE: change(kept)})
    assert other[Attribute.VALUE] != kept
    try:
        yield
    finally:
        other.destroy()
        session.create_object({**own, Attribute.VALUE: kept})


@pytest.mark.proof
@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.replace(b'"training": true', b'"training":false'),
        lambda value: value.replace(b"EMV_ROOT", b"CVN_ROOT"),
        lambda value: value[:10],
        lambda value: bytes(36) + value[36:],
    ],
    ids=["training", "usage", "cut", "mac"],
)
def test_a_changed_record_is_refused(token: Token, change: Any) -> None:
    with changed_record(token, "bank/IMK-AC", change), pytest.raises(RecordChanged) as refused:
        token.store._vault.load()
    assert refused.value.code == "CF-6643"
    token.store._vault.load()


@pytest.mark.proof
def test_a_record_of_another_key_is_refused(token: Token) -> None:
    """The record of one key, whole and genuine, under the name of another."""
    records = token.store._vault.records
    other = records.read()["key:bank/IMK-SMI"]
    kept = records.read()["key:bank/IMK-AC"]
    records.write("key:bank/IMK-AC", other)
    try:
        with pytest.raises(RecordChanged, match=r"no key|another check value"):
            token.store._vault.load()
    finally:
        records.write("key:bank/IMK-AC", kept)
    token.store._vault.load()


def test_the_table_says_what_was_tried(token: Token) -> None:
    """SoftHSM2 lists 3DES for wrapping and does not do it; SM2, SM3 and SM4 it has not."""
    device = token.store.capabilities()
    listed = {one.ability: (one.listed, one.works) for one in device.abilities}
    assert listed["WRAP-3DES"] == (True, False)
    assert device.lacks(listed) == ("SM4", "SM2", "SM3", "KDF", "WRAP-3DES", "CRT", "LOAD")
    assert "tests" in device.device


def test_what_the_token_cannot_hold_is_told(token: Token) -> None:
    manager = token.store.manager(training=True)
    for spec in (
        KeySpec("test/sm4", "SM4", Usage.EMV_ROOT, Level.BANK),
        KeySpec("test/sm2", "SM2", Usage.ISSUER, Level.BANK),
        KeySpec("test/factory", "3DES", Usage.FACTORY, Level.STATION),
        KeySpec("test/kbpk", "AES-256", Usage.KEY_BLOCK, Level.BANK),
    ):
        with pytest.raises(TokenCannotHold) as refused:
            manager.import_value(spec, Secret(bytes(range(16))))
        assert refused.value.do is not None
    with pytest.raises(TokenCannotHold):
        manager.generate(KeySpec("test/cvk", "3DES", Usage.CVN, Level.BANK))
    with pytest.raises(TokenCannotHold):
        manager.import_block(KeySpec("test/x", "3DES", Usage.PVV, Level.BANK), "D0112", "station/wrap")
    with pytest.raises(TokenCannotHold):
        manager.export_block("bank/IMK-AC", WRAPPING)
    with pytest.raises(KeyUnknown):
        token.store.info("test/sm4")


@pytest.mark.parametrize("scheme", ["kdf3", "none"])
def test_a_data_encryption_key_that_would_come_out_is_refused(token: Token, scheme: str) -> None:
    with pytest.raises(KeyFault) as refused:
        token.store.channel03("bank/AES/KMC", scheme).open(bytes(10), 0x30, bytes(16))
    assert refused.value.code in ("CF-6645", "CF-6646")


def test_one_purpose_each_as_in_software(token: Token) -> None:
    with pytest.raises(KeyUseRefused):
        token.store.card_key("bank/IMK-AC", "440199", bytes(13))
    with pytest.raises(KeyUseRefused):
        token.store.platform("ss/IRK", None)


@pytest.mark.proof
def test_the_life_of_a_key_in_the_token(token: Token) -> None:
    manager, label = token.store.manager(training=True), "test/PVK"
    first = manager.generate(KeySpec(label, "3DES", Usage.PVV, Level.BANK))
    second = manager.rotate(label)
    assert (second.version, token.store.info(f"{label}@1").kcv) == (2, first.kcv)
    assert token.store.info(f"{label}@1").state is State.RETIRED
    assert second.kcv != first.kcv
    token.store._vault.load()  # records and keys fit one another
    for one in (label, f"{label}@1"):
        manager.destroy(one)
        assert not objects(token, one)
    token.store._vault.load()
    assert token.store.info(label).state is State.DESTROYED
    with pytest.raises(KeyUseRefused):
        token.store.pvv(label, "6299990000000017", token.store.training_pin(6, "PIN"), 1)
    with pytest.raises(KeyFault, match="already"):
        manager.import_value(KeySpec(label, "3DES", Usage.PVV, Level.BANK), Secret(bytes(16)))


def test_outside_training_a_key_comes_by_a_ceremony(token: Token) -> None:
    with pytest.raises(KeyFault) as refused:
        token.store.manager(training=False).generate(KeySpec("test/real", "3DES", Usage.PVV, Level.BANK))
    assert refused.value.code == "CF-6659"


def test_the_token_goes_away_and_comes_back(token: Token) -> None:
    """Its session ended under the store: a sentence, and after attaching again everything is there."""
    before = token.store.cvn("bank/CVK", "6299990000000017", "3312", "220")
    token.attached.session.close()
    with pytest.raises(TokenGone) as gone:
        token.store.cvn("bank/CVK", "6299990000000017", "3312", "220")
    assert gone.value.do is not None
    token.store.reattach()
    assert token.store.cvn("bank/CVK", "6299990000000017", "3312", "220") == before


@pytest.mark.proof
def test_who_has_not_the_pin_has_nothing(token: Token) -> None:
    token.attached.session.close()
    try:
        with pytest.raises(StoreLocked) as refused:
            Attached(token.uri, lambda: "not the PIN")
        assert refused.value.code == "CF-6651"
        assert token.pin not in str(refused.value)
        with pytest.raises(StoreLocked, match="is not there"):
            Attached(TokenUri(token="another", module=token.uri.module), lambda: token.pin)
        with pytest.raises(StoreLocked, match="no PKCS#11 module"):
            Attached(TokenUri(token="tests", module="/nowhere.so"), lambda: token.pin)
    finally:
        token.store.reattach()


@pytest.mark.proof
def test_an_object_without_a_record_is_no_key_of_ours(token: Token) -> None:
    template = {**secret(KeyType.DES2, ("derive",), kept=True), Attribute.VALUE: training_root("x")}
    made = token.attached.session.create_object(checked({**template, Attribute.LABEL: "test/stray"}))
    try:
        token.store._vault.load()
        with pytest.raises(KeyUnknown):
            token.store.info("test/stray")
    finally:
        made.destroy()
        token.store._vault.load()


def test_templates_are_checked_before_the_library_sees_them() -> None:
    """A None in one would free memory that was never set."""
    with pytest.raises(ValueError, match="VALUE_LEN"):
        checked({Attribute.VALUE_LEN: None})


def test_derived_values_do_not_stay_in_the_token(token: Token) -> None:
    """Nothing readable is left behind after a card."""
    token.store.emv_keys(("bank/IMK-AC",) * 3, "6299990000000017", "01", "UDK")
    left = token.attached.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.SENSITIVE: False})
    assert list(left) == []
    root = objects(token, "bank/IMK-AC")[0]
    text, held = block(bytes(16))
    readable = {**secret(KeyType.GENERIC_SECRET, (), stays=False), Attribute.SENSITIVE: False, Attribute.VALUE_LEN: 16}
    made = root.derive_key(
        KeyType.GENERIC_SECRET, 128, mechanism=Mechanism.DES3_ECB_ENCRYPT_DATA, mechanism_param=text, template=readable
    )
    del held
    left = token.attached.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.SENSITIVE: False})
    assert len(list(left)) == 1  # positive control
    made.destroy()


@pytest.mark.parametrize(
    "text",
    ["pkcs11:token=x?pin-value=1234", "pkcs12:token=x", "pkcs11:token=x;token=y", "pkcs11:colour=red", "pkcs11:token"],
)
def test_a_uri_with_a_pin_or_a_riddle_is_refused(text: str) -> None:
    with pytest.raises(UriRefused):
        TokenUri.of(text)


def test_a_uri_is_written_as_it_is_read() -> None:
    text = "pkcs11:token=my%20token;serial=0af1?module-path=/usr/lib/x.so&pin-source=fd:3"
    assert str(TokenUri.of(text)) == text
    assert TokenUri.of("pkcs11:").empty
    assert os.sep in TokenUri.of(text).module
    assert pkcs11.__name__ == "pkcs11"
