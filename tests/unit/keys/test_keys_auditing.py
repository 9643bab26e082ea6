"""Every use of a key is on record before it happens, and how it ended; where the record fails no key is used."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable

import pytest

from cardfab.errors import DeviceFault, Text
from cardfab.keys import KeySpec, KeyUnknown, KeyUseRefused, Level, SoftKeyStore, Usage, held
from cardfab.keys.auditing import AuditedKeyStore, KeyUse, about
from cardfab.keys.away import KeysAway
from cardfab.keys.manyaudited import AuditedMany
from cardfab.keys.service.schema import methods_of
from tests.keyservice_place import Book, Unwritten

REGION, HISTORICAL = "440100", bytes(range(13))


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def keys(training: SoftKeyStore, book: Book) -> AuditedKeyStore:
    return AuditedKeyStore(training, book)


def test_a_use_is_an_intent_and_an_outcome(keys: AuditedKeyStore, book: Book, training: SoftKeyStore) -> None:
    keys.card_key("ss/IRK", REGION, HISTORICAL)
    use = KeyUse("ss/IRK", training.info("ss/IRK").kcv, "card_key", 1, "-")
    assert book.uses == [("intent", use, ""), ("done", use, "")]
    assert book.uses[0][1] is book.uses[1][1]


def test_many_keys_of_one_call_are_one_leaf(keys: AuditedKeyStore, book: Book) -> None:
    labels = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
    keys.emv_keys(labels, "6299990000000014", "01", "card keys")
    [intent, done] = [use for _, use, _ in book.uses]
    assert intent is done
    assert (intent.label, intent.count) == (",".join(labels), 3)
    assert intent.kcv.count(",") == 2


@pytest.mark.shows("A refusal is on record: intent, then refused with its code (test)")
def test_what_is_refused_is_on_record(keys: AuditedKeyStore, book: Book) -> None:
    with pytest.raises(KeyUseRefused):
        keys.card_key("bank/KMC", REGION, HISTORICAL)
    with pytest.raises(KeyUnknown):
        keys.sign("station/none", b"")
    assert [(outcome, use.label, code) for outcome, use, code in book.uses] == [
        ("intent", "bank/KMC", ""),
        ("refused", "bank/KMC", "CF-6200"),
        ("intent", "station/none", ""),
        ("refused", "station/none", "CF-6100"),
    ]


def test_an_unforeseen_error_is_a_failure(keys: AuditedKeyStore, book: Book) -> None:
    pin = keys.random_pin(6, "first PIN")

    def jammed(page: memoryview) -> None:
        raise DeviceFault(Text("The mailer's printer is jammed.", "信封打印机卡纸。"), code="CF-5001")

    with pytest.raises(DeviceFault):
        keys.print_pin(pin, b"", b"", jammed)
    with pytest.raises(ValueError, match="non-hexadecimal"):
        keys.holder_pin("x")
    assert [(outcome, use.act, code) for outcome, use, code in book.uses if outcome == "failed"] == [
        ("failed", "print_pin", "CF-5001"),
        ("failed", "holder_pin", "ValueError"),
    ]


def test_a_token_that_went_away_is_no_refusal(
    keys: AuditedKeyStore, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> bytes:
        raise KeysAway

    monkeypatch.setattr(keys.inner, "sign", gone)
    with pytest.raises(KeysAway):
        keys.sign("station/documents", b"")
    assert book.uses[-1][0::2] == ("failed", "CF-6320")


CALLS: tuple[Callable[[AuditedKeyStore], object], ...] = (
    lambda keys: keys.card_key("ss/IRK", REGION, HISTORICAL),
    lambda keys: keys.purse_load("ss/DF04/DLK", REGION, HISTORICAL),
    lambda keys: keys.purse_purchase("ss/DF04/DPK", REGION, HISTORICAL),
    lambda keys: keys.purse_tac("ss/DF04/DTK", REGION, HISTORICAL),
    lambda keys: keys.master_key("ss/MK/MF", REGION, HISTORICAL),
    lambda keys: keys.load_key("ss/IRK", REGION, HISTORICAL, under="ss/MK/MF"),
    lambda keys: keys.first_pin("ss/PIN"),
    lambda keys: keys.pki_pin("ss/PKI/MANAGER", REGION, HISTORICAL),
    lambda keys: keys.holder_pin("123456"),
    lambda keys: keys.pki_reset("ss/PKI/MANAGER", REGION, HISTORICAL, new="123456"),
    lambda keys: keys.sign("station/documents", b"paper"),
    lambda keys: keys.random_pin(6, "first PIN"),
    lambda keys: keys.training_pin(6, "first PIN"),
    lambda keys: keys.cvn("bank/CVK", "6299990000000014", "2912", "201"),
    lambda keys: keys.emv_card(("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC"), "6299990000000014", "01"),
    lambda keys: keys.emv_keys(("bank/IMK-AC",), "6299990000000014", "01", "card keys"),
    lambda keys: keys.sign_static("bank/ISSUER-RSA", b"\x00\x00", b"static"),
    lambda keys: keys.icc_sm2(),
)
"""One of each kind of use."""


@pytest.mark.shows("No audit write, no operation: where the record takes nothing the key is not used (test)")
@pytest.mark.parametrize("call", CALLS)
def test_no_record_no_use(
    call: Callable[[AuditedKeyStore], object], keys: AuditedKeyStore, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    for name in ("_may", "_held", "_vault"):  # whatever the store reaches for a key by
        if callable(real := getattr(keys.inner, name, None)):
            monkeypatch.setattr(keys.inner, name, lambda *a, _r=real, **k: used.append("used") or _r(*a, **k))
    call(keys)  # it works, and the watch sees the key being reached for
    done = list(book.uses)
    assert [outcome for outcome, _, _ in done] == ["intent", "done"]
    used.clear()
    book.broken = True
    with pytest.raises(Unwritten):
        call(keys)
    assert used == []
    assert book.uses == done


@pytest.mark.parametrize("name", ["channel", "channel03"])
def test_a_channel_is_a_use_when_it_is_opened(name: str, keys: AuditedKeyStore, book: Book) -> None:
    label, last = ("bank/KMC", bytes(2)) if name == "channel" else ("bank/AES/KMC", bytes(16))
    opener = getattr(keys, name)(label)
    assert book.uses == []
    opener.open(bytes(10), 0, last)
    assert book.acts == [("intent", name), ("done", name)]
    book.broken = True
    with pytest.raises(Unwritten):
        opener.open(bytes(10), 0, last)
    book.broken = False
    with pytest.raises(KeyUseRefused):
        getattr(keys, name)("ss/IRK")
    assert book.acts[2:] == [("intent", name), ("refused", name)]


def test_data_at_rest_is_counted_and_written_once(keys: AuditedKeyStore, book: Book) -> None:
    sealed = keys.seal("station/seal", b"salt", b"a name", b"request:1")
    for _ in range(3):
        keys.unseal("station/seal", b"salt", sealed, b"request:1")
    keys.index("station/index", b"holder")
    keys.sign("station/audit", b"a checkpoint")
    assert (book.uses, book.counts) == ([], [])
    keys.flush()
    assert [(use.label, use.act, use.count) for use in book.counts] == [
        ("station/audit", "sign", 1),
        ("station/index", "index", 1),
        ("station/seal", "seal", 1),
        ("station/seal", "unseal", 3),
    ]
    assert all(use.kcv for use in book.counts)
    keys.flush()
    assert len(book.counts) == 4


def test_whom_a_use_is_about(keys: AuditedKeyStore, book: Book) -> None:
    with about("job-token"):
        keys.card_key("ss/IRK", REGION, HISTORICAL)
        with keys.about("card-token"):
            keys.card_key("ss/IRK", REGION, HISTORICAL)
    keys.card_key("ss/IRK", REGION, HISTORICAL)
    assert [use.about for outcome, use, _ in book.uses if outcome == "done"] == ["job-token", "card-token", "-"]


def test_every_call_of_the_door_is_wrapped() -> None:
    """By a method of its own: nothing goes past the record by an attribute that is looked up."""
    assert not hasattr(AuditedKeyStore, "__getattr__")
    assert AuditedKeyStore.__mro__[1:3] == (AuditedMany, ABC)
    assert [name for name in methods_of("") if name not in {*vars(AuditedKeyStore), *vars(AuditedMany)}] == []


def test_closing_writes_the_counts_then_wipes_the_keys(book: Book, random: Callable[[int], bytes]) -> None:
    spec = KeySpec("station/index", "HMAC-SHA-256", Usage.INDEX, Level.STATION)
    key = held.hold(spec, random(32), training=True)
    view = key.value.view()
    keys = AuditedKeyStore(SoftKeyStore({spec.label: key}, random), book)
    keys.index("station/index", b"holder")
    assert any(view)
    keys.close()
    assert [use.act for use in book.counts] == ["index"]
    assert not any(view)
