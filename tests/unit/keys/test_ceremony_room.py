"""Where clear components may pass: a machine set apart, without network and services; a rehearsal in training only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cardfab.cli.ceremonyroom import interfaces_up, room_of
from cardfab.errors import Text
from cardfab.keys.ceremony import NotARoom, Room, require_room
from cardfab.settings import Located, Settings

APART = Room(set_apart=True, training=False)


def test_K5_a_room_set_apart_without_network_is_let_in() -> None:
    require_room(APART, rehearsal=False)
    require_room(Room(set_apart=False, training=True, interfaces=("eth0",)), rehearsal=True)


@pytest.mark.parametrize(
    ("room", "rehearsal", "code"),
    [
        (replace(APART, set_apart=False), False, "CF-6532"),  # production
        (replace(APART, services=("host",)), False, "CF-6533"),
        (replace(APART, interfaces=("eth0",)), False, "CF-6534"),
        (replace(APART, training=True), False, "CF-6531"),
        (APART, True, "CF-6530"),  # no rehearsal where real keys are
    ],
)
def test_K5_any_other_process_is_refused_and_told_what_to_do(room: Room, rehearsal: bool, code: str) -> None:
    with pytest.raises(NotARoom) as refused:
        require_room(room, rehearsal=rehearsal)
    assert refused.value.code == code
    assert refused.value.exit_status == 6
    assert isinstance(refused.value.do, Text)


def _interface(folder: Path, name: str, flags: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "flags").write_text(flags + "\n", encoding="ascii")


def test_K5_interfaces_that_are_up_are_found(tmp_path: Path) -> None:
    _interface(tmp_path, "lo", "0x9")
    _interface(tmp_path, "eth0", "0x1002")
    assert interfaces_up(tmp_path) == ()
    _interface(tmp_path, "wlan0", "0x1003")
    (tmp_path / "odd0").mkdir()  # one that does not tell counts as up
    assert interfaces_up(tmp_path) == ("odd0", "wlan0")
    assert interfaces_up(tmp_path / "nowhere") == ("unknown",)


@pytest.mark.parametrize(
    ("more", "services"),
    [
        ({}, ()),
        ({"host": "tcp://10.0.0.1:7000"}, ("host",)),
        ({"devices": {"reader": "tcp://10.0.0.1:1", "printer": "socket://10.0.0.1:9100"}},
         ("[devices] reader", "[devices] printer")),
        ({"devices": {"mailer": "socket://10.0.0.1:9100", "pinpad": "tcp://10.0.0.1:2"}},
         ("[devices] pinpad", "[devices] mailer")),
        ({"keystore": {"ceremony_room": True, "service": "unix:/run/keys"}}, ("[keystore] service",)),
        ({"devices": {"mailer": "/dev/usb/lp0"}}, ()),
    ],
)  # fmt: skip
def test_K5_services_are_read_from_the_settings(
    tmp_path: Path, more: dict[str, object], services: tuple[str, ...]
) -> None:
    given = {"station": {"name": "room-1", "training": False}, "keystore": {"ceremony_room": True}} | more
    room = room_of(Located(Settings.model_validate(given), tmp_path / "cardfab.toml", given), tmp_path)
    assert room == Room(set_apart=True, training=False, services=services)
