"""The bank's keys behind the store's door: requests and certificates, the pool, PINs, values on the stripe."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.emv import odd_parity, pin_block, pin_of_block
from cardfab.crypto.rsa import RsaCrt, RsaPublic, consistent
from cardfab.errors import KeyFault, Text
from cardfab.keys import KeyUseRefused, SoftKeyStore, StoreLocked
from cardfab.keys.certificates import CertificateFault, IccSubject, IssuerCertificate, IssuerRequest, last_day
from cardfab.keys.label import training_root
from cardfab.keys.pool import IccPool, PoolEmpty, making_advice
from cardfab.simulator import authority
from cardfab.station.shelf import FolderShelf

IIN, EXPIRY = bytes.fromhex("629999FF"), bytes.fromhex("1234")
LABELS = ("bank/ISSUER-RSA", "bank/ISSUER-RSA-1152", "bank/ISSUER-SM2")


@pytest.mark.parametrize("label", LABELS)
def test_a_request_is_answered_and_the_answer_imported(bank: Any, label: str) -> None:
    store = SoftKeyStore.training(os.urandom)
    with pytest.raises(CertificateFault, match="no issuer certificate"):
        store.issuer_certificate(label)
    request = store.issuer_request(label, authority.RID, IIN, EXPIRY, b"\x00\x00\x01")
    request.check()
    kept = bank.certify(store, label)
    assert IssuerCertificate.from_json_bytes(kept.to_json_bytes()) == kept
    assert kept.open().public == store.issuer_public(label) == request.public
    assert (kept.open().subject, kept.open().expiry) == (IIN, EXPIRY)
    opened = SoftKeyStore.from_file(store.to_file(b"word"), b"word", os.urandom)
    assert opened.issuer_certificate(label) == kept


def _other(label: str) -> str:
    return LABELS[LABELS.index(label) - 1]


@pytest.mark.parametrize("label", LABELS)
def test_a_changed_request_is_refused_by_both_sides(label: str) -> None:
    request = SoftKeyStore.training(os.urandom).issuer_request(label, authority.RID, IIN, EXPIRY, bytes(3))
    for wrong in (replace(request, iin=b"\x62\x28\x48\xff"), replace(request, expiry=b"\x12\x35")):
        with pytest.raises(CertificateFault):
            wrong.check()
    changed = replace(request, proof=request.proof[:-1] + bytes([request.proof[-1] ^ 1]))
    with pytest.raises(CertificateFault):
        changed.check()
    with pytest.raises(authority.RequestRefused):
        authority.answer(changed.public, changed.proof)
    other = SoftKeyStore.training(os.urandom).issuer_request(_other(label), authority.RID, IIN, EXPIRY, bytes(3))
    for public, proof in ((other.public, request.proof), (request.public, other.proof), (request.public, b"")):
        with pytest.raises(authority.RequestRefused):
            authority.answer(public, proof)
    assert b"cardfab issuer request 1" in request.to_json_bytes()
    assert isinstance(request, IssuerRequest)


def test_a_certificate_for_another_key_is_refused(bank: Any) -> None:
    store = SoftKeyStore.training(os.urandom)
    other = bank.certify(store, "bank/ISSUER-RSA")
    with pytest.raises(CertificateFault, match="another key") as refused:
        store.import_certificate("bank/ISSUER-RSA-1152", other)
    assert refused.value.code == "CF-6403"
    broken = replace(other, remainder=b"\x00")
    with pytest.raises(CertificateFault, match="does not verify"):
        store.import_certificate("bank/ISSUER-RSA", broken)
    with pytest.raises(CertificateFault, match="no answer"):
        IssuerCertificate.from_json_bytes(b'{"form": 1}')


@pytest.mark.parametrize(("bits", "exponent"), [(1024, 3), (1152, 65537), (1984, 3), (None, 3)])
def test_new_issuer_keys_of_every_kind(bank: Any, bits: int | None, exponent: int) -> None:
    store = SoftKeyStore.training(os.urandom)
    info = store.make_issuer_key("bank/NEW", bits=bits, exponent=exponent)
    assert info.algorithm == ("SM2" if bits is None else f"RSA-{bits}")
    kept = bank.certify(store, "bank/NEW")
    public = store.issuer_public("bank/NEW")
    assert isinstance(public, bytes) or (public.length, len(public.exponent)) == (
        (bits or 0) // 8,
        1 if exponent == 3 else 3,
    )
    assert kept.open().public == public
    opened = SoftKeyStore.from_file(store.to_file(b"word"), b"word", os.urandom)
    assert opened.infos() == store.infos()
    with pytest.raises(KeyFault, match="already"):
        store.make_issuer_key("bank/NEW", bits=bits)


def test_each_key_serves_its_one_purpose(keys: SoftKeyStore) -> None:
    for refused in (
        lambda: keys.issuer_public("bank/KMC"),
        lambda: keys.sign_static("bank/IMK-AC", b"\0\0", b""),
        lambda: keys.cvn("bank/PVK", "6299990000000017", "3312", "220"),
        lambda: keys.emv_keys(["bank/ISSUER-RSA"], "6299990000000017", "01", "UDK"),
        lambda: keys.pin_from_pad("bank/CVK", 0, bytes(8), "6299990000000017", "PIN"),
    ):
        with pytest.raises(KeyUseRefused):
            refused()


def test_an_sm2_key_signs_no_rsa_and_the_other_way(keys: SoftKeyStore) -> None:
    subject = IccSubject(bytes(10), EXPIRY, bytes(3))
    made = keys.certify_icc("bank/ISSUER-RSA", subject, RsaPublic(b"\xc1" * 128, b"\x03"), b"")
    assert (len(made.certificate), made.remainder, made.exponent) == (176, b"", b"\x03")
    with pytest.raises(KeyFault):
        keys.certify_icc("bank/ISSUER-SM2", subject, RsaPublic(b"\xc1" * 128, b"\x03"), b"")


@pytest.mark.parametrize(("mmyy", "day"), [("1234", date(2034, 12, 31)), ("0228", date(2028, 2, 29))])
def test_certificates_are_good_to_the_end_of_their_month(mmyy: str, day: date) -> None:
    assert last_day(bytes.fromhex(mmyy)) == day
    with pytest.raises(CertificateFault):
        last_day(bytes.fromhex("1334"))


def test_card_keys_have_parity_where_a_profile_asks(keys: SoftKeyStore) -> None:
    labels, card = ("bank/IMK-AC", "bank/SM4/IMK-AC"), ("6299990000000000012", "01")
    plain = keys._open_transport(keys.emv_keys(labels, *card, "UDK")).view()
    odd = keys._open_transport(keys.emv_keys(labels, *card, "UDK", parity=True)).view()
    assert bytes(odd) == odd_parity(plain)
    option_b = keys._open_transport(keys.emv_keys(labels, *card, "UDK", option="B")).view()
    assert option_b != plain
    same_check = keys.emv_keys(labels, *card, "UDK", check="3DES").kcvs
    assert same_check[0] == keys.emv_keys(labels, *card, "UDK").kcvs[0]
    assert same_check[1] != keys.emv_keys(labels, *card, "UDK").kcvs[1]


# The pool


@pytest.fixture
def pool(keys: SoftKeyStore, tmp_path: Path) -> IccPool:
    return IccPool(FolderShelf(tmp_path / "pool"), keys)


def test_a_pool_is_filled_counted_and_emptied(pool: IccPool, keys: SoftKeyStore) -> None:
    assert pool.fill(1024, 3, 3) == 3
    assert pool.fill(1024, 3, 3) == 0
    assert pool.count(1024, 3) == 3
    taken = [pool.take(1024, 3) for _ in range(3)]
    assert len({key.public for key in taken}) == 3
    for key in taken:
        assert isinstance(key.public, RsaPublic)
        parts = [bytes(keys._open_transport(value).view()) for value in key.values]
        assert {len(part) for part in parts} == {72}
        assert all(part.endswith(b"\x80" + bytes(7)) for part in parts)
        assert consistent(RsaCrt(*(part[:64] for part in parts)), key.public)
    with pytest.raises(PoolEmpty) as empty:
        pool.take(1024, 3)
    assert "rsa-1024-3" in empty.value.what.en
    assert "cardfab keys pool --bits 1024 --exponent 3 --fill" in (empty.value.do or empty.value.what).en


def test_where_it_may_a_key_is_made_while_the_card_waits(keys: SoftKeyStore, tmp_path: Path) -> None:
    told: list[Text] = []
    pool = IccPool(FolderShelf(tmp_path / "pool"), keys, told.append)
    pool.fill(1024, 3, 1)
    first, second = pool.take(1024, 3), pool.take(1024, 3)
    assert first.public != second.public
    assert [one.en for one in told] == [making_advice(1024, 3).en], "of the one that was not there"
    assert pool.count(1024, 3) == 0


def test_unfilled_values_where_the_applet_strips_nothing(pool: IccPool) -> None:
    pool.fill(1024, 3, 1)
    assert {value.length for value in pool.take(1024, 3, "none").values} == {64}


def test_a_pool_file_shows_no_key_and_is_bound_to_its_seal(
    pool: IccPool, keys: SoftKeyStore, tmp_path: Path, samples: dict[str, dict[str, Any]]
) -> None:
    icc = samples["debit-contact-rsa"]["keys"]["icc"]
    sealed = keys.seal_primes_for_pool(int(icc["p"], 16), int(icc["q"], 16), 3)
    assert bytes.fromhex(icc["p"])[:16] not in sealed
    for at in (3, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(StoreLocked, match="chip key"):
            keys.icc_from_pool(bytes(changed))


def _take_all(folder: str, results: Any) -> None:
    shelf, taken = FolderShelf(Path(folder)), []
    while (one := shelf.take("rsa-1024-3")) is not None:
        taken.append(one)
    results.put(taken)


@pytest.mark.proof
def test_two_processes_never_get_the_same_key(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    given = {os.urandom(40) for _ in range(60)}
    for one in given:
        shelf.put("rsa-1024-3", one)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_take_all, args=(str(tmp_path), results)) for _ in range(2)]
    for process in processes:
        process.start()
    taken = [one for _ in processes for one in results.get(timeout=60)]
    for process in processes:
        process.join()
    assert len(taken) == len(set(taken)) == 60
    assert set(taken) == given
    assert list(tmp_path.rglob("*.*")) == []


def test_a_key_whose_taking_was_interrupted_is_not_given_again(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path)
    shelf.put("rsa-1024-3", b"sealed")
    (path,) = tmp_path.rglob("*.key")
    path.rename(path.with_suffix(".taken"))  # a process died here
    assert shelf.take("rsa-1024-3") is None
    assert shelf.count("rsa-1024-3") == 0


# PINs and the stripe


@pytest.mark.parametrize("form", [0, 3])
def test_the_pin_of_a_pad_becomes_a_card_block(keys: SoftKeyStore, form: int) -> None:
    pan = "6299990000000017"
    block = pin_block(form, "271828", pan=pan, random=os.urandom)
    ciphered = encrypt_ecb(Algorithm.TDES, training_root("bank/ZPK"), block)
    sealed = keys.pin_from_pad("bank/ZPK", form, ciphered, pan, "first PIN")
    assert "271828" not in repr(sealed)
    assert pin_of_block(2, keys._open_transport(sealed).view()) == "271828"
    with pytest.raises(KeyFault, match="pin pad gave no") as refused:
        keys.pin_from_pad("bank/ZPK", form, bytes(8), pan, "first PIN")
    assert refused.value.code == "CF-6406"


def test_values_on_the_stripe(keys: SoftKeyStore, bank: Any) -> None:
    assert len(keys.cvn("bank/CVK", "6299990000000017", "3312", "220")) == 3
    pin = bank.pin(keys, "123456")
    assert keys.pvv("bank/PVK", "6299990000000017", pin, 1) == keys.pvv("bank/PVK", "6299990000000017", pin, 1)
    assert len(keys.pvv("bank/PVK", "6299990000000017", pin, 1)) == 4


def test_random_pins_differ(keys: SoftKeyStore) -> None:
    drawn = {bytes(keys._open_transport(keys.random_pin(6, "PIN")).view()) for _ in range(20)}
    assert len(drawn) > 15


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    from cardfab.keys import sealedfile
    from cardfab.keys.openings import Cost

    monkeypatch.setattr(sealedfile, "COST", Cost(1, 8, 1))


def test_signatures_of_random_data_verify(keys: SoftKeyStore, stream: Callable[[int], bytes]) -> None:
    from cardfab.crypto.emvcert import recover_static, sm2_recover_static

    for length in (0, 1, 200):
        static = stream(length)
        rsa, sm2 = keys.issuer_public("bank/ISSUER-RSA"), keys.issuer_public("bank/ISSUER-SM2")
        assert isinstance(rsa, RsaPublic)
        assert isinstance(sm2, bytes)
        assert recover_static(rsa, keys.sign_static("bank/ISSUER-RSA", b"\x12\x34", static), static) == b"\x12\x34"
        assert sm2_recover_static(sm2, keys.sign_static("bank/ISSUER-SM2", b"\x12\x34", static), static) == b"\x12\x34"
