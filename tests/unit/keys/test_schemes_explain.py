"""``explain``: every step of a derivation behind the door, with check values, and neither a key nor a number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardfab.crypto import Algorithm, cmac
from cardfab.crypto.derive import kcv
from cardfab.keys import KeyOfAnotherRegion, KeyUseRefused, Level, SoftKeyStore, Usage, terminal_store
from cardfab.keys.explain import masked
from cardfab.keys.label import training_root
from cardfab.keys.schemes import SCHEMES, SchemeRefused, scheme_named

HISTORICAL = "0087BF10028649440199000001"
PAN = "6228480123456780"
FACTORS = {
    "emv-a": {"pan": PAN, "psn": "01"},
    "emv-b": {"pan": "6228480123456780123", "psn": "01"},
    "ss": {"region": "440199", "historical": HISTORICAL},
    "emv": {"kdd": "00010203040506070809"},
    "visa2": {"kdd": "00010203040506070809"},
    "kdf3": {"kdd": "00010203040506070809"},
    "an10922": {"input": "04782E21801D803042F54E585020416275"},
    "scp03": {"context": "00" * 16, "constant": "06"},
}
Made = Callable[..., SoftKeyStore]


@pytest.fixture
def roots(store_with: Made) -> dict[str, SoftKeyStore]:
    """A store for each scheme, with the root R."""
    value = bytes(range(0x40, 0x50))
    return {
        name: store_with(
            ("R", scheme.usages[0], value),
            algorithm=scheme.algorithms[0].value + ("-128" if "AES" in str(scheme.algorithms[0]) else ""),
        )
        for name, scheme in SCHEMES.items()
    }


@pytest.mark.parametrize("name", list(SCHEMES))
def test_the_last_check_values_are_those_of_the_keys(roots: dict[str, SoftKeyStore], name: str) -> None:
    scheme, store = scheme_named(name), roots[name]
    steps = store.explain("R", name, FACTORS[name])
    keys = scheme.one(scheme.algorithms[0], bytes(range(0x40, 0x50)), *scheme.row(FACTORS[name]))
    assert [step.kcv for step in steps[-len(keys) :]] == [
        kcv(scheme.algorithms[0], key.view()).hex().upper() for key in keys
    ]
    said = repr(steps)
    for key in keys:
        assert bytes(key.view()).hex().upper() not in said
        assert bytes(key.view()).hex() not in said


def test_K18_an_aes_key_is_shown_with_both_check_values(roots: dict[str, SoftKeyStore]) -> None:
    (key,) = scheme_named("scp03").one(Algorithm.AES, bytes(range(0x40, 0x50)), bytes(16), 6)
    (step,) = roots["scp03"].explain("R", "scp03", FACTORS["scp03"])
    assert step.cmac_kcv == cmac(Algorithm.AES, key.view(), bytes(16))[:5].hex().upper()
    assert step.kcv != step.cmac_kcv[:6]
    assert roots["emv-a"].explain("R", "emv-a", FACTORS["emv-a"])[0].cmac_kcv == ""


def test_levels_are_shown_one_by_one(training: SoftKeyStore) -> None:
    steps = training.explain("ss/UKSSSE", "ss", FACTORS["ss"])
    assert [step.name for step in steps] == ["province", "city", "card"]
    assert [bytes.fromhex(step.factor) for step in steps[:2]] == [b"440000sh", b"440199sx"]
    (key,) = scheme_named("ss").one(Algorithm.TDES, training_root("ss/UKSSSE"), "440199", bytes.fromhex(HISTORICAL))
    assert steps[-1].kcv == kcv(Algorithm.TDES, key.view()).hex().upper()


def test_a_root_of_a_city_begins_there(store_with: Made) -> None:
    store = store_with(("R", Usage.CARD_ROOT, bytes(range(16))), level=Level.CITY)
    assert [step.name for step in store.explain("R", "ss", FACTORS["ss"])] == ["card"]


def test_D2_no_number_is_shown(roots: dict[str, SoftKeyStore]) -> None:
    (step,) = roots["emv-a"].explain("R", "emv-a", FACTORS["emv-a"])
    assert step.factor == "622848******6780|01"
    assert step.texts == ("2848******678001D7B7******987FFE",), "Y and its complement, starred alike"
    (hashed,) = roots["emv-b"].explain("R", "emv-b", FACTORS["emv-b"])
    assert hashed.factor == "622848*********0123|01"
    assert hashed.texts == ("*" * 32,), "a hash of six unknown digits is soon undone"
    assert masked("62284801") == "****4801"


def test_what_cannot_be_explained(roots: dict[str, SoftKeyStore], training: SoftKeyStore) -> None:
    store = roots["emv-a"]
    for factors in ({}, {"pan": "62284801x"}, {"pan": PAN, "psn": "1"}):
        with pytest.raises(SchemeRefused) as refused:
            store.explain("R", "emv-a", factors)
        assert PAN not in refused.value.what.en
    with pytest.raises(SchemeRefused, match="no scheme"):
        store.explain("R", "emv-z", {})
    with pytest.raises(SchemeRefused, match="not hex"):
        roots["emv"].explain("R", "emv", {"kdd": "0x"})
    with pytest.raises(SchemeRefused, match="no form"):
        roots["emv"].explain("R", "kdf3", FACTORS["kdf3"])
    with pytest.raises(SchemeRefused, match="one byte"):
        roots["scp03"].explain("R", "scp03", FACTORS["scp03"] | {"constant": "0401"})
    with pytest.raises(SchemeRefused, match="no path"):
        roots["an10922"].explain("R", "an10922", {"input": "00"})
    for label, name in (("ss/UKSSSE", "emv-a"), ("bank/IMK-AC", "ss"), ("bank/CVK", "emv")):
        with pytest.raises(KeyUseRefused):
            training.explain(label, name, FACTORS[name])


def test_K11_a_root_of_another_region_is_not_followed(random: Callable[[int], bytes]) -> None:
    city = terminal_store("440100", random)
    label = next(info.label for info in city.infos() if info.region == "440100" and info.usage is Usage.CARD_ROOT)
    with pytest.raises(KeyOfAnotherRegion):
        city.explain(label, "ss", FACTORS["ss"])
