"""Settings: where they are found, what is refused, and where each value came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.settings import Located, Settings, SettingsRefused, candidates, origins, read_settings

LEAST = '[station]\nname = "outlet-1"\n'
FULL = """
database = "db/station.sqlite"
host = "https://host.example/outlets"
terminal = "440199000017"

[station]
name = "Outlet-7.east"
training = false
language = "zh"

[keystore]
file = "keys/station.keys"
unlock_file = "keys/word"
token = "pkcs11:token=outlet-7"
service = "unix:run/keys.sock"
identity = "keys/outlet-7.identity"
ceremony_room = false

[audit]
outside = "/srv/audit"
required = true
auditors = []
record = "bank"

[devices]
reader = "pcsc:0"
counter = "pcsc:1"
printer = "tcp://10.0.0.7:9100"
printer_profile = "evolis-k"
pinpad = "tcp://10.0.0.8:7100"
mailer = "/dev/usb/lp0"

[issuer]
profile = "json"
trust = "tls/host-ca.pem"
client = "tls/outlet.pem"
client_key = "tls/outlet.key"
public_key = ""
credentials = "host.sealed"

[fonts]
dirs = ["/srv/fonts"]

[people]
idle_minutes = 5
attempts = 3
lock_minutes = 60

[bureau]
key = "bureau/key.pem"
certificate = "bureau/certificate.pem"
trust = "bureau/issuers.pem"
worker_beat = 5
worker_lost = 30

[bureau.issuers]
"示例市社保中心" = ["9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08"]

[outlet]
policy = "east"

[web]
host = "10.0.0.5"
port = 443
names = ["outlet-7.bank.example"]
certificate = "tls/web.pem"
certificate_key = "tls/web.key"
"""


def _read(folder: Path, text: str | bytes) -> Located:
    file = folder / "cardfab.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_settings((file,))


def test_the_least_there_can_be(tmp_path: Path) -> None:
    found = _read(tmp_path, LEAST)
    values = found.values
    assert (values.station.name, values.station.training, values.station.language) == ("outlet-1", True, "system")
    assert (values.database, values.keystore.file, values.keystore.unlock_file) == ("station.db", "station.keys", None)
    assert (values.devices.reader, values.devices.printer) == ("simulated", "simulated")
    assert found.folder == tmp_path.resolve()
    assert found.path("station.db") == tmp_path.resolve() / "station.db"
    assert found.path("/absolute/x") == Path("/absolute/x")


def test_everything_given(tmp_path: Path) -> None:
    values = _read(tmp_path, FULL).values
    assert (values.station.name, values.station.training, values.station.language) == ("Outlet-7.east", False, "zh")
    assert (values.database, values.keystore.unlock_file) == ("db/station.sqlite", "keys/word")
    assert values.devices.model_dump() == {
        "reader": "pcsc:0",
        "counter": "pcsc:1",
        "printer": "tcp://10.0.0.7:9100",
        "printer_profile": "evolis-k",
        "pinpad": "tcp://10.0.0.8:7100",
        "mailer": "/dev/usb/lp0",
    }
    assert values.fonts.dirs == ("/srv/fonts",)
    assert (values.web.host, values.web.port, values.web.names) == ("10.0.0.5", 443, ("outlet-7.bank.example",))
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert values.bureau.issuers == {"示例市社保中心": (digest,)}
    assert values.people.model_dump() == {"idle_minutes": 5, "attempts": 3, "lock_minutes": 60}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "station"),
        ("[station]\n", "station.name"),
        (LEAST + 'colour = "red"\n', "station.colour"),
        (LEAST + '[statoin]\nname = "x"\n', "statoin"),
        (LEAST + "[devices]\nraeder = 1\n", "devices.raeder"),
        ('[station]\nname = ""\n', "station.name"),
        ('[station]\nname = "两个字"\n', "station.name"),
        ('[station]\nname = "-x"\n', "station.name"),
        (f'[station]\nname = "{"x" * 41}"\n', "station.name"),
        ("[station]\nname = 7\n", "station.name"),
        (LEAST + 'language = "fr"\n', "station.language"),
        (LEAST + '[devices]\nmailer = "mailer.txt"\n', "devices.mailer"),
        (LEAST + '[devices]\npinpad = "/dev/ttyS0"\n', "devices.pinpad"),
        (LEAST + 'training = "perhaps"\n', "station.training"),
        (LEAST + '[bureau.issuers]\n"x" = []\n', "bureau.issuers"),
        (LEAST + '[bureau.issuers]\n"x" = ["9f86"]\n', "bureau.issuers"),
        ("database = 5\n" + LEAST, "database"),
        ("[station\n", "line 1"),
        (LEAST + LEAST, "line 3"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        _read(tmp_path, text)
    error = refused.value
    assert (error.exit_status, error.code) == (3, "CF-3600")
    assert named in error.what.en
    assert "cardfab.toml" in error.what.en
    assert named in error.what.zh
    assert error.do is not None


@pytest.mark.parametrize(
    "data", [LEAST.encode("utf-16"), b'[station]\nname = "\xb0\xa1"\n', b"\xff"], ids=["UTF-16", "GBK", "none"]
)
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, data: bytes) -> None:
    """A settings file written by an editor of another age is a refusal with a sentence, not a crash."""
    with pytest.raises(SettingsRefused, match=r"cardfab\.toml"):
        _read(tmp_path, data)


def test_everything_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        _read(tmp_path, '[station]\nname = ""\nlanguage = "fr"\n[fonts]\ndirs = 5\n')
    for named in ("station.name", "station.language", "fonts.dirs"):
        assert named in refused.value.what.en


def test_where_settings_are_looked_for(tmp_path: Path) -> None:
    option, here = Path("mine.toml"), tmp_path
    both = {"CARDFAB_CONFIG": "/etc/other.toml"}
    assert candidates(option, both, here) == (option,)
    assert candidates(None, both, here) == (Path("/etc/other.toml"),)
    fallback = (here / "cardfab.toml", Path("/etc/cardfab/cardfab.toml"))
    assert candidates(None, {}, here) == candidates(None, {"CARDFAB_CONFIG": ""}, here) == fallback


def test_the_first_file_that_is_there_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    second.write_text(LEAST, encoding="utf-8")
    assert read_settings((first, second)).file == second.resolve()
    first.write_text(LEAST.replace("outlet-1", "outlet-2"), encoding="utf-8")
    assert read_settings((first, second)).values.station.name == "outlet-2"


def test_no_station_here(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="no station here") as refused:
        read_settings((tmp_path / "cardfab.toml", tmp_path))
    assert "--config" in refused.value.what.en
    assert refused.value.do is not None
    assert "cardfab init" in refused.value.do.en


def test_every_value_says_where_it_came_from(tmp_path: Path) -> None:
    found = list(origins(_read(tmp_path, LEAST + "[fonts]\ndirs = []\n")))
    by_name = {name: (value, origin) for name, value, origin in found}
    assert by_name["station.name"] == ("outlet-1", "cardfab.toml")
    assert by_name["station.training"] == ("True", "default")
    assert by_name["fonts.dirs"] == ("()", "cardfab.toml")
    assert by_name["keystore.unlock_file"] == ("None", "default")
    assert len(found) == len(by_name)
    assert {name.partition(".")[0] for name in by_name} == set(Settings.model_fields)
    assert {origin for _, _, origin in origins(_read(tmp_path, FULL))} == {"cardfab.toml"}


def test_settings_do_not_change(tmp_path: Path) -> None:
    values = _read(tmp_path, LEAST).values
    with pytest.raises(Exception, match="frozen"):
        values.database = "other.db"
