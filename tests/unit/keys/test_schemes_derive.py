"""Named schemes: published values, one() beside many() beside the paths of stages(), and rows that are refused."""

from __future__ import annotations

import gc
import json
import pickle
import random as chance
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm, CipherRefused, cmac
from cardfab.crypto.an10922 import an10922
from cardfab.crypto.derive import Diversification, kcv
from cardfab.crypto.emv import decimalised
from cardfab.keys import bulk
from cardfab.keys.schemes import SCHEMES, ChipScheme, Scheme, SchemeRefused, at_level, scheme_named
from cardfab.keys.secret import Secret
from cardfab.keys.vault import ClearRoot

VECTORS = Path(__file__).parents[2] / "vectors"
AN10922 = json.loads((VECTORS / "key-diversification.json").read_text(encoding="utf-8"))["an10922"]
GLOBALPLATFORM = json.loads((VECTORS / "globalplatform.json").read_text(encoding="utf-8"))["key_diversification"]
TDES, AES, SM4 = Algorithm.TDES, Algorithm.AES, Algorithm.SM4
CASES = [
    ("emv-a", TDES, 16), ("emv-a", SM4, 16), ("emv-b", TDES, 16), ("emv-b", SM4, 16), ("ss", TDES, 16), ("ss", SM4, 16),
    ("emv", TDES, 16), ("visa2", TDES, 16), ("kdf3", AES, 16), ("kdf3", AES, 24), ("kdf3", AES, 32),
    ("an10922", AES, 16), ("an10922", AES, 24), ("an10922", AES, 32), ("an10922", TDES, 16), ("an10922", TDES, 24),
    ("scp03", AES, 16), ("scp03", AES, 24), ("scp03", AES, 32),
]  # fmt: skip


def _rows(scheme: Scheme, algorithm: Algorithm, count: int, seed: int) -> list[tuple[Any, ...]]:
    pick = chance.Random(f"{scheme.name}{seed}")
    digits = lambda width: "".join(pick.choices("0123456789", k=width))  # noqa: E731
    make: dict[str, Callable[[], tuple[Any, ...]]] = {
        "pan": lambda: (digits(pick.choice((8, 13, 16, 17, 19))), digits(2)),
        "region": lambda: (pick.choice(("440199", "330106", "330112", "110000")), pick.randbytes(13)),
        "kdd": lambda: (pick.randbytes(10),),
        "input": lambda: (pick.randbytes(pick.randint(1, 2 * algorithm.block - 1)),),
        "context": lambda: (pick.randbytes(16), pick.choice((4, 6, 7))),
    }
    return [make[scheme.takes[0]]() for _ in range(count)]


def _joined(keys: tuple[Secret, ...]) -> bytes:
    return b"".join(bytes(key.view()) for key in keys)


@pytest.mark.parametrize(("name", "algorithm", "length"), CASES)
def test_many_gives_what_one_gives(name: str, algorithm: Algorithm, length: int) -> None:
    scheme, root = scheme_named(name), chance.Random(name).randbytes(length)
    rows = _rows(scheme, algorithm, 120, length)
    with scheme.many(algorithm, root, rows) as batch:
        assert len(batch) == len(rows)
        for row, keys in zip(rows, batch, strict=True):
            assert bytes(keys) == _joined(scheme.one(algorithm, root, *row))
        last = scheme.one(algorithm, root, *rows[-1])
        assert [bytes(batch.key(119, n)) for n in range(batch.keys)] == [bytes(key.view()) for key in last]


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm", "length"), CASES)
def test_many_gives_what_one_gives_thousands_of_times(name: str, algorithm: Algorithm, length: int) -> None:
    scheme = scheme_named(name)
    for seed in range(10):
        root, rows = chance.Random(seed).randbytes(length), _rows(scheme, algorithm, 500, seed)
        with scheme.many(algorithm, root, rows) as batch:
            assert all(bytes(batch[n]) == _joined(scheme.one(algorithm, root, *row)) for n, row in enumerate(rows))


@pytest.mark.parametrize(("name", "algorithm", "length"), CASES)
def test_the_path_of_the_last_stage_is_the_key(name: str, algorithm: Algorithm, length: int) -> None:
    scheme, value = scheme_named(name), chance.Random(name).randbytes(length)
    root = ClearRoot(Secret(value))
    for row in _rows(scheme, algorithm, 20, 7):
        try:
            stages = scheme.stages(algorithm, length, *row)
        except CipherRefused:
            assert name == "an10922"
            continue
        assert [stage.name for stage in stages][-len(scheme.gives) :] == list(scheme.gives)
        made = tuple(root.derive(stage.path) for stage in stages[-len(scheme.gives) :])
        assert _joined(made) == _joined(scheme.one(algorithm, value, *row))


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_root_of_a_lower_level_needs_fewer_factors(done: int) -> None:
    scheme = scheme_named("ss")
    root = ClearRoot(Secret(bytes(range(16))))
    rows = _rows(scheme, TDES, 1, 1) * 3
    stages = scheme.stages(TDES, 16, *rows[0])
    lower = root.derive(stages[done - 1].path if done else ())
    with at_level(scheme, done).many(TDES, bytes(lower.view()), rows) as batch:
        assert bytes(batch[2]) == bytes(root.derive(stages[-1].path).view())
    assert len(at_level(scheme, done).stages(TDES, 16, *rows[0])) == 3 - done
    assert at_level(scheme_named("emv-a"), done) is scheme_named("emv-a")


# -- values of strangers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", AN10922, ids=lambda case: str(case["source"]))
def test_an10922_examples(case: dict[str, str]) -> None:
    algorithm, key, given = Algorithm(case["algorithm"]), bytes.fromhex(case["key"]), bytes.fromhex(case["input"])
    keep = 0xFE if algorithm is TDES else 0xFF
    made = an10922(algorithm, key, given)
    assert bytes(b & keep for b in made) == bytes(b & keep for b in bytes.fromhex(case["derived"]))


def test_an10922_fills_to_two_blocks_where_cmac_would_not() -> None:
    key = bytes(range(16))
    assert an10922(AES, key, bytes(16)) == cmac(AES, key, b"\x01" + bytes(16))
    assert an10922(AES, key, bytes(3)) != cmac(AES, key, b"\x01" + bytes(3))


@pytest.mark.parametrize("case", GLOBALPLATFORM["vectors"], ids=lambda case: f"{case['kdf']}-{len(case['master'])}")
def test_channel_keys_of_globalplatformpro(case: dict[str, Any]) -> None:
    scheme = scheme_named(case["kdf"])
    kdd, master = bytes.fromhex(case["kdd"]), bytes.fromhex(case["master"])
    with scheme.many(scheme.algorithms[0], master, [(kdd,)] * 2) as batch:
        found = [batch.key(1, n) for n in range(3)]
        if "expected_enc" in case:
            assert bytes(found[0]).hex().upper() == case["expected_enc"]
        else:
            made = [kcv(scheme.algorithms[0], key).hex().upper() for key in found]
            assert made == list(case["expected_kcv"].values())


def test_payment_card_keys_of_pyemv() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyemv import kd

        for name, theirs in (("emv-a", kd.derive_icc_mk_a), ("emv-b", kd.derive_icc_mk_b)):
            scheme, root = scheme_named(name), chance.Random(name).randbytes(16)
            rows = [row for row in _rows(scheme, TDES, 400, 3) if len(row[0]) >= 13]
            with scheme.many(TDES, root, rows) as batch:
                for row, key in zip(rows, batch, strict=True):
                    made = theirs(root, *row)
                    assert [b & 0xFE for b in key] == [b & 0xFE for b in made], "pyemv sets the parity bits"


def test_option_b_where_the_hash_has_too_few_digits() -> None:
    found = next(
        text
        for text in (f"62284801{number:011d}00" for number in range(100_000))
        if sum(c.isdigit() for c in bulk.hashlib.sha1(bytes.fromhex("0" + text)).hexdigest()) < 16
    )
    scheme, root = scheme_named("emv-b"), bytes(range(16))
    row = (found[:-2], found[-2:])
    with scheme.many(TDES, root, [row]) as batch:
        assert bytes(batch[0]) == _joined(scheme.one(TDES, root, *row))
    assert len(decimalised("ABCDEF" * 4, 16)) == 16


def test_a_template_of_a_profile_goes_in_bulk_too() -> None:
    own = ChipScheme(
        "own",
        SCHEMES["emv"].what,
        ("kdd",),
        ("ENC", "MAC", "DEK"),
        (AES,),
        (),
        Diversification.of("AES KDD 00 KDD[0:3] i 99"),
    )
    rows = _rows(SCHEMES["emv"], AES, 30, 5)
    with own.many(AES, bytes(range(16)), rows) as batch:
        assert bytes(batch[29]) == _joined(own.one(AES, bytes(range(16)), *rows[29]))


def test_the_social_security_levels_of_the_document(vectors: dict[str, dict[str, Any]]) -> None:
    for case in (vectors["ss_diversify_650100"], vectors["ss_diversify_330100"]):
        root, row = bytes.fromhex(case["root_key"]), (case["region"], bytes.fromhex(case["historical_bytes"]))
        for algorithm, name in ((TDES, "k3des"), (SM4, "ksm4")):
            with scheme_named("ss").many(algorithm, root, [row, row]) as batch:
                assert bytes(batch[1]).hex().upper() == case[name]["card"]
            stages = scheme_named("ss").stages(algorithm, 16, *row)
            made = [ClearRoot(Secret(root)).derive(stage.path) for stage in stages]
            assert [bytes(key.view()).hex().upper() for key in made] == list(case[name].values())


def test_the_udk_of_pboc_in_both_ciphers(vectors: dict[str, dict[str, Any]]) -> None:
    case = vectors["pboc_udk_and_session_key"]
    for algorithm, name in ((TDES, "udk_3des"), (SM4, "udk_sm4")):
        with scheme_named("emv-a").many(algorithm, bytes.fromhex(case["mdk"]), [(case["pan"], case["psn"])]) as batch:
            assert bytes(batch[0]).hex().upper() == case[name]


# -- what is refused, and what is left behind --------------------------------------------------------------------------

_BAD: list[tuple[str, Algorithm, tuple[Any, ...]]] = [
    ("emv-a", TDES, ("62284801234567x8", "00")),
    ("emv-a", TDES, ("62284801 3456 78", "00")),
    ("emv-a", TDES, ("6228480123456|78", "00")),
    ("emv-a", TDES, ("622848012345678", "000")),
    ("emv-a", TDES, ("6228480123456780", "0")),
    ("emv-a", TDES, ("6228480123456780", "0x")),
    ("emv-a", TDES, ("", "00")),
    ("emv-a", TDES, ("٦٢٢٨٤٨٠١٢٣٤٥٦٧٨٠", "00")),
    ("emv-a", TDES, (6228480123456780, "00")),
    ("emv-a", TDES, ("6228480123456780",)),
    ("emv-b", TDES, ("62284801234567890x", "00")),
    ("ss", TDES, ("44019", bytes(13))),
    ("ss", TDES, ("4401x9", bytes(13))),
    ("ss", TDES, ("440199", bytes(12))),
    ("emv", TDES, (bytes(9),)),
    ("kdf3", AES, (bytes(11),)),
    ("an10922", AES, (bytes(32),)),
    ("an10922", AES, (b"",)),
    ("an10922", TDES, (bytes(16),)),
    ("scp03", AES, (bytes(15), 4)),
    ("scp03", AES, (bytes(16), 256)),
]


@pytest.mark.parametrize(("name", "algorithm", "bad"), _BAD)
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_bad_row_is_named_and_not_shown(name: str, algorithm: Algorithm, bad: tuple[Any, ...], place: int) -> None:
    scheme = scheme_named(name)
    rows = {"pan": ("6228480123456780", "00"), "region": ("440199", bytes(13)), "kdd": (bytes(10),)}
    rows |= {"input": (bytes(10),), "context": (bytes(16), 4)}
    ten = [rows[scheme.takes[0]]] * 10
    ten[place] = bad
    with pytest.raises(SchemeRefused) as refused:
        scheme.many(algorithm, bytes(16), ten)
    assert f"Row {place + 1} of 10" in refused.value.what.en
    assert "62284801" not in refused.value.what.en
    assert refused.value.__cause__ is None


def test_a_root_that_the_scheme_cannot_take() -> None:
    with pytest.raises(SchemeRefused, match="no form for AES"):
        scheme_named("emv-a").many(AES, bytes(16), [("6228480123456780", "00")])
    with pytest.raises((SchemeRefused, CipherRefused)):
        scheme_named("emv-a").many(TDES, bytes(24), [("6228480123456780", "00")])
    with pytest.raises((SchemeRefused, CipherRefused)):
        scheme_named("an10922").many(AES, bytes(15), [(bytes(4),)])
    with pytest.raises(SchemeRefused, match="no scheme"):
        scheme_named("emv-z")
    with scheme_named("ss").many(TDES, bytes(16), []) as none:
        assert list(none) == []


def test_keys_are_wiped_behind_the_work_and_do_not_show() -> None:
    scheme = scheme_named("emv-a")
    with scheme.many(TDES, bytes(range(16)), [("6228480123456780", "00")] * 3) as batch:
        view = batch[1]
        assert any(view)
        assert repr(batch) == "<3 keys of 16 bytes>"
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(batch)
        for wrong in (3, -1):
            with pytest.raises(IndexError):
                batch[wrong]
        with pytest.raises(IndexError):
            batch.key(0, 1)
    assert not any(view)


def test_one_cipher_call_and_one_buffer() -> None:
    """The root is asked once for a shard, and what it answers goes into the buffer of the batch and nowhere else."""
    seen: list[bytearray] = []

    def cipher(data: Any, into: bytearray) -> memoryview:
        seen.append(into)
        return bulk.encrypt_ecb_into(TDES, bytes(range(16)), data, into)

    for name, calls in (("emv-a", 1), ("emv", 1)):
        scheme = scheme_named(name)
        with scheme.many(TDES, cipher, _rows(scheme, TDES, 50, 1)) as batch:
            assert len(seen) == calls
            assert seen.pop() is batch._buffer
    with scheme_named("ss").many(TDES, cipher, [("440199", bytes(13))] * 50):
        assert len(seen) == 1, "the province; what lies under it is this process's own"
        assert not any(seen[0]), "an upper key does not stay"


@pytest.mark.proof
def test_what_was_laid_out_is_cleared_where_the_cipher_fails() -> None:
    laid: list[memoryview] = []

    def broken(data: Any, into: bytearray) -> memoryview:
        laid.append(memoryview(data))
        raise RuntimeError("the token went away")

    with pytest.raises(RuntimeError):
        scheme_named("emv-a").many(TDES, broken, [("6228480123456780", "00")] * 5)
    gc.collect()
    assert not any(laid[0])
