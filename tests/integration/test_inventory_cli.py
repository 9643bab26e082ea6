"""Which keys made which card, what hangs on a key, what to replace when it is lost; no key is shared by two cards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cardfab.keys.label import KeyInfo, Level, State, Usage
from cardfab.station import inventory as keeping
from cardfab.station.inventory import ADVICE, keys_below
from cardfab.store.keyuses import UsedKey
from tests.integration.conftest import PLAIN, URGENT, World

pytestmark = pytest.mark.proof


def info(label: str, parent: str = "", state: State = State.ACTIVE) -> KeyInfo:
    return KeyInfo(label, "3DES", Usage.CVN, Level.BANK, 1, True, "ABCDEF", parent=parent, state=state)


def test_keys_below_go_from_the_lowest_up_and_never_in_a_circle() -> None:
    infos = [
        info("a"),
        info("b", "a"),
        info("c", "b"),
        info("d", "a", State.DESTROYED),
        info("e"),
        info("x", "y"),
        info("y", "x"),
    ]
    assert keys_below(infos, "a") == ["c", "b"]
    assert keys_below(infos, "c") == []
    assert keys_below(infos, "x") == ["y"]


def test_every_purpose_of_a_key_has_its_advice() -> None:
    assert set(ADVICE) == set(Usage)


@pytest.fixture
def made(world: World) -> World:
    """A station that made two cards and waits with one."""
    for request in (PLAIN, URGENT):
        said = world.cli("issue", request, *world.devices())
        assert said.exit == 0, said.err
    return world


def test_K13_cards_keys_and_profiles_of_each_key(made: World) -> None:
    lines = {line["label"]: line for line in made.cli("keys", "inventory", "--json").json()["items"]}
    assert len(lines) == len(made.cli("keys", "list", "--json").json()["items"])
    for label in ("ss/IRK", "ss/UKSSSE", "bank/IMK-AC", "bank/KMC", "station/transport"):
        assert lines[label]["cards"] == 2, label
    assert lines["ss/SM4/IRK"]["cards"] == 0
    assert "applications/ssc-v2" in lines["ss/IRK"]["profiles"]
    assert "products/debit" in lines["bank/IMK-AC"]["profiles"]
    assert lines["station/pool"]["holds"] == "chip keys made ahead"
    one = made.cli("keys", "inventory", "ss/IRK", "--json").json()
    assert one == lines["ss/IRK"]
    assert made.cli("keys", "inventory", "ss/IRK").exit == 0
    assert made.cli("keys", "inventory", "ss/nothing").exit == 6

    # K13: unique across the cards, and found where it is not.
    unique = made.cli("keys", "inventory", "--unique", "--json").json()
    assert unique == {"cards": 2, "shared": []}
    with made.desk() as desk:
        with desk.database.reading() as tx:
            marks = tx.key_uses.marks()
        assert all(one.chip and one.secret and one.publics for one in marks)
        with desk.database._engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE card_key_use SET public_marks = (SELECT public_marks FROM card_key_use ORDER BY job_id LIMIT 1)"
            )
    said = made.cli("keys", "inventory", "--unique", "--json")
    assert said.exit == 3
    value = said.json()
    assert value["error"] == "CF-3914"
    assert [one["what"] for one in value["shared"]] == ["public key"]
    assert sorted(value["shared"][0]["tokens"]) == sorted(one.token for one in marks)

    # What must be replaced.
    file = made.folder / "tokens"
    value = made.cli("keys", "compromised", "bank/IMK-AC", "--tokens", file, "--json").json()
    assert value["cards"] == 2
    assert file.read_text("ascii").split() == value["tokens"]
    assert {row.token for row in _cards(made)} == set(value["tokens"])
    assert len(value["waiting"]) == 4  # approved, prepared, not made
    assert value["advice"][0]["usage"] == "EMV_ROOT"
    regions = {one.region for one in _uses(made)}
    for region in (*regions, "65"):
        found = made.cli("keys", "compromised", "ss/UKSSSE", "--region", region, "--json").json()["cards"]
        assert found == sum(one.region.startswith(region) for one in _uses(made))
    assert made.cli("keys", "compromised", "ss/SM4/IRK", "--json").json()["cards"] == 0
    text = made.cli("keys", "compromised", "bank/IMK-AC").out
    assert "Cards to be replaced: 2" in text
    number = json.dumps(value) + text
    assert not any(made.prepared(request)[1].card_number in number for request in (PLAIN, URGENT))


def test_papers_hang_on_the_keys_that_sign_them(station: World) -> None:
    assert station.typed(station.holder(URGENT), "temporary", "issue", URGENT, "--out", station.folder).exit == 0
    papers = station.cli("keys", "compromised", "station/documents", "--json").json()["papers"]
    assert len(papers) == 1
    assert station.cli("keys", "compromised", "bank/CVK", "--json").json()["papers"] == []


def test_what_ends_soon_is_said(station: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with station.desk() as desk:
        today = desk.now().date()
        line = next(one for one in keeping.inventory(desk, today) if one.info.label == "bank/CVK")
    assert (line.ends_in, line.ends_soon) == (None, False)
    for days, soon in ((0, True), (90, True), (91, False), (-1, True)):
        assert keeping.Line(line.info, (), (), 0, days).ends_soon is soon


def test_the_keys_of_a_card_are_kept_once_and_sets_are_shared(made: World) -> None:
    with made.desk() as desk, desk.database._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM card_key_use").scalar_one() == 2
        assert connection.exec_driver_sql("SELECT count(*) FROM key_set").scalar_one() == 1
    with made.desk() as desk, desk.database.transaction("again") as tx:
        job = tx.jobs.all()[0].id
        tx.key_uses.add(job, {UsedKey("ss/IRK", 1, "000000")}, "440199", "", ())
    with made.desk() as desk, desk.database.reading() as tx:
        assert tx.key_uses.counts()["ss/IRK"] >= 2


def _cards(world: World):  # type: ignore[no-untyped-def]
    with world.desk() as desk, desk.database.reading() as tx:
        return tx.cards.all()


def _uses(world: World):  # type: ignore[no-untyped-def]
    with world.desk() as desk, desk.database.reading() as tx:
        return tx.key_uses.cards({"ss/UKSSSE"})
