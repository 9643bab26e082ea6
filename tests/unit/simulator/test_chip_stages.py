"""Empty chips become whole social security cards in three stages; what they do then is what a pre-made card does."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import (
    TrainingChip,
    crypt,
    layout,
    make_blank,
    make_card,
    make_raw_chip,
    premade,
    training_root,
)
from cardfab.simulator.chip.blank import Dialect
from cardfab.simulator.chip.layout import Directory, File, Key
from tests.unit.simulator.bureau import BUREAUS, HISTORICAL, REGION, SERIAL, TEMPORARY, H, apdu, made, new_chip, send
from tests.unit.simulator.purse_terminal import TERMINAL, till

if TYPE_CHECKING:
    from conftest import Host

PIN = "0020000003123456"
QUESTION = "80CA000100"
Card = tuple[Dialect, str]
CARDS: list[Card] = [("t514", "3DES"), ("t514", "SM4"), ("fmcos", "3DES"), ("fmcos", "SM4")]
EVERY = pytest.mark.parametrize("card", CARDS, ids="-".join)
DIALECTS = pytest.mark.parametrize("dialect", ["t514", "fmcos"])

_made: dict[Card, bytes] = {}


@pytest.fixture
def pair(card: Card, make_host: object) -> tuple[Host, Host]:
    """A made card and a pre-made one with the same keys, each with power."""
    if card not in _made:
        _made[card] = pickle.dumps(made(*card))
    chip: TrainingChip = pickle.loads(_made[card])  # noqa: S301
    chip.power_on()
    bought = make_host(serial=SERIAL, region=REGION, version="2.0", algorithm=card[1])  # type: ignore[operator]
    bought.chip.memory.write({f"ef/DDF1/EF05/{n:02X}": None for n in (1, 3)})  # a made card is empty
    return type(bought)(chip), bought


def select(host: Host, directory: Directory) -> None:
    host.ok("00A40000023F00")
    if directory.fid != layout.MF:
        host.ok("00A4000002DDF1")
        host.ok(f"00A4000002{directory.path}")


def tree() -> dict[int, Directory]:
    return premade.directories("2.0")


def files() -> Iterator[tuple[Directory, File]]:
    for directory in tree().values():
        for file in directory.files:
            if file.kind != "internal" and file.fid != 0xEF1E:
                yield directory, file


def externals(directory: Directory) -> list[Key]:
    return [key for key in directory.keys if key.use in ("external", "start-day")]


def writing(file: File) -> str:
    if file.size:
        return f"00D6{0x80 | file.sfi:02X}0003A1A2A3"
    if file.kind == "cyclic":
        return f"00DC00{file.sfi << 3 | 3:02X}{file.length:02X}" + "5A" * file.length
    item = file.items[0]
    head = f"{item.tag:02X}{item.length:02X}"
    return f"00DC01{file.sfi << 3 | 4:02X}{item.length + 2:02X}{head}" + "31" * item.length


def reading(file: File) -> str:
    return f"00B0{0x80 | file.sfi:02X}0003" if file.size else f"00B201{file.sfi << 3 | 4:02X}00"


# Stage 3: the made card beside the bought one


@EVERY
def test_the_made_card_presents_itself_as_a_bought_one(pair: tuple[Host, Host]) -> None:
    one, other = pair
    assert one.chip.atr == other.chip.atr == H("3B6D0000") + HISTORICAL
    for directory in tree().values():
        if directory.name:
            name = f"00A40400{len(directory.name):02X}{directory.name.hex()}"
            assert one.ok(name) == other.ok(name)
    ssse = f"00A404000F{tree()[layout.SSSE].name.hex()}"
    for host in pair:
        host.ok(ssse)
    for n in range(1, 7):
        for le in (0, int(one.sw(f"00B2{n:02X}F400")[2:], 16)):
            sent = H(f"00B2{n:02X}F4{le:02X}")
            assert one.raw(sent) == other.raw(sent)


@pytest.mark.proof
@pytest.mark.parametrize("card", [("t514", "SM4"), ("fmcos", "3DES")], ids="-".join)
def test_every_file_answers_every_right_like_a_bought_card(pair: tuple[Host, Host]) -> None:
    """Each file under no right, the PIN, each key of its directory, and a key with the PIN: written and read."""
    compared = 0
    for directory, file in files():
        rights: list[tuple[Key | None, bool]] = [(None, False), (None, True)]
        rights += [(key, pin) for key in externals(directory) for pin in (False, True)]
        for key, pin in rights:
            answers = []
            for host in pair:
                host.chip.power_on()
                select(host, directory)
                if pin:
                    host.ok(PIN)
                if key is not None:
                    assert host.authenticate(key.kid, key.root) == "9000", key.name
                answers.append([host.sw(writing(file)), host.sw(reading(file))])
            assert answers[0] == answers[1], (directory.path, file.fid, key and key.name, pin)
            compared += 1
    assert compared > 500


@EVERY
def test_every_group_of_every_key(pair: tuple[Host, Host]) -> None:
    for host in pair:
        for directory in list(tree().values())[1:]:
            select(host, directory)
            for key in externals(directory):
                for version in range(1, key.groups + 1):
                    assert host.authenticate(key.kid, key.root, version) == "9000", (key.name, version)
                assert host.authenticate(key.kid, key.root, key.groups + 1) == "6A88"
            if directory.fid == layout.SSSE:
                for version in (1, 2, 3):
                    challenge = bytes(range(8))
                    answer = host.ok("0088000011" + challenge.hex() + challenge.hex() + f"{version:02X}")
                    label = "ss/IRK" if version == 1 else f"ss/IRK/v{version}"
                    session = crypt.session_key(host.chip.algorithm, host.key(label), challenge)
                    assert answer == crypt.authentication(host.chip.algorithm, session, challenge).hex().upper()
            assert host.authenticate(0x00, next(k.root for k in directory.keys if k.use == "master")) == "9000"


@EVERY
def test_the_medical_account_of_a_made_card(pair: tuple[Host, Host]) -> None:
    for host in pair:
        one = till(host)
        assert (one.balance(), one.totals()) == (0, (0, 0, "0000"))
        assert host.ok("B056010002") == "0101"
        assert host.sw("B0560000020401") == "6982"
        assert host.authenticate(0x87, "ss/DF04/DSK") == "9000"
        host.ok("B0560000020401")
        one.load(50000)
        one.buy(1234, 500, 700)
        one.buy(0, index=3)
        assert (one.balance(), one.totals()) == (48766, (500, 700, "2026"))
        assert len(one.log()) == 3
        assert one.log()[1] == "0000" + "32" + TERMINAL.hex() + "20261122111500" + "000004D2000001F4000002BC"
        assert host.sw("00DC004300") in ("6700", "6982")
    assert pair[0].chip.inspect()["DF04/purse"] == pair[1].chip.inspect()["DF04/purse"]


@EVERY
def test_the_log_overwrites_its_oldest_record(pair: tuple[Host, Host]) -> None:
    host, _ = pair
    one = till(host)
    for n in range(62):
        one.load(n + 1)
    assert len(one.log()) == 60
    assert one.log()[59][4 + 2 + 12 + 14 :][:8] == f"{3:08X}"


@EVERY
def test_blocking(pair: tuple[Host, Host], card: Card) -> None:
    for host in pair:
        for path, authority, label, stk in (
            ("DF04", 0x83, "ss/DF04/LK", "ss/DF04/STK"),
            ("DF02", 0x05, "ss/BK", "ss/DF02/STK"),
        ):
            directory = tree()[int(path, 16)]
            select(host, directory)
            other = 0x05 if authority == 0x83 else 0x83
            host.authenticate(other, "ss/BK" if other == 0x05 else "ss/DF02/UK1")
            assert host.sw(host.protected("841E0001", "", stk)) == "6982"
            assert host.authenticate(authority, label) == "9000"
            assert host.sw(host.protected("841E0001", "", stk)) == "9000"
            assert host.sw("0084000008") == "9303"
            host.ok("00A40000023F00")
            host.ok("00A4000002DDF1")
            assert host.sw(f"00A4000002{path}") == "9303"
        assert host.authenticate(0x05, "ss/BK") == "9000"
        assert host.sw(host.protected("84160000", "", "ss/STK")) == "9000"
        assert host.sw("00A4000002DDF1") == "6A81"


@EVERY
def test_the_pin_of_a_made_card(pair: tuple[Host, Host]) -> None:
    for host in pair:
        select(host, tree()[layout.SSSE])
        assert [host.sw("0020000003999999") for _ in range(6)][-1] == "63C0"
        assert host.sw(PIN) == "6983"
        assert host.authenticate(0x06, "ss/PUK") == "9000"
        assert host.sw(host.protected("84240000", "", "ss/STK")) == "9000"
        host.ok(PIN)
        host.ok("805E010007123456FF654321")
        host.ok("0020000003654321")


@EVERY
def test_keys_are_changed_under_protection_only(pair: tuple[Host, Host], card: Card) -> None:
    host, _ = pair
    select(host, tree()[layout.SSSE])
    bureau = BUREAUS[card[0]](host.chip)
    value = bytes(range(0x60, 0x70))
    master = bureau.key("ss/MK/SSSE")
    if card[0] == "t514":
        record = bytes((0x0D, 0x04, 2, 0xEF, 6, 0, 1, 16)) + value
        header, plain = "84D40000", apdu("00D40000", record)
    else:
        record, header, plain = value, "84D43924", apdu("80D43924", value)
    assert host.chip.transmit(plain)[-2:] in (b"\x69\x82", b"\x6d\x00")
    for key, sw in ((TEMPORARY, 0x6988), (master, 0x9000)):
        for act in bureau.protected(header, key, record):
            last = send(host.chip, act)[1]
        assert last == sw
    assert host.authenticate(0x04, "ss/UKSSSE", 2) == "63C5"
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"


@EVERY
def test_nothing_is_made_or_erased_after_the_end(pair: tuple[Host, Host], card: Card) -> None:
    host, _ = pair
    assert host.ok(QUESTION) == "03"
    bureau = BUREAUS[card[0]](host.chip)
    before = dict(host.chip.memory.cells)
    for act in bureau.erasure():
        _, sw = send(host.chip, act)
    assert sw in (0x6982, 0x6985, 0x6D00, 0x63C5, 0x6E00)
    for directory in tree().values():
        select(host, directory)
        host.authenticate(0x00, next(k.root for k in directory.keys if k.use == "master"))
        for sent in ("80E10001023F00", "800E000000", "80E00200", "80E0EF0B072C0010F0F0FFFF"):
            assert host.sw(sent) in ("6985", "6A86", "6D00"), sent
        assert host.sw("80E00100100000000010EF0BC6000B000000000000") in ("6985", "6D00")
    after = {name: one for name, one in host.chip.memory.cells.items() if not name.startswith("tries/")}
    assert after == {name: one for name, one in before.items() if not name.startswith("tries/")}


@DIALECTS
def test_a_made_card_of_the_third_generation(dialect: Dialect, make_host: object) -> None:
    host = make_host()  # type: ignore[operator]
    host.chip = made(dialect, "SM4", "3.0")
    assert host.ok("00A404000F7378312E73682EC9E7BBE1B1A3D5CF").endswith("9F0C03860103")
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"
    holder = "0812" + "31" * 18
    host.ok("00DC013414" + holder)
    assert host.sw("00B2013414") == "6982"
    assert host.authenticate(0x0A, "ss/RKSSSE", 3) == "9000"
    assert host.ok("00B2013414") == holder


# Stage 1


@EVERY
def test_activation(card: Card) -> None:
    chip = new_chip(*card)
    assert chip.atr == H("3B6D0000") + bytes(13)
    assert chip.transmit(H(QUESTION)) == H("00009000")
    for sent in ("0084000008", "80E00300080000000000000000", "80E0DDF10838FFFFF0EE95FFFF", "0020000003123456"):
        assert chip.transmit(H(sent)) == b"\x69\x85"
    acts = list(BUREAUS[card[0]](chip).activation())[:-1]
    assert send(chip, acts[1])[1] == 0x6985  # in their order
    for n, act in enumerate(acts, 1):
        assert send(chip, act)[1] == 0x9000
        assert send(chip, act)[1] != 0x9000  # each once
        if n < len(acts):
            chip.power_on()
            assert chip.transmit(H(QUESTION)) == bytes((0, n)) + b"\x90\x00"
    assert chip.power_on() == H("3B6D0000") + HISTORICAL
    assert chip.transmit(H(QUESTION)) == H("019000")
    for act in acts[:1]:
        assert send(chip, act)[1] in (0x6985, 0x6D00, 0x6A86)


def test_the_serial_number_of_an_activation_is_one() -> None:
    for dialect, last, sent in (("t514", 2, "80E0050008" + "00" * 8), ("fmcos", 1, "80F002000D" + "00" * 13)):
        chip = new_chip(dialect, "3DES")  # type: ignore[arg-type]
        for act in list(BUREAUS[dialect](chip).activation())[:last]:  # type: ignore[index]
            assert send(chip, act)[1] == 0x9000
        assert chip.transmit(H(sent)) == b"\x6a\x80"
    with pytest.raises(ValueError, match="activation"):
        make_raw_chip("t514", activated=False, transport=bytes(16))


def test_empty_chips_by_name() -> None:
    for name, algorithm, stage in (
        ("raw-t514", Algorithm.TDES, "01"),
        ("raw-fmcos-sm4", Algorithm.SM4, "01"),
        ("new-t514-sm4", Algorithm.SM4, "0000"),
        ("new-fmcos", Algorithm.TDES, "0000"),
    ):
        chip = make_card(name)
        chip.power_on()
        assert chip.algorithm is algorithm
        assert chip.transmit(H(QUESTION)) == H(stage + "9000")
        pki = chip.transmit(H("00A404000C504B492EC9E7BBE1B1A3D5CF"))[-2:]
        assert pki == (b"\x90\x00" if name == "raw-fmcos-sm4" else b"\x6a\x82")


def test_the_transport_key_of_an_activation_is_the_one_that_opens() -> None:
    chip = new_chip("fmcos", "3DES")
    for sent in (apdu("80F00100", bytes(range(16))), apdu("80F00200", HISTORICAL)):
        assert chip.transmit(sent) == b"\x90\x00"
    chip.power_on()
    bureau = BUREAUS["fmcos"](chip)
    last = [send(chip, act)[1] for act in bureau.prove(b"\xff" * 16)][-1]  # type: ignore[attr-defined]
    assert last == 0x63C5
    last = [send(chip, act)[1] for act in bureau.prove(bytes(range(16)))][-1]  # type: ignore[attr-defined]
    assert last == 0x9000


# Stage 2: what the chip says about itself, and what an interruption leaves


@DIALECTS
def test_the_answer_about_the_stage_grows(dialect: Dialect) -> None:
    chip = new_chip(dialect, "3DES")
    seen: list[str] = []
    for act in BUREAUS[dialect](chip).script():
        assert send(chip, act)[1] == 0x9000
        said = chip.transmit(H(QUESTION))[:-2].hex().upper()
        if not seen or said != seen[-1]:
            seen.append(said)
    assert [said[:2] for said in seen] == sorted(said[:2] for said in seen)
    assert {said[:2] for said in seen} == {"00", "01", "02", "03"}
    rows = {said[n : n + 4]: said[n + 4 : n + 12] for said in seen if said[:2] == "02" for n in range(2, len(said), 12)}
    assert len(rows) == 7
    flags, keys, count, pin = (int(rows["DDF1"][n : n + 2], 16) for n in (0, 2, 4, 6))
    assert flags & 0x06 == 0x06
    assert (keys, pin) == (12, 1)  # three groups of IRK, UKSSSE and RKSSSE; STK, BK, PUK
    assert count >= 5
    assert int(rows["DF04"][2:4], 16) == 3 * 4 + 5


@dataclass
class Cut:
    """The power went in command ``at`` in directory ``before``; ``kept``: after its first write took effect."""

    chip: TrainingChip
    at: int
    kept: bool
    before: int
    after: int


def interrupted(dialect: Dialect, algorithm: str) -> Iterator[Cut]:
    """A new chip whose power was cut in each command; with power again."""
    chip = new_chip(dialect, algorithm)
    for n, act in enumerate(BUREAUS[dialect](chip).script()):
        sent, frozen = act(), pickle.dumps(chip.memory)
        state = {name: getattr(chip._social, name) for name in ("granted", "challenge")}
        before, opened = chip._social.directory.fid, getattr(chip._social, "_opened", False)
        assert send(chip, lambda sent=sent: sent)[1] == 0x9000  # type: ignore[misc]
        for keeps in (False, True) if sent else ():
            torn = TrainingChip(pickle.loads(frozen))  # noqa: S301
            torn.power_on()
            torn._social.directory = torn._social.tree[before]
            torn._social.granted, torn._social.challenge = state["granted"], state["challenge"]
            torn._social._opened = opened  # type: ignore[union-attr]
            torn.memory.tear_keeps, torn.tear_after = keeps, 1
            if torn.transmit(sent) == b"":
                torn.power_on()
                yield Cut(torn, n, keeps, before, chip._social.directory.fid)


@pytest.mark.proof
@pytest.mark.parametrize("card", [("t514", "SM4"), ("fmcos", "3DES")], ids="-".join)
def test_an_interruption_anywhere_can_be_resumed_or_erased(card: Card) -> None:
    dialect, algorithm = card
    whole = contents(made(dialect, algorithm))
    resumed = erased = 0
    for cut in interrupted(dialect, algorithm):
        stage = cut.chip.transmit(H(QUESTION))[0]
        again = TrainingChip(pickle.loads(pickle.dumps(cut.chip.memory)))  # noqa: S301
        again.power_on()
        if stage == 2 and cut.at % 10 not in (0, 1, 5, 6):
            continue
        if cut.at % 10 < 5 or stage != 2:
            resume(replace(cut, chip=again), dialect)
            assert contents(again) == whole, cut
            resumed += 1
        else:
            begin_again(again, dialect)
            assert contents(again) == whole, cut
            erased += 1
    assert min(resumed, erased) > 60


def contents(chip: TrainingChip) -> dict[str, bytes]:
    """All that lasts, but how often a key was tried."""
    return {name: one for name, one in chip.memory.cells.items() if not name.endswith("/left")}


def resume(cut: Cut, dialect: Dialect) -> None:
    """Go on where the power went: the rights again, then the command that was cut unless it was carried out."""
    chip, bureau = cut.chip, BUREAUS[dialect](cut.chip)
    script, start = bureau.script(), cut.at + cut.kept
    stage = chip.transmit(H(QUESTION))[0]
    if stage in (1, 2):
        for act in bureau.regained(cut.after if cut.kept else cut.before):
            assert send(chip, act)[1] == 0x9000
    if not cut.kept and script[start - 1]()[:2] == H("0084"):
        start -= 1  # its challenge is gone
    for n, act in enumerate(script[start:] if stage != 3 else (), start):
        sw = send(chip, act)[1]
        assert sw == 0x9000, f"{sw:04X} at {n} after {cut}"
    chip.power_on()


def begin_again(chip: TrainingChip, dialect: Dialect) -> None:
    """Erase and make the whole card."""
    bureau = BUREAUS[dialect](chip)
    for act in bureau.erasure():
        assert send(chip, act)[1] == 0x9000
    assert chip.transmit(H(QUESTION)) == H("019000")
    chip.power_on()
    for act in bureau.script(new=False):
        sw = send(chip, act)[1]
        assert sw == 0x9000, f"{sw:04X}"
    chip.power_on()


def test_a_bought_card_says_nothing_about_stages() -> None:
    chip = make_blank(serial=1)
    chip.power_on()
    assert chip.transmit(H(QUESTION)) == b"\x6d\x00"
    assert training_root("transport/T514") != training_root("transport/FMCOS")
