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
from cardfab.errors import CardfabError, InputRefused
from cardfab.keys import SoftKeyStore
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import training_root
from cardfab.keys.roots import ROOTS
from cardfab.plan import (
    Run,
    Step,
    StructureRefused,
    carry_out,
    compile_plan,
    compile_structure,
    describe,
    require_equal,
)
from cardfab.plan.conditions import PROVED
from cardfab.plan.files import Filing
from cardfab.plan.filing import VerifyPin
from cardfab.plan.making import CreateFile, EndStage, WriteKey
from cardfab.plan.stages import compile_check
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
    shown = _shown(compile_structure(profiles.files, _profile("t514").dialect(), first_pin="ss/PIN"))
    assert shown[:12] == [
        "80E00300 08 <proof of transport/T514, 8 bytes>",
        "80E0010010000000FF013F000100010000001C0000",
        "80E0010010000000001CEF1CC3001C0000EFEFEFEF",
        "00D40100 18 <the key transport/MASTER in clear, 24 bytes>",
        "0084000008",
        "00820000 10 <proof of transport/MASTER, 8 bytes> <challenge of the chip, 8 bytes>",
        "80E001001F000000FF01DDF10100011D00001C00007378312E73682EC9E7BBE1B1A3D5CF",
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00",
        "80E00100100000000154EF1CC3001C0000EFEFEFEF",
        "0084000004",
        "84D40100 24 <the key transport/MASTER under transport/MASTER, 32 bytes> <MAC, 4 bytes>",
        "0084000008",
    ]
    for wanted in (
        "00D2011D227020DDF16F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101",
        "80E00100100000000050EF05C6000500000000EF01",  # EF05 of SSSE: 64 + 2 * 7 + 2 bytes, free, UKSSSE's own level
        "80E00100100000001000EF08C400080000EF04EF01",  # the photo: transparent, 1000h bytes, RKSSSE, UKSSSE
        "80E00100100000000063EF05C6000500004006EF01",  # EF05 of DF01: the PIN's level above, or RK1's own
        "80E0010010000000015CEF07C7000700554006EF03",  # EF07 of DF02: cyclic, 4 * (55h + 2) bytes
        "80E001001000000000AEEF19C5001900294002EF0B",  # EF19 of DF03: records of 29h bytes, the eleventh level
        "80E0010016000100FF01DF040200000000001C001FD15600000503",  # DF04: LK locks it, amount file 1F
        "80E00100100000000014EF1FC3001F000800000005",  # it logs to EF08, DSK sets its start day
        "80E00100100000000015EF06C6000640004002EF04",  # PIN and RK1: both halves
        "80E00100100000000708EF08C70008001C40EFEFEF",  # 60 transactions, the PIN alone reads, nobody writes
        "00DC01F41A61184F06D15600000500500EB9ABB9B2D3A6D3C3D0C5CFA2C7F8",  # DIR: DF01 and its label
        "84D40000 24 <the key ss/UKSSSE under transport/MASTER, 32 bytes> <MAC, 4 bytes>",
        "84D40000 24 <the key ss/DF04/DPK/v3 under transport/MASTER, 32 bytes> <MAC, 4 bytes>",
        "84D40100 24 <the key ss/MK/SSSE under transport/MASTER, 32 bytes> <MAC, 4 bytes>",
    ):
        assert wanted in shown
    assert shown[-1] == "80E00200"
    assert shown.count("80E00200") == 7
    replaced = [place for place, one in enumerate(shown) if "<the key ss/MK/" in one]
    assert min(replaced) > max(place for place, one in enumerate(shown) if one.startswith("80E00100"))


def test_the_fmcos_commands_byte_for_byte(profiles: Any) -> None:
    shown = _shown(compile_structure(profiles.files, _profile("fmcos").dialect(), first_pin="ss/PIN"))
    assert shown[:8] == [
        "0084000008",
        "00820000 08 <proof of cos/factory-default, 8 bytes>",
        "80E0DDF1173837C5F0EE95FFFF7378312E73682EC9E7BBE1B1A3D5CF",
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF00",
        "80E00000073F014795F0FFFF",
        "80D40100 15 <the key transport/MASTER in clear, 21 bytes>",
        "0084000008",
        "00820000 08 <proof of transport/MASTER, 8 bytes>",
    ]
    for wanted in (
        "80E0EF05072C0050F011FFFF",  # EF05 of SSSE: 64 bytes, 7 records, free, UKSSSE's state 1
        "80E0EF08072810004411FFFF",  # the photo: 1000h bytes, RKSSSE's state 4
        "80E0EF05072C0063661187FF",  # EF05 of DF01: RK1DF01's state 6, or the PIN's 7 above
        "80E0DF040E380A3AF0EE97FFFFD15600000503",  # DF04: a key of its own locks it
        "80E0001F072F0210F055FF08",  # its amount file: DSK's state 5, log EF08
        "80E0EF06072C0015224447FF",  # RK1 and the PIN
        "80E0EF08072E3C1CF00F47FF",  # 60 records of 1Ch bytes, the PIN alone reads, nobody writes
        "84D40104 1C <the key ss/UKSSSE under transport/MASTER, 24 bytes> <MAC, 4 bytes>",
        "84D40124 1C <the key ss/UKSSSE/v2 under transport/MASTER, 24 bytes> <MAC, 4 bytes>",
        "84D43900 1C <the key ss/MK/SSSE under transport/MASTER, 24 bytes> <MAC, 4 bytes>",
        "84D40100 14 <the key ss/PIN under transport/MASTER, 16 bytes> <MAC, 4 bytes>",
    ):
        assert wanted in shown
    assert shown[-1] == "841C0000 04 <MAC, 4 bytes>"


def test_commands_without_data_have_p3_00_on_the_line() -> None:
    """80E0020000 and 800E000000 are how a trace of T=0 shows them."""
    for name, layout in (("t514", "end"), ("fmcos", "erase")):
        command = getattr(_profile(name).dialect().commands, layout).command({"fid": b"\x3f\x00"})
        assert for_t0(command.to_bytes()).hex().upper() == {"t514": "80E0020000", "fmcos": "800E000000"}[name]


def test_the_records_of_keys(profiles: Any) -> None:
    """The headers that the facts print: type, id, version, EF, tries, cipher, level, length; and FMCOS's own."""
    wanted = {
        "t514": {"load IRK, version 2": "0E0002EF06000010", "load STK": "070201EF06000010",
                 "load UKSSSE, version 1": "0D0401EF06000110", "load RKSSSE, version 3": "0D0A03EF06000410",
                 "load DPKDF04, version 3": "098903EF06000010", "load DTKDF04": "0A8A01EF06000010",
                 "load DLKDF04": "088801EF06000010", "load DSKDF04": "0D8701EF06000510",
                 "load the PIN of the blank": "010001EF06004003",
                 "replace the master key of SSSE": "000001EF0600FF10"},
        "fmcos": {"load IRK, version 2": "F4F0EE0200", "load STK": "F6F0EEFF06", "load UKSSSE, version 1": "F9F0EE1106",
                  "load RKSSSE, version 3": "F9F0EE4406", "load DPKDF04, version 3": "FEF0EE0300",
                  "load DTKDF04": "FCF0EE0100", "load DLKDF04": "FFF0EE0100", "load DSKDF04": "F9F0EE5506",
                  "load the PIN of the blank": "FAF0EF7706", "replace the master key of SSSE": ""},
    }  # fmt: skip
    for name, records in wanted.items():
        steps = compile_structure(profiles.files, _profile(name).dialect(), first_pin="ss/PIN")
        got = {step.title.en: step.record.hex().upper() for step in steps if isinstance(step, WriteKey)}
        assert {title: got[title] for title in records} == records


def test_every_group_of_every_key_is_loaded_and_nothing_kept_in_reserve(profiles: Any) -> None:
    for name in NAMES:
        steps = compile_structure(profiles.files, _profile(name).dialect())
        loaded = [step.label for step in steps if isinstance(step, WriteKey) and "MK" not in step.label]
        groups = sum(key.versions for one in profiles.files.directories for key in one.keys.values())
        assert len([label for label in loaded if label != "transport/MASTER"]) == groups == 139
        made = [step.title.en for step in steps if isinstance(step, CreateFile)]
        assert not any("DF01/EF16" in title for title in made)
        assert any("DF04/EF08" in title for title in made)


def test_sm4_by_one_changed_argument(profiles: Any) -> None:
    for name in NAMES:
        dialect = _profile(name).dialect()
        des, sm4 = (compile_structure(profiles.files, dialect, algorithm=one) for one in ("3DES", "SM4"))
        assert [type(step) for step in des] == [type(step) for step in sm4]
        labels = {step.label for step in sm4 if isinstance(step, WriteKey)}
        assert all("/SM4/" in label for label in labels)
        assert {label.replace("SM4/", "") for label in labels} == {
            step.label for step in des if isinstance(step, WriteKey)
        }


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
                '[commands]\nend = "84 1C 0000 | 00 00 00 00"\nend_mac = false\n'
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
    ] * 6
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


@pytest.mark.parametrize("algorithm", ["3DES", "SM4"])
@pytest.mark.parametrize("name", NAMES)
def test_from_the_factory_to_the_finished_card(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], card: PreparedCard, name: str, algorithm: str
) -> None:
    """The ordinary plan on a blank that was made here; the one changed line is the cipher of the card profile."""
    kind = profiles.card.model_copy(update={"algorithm": algorithm})
    chip = raw(name, algorithm=algorithm)
    steps = compile_structure(profiles.files, _profile(name).dialect(), algorithm=algorithm, first_pin="ss/PIN")
    carry_out(steps, chip, _run(chip, keys))
    plan = compile_plan(card, kind, profiles.files, profiles.financial)
    for part, is_read_back in ((plan.encode, False), (plan.verify, True)):
        chip.power_on()
        run = _run(chip, keys)
        carry_out(part, chip, run)
        assert run.region == REGION  # from the identification code that pre-personalisation wrote
        if is_read_back:
            require_equal(run.compared)
            assert len(run.compared) > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_blank_proves_itself(
    profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench], name: str
) -> None:
    """Every group of every key that can be proved, every file that must be closed, the PIN."""
    chip = raw(name)
    steps = compile_structure(profiles.files, _profile(name).dialect(), first_pin="ss/PIN")
    carry_out(steps, chip, _run(chip, keys))
    chip.power_on()
    check = compile_check(Filing(profiles.files, profiles.card))
    run = _run(chip, keys)
    carry_out(check, chip, run)
    assert run.region == REGION
    told = list(describe(check))
    assert len(told) == len(chip.sent)
    proofs = [step for step in check if isinstance(step, Authenticate)]
    external = [k.versions for one in profiles.files.directories for k in one.keys.values() if k.use in PROVED]
    assert len(proofs) == len({(step.label, step.version) for step in proofs}) == sum(external)
    without_pin = [step for step in check if not isinstance(step, VerifyPin)]
    assert len(without_pin) == len(check) - 1


def test_a_blank_with_an_open_file_is_found(profiles: Any, keys: SoftKeyStore, raw: Callable[..., Bench]) -> None:
    directories = profiles.files.directories
    file = directories[1].files[0].model_copy(update={"read": "FREE"})
    first = directories[1].model_copy(update={"files": (file, *directories[1].files[1:])})
    open_ = profiles.files.model_copy(update={"directories": (directories[0], first, *directories[2:])})
    chip = raw("t514")
    carry_out(compile_structure(open_, _profile("t514").dialect()), chip, _run(chip, keys))
    chip.power_on()
    strange = profiles.card.model_copy(update={"first_pin": None})
    with pytest.raises(CardfabError, match="DF01/EF05"):
        carry_out(compile_check(Filing(profiles.files, strange)), chip, _run(chip, keys))


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
    dialect = _profile("t514").dialect()
    with pytest.raises(StructureRefused, match="SM4"):
        compile_structure(profiles.files, replace(dialect, algorithms={"3DES": b"\x01"}), algorithm="SM4")


def test_more_keys_than_levels(profiles: Any) -> None:
    dialect = _profile("t514").dialect()
    few = replace(dialect, access=replace(dialect.access, levels=dialect.access.levels[:2]))
    with pytest.raises(StructureRefused, match="4 keys to be proved"):
        compile_structure(profiles.files, few)


@pytest.mark.parametrize(
    ("name", "condition"),
    [("t514", "UKSSSE&RKSSSE"), ("t514", "UKSSSE&BK|PUK"), ("t514", "UKSSSE|BK"), ("fmcos", "UKSSSE|PUK"),
     ("fmcos", "UKSSSE&BK")],
)  # fmt: skip
def test_a_condition_that_the_dialect_cannot_express(profiles: Any, name: str, condition: str) -> None:
    """T514 has one level a half; FMCOS a range of states: 1 to 3 would let state 2 in, which is another key."""
    first = profiles.files.directories[0]
    file = first.files[0].model_copy(update={"read": condition})
    with pytest.raises(StructureRefused, match="cannot express"):
        compile_structure(_files(profiles, files=(file,)), _profile(name).dialect())


def test_conditions_that_it_can(profiles: Any) -> None:
    def made(name: str, **conditions: str) -> bytes:
        files, directories = profiles.files, profiles.files.directories
        file = directories[1].files[0].model_copy(update=conditions)
        second = directories[1].model_copy(update={"files": (file,)})
        files = files.model_copy(update={"directories": (directories[0], second)})
        steps = compile_structure(files, _profile(name).dialect())
        return next(s.command.data for s in steps if isinstance(s, CreateFile) and "DF01/EF05" in s.title.en)

    assert made("t514", read="PIN&RK1DF01")[-6:].hex().upper() == "40004006EF01"  # join: AND, OR; no record length
    assert made("t514", read="PIN", write="FORBIDDEN")[-6:].hex().upper() == "000040EFEFEF"
    assert made("fmcos", write="UK1DF01|UK2DF01")[-4:].hex().upper() == "662187FF"  # states 1 to 2
    assert made("fmcos", read="PIN")[-4:].hex().upper() == "F01147FF"
    with pytest.raises(StructureRefused, match="cannot express"):
        made("fmcos", write="PIN|UK1DF01")  # the byte beside is for reading


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('[commands]\nend = "80E0"\n', "four bytes"),
        ('[commands]\ncreate_ef = "80E00100 | <colour>"\n', "no field <colour>"),
        ('[order]\ncard = ["bake"]\n', "order.card"),
        ('[order]\ncard = ["make the root"]\n', "no command for the stage make the root"),
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
