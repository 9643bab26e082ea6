"""The promises of the command line: exit statuses, one JSON object, two languages, plain text, help, no bug hidden."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from cardfab import errors
from cardfab.cli.main import app
from cardfab.simulator.chip import make_blank
from cardfab.simulator.printer import Fault
from tests.integration.conftest import (
    EXAMPLES,
    PLAIN,
    RARE,
    SERIALS,
    STOCK,
    UNAPPROVED,
    URGENT,
    Said,
    Tty,
    World,
    cardfab,
)

ESCAPE = "\x1b"
OTHER = next(iter(RARE))


# ------------------------------------------------------------------------------------------------------ exit statuses

USAGE = [
    (),
    ("nonsense",),
    ("request",),
    ("issue",),
    ("issue", PLAIN, "--nonsense"),
    ("request", "import"),
    ("--lang", "fr", "request", "list"),
    ("--lang",),
    ("job", "list", "--state", "NOWHERE"),
    ("job", "resolve", PLAIN, "--accept", "--spoil"),
    ("job", "resolve", "--accept"),
    ("plan", "run", PLAIN),
    ("stock", "receive", STOCK, "0"),
    ("stock", "receive", STOCK, "many"),
    ("audit", "show", "--last", "0"),
    ("user", "add", "somebody", "Somebody", "emperor"),
    ("demo", "--count", "0"),
    ("simulate", "card", "--vpcd", "nowhere"),
]
REFUSED = [
    (3, ("request", "show", "R-NOBODY")),
    (3, ("request", "approve", "R-NOBODY")),
    (3, ("request", "import", "absent.csv")),
    (3, ("job", "show", "9999")),
    (3, ("job", "show", "R-NOBODY")),
    (3, ("issue", "R-NOBODY")),
    (3, ("issue", "9999")),
    (3, ("plan", "show", UNAPPROVED)),
    (3, ("face", "preview", UNAPPROVED)),
    (3, ("profile", "show", "nothing")),
    (3, ("profile", "show", "kind/nothing")),
    (3, ("profile", "lint", "absent.toml")),
    (3, ("audit", "verify", "absent.txt")),
    (3, ("temporary", "verify", "absent.pdf")),
    (5, ("issue", PLAIN, "--reader", "tcp://127.0.0.1:1", "--printer", "socket://127.0.0.1:1")),
    (5, ("printer", "status", "socket://127.0.0.1:1")),
    (5, ("printer", "status", "/dev/no-such-line")),
    (6, ("keys", "kcv", "no/such/key")),
    (7, ("issue", UNAPPROVED)),
    (7, ("request", "approve", PLAIN)),
    (7, ("temporary", "issue", PLAIN)),
    (7, ("user", "login", "nobody")),
]


def named(value: object) -> str:
    """How a case is called in the report."""
    return " ".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_usage_is_exit_2(words: tuple[str, ...], station: World) -> None:
    said = station.cli(*words)
    assert said.exit == 2, said.text
    assert said.err or said.out
    assert "bug in cardfab" not in said.err


@pytest.mark.parametrize(("status", "words"), REFUSED, ids=named)
def test_refusals_have_their_status_and_say_what_to_do(
    status: int, words: tuple[str, ...], station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = station.cli(*words)
    assert said.exit == status, said.text
    assert re.search(rf"\[CF-{status}\d\d\d\]", said.err), said.err
    assert said.out == ""


def test_a_station_that_is_there_already(station: World) -> None:
    assert cardfab("init", station.folder).exit == 2


def test_no_station_is_exit_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = cardfab("request", "list")
    assert said.exit == 3
    assert "cardfab init DIR" in said.err
    (tmp_path / "cardfab.toml").write_text("[station]\nname = 'x'\nnonsense = 1\n", encoding="utf-8")
    said = cardfab("request", "list")
    assert said.exit == 3
    assert "nonsense" in said.err


@pytest.mark.proof
def test_the_configuration_is_found_in_its_order(
    station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cardfab("init", tmp_path / "other", "--name", "other").exit == 0

    def name(*words: str | Path) -> str:
        value = cardfab(*words, "config", "show", "--json").json()
        found: str = value["station.name"]
        return found

    monkeypatch.chdir(tmp_path / "other")
    assert name() == "other"
    monkeypatch.setenv("CARDFAB_CONFIG", str(station.config))
    assert name() == "integration-01"
    assert name("--config", tmp_path / "other" / "cardfab.toml") == "other"
    assert cardfab("config", "show", f"--config={tmp_path / 'other' / 'cardfab.toml'}").exit == 0
    origin = cardfab("config", "show", "--origin").out
    assert "cardfab.toml" in origin
    assert "default" in origin


@pytest.mark.proof
@pytest.mark.shows("a chip that refuses is exit 4, in doubt is 9, part of a batch is 8 (proof)")
def test_4_8_and_9(new_world: Callable[..., World]) -> None:
    world = new_world(make_blank(serial=next(SERIALS), wrong_update_key=True))
    assert world.rig is not None
    both = world.cli("issue", PLAIN, OTHER, "--json")
    assert both.exit == 8, both.text
    value = both.json()
    assert [one["id"] for one in value["failed"]] == [PLAIN]
    assert [one["request"] for one in value["issued"]] == [OTHER]
    assert PLAIN in both.err
    world.rig.reader.cut_power_after(10)
    assert world.cli("issue", PLAIN).exit == 9


@pytest.mark.proof
def test_7_for_people_and_stock(station: World) -> None:
    acts: dict[str, tuple[tuple[str, ...], ...]] = {
        "auditor": (("issue", PLAIN), ("request", "approve", UNAPPROVED), ("stock", "receive", STOCK, "1")),
        "operator": (("request", "approve", UNAPPROVED), ("stock", "receive", STOCK, "1"), ("audit", "export", "x")),
        "supervisor": (("issue", PLAIN), ("temporary", "issue", URGENT)),
    }
    before = station.books()
    for person, refused in acts.items():
        assert station.cli("user", "login", person).exit == 0
        for words in refused:
            said = station.cli(*words)
            assert said.exit == 7, (person, words, said.text)
            assert f"'{person}' may not" in said.err
    assert station.books() == before
    assert station.cli("user", "logout").exit == 0
    for words in (("issue", PLAIN), ("request", "list"), ("job", "list")):
        said = station.cli(*words)
        assert said.exit == 7, said.text
        assert "cardfab user login" in said.err


def test_only_people_of_the_station_add_people_with_roles(station: World) -> None:
    """Who may not approve must not be able to make somebody who may."""
    assert station.cli("user", "login", "operator").exit == 0
    said = station.cli("user", "add", "mallory", "Mallory", "supervisor")
    assert said.exit == 7, said.text
    assert "mallory" not in station.cli("user", "list").out


def test_people_are_added_and_sign_in(station: World) -> None:
    assert station.cli("user", "add", "zhao", "Zhao [b]赵[/b]", "operator").exit == 0
    said = station.cli("user", "login", "zhao")
    assert said.exit == 0, said.text
    assert "Zhao [b]赵[/b]" in said.out
    assert "Zhao [b]赵[/b]" in station.cli("user", "list").out
    again = station.cli("user", "add", "zhao", "Another", "operator")
    assert again.exit in (2, 3, 7), again.text


def test_blanks_of_an_unknown_kind_are_not_received(station: World) -> None:
    said = station.cli("stock", "receive", "training-scc2", "5")
    assert said.exit in (3, 7), said.text


@pytest.mark.proof
def test_empty_stock_is_exit_7(world: World) -> None:
    for request in list(RARE)[:3]:
        assert world.cli("issue", request).exit == 0
    said = world.cli("issue", PLAIN)
    assert said.exit == 7, said.text
    assert "[CF-7100]" in said.err
    assert world.state(PLAIN) == "QUEUED"
    world.balanced(issued=3, remaining=0)


@pytest.mark.parametrize("option", [("--printer", "socket://127.0.0.1:1"), ("--reader", "tcp://127.0.0.1:1")])
def test_a_named_device_is_never_replaced_by_a_simulated_one(option: tuple[str, str], station: World) -> None:
    """The settings say simulated, the person names one of the pair: nothing is made on another than the named one."""
    said = station.cli("issue", PLAIN, *option)
    assert said.exit in (2, 5), said.text
    assert station.state(PLAIN) == "QUEUED"
    assert station.books().remaining == 3


def test_no_print_on_a_training_station(station: World) -> None:
    said = station.cli("issue", PLAIN, "--no-print")
    assert said.exit == 0, said.text
    assert station.state(PLAIN) == "DONE"


def test_interrupted_is_exit_130(station: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cardfab.cli.requests.approve", interrupted)
    said = station.cli("request", "approve", PLAIN)
    assert said.exit == 130
    assert "Interrupted" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "export", "no/such/folder/x.txt"),
        ("issue", PLAIN, "--trace", "no/such/folder/x.txt"),
        ("audit", "verify", "."),
        ("audit", "verify", "gbk.txt", "--trust", "gbk.txt"),
        ("face", "preview", PLAIN, "--out", "gbk.txt"),
        ("temporary", "issue", URGENT, "--out", "gbk.txt"),
        ("init", "gbk.txt"),
        ("profile", "schema", "--out", "gbk.txt"),
    ],
    ids=" ".join,
)
def test_a_path_that_cannot_be_is_no_bug(
    words: tuple[str, ...], station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gbk.txt").write_bytes("社会保障".encode("gb18030"))
    before = station.books()
    said = station.cli(*words)
    assert said.exit in (2, 3), said.text
    assert "bug in cardfab" not in said.err
    assert station.books() == before


# --------------------------------------------------------------------------------------------------------------- JSON

GOOD = [
    ("request", "list"),
    ("request", "show", PLAIN),
    ("request", "approve", UNAPPROVED),
    ("job", "list"),
    ("job", "show", PLAIN),
    ("job", "resolve"),
    ("plan", "show", PLAIN),
    ("plan", "run", PLAIN, "--dry-run"),
    ("face", "preview", PLAIN),
    ("profile", "list"),
    ("profile", "show", "debit"),
    ("profile", "lint"),
    ("profile", "schema"),
    ("profile", "schema", "--out", "schemas"),
    ("stock", "report"),
    ("stock", "receive", STOCK, "2"),
    ("keys", "list"),
    ("keys", "kcv", "ss/UKSSSE"),
    ("audit", "show"),
    ("audit", "export", "e.txt"),
    ("user", "list"),
    ("user", "roles"),
    ("user", "login", "operator"),
    ("user", "logout"),
    ("config", "show"),
    ("config", "show", "--origin"),
    ("printer", "list"),
    ("temporary", "list"),
    ("temporary", "key"),
    ("temporary", "certificate"),
    ("temporary", "page", "--out", "page.html"),
    ("temporary", "revocations", "--out", "list.txt"),
    ("doctor",),
]


ONCE = {("request", "approve", UNAPPROVED), ("user", "logout"), ("face", "preview", PLAIN)}
"""Not to be done a second time, or dear."""


def one_object(said: Said) -> dict[str, Any]:
    value = json.loads(said.out)
    assert isinstance(value, dict), f"a {type(value).__name__}, not an object"
    assert not said.err.lstrip().startswith(("{", "["))
    return value


@pytest.mark.parametrize("words", GOOD, ids=" ".join)
def test_json_is_one_object_wherever_the_option_stands(
    words: tuple[str, ...], station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = station.cli(*words, "--json")
    assert said.exit in ((0, 5) if words == ("doctor",) else (0,)), said.text
    value = one_object(said)
    if words not in ONCE:
        assert one_object(station.cli("--json", *words)).keys() == value.keys()


@pytest.mark.parametrize(("status", "words"), REFUSED, ids=named)
def test_json_of_a_refusal_is_one_object(
    status: int, words: tuple[str, ...], station: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = station.cli(*words, "--json")
    assert said.exit == status
    value = one_object(said)
    assert value["exit"] == status
    assert value["error"].startswith(f"CF-{status}")
    assert value["what"]["en"]
    assert value["what"]["zh"]
    assert said.err  # for the person, too


@pytest.mark.parametrize("words", [("nonsense",), ("issue",), ("plan", "run", PLAIN)], ids=" ".join)
def test_json_of_a_usage_error_is_one_object(words: tuple[str, ...], station: World) -> None:
    said = station.cli("--json", *words)
    assert said.exit == 2
    assert one_object(said)["exit"] == 2


def test_json_of_a_lint_with_findings_is_one_object(station: World, tmp_path: Path) -> None:
    file = tmp_path / "products" / "bad.toml"
    file.parent.mkdir()
    file.write_text('extends = "debit"\nname = "bad"\ncard = "nothing"\n', encoding="utf-8")
    plain = station.cli("profile", "lint", file)
    assert plain.exit == 3
    assert re.search(r"bad\.toml:3: .*nothing", plain.out)
    said = station.cli("profile", "lint", file, "--json")
    assert said.exit == 3
    value = one_object(said)
    assert value["exit"] == 3


@pytest.mark.proof
def test_json_of_a_job_that_needs_an_eye_is_one_object(world: World) -> None:
    assert world.rig is not None
    world.rig.printer.inject(Fault.SILENCE, on="Se")
    assert world.cli("issue", PLAIN).exit == 9
    for words in (("job", "resolve"), ("job", "resolve", PLAIN)):
        said = world.cli(*words, "--json")
        assert said.exit == 9, said.text
        assert one_object(said)["exit"] == 9


@pytest.mark.proof
def test_json_of_cards_made(world: World) -> None:
    said = world.cli("issue", PLAIN, "--json")
    assert said.exit == 0, said.text
    value = one_object(said)
    assert [one["state"] for one in value["issued"]] == ["DONE"]
    assert value["failed"] == []
    assert said.err == ""


# ---------------------------------------------------------------------------------------- language, colour, quietness

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    "words",
    [
        ("request", "list"), ("job", "show", PLAIN), ("plan", "show", PLAIN), ("stock", "report"), ("keys", "list"),
        ("audit", "show"), ("user", "list"), ("profile", "lint"), ("config", "show"), ("doctor",),
        ("issue", UNAPPROVED), ("issue", "R-NOBODY"), ("keys", "kcv", "nothing"), ("plan", "run", PLAIN, "--dry-run"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_chinese_and_english(words: tuple[str, ...], station: World) -> None:
    chinese, english = station.cli(*words, "--lang", "zh"), station.cli("--lang=en", *words)
    assert chinese.exit == english.exit
    assert chinese.text != english.text
    assert CHINESE.search(chinese.text)
    first = (english.out or english.err).splitlines()[0]
    assert not CHINESE.search(first), first


@pytest.mark.parametrize(
    ("variables", "chinese"),
    [({"LANG": "zh_CN.UTF-8"}, True), ({"LANG": "en_US.UTF-8"}, False), ({"LC_ALL": "zh_CN", "LANG": "C"}, True)],
)
def test_the_systems_language(
    variables: dict[str, str], chinese: bool, station: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for words in (("stock", "report"), ("issue", "R-NOBODY")):
        assert bool(CHINESE.search(station.cli(*words).text)) is chinese


def test_the_stations_own_language(station: World) -> None:
    text = station.config.read_text(encoding="utf-8")
    station.config.write_text(text.replace("training = true", 'training = true\nlanguage = "zh"'), encoding="utf-8")
    assert CHINESE.search(station.cli("stock", "report").out)
    assert not CHINESE.search(station.cli("stock", "report", "--lang", "en").out)


def test_plain_text_where_there_is_no_terminal(station: World) -> None:
    for words in (("request", "list"), ("issue", "R-NOBODY"), ("plan", "run", PLAIN, "--dry-run"), ("doctor",), ()):
        assert ESCAPE not in station.cli(*words).text


def test_no_color_on_a_terminal(station: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_terminal(*words: str) -> str:
        said = cardfab("--config", station.config, *words, out=Tty(), err=Tty())
        return said.text

    assert ESCAPE in on_terminal("issue", "R-NOBODY")  # a terminal is coloured
    monkeypatch.setenv("NO_COLOR", "1")
    for words in (("issue", "R-NOBODY"), ("request", "list"), ("plan", "run", PLAIN, "--dry-run")):
        assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|4[0-7]|38|48)[0-9;]*m", on_terminal(*words))


@pytest.mark.proof
def test_progress_is_for_terminals(world: World) -> None:
    quiet = world.cli("issue", PLAIN)
    assert quiet.exit == 0
    assert quiet.err == ""
    err = Tty()
    live = cardfab("--config", world.config, "issue", OTHER, err=err)
    assert live.exit == 0
    assert OTHER in live.err
    assert "printing" in live.err  # the longest stage; the others may pass between two pictures
    assert "100%" in live.err
    silent = cardfab("--config", world.config, "--quiet", "issue", list(RARE)[1], err=Tty())
    assert silent.exit == 0
    assert silent.err == ""


# --------------------------------------------------------------------------------------------------------------- help

# What the page of the command line promises of the commands that exist.
PROMISED = {
    "demo": ("--out", "--count"),
    "init": ("DIR",),
    "doctor": (),
    "user add": (), "user list": (), "user roles": (), "user login": (), "user logout": (),
    "request import": ("FILE",), "request list": (), "request show": ("ID",), "request approve": ("ID",),
    "profile list": (), "profile show": ("NAME",), "profile lint": ("FILE",), "profile schema": (),
    "plan show": ("ID",), "plan run": ("ID", "--dry-run"),
    "face preview": ("ID",),
    "issue": ("ID", "--reader", "--printer", "--no-print", "--keystore", "--second"),
    "job list": (), "job show": ("ID",), "job resolve": ("ID", "--accept", "--spoil"),
    "temporary issue": ("ID",), "temporary extend": ("NUMBER",), "temporary return": ("NUMBER",),
    "temporary revoke": ("NUMBER", "--reason"), "temporary list": (), "temporary verify": ("FILE",),
    "temporary page": ("--out",), "temporary revocations": ("--out",), "temporary key": (), "temporary certificate": (),
    "stock receive": ("COUNT", "--note", "--second"), "stock report": ("--pdf",), "stock draw": ("--second",),
    "stock count": ("--machine", "--vault"), "stock close": ("--why", "--second", "--pdf"), "stock open": ("--reason",),
    "stock spoil": ("--reason",), "stock test": ("--reason",), "stock return": ("--to",), "stock issue": ("--reason",),
    "stock destroy": ("--how", "--pdf"), "stock find": (), "stock correct": ("BOOKED", "SEEN"),
    "stock days": ("--csv",),
    "stock book": ("--pdf",),
    "keys list": (), "keys kcv": ("LABEL",), "keys ceremony generate": ("LABEL", "--custodian"),
    "keys ceremony enter": ("LABEL",), "keys ceremony export": ("LABEL",), "keys ceremony destroy": ("LABEL",),
    "keys import": ("FILE", "--under"), "keys export": ("LABEL", "--under", "--out"), "keys rotate": ("LABEL",),
    "keys derive": ("--explain", "--label"), "keys inventory": ("LABEL", "--unique"), "keys compromised": ("LABEL",),
    "keys serve": (), "keys token": ("--keystore",), "user review": (),
    "retention due": (), "retention erase": ("--second",),
    "audit show": ("--key", "--card", "--person", "--since"), "audit export": ("FILE",),
    "audit verify": ("FILE", "--trust"), "audit prove": ("--event",), "audit verify-proof": ("FILE", "--trust"),
    "audit countersign": ("FILE", "--key"),
    "bench apdu": (), "bench dataprep": (), "bench keys": (), "bench line": (),
    "printer list": (), "printer status": (), "printer test": ("--white", "--stock"), "printer clean": (),
    "face print": ("ID", "--printer"), "request report": ("--pdf",),
    "reader list": (),
    "config show": ("--origin",),
    "simulate card": (), "simulate printer": (), "simulate readers": (),
    "bureau import": ("FILE", "--cover"), "bureau prepare": ("--processes",), "bureau run": ("BATCH", "--line"),
    "bureau status": ("BATCH", "--watch"), "bureau reconcile": ("BATCH", "--pdf"), "bureau worker": ("--drain",),
}  # fmt: skip


def commands(group: Any, path: str = "") -> list[str]:
    """Every command of the program, by its words."""
    found: list[str] = []
    for name, command in group.commands.items():
        here = f"{path} {name}".strip()
        found += commands(command, here) if hasattr(command, "commands") else [here]
    return found


def test_every_command_has_help_that_names_what_is_promised() -> None:
    there = commands(typer.main.get_command(app))
    assert set(PROMISED) <= set(there)
    for words in ["", *sorted({command.split()[0] for command in there if " " in command}), *there]:
        said = cardfab(*words.split(), "--help")
        assert said.exit == 0, said.text
        assert said.err == ""
        assert said.out.startswith(f"Usage: cardfab{' ' if words else ''}{words}")
        body = said.out.split("\n\n", 1)[1].strip()
        assert body
        assert not body.startswith(("Options", "Arguments")), f"{words}: no sentence"
        for name in PROMISED.get(words, ()):
            assert name in said.out, f"{words}: {name}"
    assert cardfab("issue", "-h").out == cardfab("issue", "--help").out


def test_help_and_version_need_no_station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "cardfab" in cardfab("--help").out
    said = cardfab("--version")
    assert said.exit == 0
    assert re.fullmatch(r"cardfab \d+\.\d+\.\d+\n", said.out)
    assert cardfab("profile", "lint").exit == 0
    assert cardfab("profile", "list").exit == 0
    assert cardfab("printer", "list").exit == 0


def test_the_exit_statuses_are_those_of_the_error_tree() -> None:
    tree = {1: errors.CardfabError, 2: errors.UsageRefused, 3: errors.InputRefused, 4: errors.CardRefused,
            5: errors.DeviceFault, 6: errors.KeyFault, 7: errors.StockFault, 8: errors.PartlyDone,
            9: errors.InDoubt}  # fmt: skip
    assert {status: kind.exit_status for status, kind in tree.items()} == {status: status for status in tree}


# --------------------------------------------------------------------------------------------- doctor, lint and schema


def test_doctor_says_what_is_missing(station: World) -> None:
    said = station.cli("doctor", "--json")
    value = one_object(said)
    findings = next(part for part in value.values() if isinstance(part, list))
    parts = {one["part"]: one["state"] for one in findings}
    assert parts["fonts"] == "good"
    assert parts["database"] == "good"
    assert parts["key store"] == "good"
    (station.folder / "training.keys").unlink()
    broken = station.cli("doctor")
    assert broken.exit == 5
    assert "MISSING" in broken.out


def test_the_dry_run_never_says_success(station: World) -> None:
    for language in ("en", "zh"):
        said = station.cli("plan", "run", PLAIN, "--dry-run", "--lang", language)
        assert said.exit == 0
        assert said.out.startswith("DRY RUN\n")
        assert "DRY RUN" in said.out.rstrip().splitlines()[-1]
        assert "success" not in said.text.lower()
        assert "成功" not in said.text
    assert station.books().remaining == 3
    assert station.state(PLAIN) == "QUEUED"


@pytest.mark.proof
def test_examples_import_in_a_new_station_made_without_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words that init itself gives for the next steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    said = cardfab("init", "here")
    assert said.exit == 0
    monkeypatch.chdir(tmp_path / "here")
    assert cardfab("request", "import", EXAMPLES / "requests.csv").exit == 0
    assert cardfab("request", "approve", PLAIN).exit == 0
    assert cardfab("stock", "receive", "training-ssc2", "10").exit == 0
    made = cardfab("issue", PLAIN, "--faces", "faces")
    assert made.exit == 0, made.text
    assert (tmp_path / "here" / "faces" / "card-0001-front.png").is_file()
    assert "training-ssc2" in cardfab("stock", "report").out
    assert cardfab("issue", PLAIN).exit == 7
