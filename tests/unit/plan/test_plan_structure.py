"""Chips of the factory become blanks, and blanks become cards: both dialects on the simulated chip of that dialect."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cardfab.apdu.link import CardAnswered
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.pcsc import for_t0
from cardfab.crypto import Algorithm
from cardfab.errors import InputRefused
from cardfab.keys import SoftKeyStore
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import ROOTS, training_root
from cardfab.plan import Run, Step, StructureRefused, carry_out, compile_structure, describe, require_equal
from cardfab.plan.making import CreateFile, EndStage, WriteKey
from cardfab.plan.steps import Authenticate
from cardfab.prepare.card import PreparedCard
from cardfab.profile.application import FileApplication
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.loader import load, read_toml
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import make_raw_chip

Bench = Any
REGION = "440199"
NAMES = ("t514", "fmcos")
SOURCE = ProfileFolders((data_folder("profiles"),))


def _profile(name: str) -> DialectProfile:
    return load(SOURCE, "dialects", f"cos-{name}", DialectProfile)


@pytest.fixture
def raw(bench: Callable[..., Bench]) -> Callable[..., Bench]:
    """A powered chip of the factory."""

    def make(dialect: str, **more: Any) -> Bench:
        made = bench()
        fresh = type(made)(make_raw_chip(dialect, **{"serial": 5, "region": REGION, **more}))  # type: ignore[arg-type]
        fresh.power_on()
        return fresh

    return make


def _run(bench: Bench, keys: SoftKeyStore) -> Run:
    return Run(keys, historical_bytes(bench.chip.atr), secrets.token_bytes, region=REGION)


def _shown(steps: tuple[Step, ...]) -> list[str]:
    return [one.shown.replace(" ", "") if "<" not in one.shown else one.shown for one in describe(steps)]


# The bytes


def test_the_t514_commands_byte_for_byte(profiles: Any) -> None:
    shown = _shown(compile_structure(profiles.files, _profile("t514").dialect()))
    assert shown[:9] == [
        "80E00300 08 <proof of transport/T514, 8 bytes>",
        "80E0010010000000FF013F000100010000001C0000",
        "80E0010010000000001CEF1CC3001C0000EFEFEFEF",
        "00D40100 18 <the key ss/MK/MF in clear, 24 bytes>",
        "0084000008",
        "00820000 10 <proof of ss/MK/MF, 8 bytes> <challenge of the chip, 8 bytes>",
        "80E001001F000000FF01DDF10100011D00001C00007378312E73682EC9E7BBE1B1A3D5CF",
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00",
        "80E001001000000000B8EF1CC3001C0000EFEFEFEF",
    ]
    assert "00D2011D227020DDF16F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101" in shown
    # EF05 of SSSE: 64 + 2 * 7 + 2 bytes, read free, written at UKSSSE's level of its own directory.
    assert "80E00100100000000050EF05C6000500000000EF01" in shown
    # EF05 of DF01: read at the PIN's level above, or at RK1's own.
    assert "80E00100100000000063EF05C6000500004020EF01" in shown
    assert "84D40000 24 <the key ss/UKSSSE under ss/MK/SSSE, 32 bytes> <MAC, 4 bytes>" in shown
    assert shown[-1] == "80E00200"
    assert shown.count("80E00200") == 3


def test_the_fmcos_commands_byte_for_byte(profiles: Any) -> None:
    shown = _shown(compile_structure(profiles.files, _profile("fmcos").dialect()))
    assert shown[:9] == [
        "0084000008",
        "00820000 08 <proof of cos/factory-default, 8 bytes>",
        "800E0000",
        "80E0DDF11738043FF0EE95FFFF7378312E73682EC9E7BBE1B1A3D5CF",
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00",
        "80E00000073F00B195F0FFFF",
        "80D40100 15 <the key ss/MK/SSSE in clear, 21 bytes>",
        "0084000008",
        "00820000 08 <proof of ss/MK/SSSE, 8 bytes>",
    ]
    assert "80E0EF05072C0050F011FFFF" in shown  # EF05 of SSSE: 64 bytes, 7 records, free, UKSSSE's state 1
    assert "80E0EF05072C00637611FFFF" in shown  # EF05 of DF01: states 6 to 7 are RK1DF01 and the PIN
    assert "84D40104 1C <the key ss/UKSSSE under ss/MK/SSSE, 24 bytes> <MAC, 4 bytes>" in shown


def test_commands_without_data_have_p3_00_on_the_line() -> None:
    """80E0020000 and 800E000000 are how a trace of T=0 shows them."""
    for name, layout in (("t514", "end"), ("fmcos", "erase")):
        command = getattr(_profile(name).dialect().commands, layout).command({"fid": b"\x3f\x00"})
        assert for_t0(command.to_bytes()).hex().upper() == {"t514": "80E0020000", "fmcos": "800E000000"}[name]


def test_the_records_of_keys(profiles: Any) -> None:
    """The headers that the facts print: type, id, version, EF, tries, cipher, level, length; and FMCOS's own."""
    wanted = {
        "t514": {"load IRK": "0E0001EF06000010", "load STK": "070201EF06000010", "load UKSSSE": "0D0401EF06000110",
                 "load RKSSSE": "0D0A01EF06000810", "load the master key of SSSE": "000001EF0600FF10"},
        "fmcos": {"load IRK": "F4F0EE0100", "load STK": "F6F0EEFF06", "load UKSSSE": "F9F0EE1106",
                  "load RKSSSE": "F9F0EE4406", "load the master key of SSSE": "39F0EEEE06"},
    }  # fmt: skip
    for name, records in wanted.items():
        steps = compile_structure(profiles.files, _profile(name).dialect())
        got = {step.title.en: step.record.hex().upper() for step in steps if isinstance(step, WriteKey)}
        assert {title: got[title] for title in records} == records


def test_a_new_dialect_is_a_file(profiles: Any) -> None:
    """Another maker's form of the same commands, as TOML laid over a packaged dialect."""

    class Own:
        def names(self, kind: str) -> list[str]:
            return ["own"]

        def text(self, kind: str, name: str) -> str | None:
            if name != "own":
                return SOURCE.text(kind, name)
            return (
                'extends = "cos-fmcos"\nname = "own"\n'
                '[commands]\nend = "84 1C 0000 | 00 00 00 00"\n'
                '[commands.write_key]\n"encrypted and MAC" = "84D40011"\n'
                '[keys]\nexternal = "27 <kid> <grant> <tries> 00 00 00 00"\n'
                '[order]\ncard = ["make the directories", "end"]\n'
            )

    own = load(Own(), "dialects", "own", DialectProfile).dialect()
    steps = compile_structure(profiles.files, own)
    assert {step.header.hex().upper() for step in steps if isinstance(step, WriteKey) and "UK" in step.title.en} == {
        "84D40011"
    }
    assert [step.command.to_bytes().hex().upper() for step in steps if isinstance(step, EndStage)] == [
        "841C00000400000000"
    ] * 2
    loads = [step for step in steps if isinstance(step, WriteKey) and step.label == "ss/UKSSSE"]
    assert [step.record.hex().upper() for step in loads] == ["2704110600000000"]


# On chips


@pytest.mark.parametrize("name", NAMES)
def test_what_is_described_is_what_is_sent(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], name: str
) -> None:
    steps = compile_structure(profiles.files, _profile(name).dialect())
    chip = raw(name)
    carry_out(steps, chip, _run(chip, keys))
    told = list(describe(steps))
    assert len(told) == len(chip.sent)
    for one, command in zip(told, chip.sent, strict=True):
        apdu = command.to_bytes().hex().upper()
        pattern = re.sub(r"<[^<>]*?(\d+) bytes>", lambda found: f"[0-9A-F]{{{2 * int(found[1])}}}", one.shown)
        assert re.fullmatch(pattern.replace(" ", ""), apdu), one.shown
        assert one.command == command.title


@pytest.mark.parametrize("name", NAMES)
def test_from_the_factory_to_the_finished_card(
    profiles: Any,
    keys: SoftKeyStore,
    raw: Callable[..., Bench],
    card: PreparedCard,
    compiled: Callable[..., Any],
    name: str,
) -> None:
    dialect = _profile(name).dialect()
    chip = raw(name)
    carry_out(compile_structure(profiles.files, dialect), chip, _run(chip, keys))
    plan = compiled(card)
    for steps, is_read_back in ((plan.encode, False), (plan.verify, True)):
        chip.power_on()
        run = _run(chip, keys)
        carry_out(_as_the_chip_proves(steps, dialect.commands.prove), chip, run)
        assert run.region == REGION  # from the identification code that pre-personalisation wrote
        if is_read_back:
            require_equal(run.compared)
            assert len(run.compared) > 20


def _as_the_chip_proves(steps: tuple[Step, ...], command: Any) -> tuple[Step, ...]:
    """The ordinary plan; keys are proved in the form of the chip's operating system."""
    return tuple(replace(step, command=command) if isinstance(step, Authenticate) else step for step in steps)


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_structure_keeps_its_conditions(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], name: str
) -> None:
    chip = raw(name)
    carry_out(compile_structure(profiles.files, _profile(name).dialect()), chip, _run(chip, keys))
    chip.power_on()
    aid = profiles.files.directory("DF01").aid
    transmit = chip.chip.transmit
    assert transmit(b"\0\xa4\4\0" + bytes([len(aid)]) + aid)[-2:] == b"\x90\0"
    assert transmit(bytes.fromhex("00B2012C00"))[-2:] == bytes.fromhex("6982")  # EF05 of DF01 without RK1DF01
    assert transmit(bytes.fromhex("00DC012C05 2003 303030"))[-2:] == bytes.fromhex("6982")


@pytest.mark.parametrize("name", NAMES)
def test_another_transport_key_is_refused(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], name: str
) -> None:
    chip = raw(name, transport=bytes(range(16)))
    before = dict(chip.chip.memory.cells)
    with pytest.raises(CardAnswered, match="prove the transport key") as refused:
        carry_out(compile_structure(profiles.files, _profile(name).dialect()), chip, _run(chip, keys))
    assert refused.value.exit_status == 4
    assert not any(isinstance(command.data, bytes) and command.ins == 0xE0 and command.p1 == 1 for command in chip.sent)
    after = dict(chip.chip.memory.cells)
    assert {cell for cell in after if cell.startswith("ef/")} == {cell for cell in before if cell.startswith("ef/")}


@pytest.mark.parametrize("name", NAMES)
def test_no_key_crosses_the_line_or_is_described(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], name: str
) -> None:
    """But the first master key, which this training dialect loads in clear; in words it is named like the others."""
    steps = compile_structure(profiles.files, _profile(name).dialect())
    chip = raw(name)
    carry_out(steps, chip, _run(chip, keys))
    historical = historical_bytes(chip.chip.atr)
    clear = {step.label for step in steps if isinstance(step, WriteKey) and step.protection == "plain"}
    assert len(clear) == 1
    words = " ".join(one.shown for one in describe(steps)) + repr(chip.sent)
    for spec in ROOTS:
        if not spec.label.startswith("ss/"):
            continue
        key = card_key_bytes(Algorithm.TDES, training_root(spec.label), REGION, historical, 0)
        assert key.hex().upper() not in words
        on_the_line = any(key in command.to_bytes() for command in chip.sent)
        assert on_the_line is (spec.label in clear)


# What cannot be made


def _files(profiles: Any, **changes: Any) -> FileApplication:
    first, *others = profiles.files.directories
    return profiles.files.model_copy(update={"directories": (first.model_copy(update=changes), *others)})


@pytest.mark.parametrize(("field", "what"), [("fid", "file identifier"), ("master", "master key")])
def test_a_directory_that_does_not_say_enough(profiles: Any, field: str, what: str) -> None:
    with pytest.raises(StructureRefused, match=what) as refused:
        compile_structure(_files(profiles, **{field: None}), _profile("t514").dialect())
    assert (refused.value.exit_status, refused.value.code) == (3, "CF-3215")


def test_a_cipher_without_a_code(profiles: Any) -> None:
    with pytest.raises(StructureRefused, match="SM4"):
        compile_structure(profiles.files, _profile("t514").dialect(), algorithm="SM4")


def test_more_keys_than_levels(profiles: Any) -> None:
    dialect = _profile("t514").dialect()
    few = replace(dialect, access=replace(dialect.access, levels=dialect.access.levels[:2]))
    with pytest.raises(StructureRefused, match="4 keys to be proved"):
        compile_structure(profiles.files, few)


@pytest.mark.parametrize(
    ("name", "condition"),
    [("t514", "UKSSSE&RKSSSE"), ("t514", "UKSSSE&BK|PUK"), ("fmcos", "UKSSSE|PUK"), ("fmcos", "UKSSSE&BK")],
)
def test_a_condition_that_the_dialect_cannot_express(profiles: Any, name: str, condition: str) -> None:
    """FMCOS writes a range of states: 1 to 3 would let state 2 in, which is another key."""
    first = profiles.files.directories[0]
    file = first.files[0].model_copy(update={"read": condition})
    with pytest.raises(StructureRefused, match="cannot express"):
        compile_structure(_files(profiles, files=(file,)), _profile(name).dialect())


def test_conditions_that_it_can(profiles: Any) -> None:
    first, second = profiles.files.directories
    file = second.files[0].model_copy(update={"read": "PIN&RK1DF01", "write": "UK1DF01|UK2DF01"})
    files = profiles.files.model_copy(update={"directories": (first, second.model_copy(update={"files": (file,)}))})
    made = [s.command for s in compile_structure(files, _profile("t514").dialect()) if isinstance(s, CreateFile)]
    assert made[-1].data[-6:].hex().upper() == "40004020EF03"  # join: AND, OR; no record length; PIN, RK1; UK1 or UK2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[commands]\nend = "80E0"\n', "four bytes"),
        ('[commands]\ncreate_ef = "80E00100 | <colour>"\n', "no field <colour>"),
        ('[order]\ncard = ["bake"]\n', "order.card"),
        ('[order]\ncard = ["end"]\n', "no command for the stage end"),
        ('[keys]\nothers = "encrypted"\n', "no WRITE KEY that is encrypted"),
        ("[space]\nper_inch = 1\n", "per_inch"),
    ],
)
def test_a_dialect_with_a_mistake_is_refused_with_its_place(text: str, what: str) -> None:
    class Wrong:
        def names(self, kind: str) -> list[str]:
            return ["wrong"]

        def text(self, kind: str, name: str) -> str | None:
            return f'extends = "cos-fmcos"\n{text}' if name == "wrong" else SOURCE.text(kind, name)

    assert read_toml(text, "wrong.toml")
    with pytest.raises(InputRefused, match=re.escape(what)):
        load(Wrong(), "dialects", "wrong", DialectProfile)
