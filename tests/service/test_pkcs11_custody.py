"""Custody: what leaves the token while a card is made, what a product accepts, and whole cards of the token's keys."""

from __future__ import annotations

import csv
import json
import re
import secrets
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu.link import link_to
from cardfab.apdu.message import historical_bytes
from cardfab.cli.keystores import open_keys, with_keystore
from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.derive import Diversification
from cardfab.crypto.emv import udk_data
from cardfab.errors import KeyFault, UsageRefused
from cardfab.keys.channel import WRAPPING
from cardfab.keys.custody import SOFTWARE, CustodyRefused, Needs, choose
from cardfab.keys.label import training_root
from cardfab.plan import Run, carry_out, require_equal
from cardfab.plan.payment import read_financial, write_financial
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import FinancialData, prepare_financial
from cardfab.profile.card import CardProfile
from cardfab.profile.loader import load
from cardfab.resources import data_folder
from cardfab.settings import read_settings
from cardfab.simulator.chip import make_card
from tests.made_cards import EFFECTIVE, EXPIRY, PANS, PROFILES, Wire, application
from tests.service.softhsm import Leaving, Token, cardfab, software

pytestmark = [pytest.mark.service, pytest.mark.proof]

PAN = PANS[16]
IMKS = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
UDKS = [encrypt_ecb(Algorithm.TDES, training_root(label), udk_data("A", PAN, "01")) for label in IMKS]


def newer_card() -> CardProfile:
    return load(PROFILES, "cards", "training-ssc2-scp03", CardProfile)


def prepared(token: Token, custody: Any) -> PreparedCard:
    """The bank side of a card of 'debit-scp03', its PIN entered at a pad."""
    store, found = token.store, application("pboc-debit-contact")
    pin = store.pin_from_pad("bank/ZPK", 0, store.pad_block("bank/ZPK", 0, "4711", PAN), PAN, "first PIN")
    data = FinancialData(PAN, EFFECTIVE, EXPIRY, serial=1)
    bank = prepare_financial(found, data, store, pin=pin, custody=custody)
    return PreparedCard(
        request_id="R1", product="debit-scp03", region="440199", card_number="T00000001", pan=PAN,
        issue_date="2026-01-01", expiry_date=EXPIRY.isoformat(), records=(), groupings=bank.groupings, face={},
        photo=None, environments={},
    )  # fmt: skip


def write(token: Token, card: PreparedCard) -> Wire:
    """Personalise a chip over SCP03 and read it back."""
    found, profile, wire = application("pboc-debit-contact"), newer_card(), Wire(make_card("training-ssc2-scp03", 7))
    done = []
    for steps in (write_financial(card, profile, found), read_financial(card, profile, found)):
        wire.reset()
        run = Run(token.store, historical_bytes(wire.chip.atr), secrets.token_bytes, region="440199")
        done.append(carry_out(list(steps), link_to(wire), run))
    require_equal(done[1].compared)
    return wire


def card_keys(wire: Wire) -> list[bytes]:
    """K-ENC, K-MAC and K-DEK of the chip, by the profile's text in software."""
    scheme = Diversification.of(newer_card().channel.diversification or "")
    kdd = wire.chip.memory.cells["isd/keydata"]
    return [scheme.card_key(training_root("bank/AES/KMC"), kdd, index) for index in (1, 2, 3)]


@pytest.mark.shows("an SCP03 product by wrapping inside the token (proof)")
def test_token_wrap_no_card_key_comes_out_in_clear(token: Token) -> None:
    """UDKs derived, wrapped, waiting, unwrapped and wrapped for the chip inside; the chip holds them and answers."""
    with Leaving(token.attached) as leaving:
        card = prepared(token, "token-wrap")
        assert _udks(card).under == WRAPPING
        wire = write(token, card)
    stored = wire.chip.memory.under("debit/dgi/")["8000"]
    assert stored == b"".join(UDKS)
    assert len(leaving.seen) >= 10  # session keys, MACs, wrapped keys
    for secret in (*UDKS, *card_keys(wire), training_root("bank/AES/KMC"), *map(training_root, IMKS)):
        assert not leaving.holds(secret)


def test_service_clear_is_seen_by_the_same_listener(token: Token) -> None:
    """Positive control: in the other custody the same card's keys pass, and K-DEK does not."""
    with Leaving(token.attached) as leaving:
        card = prepared(token, "service-clear")
        assert _udks(card).under == "station/transport"
        wire = write(token, card)
    assert all(leaving.holds(key) for key in UDKS)
    assert not any(leaving.holds(key) for key in card_keys(wire))
    assert wire.chip.memory.under("debit/dgi/")["8000"] == b"".join(UDKS)


def _udks(card: PreparedCard) -> Any:
    return next(one.value for one in card.groupings if one.dgi == "8000")


def test_wrapped_keys_do_not_go_over_scp02(token: Token) -> None:
    sealed = token.store.emv_keys(IMKS, PAN, "01", "UDK", custody="token-wrap")
    session = token.store.channel("bank/KMC").open(bytes(10), 1, bytes(2))
    with pytest.raises(CustodyRefused) as refused:
        session.rewrap(sealed)
    assert refused.value.code == "CF-6647"


def test_wrapped_keys_of_a_card_do_not_open_in_software(token: Token) -> None:
    sealed = token.store.emv_keys(IMKS, PAN, "01", "UDK", custody="token-wrap")
    with pytest.raises(KeyFault):
        software().channel("bank/KMC").open(bytes(10), 1, bytes(2)).rewrap(sealed)
    with pytest.raises(KeyFault):
        software().emv_keys(IMKS, PAN, "01", "UDK", custody="token-wrap")


def test_a_changed_wrapped_key_is_refused(token: Token) -> None:
    sealed = token.store.emv_keys(IMKS, PAN, "01", "UDK", custody="token-wrap")
    broken = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    session = token.store.channel03("bank/AES/KMC", newer_card().channel.diversification).open(bytes(10), 48, bytes(16))
    assert len(session.rewrap(sealed)) == 48
    with pytest.raises(KeyFault):
        session.rewrap(replace(sealed, ciphertext=broken))


def test_the_choice_is_by_what_both_can(token: Token) -> None:
    device = token.store.capabilities()
    both: tuple[Any, ...] = ("token-wrap", "service-clear")
    base = frozenset({"HMAC", "GCM", "DERIVE-3DES", "3DES"})
    newer = Needs("newer", both, base | {"DERIVE-AES", "CMAC"}, frozenset({"KEY-WRAP", "WRAP-AES"}))  # type: ignore[arg-type]
    older = Needs("older", both, base, frozenset({"KEY-WRAP", "WRAP-3DES"}))  # type: ignore[arg-type]
    assert (choose(newer, device), choose(older, device)) == ("token-wrap", "service-clear")
    assert (choose(newer, SOFTWARE), choose(older, SOFTWARE)) == ("service-clear", "service-clear")
    strict = Needs("older", ("token-wrap",), older.any_way, older.wrapping)
    for where, why in ((device, "3DES-ECB"), (SOFTWARE, "memory")):
        with pytest.raises(CustodyRefused, match=why) as refused:
            choose(strict, where)
        assert refused.value.code == "CF-6641"
    sm = Needs("sm", both, base | {"SM4", "SM2"}, frozenset())  # type: ignore[arg-type]
    with pytest.raises(CustodyRefused, match="SM4") as refused:
        choose(sm, device)
    assert refused.value.code == "CF-6640"
    assert refused.value.do is not None
    assert "docs/hsm.md" in refused.value.do.en


# -- the whole demo, in processes of its own ---------------------------------------------------------------------------


Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``cardfab demo --keystore pkcs11:`` leaves."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = run("demo", "--keystore", "pkcs11:", "--out", str(out), "--count", "1", "--json")
    assert done.returncode == 0, done.stderr
    cards = json.loads(done.stdout)["cards"]
    assert [one["state"] for one in cards] == ["DONE"]
    return out


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([cardfab(), *words], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def at(demo: Path) -> Cli:
    config = str(demo / "station" / "cardfab.toml")
    return lambda *words: run("--config", config, *words)


@pytest.mark.shows(
    "The whole demo runs with --keystore pkcs11: on SoftHSM2 in CI, and the chip accepts the same cards (proof)"
)
def test_the_whole_demo_with_the_keys_in_a_token(demo: Path, at: Cli, tmp_path: Path) -> None:
    """Every card is read back whole, as one of the key file is; the record is in order, and no key file is there."""
    assert not list((demo / "station").glob("*.keys"))
    other = run("demo", "--out", str(tmp_path / "file"), "--count", "1", "--json")
    assert other.returncode == 0, other.stderr
    for card in json.loads(other.stdout)["cards"]:
        folder = Path(card["folder"])
        ours, theirs = ((root / folder.name / "read-back.txt").read_text("utf-8") for root in (demo, folder.parent))
        assert "DIFFERS" not in ours
        assert fixed(ours) == fixed(theirs)
    verified = run("audit", "verify", str(demo / "audit-export.txt"), "--trust", str(demo / "audit-key.txt"))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    shown = json.loads(at("keys", "token", "--json").stdout)
    works = {one["ability"]: one["works"] for one in shown["abilities"]}
    assert (shown["inside"], works["WRAP-AES"], works["WRAP-3DES"]) == (True, True, False)
    pin = (demo / "station" / "token.pin").read_text("ascii")
    assert (demo / "station" / "token.pin").stat().st_mode & 0o077 == 0
    for file in demo.rglob("*"):
        if file.is_file() and file.name != "token.pin":
            assert pin.encode() not in file.read_bytes(), file


def fixed(text: str) -> list[str]:
    """The read-back without the certificate of the chip's own key (9F46, 9F48), which is another one on every card."""
    lines = text.splitlines()
    kept = [line for line in lines if "9F46" not in line and "9F48" not in line]
    assert len(lines) - len(kept) == 2
    return kept


@contextmanager
def other_product(demo: Path, name: str, *custody: str) -> Iterator[None]:
    """The station's product 'debit' is another packaged one for a while, with what it accepts."""
    products = data_folder("profiles") / "products"
    lines = (products / "debit.toml").read_text("utf-8")
    given = tomllib.loads((products / f"{name}.toml").read_text("utf-8"))
    for key in {"card", "files", "financial", "stock"} & given.keys():
        lines = re.sub(rf'^{key} = ".*"$', f'{key} = "{given[key]}"', lines, flags=re.MULTILINE)
    own = demo / "station" / "profiles" / "products" / "debit.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(lines + f"\n[keys]\ncustody = {json.dumps(custody)}\n", "utf-8")
    try:
        yield
    finally:
        own.unlink()


def requests() -> list[str]:
    with (data_folder("examples") / "requests.csv").open(encoding="utf-8", newline="") as file:
        return [row["request_id"] for row in csv.DictReader(file)]


def test_an_scp03_product_from_request_to_card_in_token_wrap(demo: Path, at: Cli, tmp_path: Path) -> None:
    """By the command line: the audit says how its keys were kept."""
    name = requests()[4]
    with other_product(demo, "debit-scp03", "token-wrap"):
        for words in (
            ("request", "approve", name), ("stock", "receive", "training-ssc2-scp03", "1"), ("issue", name),
        ):  # fmt: skip
            done = at(*words)
            assert done.returncode == 0, (words, done.stdout, done.stderr)
    exported = tmp_path / "export.txt"
    assert at("audit", "export", str(exported)).returncode == 0
    record = exported.read_text("utf-8")
    assert "emv_keys token-wrap" in record
    assert "emv_keys service-clear" in record  # the demo's own cards, over SCP02


def test_a_product_that_accepts_wrapping_only_is_refused_over_scp02(demo: Path, at: Cli) -> None:
    """Before a number is drawn or a blank is touched, and it says what to do."""
    stock = at("stock", "show", "--json").stdout
    with other_product(demo, "debit", "token-wrap"):
        refused = at("request", "approve", requests()[5], "--json")
    assert refused.returncode == 6, refused.stdout
    told = json.loads(refused.stdout)
    assert told["error"] == "CF-6641"
    assert "SCP02" in told["what"]["en"]
    assert "docs/hsm.md" in told["do"]["en"]
    assert at("stock", "show", "--json").stdout == stock


def test_a_product_of_sm4_is_refused_with_advice(demo: Path, at: Cli) -> None:
    with other_product(demo, "debit-v3", "token-wrap", "service-clear"):
        refused = at("request", "approve", requests()[6], "--json")
    assert refused.returncode == 6, refused.stdout
    told = json.loads(refused.stdout)
    assert "SM4" in told["what"]["en"]
    assert "docs/hsm.md" in told["do"]["en"]


def test_the_token_of_a_real_station_is_not_opened_by_a_pin_in_a_file(demo: Path) -> None:
    located = read_settings((demo / "station" / "cardfab.toml",))
    section = located.values.station.model_copy(update={"training": False})
    real = replace(located, values=located.values.model_copy(update={"station": section}))
    with pytest.raises(UsageRefused) as refused:
        open_keys(real, lambda _: "never asked")
    assert refused.value.code == "CF-2100"
    other = with_keystore(located, "pkcs11:token=x?module-path=/nowhere.so&pin-source=fd:9")
    assert other.values.keystore.token.startswith("pkcs11:token=x")
