"""X9.143 key blocks: what strangers published, and psec in both directions."""

from __future__ import annotations

import json
import random as chance
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cardfab.crypto import Algorithm, CipherRefused
from cardfab.crypto.keywrap import KeyWrapBroken, aes_unwrap, aes_unwrap_padded, aes_wrap, aes_wrap_padded
from cardfab.keys.keyblock import Header, KeyBlockRefused, OptionalBlock, cmac_check_value, unwrap, wrap
from cardfab.keys.keyblock.binding import block_keys

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "key-blocks.json").read_text(encoding="utf-8")
)
Random = Callable[[int], bytes]


@contextmanager
def psec() -> Iterator[ModuleType]:
    """The oracle; it calls 3DES by its old name and with 16 bytes, of which cryptography warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import psec.tr31

        yield psec.tr31


@pytest.mark.parametrize("case", VECTORS["blocks"], ids=lambda case: f"{case['source']} {case['block'][0]}")
def test_K10_published_key_blocks_open(case: dict[str, Any]) -> None:
    header, key = unwrap(bytes.fromhex(case["kbpk"]), case["block"], variant=case["block"][0] in "AC")
    with key:
        assert bytes(key.view()).hex().upper() == case["key"]
    assert header.encoded(0)[5:12] == case["header"][5:12]


def test_K18_the_check_value_in_a_published_block_is_the_one_made_here() -> None:
    case = next(case for case in VECTORS["blocks"] if case["source"] == "ANSI X9.143:2021, 8.6")
    header, _ = unwrap(bytes.fromhex(case["kbpk"]), case["block"])
    assert header.get("KP") == "01" + cmac_check_value(Algorithm.AES, bytes.fromhex(case["kbpk"])).hex().upper()
    assert header.get("TS") == "20200818004100Z"
    assert len(header.get("CT") or "") > 255, "the long form of an optional block's length"


@pytest.mark.parametrize("case", VECTORS["made"], ids=lambda case: str(case["source"]))
def test_K10_with_the_padding_of_the_standard_the_block_is_the_standards(case: dict[str, Any]) -> None:
    header, _ = Header.read(case["block"])
    made = wrap(
        bytes.fromhex(case["kbpk"]), header, bytes.fromhex(case["key"]), lambda count: bytes.fromhex(case["padding"]),
        masked_length=case["masked_length"],
    )  # fmt: skip
    assert made == case["block"]


@pytest.mark.parametrize("case", VECTORS["aes_key_wrap"], ids=lambda case: str(case["source"]))
def test_K10_aes_key_wrap(case: dict[str, Any]) -> None:
    kek, key, wrapped = (bytes.fromhex(case[name]) for name in ("kek", "key", "wrapped"))
    there, back = (aes_wrap, aes_unwrap) if "3394" in case["source"] else (aes_wrap_padded, aes_unwrap_padded)
    assert there(kek, key) == wrapped
    assert back(kek, wrapped) == key
    for place in range(8 * len(wrapped)):
        with pytest.raises(KeyWrapBroken):
            back(kek, (int.from_bytes(wrapped, "big") ^ 1 << place).to_bytes(len(wrapped), "big"))


def test_what_aes_key_wrap_does_not_take() -> None:
    for kek, key in ((bytes(15), bytes(16)), (bytes(16), bytes(8)), (bytes(16), bytes(17))):
        with pytest.raises(CipherRefused):
            aes_wrap(kek, key)
    with pytest.raises(CipherRefused):
        aes_wrap_padded(bytes(16), b"")


# -- psec, both directions ---------------------------------------------------------------------------------------------

_BLOCKS = ("KS", "LB", "TS", "10")


def _case(seed: int) -> tuple[bytes, Header, bytes, int]:
    """KBPK, header, key and masked length, all by chance but such that they go together."""
    pick = chance.Random(seed)
    version = pick.choice("BD")
    kbpk = pick.randbytes(24 if version == "B" else 32)
    algorithm = pick.choice("T" if version == "B" else "TA")
    key = pick.randbytes(pick.choice((16, 24) if algorithm == "T" else (16, 24, 32)))
    names = pick.sample(_BLOCKS, pick.randrange(len(_BLOCKS)))
    text = "".join(map(chr, range(32, 127)))
    # No data beyond 251 characters: psec 1.3.0 counts the long form's digits in pairs, X9.143's own examples singly.
    blocks = tuple(
        OptionalBlock(name, "".join(pick.choices(text, k=pick.choice((0, 3, 9, 40, 251))))) for name in names
    )
    usage, mode = pick.choice(("P0", "K0", "B3", "E0", "D0", "C0", "M7")), pick.choice("BCDEGNVX")
    number, export = f"{pick.randrange(100):02d}", pick.choice("ENS")
    return kbpk, Header(version, usage, algorithm, mode, number, export, blocks), key, pick.randrange(len(key), 65)


def _both_ways(cases: range) -> None:
    with psec() as oracle:
        for seed in cases:
            kbpk, header, key, masked = _case(seed)
            made = wrap(kbpk, header, key, chance.Random(seed).randbytes, masked_length=masked)
            theirs, opened = oracle.unwrap(kbpk, made)
            assert opened == key, seed
            assert (theirs.key_usage, theirs.mode_of_use, theirs.version_num, theirs.exportability) == (
                header.usage, header.mode, header.version_number, header.exportability,
            )  # fmt: skip
            said = {name: data for name, data in theirs.blocks.items() if name != "PB"}
            assert said == {block.id: block.data for block in header.blocks}, seed
            found, back = unwrap(kbpk, oracle.wrap(kbpk, theirs, key, masked))
            assert bytes(back.view()) == key
            assert found == header, seed


def _variants_in(cases: range) -> None:
    with psec() as oracle:
        for seed in cases:
            pick = chance.Random(seed)
            kbpk, key = pick.randbytes(pick.choice((16, 24))), pick.randbytes(pick.choice((16, 24)))
            asked = oracle.Header(pick.choice("AC"), "P0", "T", pick.choice("BDEN"), "00", pick.choice("ENS"))
            asked.blocks["KS"] = "00604B120F9292800000"
            header, back = unwrap(kbpk, oracle.wrap(kbpk, asked, key), variant=True)
            assert bytes(back.view()) == key
            assert header.get("KS") == "00604B120F9292800000"


def test_K10_psec_opens_ours_and_we_open_its() -> None:
    _both_ways(range(60))
    _variants_in(range(60, 90))


@pytest.mark.proof
def test_K10_psec_opens_ours_and_we_open_its_thousands_of_times() -> None:
    _both_ways(range(1000, 9000))
    _variants_in(range(9000, 12000))


def test_psec_opens_under_short_keys_too(random: Random) -> None:
    with psec() as oracle:
        for kbpk, header, key in (
            (random(16), Header("B", "P0", "T", "E"), random(16)),
            (random(16), Header("D", "P0", "A", "E"), random(16)),
            (random(24), Header("D", "P0", "A", "E"), random(24)),
        ):
            assert oracle.unwrap(kbpk, wrap(kbpk, header, key, random))[1] == key


def test_the_length_of_a_key_does_not_show(random: Random) -> None:
    lengths = {len(wrap(random(32), Header("D", "D0", "A", "B"), random(length), random)) for length in (16, 24, 32)}
    assert len(lengths) == 1


def test_block_keys_are_wiped_behind_the_work(random: Random) -> None:
    with block_keys(Header("D", "D0", "A", "B"), random(32)) as (encrypting, authenticating):
        assert bytes(encrypting.view()) != bytes(authenticating.view())
    assert not any(encrypting.view())
    assert not any(authenticating.view())


def test_K14_variants_give_the_parent_away_and_are_refused_unless_asked_for(random: Random) -> None:
    kbpk = random(16)
    with block_keys(Header("A", "P0", "T", "E"), kbpk) as (encrypting, _):
        assert bytes(byte ^ 0x45 for byte in encrypting.view()) == kbpk, "why they are not written"
    for version in "AC":
        with pytest.raises(KeyBlockRefused) as refused:
            wrap(kbpk, Header(version, "P0", "T", "E"), random(16), random)
        assert refused.value.code == "CF-6602"
    for case in (case for case in VECTORS["blocks"] if case["block"][0] in "AC"):
        with pytest.raises(KeyBlockRefused) as refused:
            unwrap(bytes.fromhex(case["kbpk"]), case["block"])
        assert (refused.value.code, refused.value.field) == ("CF-6602", "version")
