"""What the store derives, against the vectors of strangers: card keys, channel sessions, UDKs, check values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_ecb
from cardfab.errors import KeyFault
from cardfab.keys import Level, Sealed, SoftKeyStore, Usage
from cardfab.keys.diversify import SoftCardKey, card_key_bytes
from cardfab.keys.label import training_root
from cardfab.keys.roots import BANK_ROOTS, FACTORY_KEYS, MASTER_ROOTS, ROOTS, SS_ROOTS
from cardfab.keys.secret import Secret

Vectors = dict[str, dict[str, Any]]
Make = Callable[..., SoftKeyStore]
LABEL = "ss/UKSSSE"
REGIONS = ["ss_diversify_650100", "ss_diversify_330100"]
CIPHERS = [(Algorithm.TDES, "k3des", "3des"), (Algorithm.SM4, "ksm4", "sm4")]
LEVELS = [(Level.MINISTRY, None), (Level.PROVINCE, "level1"), (Level.CITY, "level2")]


def _historical(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["historical_bytes"])


def test_training_roots_are_those_published() -> None:
    """The words and the label through sha256sum."""
    assert training_root("ss/UKSSSE").hex() == "e039b3448360c50cbd75d6fc61e014ca"
    assert training_root("bank/KMC").hex() == "fb166c9b24854c229b374562db5e3ced"
    known = len(SS_ROOTS) + len(MASTER_ROOTS) + len(FACTORY_KEYS) + len(BANK_ROOTS)
    assert len({training_root(spec.label) for spec in ROOTS}) == len(ROOTS) == known


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("algorithm", "keys", "_"), CIPHERS)
def test_card_key_bytes(vectors: Vectors, region: str, algorithm: Algorithm, keys: str, _: str) -> None:
    vector = vectors[region]
    for done, name in enumerate(("root_key", "level1", "level2")):
        start = bytes.fromhex(vector["root_key"] if done == 0 else vector[keys][name])
        made = card_key_bytes(algorithm, start, vector["region"], _historical(vector), done)
        assert made.hex().upper() == vector[keys]["card"]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("algorithm", "keys", "suffix"), CIPHERS)
@pytest.mark.parametrize(("level", "name"), LEVELS)
def test_roots_of_every_level_give_the_card_key(
    vectors: Vectors,
    store_with: Make,
    region: str,
    algorithm: Algorithm,
    keys: str,
    suffix: str,
    level: Level,
    name: str | None,
) -> None:
    vector = vectors[region]
    value = bytes.fromhex(vector["root_key"] if name is None else vector[keys][name])
    store = store_with((LABEL, Usage.CARD_ROOT, value), level=level, algorithm=algorithm.value)
    key = store.card_key(LABEL, vector["region"], _historical(vector))
    external = vector["external_auth"]
    challenge, original = bytes.fromhex(external["card_challenge"]), bytes.fromhex(external["original"])
    proof = key.authenticate(challenge, original)
    assert (proof + original).hex().upper() == external[f"data_{suffix}"]
    check = encrypt_ecb(algorithm, bytes.fromhex(vector[keys]["card"]), bytes(algorithm.block))[:3]
    assert check.hex().upper() in repr(key)


def test_a_city_of_zhejiang_counts_by_four_digits(training: SoftKeyStore) -> None:
    """Notice 2016-38, 10.3: 33xxxx takes four digits for the city, every other province six."""
    historical = bytes.fromhex("0087BF10028649330100000001")

    def key(region: str) -> str:
        return repr(training.card_key(LABEL, region, historical))

    assert key("330106") == key("330199")
    assert key("330106") != key("330206")
    assert key("440106") != key("440199")


@pytest.mark.parametrize("changed", range(5, 13))
def test_the_card_factor_is_the_last_eight_historical_bytes(training: SoftKeyStore, changed: int) -> None:
    historical = bytearray.fromhex("0087BF10028649440100000001")
    key = repr(training.card_key(LABEL, "440199", bytes(historical)))
    historical[0] ^= 1
    assert repr(training.card_key(LABEL, "440199", bytes(historical))) == key
    historical[changed] ^= 1
    assert repr(training.card_key(LABEL, "440199", bytes(historical))) != key


def test_line_protection_of_a_card_key(vectors: Vectors) -> None:
    vector = vectors["ss_sm_app_block_sm4"]
    key = SoftCardKey(Algorithm.SM4, Secret(bytes.fromhex(vector["stk"])))
    mac = key.mac(bytes.fromhex(vector["challenge8"]), bytes.fromhex("841E000104"))
    assert mac.hex().upper() == vector["mac4"]


def _session(vectors: Vectors, store: SoftKeyStore) -> Any:
    vector = vectors["cps_kmc_full"]
    return store.channel("bank/KMC").open(bytes.fromhex(vector["KEYDATA"]), 1, bytes.fromhex(vector["seq"]))


def test_channel_session(vectors: Vectors, store_with: Make) -> None:
    vector = vectors["cps_kmc_full"]
    store = store_with(("bank/KMC", Usage.CHANNEL_ROOT, bytes.fromhex(vector["KMC"])))
    session = _session(vectors, store)
    host, card = bytes.fromhex(vector["host_challenge"]), bytes.fromhex(vector["card_challenge6"])
    sequence = bytes.fromhex(vector["seq"])
    padding = b"\x80" + bytes(7)
    assert session.cryptogram(host + sequence + card + padding) == bytes.fromhex(vector["init_update_resp"])[20:]
    assert session.cryptogram(sequence + card + host + padding).hex().upper() == vector["host_cryptogram"]
    command = bytes.fromhex(vector["ext_auth_apdu"])
    padded = command[:13] + b"\x80" + bytes(2)
    assert session.cmac(bytes(8), padded) == command[13:]
    keys = {name: bytes.fromhex(vector[name]) for name in ("SKUENC", "SKUMAC", "SKUDEK")}
    assert session.encrypt(bytes(8)) == encrypt_ecb(Algorithm.TDES, keys["SKUENC"], bytes(8))
    assert session.encrypt_icv(command[13:]) == encrypt_ecb(Algorithm.DES, keys["SKUMAC"][:8], command[13:])


def test_secrets_are_wrapped_again_under_the_session_dek(vectors: Vectors, store_with: Make) -> None:
    vector = vectors["cps_kmc_full"]
    store = store_with(("bank/KMC", Usage.CHANNEL_ROOT, bytes.fromhex(vector["KMC"])))
    session = _session(vectors, store)
    pin = store.random_pin(4, "PIN")
    wrapped = session.rewrap(pin)
    plain = decrypt_ecb(Algorithm.TDES, bytes.fromhex(vector["SKUDEK"]), wrapped)
    assert plain.hex().upper().startswith("24")
    assert plain.hex().upper().endswith("FFFFFFFFFF")
    assert wrapped == session.rewrap(pin)
    assert session.rewrap(pin) != store.channel("bank/KMC").open(bytes(10), 1, b"\0\2").rewrap(pin)


def test_a_secret_that_is_no_whole_block_is_refused(vectors: Vectors, store_with: Make) -> None:
    store = store_with(("bank/KMC", Usage.CHANNEL_ROOT, bytes(16)))
    with pytest.raises(KeyFault, match="whole blocks"):
        _session(vectors, store).rewrap(Sealed(bytes(40), "station/transport", "a key", 12))


def test_udk_is_that_of_the_vector(vectors: Vectors, store_with: Make) -> None:
    vector = vectors["pboc_udk_and_session_key"]
    store = store_with(
        ("bank/IMK-AC", Usage.EMV_ROOT, bytes.fromhex(vector["mdk"])),
        ("bank/KMC", Usage.CHANNEL_ROOT, bytes.fromhex(vectors["cps_kmc_full"]["KMC"])),
    )
    sealed = store.emv_keys(["bank/IMK-AC"], vector["pan"], vector["psn"], "UDK_AC")
    wrapped = _session(vectors, store).rewrap(sealed)
    udk = decrypt_ecb(Algorithm.TDES, bytes.fromhex(vectors["cps_kmc_full"]["SKUDEK"]), wrapped)
    assert udk.hex().upper() == vector["udk_3des"]
    assert sealed.length == 16
    assert sealed.kcvs == (encrypt_ecb(Algorithm.TDES, udk, bytes(8))[:3],)


@pytest.mark.parametrize("number", range(3))
def test_udks_of_the_sample_cards(
    vectors: Vectors, products: list[dict[str, Any]], store_with: Make, number: int
) -> None:
    """DGI 8000 and 9000 from issuer master keys and PAN, as a second program made them; it set the DES parity bits."""
    product = products[number]
    roots = [
        (f"bank/IMK-{name}", Usage.EMV_ROOT, bytes.fromhex(value))
        for name, value in product["keys"]["imk_3des"].items()
    ]
    store = store_with(*roots, ("bank/KMC", Usage.CHANNEL_ROOT, bytes.fromhex(vectors["cps_kmc_full"]["KMC"])))
    card = product["card"]
    sealed = store.emv_keys([label for label, _, _ in roots], card["pan"], card["psn"], "UDKs")
    dgis = {entry["dgi"]: entry for entry in product["dgis"]}
    wrapped = _session(vectors, store).rewrap(sealed)
    udks = decrypt_ecb(Algorithm.TDES, bytes.fromhex(vectors["cps_kmc_full"]["SKUDEK"]), wrapped)
    assert bytes(byte if byte.bit_count() & 1 else byte ^ 1 for byte in udks).hex().upper() == dgis["8000"]["plain"]
    assert b"".join(sealed.kcvs).hex().upper() == dgis["9000"]["plain"]
    assert sealed.length == 48


@pytest.mark.parametrize("place", range(3))
def test_check_values_of_public_scripts(vectors: Vectors, store_with: Make, place: int) -> None:
    vector = vectors["pboc_perso_kcv"]
    for algorithm, name in (("3DES", "kcv_3des"), ("SM4", "kcv_sm4_computed")):
        root = ("bank/IMK-AC", Usage.EMV_ROOT, bytes.fromhex(vector["keys"][place]))
        assert store_with(root, algorithm=algorithm).info("bank/IMK-AC").kcv == vector[name][place]


def test_every_training_key_tells_its_check_value(training: SoftKeyStore) -> None:
    for spec in ROOTS:
        info = training.info(spec.label)
        cipher = Algorithm(spec.algorithm)
        block = (b"\x01" if cipher is Algorithm.AES else b"\0") * cipher.block
        assert info.kcv == encrypt_ecb(cipher, training_root(spec.label), block)[:3].hex().upper()
        assert (info.label, info.algorithm, info.usage, info.level, info.version, info.training) == (
            *(spec.label, spec.algorithm, spec.usage, spec.level),
            *(spec.version, True),
        )
    assert [info.label for info in training.infos()] == sorted(info.label for info in training.infos())
