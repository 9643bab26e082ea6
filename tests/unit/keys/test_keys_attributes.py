"""What a label allows: purpose, mode, state and validity; and what no label may say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from cardfab.keys import KeyInfo, KeySpec, KeyUseRefused, Level, SoftKeyStore, Usage
from cardfab.keys.held import Held, hold
from cardfab.keys.kinds import KindMixed, require_kind
from cardfab.keys.label import STATION_KEYS, LabelRefused, Mode, State, modes_of
from cardfab.keys.roots import ROOTS
from cardfab.keys.store import require_use

HISTORICAL = bytes.fromhex("0087BF10028649440199000001")
Random = Callable[[int], bytes]


def info(**changes: object) -> KeyInfo:
    made = KeyInfo("ss/IRK", "3DES", Usage.CARD_ROOT, Level.MINISTRY, 1, True, "1AB93A")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("usage", Usage)
def test_every_purpose_has_modes_that_may_stand_together(usage: Usage) -> None:
    spec = KeySpec("x", "3DES", usage, Level.STATION)
    assert spec.modes == usage.modes
    assert spec.modes
    for mode in spec.modes:
        require_use(info(usage=usage, modes=spec.modes), usage, mode)


def test_roots_of_cards_derive_and_do_nothing_else() -> None:
    for spec in ROOTS:
        if spec.usage.name.endswith("_ROOT"):
            assert spec.modes == {"derive"}, spec.label


FORBIDDEN = [("derive", "encrypt"), ("derive", "decrypt"), ("wrap", "decrypt"), ("unwrap", "encrypt")]


@pytest.mark.parametrize("pair", FORBIDDEN, ids="+".join)
@pytest.mark.parametrize("usage", [Usage.CARD_ROOT, Usage.TRANSPORT])
def test_a_key_that_derives_may_not_encrypt_and_the_like(usage: Usage, pair: tuple[str, str]) -> None:
    with pytest.raises(LabelRefused) as refused:
        KeySpec("ss/IRK", "3DES", usage, Level.MINISTRY, modes=modes_of(pair))
    assert all(mode in refused.value.what.en for mode in pair)
    assert all(mode.zh in refused.value.what.zh for mode in modes_of(pair))
    with pytest.raises(LabelRefused):
        info(usage=usage, modes=modes_of((*pair, "mac")))


def test_other_pairs_may() -> None:
    for one in Mode:
        for other in Mode:
            if (one, other) not in FORBIDDEN and (other, one) not in FORBIDDEN:
                assert KeySpec("x", "3DES", Usage.FACTORY, Level.STATION, modes=frozenset((one, other)))


def test_a_mode_nobody_knows() -> None:
    with pytest.raises(LabelRefused) as refused:
        modes_of(["derive", "shred"])
    assert "shred" in refused.value.what.en


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [("2027-01-02", "2027-01-01", "CF-6251"), ("tomorrow", "", "CF-6253"), ("", "2027-02-30", "CF-6253")],
)
def test_days_that_cannot_be(first: str, last: str, code: str) -> None:
    with pytest.raises(LabelRefused) as refused:
        info(valid_from=first, valid_until=last)
    assert refused.value.code == code


CASES: list[tuple[dict[str, object], bool, str]] = [
    ({}, True, ""),
    ({"modes": frozenset((Mode.MAC,))}, False, "CF-6254"),
    ({"state": State.RETIRED}, True, "CF-6255"),
    ({"state": State.RETIRED}, False, ""),
    ({"state": State.DESTROYED}, False, "CF-6255"),
    ({"valid_from": "2026-11-22", "valid_until": "2026-11-22"}, True, ""),
    ({"valid_from": "2026-11-23"}, False, "CF-6255"),
    ({"valid_until": "2026-11-21"}, False, "CF-6255"),
    ({"usage": Usage.SEAL}, False, "CF-6200"),
]


@pytest.mark.parametrize(("changes", "making", "code"), CASES, ids=range(len(CASES)))
def test_what_a_label_allows(changes: dict[str, object], making: bool, code: str) -> None:
    def use() -> None:
        require_use(info(**changes), Usage.CARD_ROOT, Mode.DERIVE, today=lambda: date(2026, 11, 22), making=making)

    if not code:
        use()
        return
    with pytest.raises(KeyUseRefused) as refused:
        use()
    assert refused.value.code == code
    assert "ss/IRK" in refused.value.what.en
    assert "ss/IRK" in refused.value.what.zh
    assert refused.value.exit_status == 6


def test_the_mode_of_the_purpose_is_asked_when_none_is_named() -> None:
    with pytest.raises(KeyUseRefused) as refused:
        require_use(info(modes=frozenset((Mode.MAC,))), Usage.CARD_ROOT)
    assert refused.value.code == "CF-6254"


@pytest.fixture
def store(random: Random) -> Callable[..., SoftKeyStore]:
    """A store of the station's keys and one card root with these attributes, on 22 November 2026."""

    def make(label: str = "ss/IRK", **changes: object) -> SoftKeyStore:
        specs = [KeySpec("ss/IRK", "3DES", Usage.CARD_ROOT, Level.MINISTRY), *STATION_KEYS]
        held = {spec.label: hold(spec, random(16 if spec.algorithm == "3DES" else 32), training=True) for spec in specs}
        one = held[label]
        held[label] = Held(replace(one.info, **changes), one.value)  # type: ignore[arg-type]
        return SoftKeyStore(held, random, today=lambda: date(2026, 11, 22))

    return make


def use_root(store: SoftKeyStore) -> None:
    store.card_key("ss/IRK", "440199", HISTORICAL)


def test_the_store_asks_the_label(store: Callable[..., SoftKeyStore]) -> None:
    use_root(store())
    use_root(store(state=State.RETIRED))
    use_root(store(valid_until="2026-11-22"))
    for changes in (
        {"state": State.DESTROYED},
        {"valid_from": "2026-11-23"},
        {"valid_until": "2026-11-21"},
        {"modes": frozenset((Mode.MAC,))},
    ):
        with pytest.raises(KeyUseRefused):
            use_root(store(**changes))


def test_a_retired_seal_opens_and_seals_nothing_new(store: Callable[..., SoftKeyStore], random: Random) -> None:
    fresh = store()
    sealed = fresh.seal("station/seal", b"salt", b"personal", b"row 1")
    held = dict(fresh._held)
    one = held["station/seal"]
    held["station/seal"] = Held(replace(one.info, state=State.RETIRED), one.value)
    retired = SoftKeyStore(held, random)
    assert retired.unseal("station/seal", b"salt", sealed, b"row 1") == b"personal"
    with pytest.raises(KeyUseRefused) as refused:
        retired.seal("station/seal", b"salt", b"personal", b"row 2")
    assert refused.value.code == "CF-6255"


@pytest.mark.parametrize("training", [True, False])
def test_K11_a_product_takes_keys_of_its_own_kind_only(training: bool, store: Callable[..., SoftKeyStore]) -> None:
    keys = store(training=training)
    require_kind(keys, ("ss/IRK", None), training=training, product="debit")
    with pytest.raises(KindMixed) as refused:
        require_kind(keys, (None, "ss/IRK"), training=not training, product="debit")
    assert "'debit'" in refused.value.what.en
    assert "ss/IRK" in refused.value.what.zh
