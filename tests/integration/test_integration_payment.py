"""The bank side at the station: every packaged product, what is refused before a blank moves, first PINs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.wiring import chip_pool
from cardfab.crypto.emv import pin_block
from cardfab.errors import InputRefused, Text
from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.pool import PoolEmpty
from cardfab.resources import data_folder
from cardfab.settings import read_settings
from cardfab.simulator import authority
from cardfab.simulator.chip import TrainingChip
from cardfab.simulator.mailer import TrainingMailer
from cardfab.simulator.pinpad import TrainingPad
from cardfab.simulator.rig.servers import Server
from cardfab.station.pinmailer import print_mailer
from cardfab.station.pinpad import LinePad, PadFault
from cardfab.station.preparing import make_card
from cardfab.station.vault import open_request
from tests.integration.conftest import PLAIN, STOCK, UNAPPROVED, Said, World

CONTACT = "pboc-debit-contact-rsa"


def change(world: World, kind: str, name: str, *changes: tuple[str, str]) -> None:
    """A copy of a packaged profile in the station's folder, changed."""
    copy = world.folder / "profiles" / kind / f"{name}.toml"
    copy.parent.mkdir(parents=True, exist_ok=True)
    text = data_folder("profiles").joinpath(kind, f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    copy.write_text(text, encoding="utf-8")


def product(world: World, financial: str) -> None:
    change(world, "products", "debit", (f'financial = "{CONTACT}"', f'financial = "{financial}"'))


# Products


@pytest.mark.proof
@pytest.mark.parametrize("name", ["pboc-debit-contact", CONTACT, "pboc-debit-dual", "pboc-debit-dual-sm2"])
def test_every_product_comes_out_of_the_station(world: World, name: str) -> None:
    """Prepared, loaded, read back and equal: the debit application, PSE and PPSE."""
    product(world, name)
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    said = world.cli("issue", UNAPPROVED, "--json")
    assert said.exit == 0, said.text
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    held = chip.inspect()
    assert held["debit"]["state"] == "PERSONALISED"
    assert held["pse"]["state"] == ("SELECTABLE" if name == "pboc-debit-contact" else "PERSONALISED")
    assert held["ppse"]["state"] == ("PERSONALISED" if "dual" in name else "SELECTABLE")
    stored = chip.memory.under("debit/dgi/")
    assert ("8201" in stored) == (name != "pboc-debit-contact")
    assert ("8501" in stored) == (name == "pboc-debit-dual-sm2")
    world.balanced(issued=1)


@pytest.mark.proof
def test_two_cards_never_have_one_chip_key(world: World) -> None:
    assert world.cli("issue", PLAIN).exit == 0
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    assert world.cli("issue", UNAPPROVED).exit == 0
    assert world.rig is not None
    primes = {card.chip.memory.under("debit/dgi/")["8205"] for card in world.rig.output}  # type: ignore[attr-defined]
    assert len(primes) == 2


# The pool


def test_a_training_station_makes_the_key_it_lacks_and_says_so(station: World) -> None:
    said = station.cli("request", "approve", UNAPPROVED)
    assert said.exit == 0
    assert "cardfab keys pool --bits 1024 --exponent 3 --fill 100" in said.err
    assert station.cli("request", "approve", UNAPPROVED, "--quiet").err.count("pool") == 0


def test_a_key_made_ahead_is_used_up(station: World) -> None:
    assert station.cli("keys", "pool", "--fill", "2", "--exponent", "3").exit == 0
    said = station.cli("request", "approve", UNAPPROVED)
    assert said.exit == 0
    assert "pool" not in said.err
    assert station.cli("keys", "pool", "--exponent", "3", "--json").json()["keys"] == 1


def test_a_station_of_real_cards_refuses_where_the_pool_is_empty(station: World) -> None:
    located = read_settings((station.config,))
    section = located.values.station.model_copy(update={"training": False})
    real = replace(located, values=located.values.model_copy(update={"station": section}))
    with station.desk() as desk:
        assert isinstance(desk.keys, AuditedKeyStore)
        pool = chip_pool(real, desk.keys)
    with pytest.raises(PoolEmpty) as empty:
        pool.take(1024, 3)
    assert (empty.value.exit_status, empty.value.code) == (6, "CF-6410")
    assert empty.value.do is not None
    assert "cardfab keys pool --bits 1024 --exponent 3 --fill" in empty.value.do.en


# Wrong data


def refused(world: World, tag: str, rule: str) -> Said:
    """Approval is refused with tag and rule; no card, no blank, nobody's data went anywhere."""
    with world.desk() as desk, desk.database.reading() as tx:
        blanks = tx.stock.account(STOCK)
    said = world.cli("request", "approve", UNAPPROVED, "--json")
    assert said.exit == 3, said.text
    what = said.json()["what"]
    assert f"Tag {tag}, rule {rule}" in what["en"], what
    assert f"标签 {tag}，规则 {rule}" in what["zh"], what
    assert world.cli("issue", UNAPPROVED).exit == 7
    with world.desk() as desk, desk.database.reading() as tx:
        assert tx.stock.account(STOCK) == blanks
    (job,) = world.jobs(UNAPPROVED)
    assert job.sealed_card is None
    return said


@pytest.mark.shows("wrong data is found before a card: a card that outlives a certificate above it (test)")
def test_a_card_that_outlives_its_issuer_certificate(station: World) -> None:
    change(station, "products", "debit", ("validity_years = 10", "validity_years = 30"))
    said = refused(station, "5F24", "L07")
    assert "2049" in said.json()["what"]["en"]


@pytest.mark.proof
@pytest.mark.shows("wrong data is found before a card: a card that outlives a certificate above it (proof)")
def test_every_certificate_of_the_chain_is_looked_at(station: World) -> None:
    """The SM2 issuer certificate ends before the card; the RSA one does not."""
    product(station, "pboc-debit-dual-sm2")
    with station.desk() as desk:
        assert isinstance(desk.keys, AuditedKeyStore)
        keys = desk.keys.inner
        assert isinstance(keys, SoftKeyStore)
    before = keys.issuer_certificate("bank/ISSUER-SM2")
    try:
        keys.import_certificate("bank/ISSUER-SM2", short_lived(keys, "bank/ISSUER-SM2"))
        said = refused(station, "5F24", "L07")
    finally:
        keys.import_certificate("bank/ISSUER-SM2", before)
    assert "'bank/ISSUER-SM2'" in said.json()["what"]["en"]


def short_lived(keys: SoftKeyStore, label: str) -> IssuerCertificate:
    asked = keys.issuer_request(label, authority.RID, bytes.fromhex("629999FF"), bytes.fromhex("0130"), bytes(3))
    made = authority.answer(asked.public, asked.proof)
    return IssuerCertificate(authority.RID, made.index, made.authority, made.certificate, made.remainder, made.exponent)


WRONG = {
    "track 2 that disagrees with the PAN": (
        ('{ tag = "57", name = "track 2 equivalent", source = "track2" }',
         '{ tag = "57", name = "track 2 equivalent", value = "6299990000000025D49122200000000123456F" }'), "57", "L06"),
    "an AFL that names a missing record": (
        ('"0301", "0302", "0401"]', '"0301", "0302", "0303"]'), "94", "L01"),
    "a CDOL longer than the card takes": (
        ('psn = "01"', 'psn = "01"\ncdol_limit = 40'), "8C", "L11"),
    "a name over 26 bytes without 9F0B": (
        ('holder_name = "off chip"', 'holder_name = "on chip"'), "9F0B", "L08"),
    "a mandatory tag missing": (
        ('  { tag = "8C", name', '  # { tag = "8C", name'), "8C", "L11"),
    "a mandatory tag missing from what is signed": (
        ('  { tag = "5F24", name', '  # { tag = "5F24", name'), "5F24", "L07"),
}  # fmt: skip
LONG_NAME = "R2026112100007"


@pytest.mark.shows(
    "wrong data is found before a card: track 2, AFL, CDOL, name, mandatory tag; preparation names tag and rule (test)"
)
@pytest.mark.parametrize("what", WRONG)
def test_wrong_data_reaches_no_card(station: World, what: str) -> None:
    one, tag, rule = WRONG[what]
    change(station, "applications", CONTACT, one)
    if rule == "L08":
        with station.desk() as desk, desk.database.reading() as tx:
            request = replace(
                open_request(desk.keys, tx.requests.get(UNAPPROVED)), name="古丽巴哈尔·阿卜力米提艾合麦提江"
            )
            with pytest.raises(InputRefused, match="Tag 9F0B, rule L08"):
                make_card(desk, request, desk.product("debit"), 1, 1)
        return
    refused(station, tag, rule)
    if what == "an AFL that names a missing record":
        return
    file = station.folder / "profiles" / "applications" / f"{CONTACT}.toml"
    said = station.cli("profile", "lint", file)
    assert said.exit == 3
    assert re.search(rf"{CONTACT}\.toml:\d+: {rule} error: tag {tag}", said.text), said.text


# First PINs


class Sink:
    """A printer of mailers on a port of the loopback; its pages are in this process only."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.server = Server("mailer", TrainingMailer(self.pages.append))

    @property
    def address(self) -> str:
        return f"socket://127.0.0.1:{self.server.port}"

    def page(self) -> str:
        """The newest page, once it came."""
        for _ in range(200):
            if self.pages:
                return self.pages.pop()
            time.sleep(0.01)
        raise AssertionError("no page came")


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.server.start()
    yield made
    made.server.stop()


def pin_policy(world: World, policy: str) -> None:
    change(world, "applications", CONTACT, ('[pin]\nfirst = "random"\ndigits = 6\n', f"[pin]\n{policy}\n"))


def spelled(pin: str) -> list[bytes]:
    """A PIN in every form that a file could hold it."""
    packed = bytes.fromhex(pin + "F" * (len(pin) % 2))
    block = pin_block(2, pin)
    raw = [pin.encode(), pin.encode("utf-16-le"), packed, block]
    return raw + [one.hex().encode() for one in raw] + [one.hex().upper().encode() for one in raw]


@pytest.mark.proof
@pytest.mark.shows("a PIN mailer is in no file, database or log: only its printer gets it (proof)")
def test_only_the_printer_sees_a_mailer(
    world: World, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a PIN of 12 random digits, which no file holds by chance; a training station prints the published one."""
    monkeypatch.setattr(SoftKeyStore, "training_pin", SoftKeyStore.random_pin)
    pin_policy(world, 'first = "random"\ndigits = 12')
    said = [world.cli("request", "approve", UNAPPROVED), world.cli("issue", UNAPPROVED, "--trace", tmp_path / "trace")]
    said += [world.cli("pin", "mailer", UNAPPROVED, "--printer", sink.address)]
    assert [one.exit for one in said] == [0, 0, 0], said[-1].text
    page = sink.page()
    found = re.search(r"密码 PIN: (\d{12})\n", page)
    assert found, page
    pin = found[1]
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    assert chip.memory.under("debit/dgi/")["8010"] == pin_block(2, pin), "it is the card's PIN"
    said += [world.cli("audit", "export", tmp_path / "export"), world.cli("plan", "show", UNAPPROVED)]
    said += [world.cli("job", "show", UNAPPROVED, "--json"), world.cli("audit", "show", "--last", "50", "--json")]
    files = [path for folder in (world.folder, tmp_path) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for form in spelled(pin):
        assert [path.name for path in files if form in path.read_bytes()] == []
        assert form not in "".join(one.text for one in said).encode()
    _, card = world.prepared(UNAPPROVED)
    assert card.pan[-4:] in page
    assert card.pan not in page
    assert "6299" not in page


def test_a_training_mailer_is_a_specimen_with_the_published_pin(station: World, sink: Sink) -> None:
    assert station.cli("pin", "mailer", PLAIN, "--printer", sink.address, "--json").json() == {"mailer": f"{PLAIN}/1"}
    page = sink.page()
    assert page.startswith("    *** 样卡 SPECIMEN ***\n    密码信封 PIN MAILER\n")
    assert "密码 PIN: 123456\n" in page
    assert "陈犇犇" in page


def test_a_mailer_is_printed_once(station: World, sink: Sink) -> None:
    to = ("--printer", sink.address)
    assert station.cli("pin", "mailer", PLAIN, *to).exit == 0
    sink.page()
    said = station.cli("pin", "mailer", PLAIN, *to, "--json")
    assert (said.exit, said.json()["error"]) == (7, "CF-7660")
    assert not sink.pages
    assert station.cli("pin", "mailer", PLAIN, *to, "--again").exit == 0
    assert f"{PLAIN}/" in sink.page()
    told = [(one["action"], one["outcome"], one["details"].get("print")) for one in events(station, "pin.mailer")]
    assert told == [("pin.mailer", "intent", "1"), ("pin.mailer", "done", "1"),
                    ("pin.mailer", "intent", "2"), ("pin.mailer", "done", "2")]  # fmt: skip


def test_a_page_that_may_be_out_is_not_printed_again_unasked(station: World, sink: Sink) -> None:
    sink.server.stop()
    assert station.cli("pin", "mailer", PLAIN, "--printer", sink.address).exit == 5
    assert events(station, "pin.mailer") == [], "it never came to a page"
    sink.server = Server("mailer", TrainingMailer(sink.pages.append))
    sink.server.start()

    def torn(_: memoryview) -> None:
        raise PadFault(Text("the line broke", "线路中断"))

    with station.desk() as desk, pytest.raises(PadFault):
        print_mailer(desk, PLAIN, torn)
    assert [one["outcome"] for one in events(station, "pin.mailer")] == ["intent", "failed"]
    assert station.cli("pin", "mailer", PLAIN, "--printer", sink.address).exit == 7


def test_a_file_is_no_printer(station: World, tmp_path: Path) -> None:
    file = Path("/dev/shm") / f"cardfab-{tmp_path.name}"
    file.touch()
    try:
        said = station.cli("pin", "mailer", PLAIN, "--printer", file)
        assert said.exit == 5
        assert "would keep the PIN" in said.err
        assert file.read_bytes() == b""
    finally:
        file.unlink()
    assert station.cli("pin", "mailer", PLAIN).exit == 2
    assert station.cli("pin", "mailer", PLAIN, "--printer", "mailer.txt").exit == 2
    assert station.cli("pin", "mailer", PLAIN, "--printer", "/dev/null").exit == 0  # a character device


@pytest.mark.proof
def test_what_has_no_mailer(station: World, sink: Sink) -> None:
    to = ("--printer", sink.address)
    assert station.cli("pin", "mailer", UNAPPROVED, *to).exit == 7
    pin_policy(station, 'first = "none"\ndigits = 6')
    assert "nothing to tell" in station.cli("pin", "mailer", PLAIN, *to).err
    assert not sink.pages


def events(world: World, action: str) -> list[dict[str, Any]]:
    found = world.cli("audit", "show", "--last", "100", "--json").json()["items"]
    return [one for one in found if one["action"] == action]


@pytest.fixture
def pad() -> Iterator[tuple[list[str], str]]:
    """A pin pad, and what will be pressed on it."""
    presses: list[str] = []
    server = Server("pinpad", TrainingPad(lambda _: presses.pop(0)))
    server.start()
    yield presses, f"tcp://127.0.0.1:{server.port}"
    server.stop()


def set_pad(world: World, address: str) -> None:
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("[devices]\n", f'[devices]\npinpad = "{address}"\n'), encoding="utf-8")


@pytest.mark.proof
@pytest.mark.shows("the first PIN from the holder at the pad: as a block, on the card, in no file (proof)")
def test_the_holder_enters_the_first_pin(world: World, pad: tuple[list[str], str]) -> None:
    presses, address = pad
    pin_policy(world, 'first = "holder"\npad_key = "bank/ZPK"\ndigits = 12')
    without = world.cli("request", "approve", UNAPPROVED, "--json")
    assert (without.exit, without.json()["error"]) == (3, "CF-3145")
    set_pad(world, address)
    presses += ["", "739164208511"]
    cancelled = world.cli("request", "approve", UNAPPROVED, "--json")
    assert (cancelled.exit, cancelled.json()["error"]) == (5, "CF-5640")
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    assert world.cli("issue", UNAPPROVED).exit == 0
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    assert chip.memory.under("debit/dgi/")["8010"] == pin_block(2, "739164208511")
    assert world.cli("pin", "mailer", UNAPPROVED, "--printer", "/dev/null").exit == 7
    for file in (path for path in world.folder.rglob("*") if path.is_file()):
        for form in spelled("739164208511"):
            assert form not in file.read_bytes(), file.name


@pytest.mark.proof
def test_a_pad_of_the_training_station_gives_the_published_pin(world: World) -> None:
    pin_policy(world, 'first = "holder"\npad_key = "bank/ZPK"\ndigits = 6')
    set_pad(world, "simulated")
    assert world.cli("request", "approve", UNAPPROVED).exit == 0
    assert world.cli("issue", UNAPPROVED).exit == 0
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    assert chip.memory.under("debit/dgi/")["8010"] == pin_block(2, "123456")


@pytest.mark.parametrize(
    "answer", [b"?\n", b"{}\n", b'{"form": 2, "block": "0011223344556677"}\n', b'{"form": 0, "block": "00"}\n']
)
def test_what_is_no_answer_of_a_pad(answer: bytes) -> None:
    with pytest.raises(PadFault):
        LinePad(lambda _: answer).enter("6299990000000017", 6)


@pytest.mark.proof
def test_a_card_without_pin(station: World) -> None:
    pin_policy(station, 'first = "none"\ndigits = 6')
    file = station.folder / "profiles" / "applications" / f"{CONTACT}.toml"
    text = file.read_text(encoding="utf-8")
    off_line = text.replace("000000000000000042031E031F00", "000000000000000041031E031F00")
    file.write_text(off_line, encoding="utf-8")
    refused(station, "8E", "L10")  # the terminal would ask for a PIN off line
    file.write_text(text, encoding="utf-8")
    assert station.cli("request", "approve", UNAPPROVED).exit == 0
    _, card = station.prepared(UNAPPROVED)
    assert {one.dgi: one.value for one in card.groupings if one.dgi in ("8010", "9010")} == {"9010": b"\0\0"}
    assert station.cli("issue", UNAPPROVED).exit == 0
