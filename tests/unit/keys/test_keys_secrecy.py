"""No object of this room shows a key: not printed, not formatted, not pickled, not copied, not in an exception."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest

from cardfab.crypto import Algorithm
from cardfab.crypto.derive import Scp02Constant, emv_cps, emv_option_a, scp02_session
from cardfab.errors import CardfabError
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import STATION_KEYS, training_root
from cardfab.keys.roots import ROOTS
from cardfab.keys.secret import Secret

HISTORICAL = bytes.fromhex("0087BF10028649650100000001")
KEY_DATA, SEQUENCE = bytes.fromhex("FFFFFF62280000000001"), b"\0\1"


def _secrets(drawn: list[bytes]) -> Iterator[bytes]:
    """Every key that the objects of :func:`_objects` hold or use."""
    yield from (training_root(spec.label) for spec in ROOTS)
    yield from (value for value in drawn if len(value) == 32)
    for spec in ROOTS:
        root = training_root(spec.label)
        yield card_key_bytes(Algorithm(spec.algorithm), root, "440199", HISTORICAL, 0)
        yield emv_option_a(root, "6299990000000017", "01")
    for index, constant in enumerate((Scp02Constant.ENC, Scp02Constant.C_MAC, Scp02Constant.DEK), 1):
        static = emv_cps(training_root("bank/KMC"), KEY_DATA, index)
        yield from (static, scp02_session(static, constant, SEQUENCE))


@pytest.fixture
def drawn() -> list[bytes]:
    return []


@pytest.fixture
def store(random: Callable[[int], bytes], drawn: list[bytes]) -> SoftKeyStore:
    """A training store that tells what it drew."""

    def draw(count: int) -> bytes:
        drawn.append(random(count))
        return drawn[-1]

    made = SoftKeyStore.training(draw)
    assert len(drawn) == len(STATION_KEYS)
    return made


def _objects(store: SoftKeyStore) -> dict[str, object]:
    channel = store.channel("bank/KMC")
    return {
        "store": store,
        "infos": store.infos(),
        "held": store._held,
        "secret": Secret(training_root("bank/KMC")),
        "card key": store.card_key("ss/UKSSSE", "440199", HISTORICAL),
        "channel": channel,
        "session": channel.open(KEY_DATA, 1, SEQUENCE),
        "UDKs": store.emv_keys(["bank/IMK-AC", "bank/IMK-SMI"], "6299990000000017", "01", "UDKs"),
        "PIN": store.random_pin(6, "PIN"),
    }


def _spelled(secret: bytes) -> list[str]:
    return [secret.hex(), secret.hex().upper(), repr(secret)[2:-1], repr(list(secret))]


def _shows(text: str, secrets: list[bytes]) -> bool:
    return any(spelling in text for secret in secrets for spelling in _spelled(secret))


@pytest.mark.proof
def test_nothing_shows_a_key(store: SoftKeyStore, drawn: list[bytes]) -> None:
    secrets = list(_secrets(drawn))
    assert _shows(f"{secrets[0]!r}", secrets)
    assert _shows(secrets[-1].hex(), secrets)
    for name, one in _objects(store).items():
        for text in (repr(one), str(one), format(one), ascii(one), repr([one]), repr({name: one})):
            assert not _shows(text, secrets), name


@pytest.mark.parametrize("name", ["store", "held", "secret", "card key", "channel", "session"])
def test_nothing_that_holds_a_key_is_pickled_or_copied(store: SoftKeyStore, name: str) -> None:
    one = _objects(store)[name]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(one, protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(one)


def test_what_is_sealed_pickles_without_its_secret(store: SoftKeyStore, drawn: list[bytes]) -> None:
    secrets = list(_secrets(drawn))
    for name in ("UDKs", "PIN"):
        data = pickle.dumps(_objects(store)[name])
        assert not any(secret in data for secret in secrets)


def test_the_sealed_ciphertext_is_not_shown(store: SoftKeyStore) -> None:
    sealed = store.random_pin(6, "first PIN")
    assert repr(sealed) == "<first PIN, 8 bytes sealed under station/transport>"
    assert sealed.kcvs == ()


def test_no_exception_shows_a_key(store: SoftKeyStore, drawn: list[bytes]) -> None:
    secrets = list(_secrets(drawn))
    session = store.channel("bank/KMC").open(KEY_DATA, 1, SEQUENCE)
    pin = store.random_pin(6, "PIN")
    acts: list[Callable[[], object]] = [
        lambda: store.info("ss/NONE"),
        lambda: store.sign("ss/IRK", b""),
        lambda: store.card_key("bank/KMC", "440199", HISTORICAL),
        lambda: store.card_key("ss/IRK", "44", HISTORICAL),
        lambda: store.card_key("ss/IRK", "440199", HISTORICAL[:-1]),
        lambda: store.channel("bank/KMC").open(KEY_DATA[:-1], 1, SEQUENCE),
        lambda: store.channel("bank/KMC").open(KEY_DATA, 1, b""),
        lambda: store.emv_keys(["bank/IMK-AC"], "no digits", "01", "UDK"),
        lambda: store.unseal("station/seal", b"", bytes(40), b""),
        lambda: session.rewrap(Sealed(pin.ciphertext, pin.under, "renamed", 8)),
        lambda: session.rewrap(Sealed(pin.ciphertext, pin.under, "PIN", 7)),
        lambda: session.encrypt(b"no whole block"),
        lambda: session.cmac(bytes(8), b"no whole block"),
        lambda: store.card_key("ss/IRK", "440199", HISTORICAL).mac(b"short", b""),
    ]
    for act in acts:
        with pytest.raises((CardfabError, ValueError)) as refused:
            act()
        error = refused.value
        assert not _shows("".join(traceback.format_exception(error)), secrets)
        assert not _shows(f"{error.args!r} {vars(error)!r}", secrets)
        if isinstance(error, CardfabError):
            assert not _shows(error.sentence("zh") + error.sentence("en"), secrets)


# The buffer itself


def test_a_secret_is_wiped_at_the_end_of_its_block() -> None:
    with Secret(b"sixteen bytes...") as secret:
        view = secret.view()
        assert bytes(view) == b"sixteen bytes..."
        assert len(secret) == 16
    assert bytes(view) == bytes(16)
    assert repr(secret) == "<Secret of 16 bytes>"


def test_a_secret_is_wiped_when_its_block_fails() -> None:
    secret = Secret(b"key")
    with pytest.raises(RuntimeError), secret:
        raise RuntimeError
    assert bytes(secret.view()) == bytes(3)


def test_a_secret_owns_its_bytes() -> None:
    given = bytearray(b"key")
    secret = Secret(given)
    given[0] = 0
    assert bytes(secret.view()) == b"key"


def test_opening_a_sealed_secret_leaves_none_behind(store: SoftKeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a channel opens to wrap again is wiped when it is done."""
    opened: list[Secret] = []
    keep = store._open_transport

    def spy(sealed: Sealed) -> Secret:
        opened.append(keep(sealed))
        return opened[-1]

    monkeypatch.setattr(store, "_open_transport", spy)
    store.channel("bank/KMC").open(KEY_DATA, 1, SEQUENCE).rewrap(store.random_pin(6, "PIN"))
    assert [bytes(one.view()) for one in opened] == [bytes(8)]
