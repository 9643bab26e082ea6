"""Settings of a station from TOML; a key that is not known is refused, and every value says where it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from cardfab.errors import InputRefused, Text


class SettingsRefused(InputRefused):
    """There is no station here, or its settings are wrong."""

    default_code = "CF-3600"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StationSection(_Section):
    """The station's own name, and whether it is for training."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,39}$")
    training: bool = True
    language: Literal["zh", "en", "system"] = "system"


class KeystoreSection(_Section):
    """The sealed key store; only a training store may be opened by a word lying in a file."""

    file: str = "station.keys"
    unlock_file: str | None = None
    token: str = Field(default="", pattern=r"^(|pkcs11:.*)$")
    """The keys are in this PKCS#11 token instead: a URI (RFC 7512) without a PIN; relative paths from the settings."""
    service: str = Field(default="", pattern=r"^(|unix:.+)$")
    """Where the key-service process listens, ``unix:PATH``; empty: the keys are in the station's own process."""
    identity: str = "station.identity"
    """The file with which this station proves itself to the key service."""
    ceremony_room: bool = False
    """Whether this machine is set apart for clear components of keys: no network, no service, no production."""


class DevicesSection(_Section):
    """Reader and printer, which are one pair. ``simulated`` starts both inside the process."""

    reader: str = "simulated"
    counter: str = ""
    """The reader into which cards are put by hand at the counter; empty: the printer's."""
    printer: str = "simulated"
    printer_profile: str = "evolis-ymcko"
    pinpad: str = Field(default="none", pattern=r"^(none|simulated|tcp://.+|serial:///dev/.+)$")
    """Where holders enter a PIN; ``simulated`` is a pad of a training station that gives the published PIN."""
    mailer: str = Field(default="none", pattern=r"^(none|socket://.+|/dev/.+)$")
    """The printer of PIN mailers, itself: no queue, which would keep the page on disk."""


class FontsSection(_Section):
    """Where fonts are looked for."""

    dirs: tuple[str, ...] = ("/usr/share/fonts", "/usr/local/share/fonts")


class PeopleSection(_Section):
    """How people come in; each value may be stricter than its default, not laxer than the requirement it meets."""

    idle_minutes: int = Field(default=15, ge=1, le=15)
    """PCI DSS 8.2.8: then the password is asked again."""
    attempts: int = Field(default=6, ge=1, le=10)
    """PCI DSS 8.3.4: at most 10."""
    lock_minutes: int = Field(default=30, ge=30)


class OutletSection(_Section):
    """What is made at the counter at once."""

    policy: str = Field(default="training", pattern=r"^[a-z0-9][a-z0-9-]*$")
    """The file under ``profiles/policies``; the example of that name is for training stations only."""


class AuditSection(_Section):
    """The record's ties to the world outside the station."""

    record: str = Field(default="", pattern=r"^(|[A-Za-z0-9][A-Za-z0-9.-]{0,39})$")
    """The record's name, one for all stations on one database; empty: the station's own."""
    outside: str = "none"
    """A folder that the station can add to and not change; every checkpoint is put there."""
    required: bool = False
    """No work without it; otherwise a checkpoint that cannot be put there is said and recorded."""
    auditors: tuple[str, ...] = ()
    """Verifier keys of those who countersign; they go along in exports."""


class BureauSection(_Section):
    """Sealed files of issuers, and workers that prepare batches on many machines (seconds)."""

    key: str = ""
    """The bureau's private key, PKCS #8 in PEM under a password; its word is asked for."""
    certificate: str = ""
    """The certificate that issuers encrypt their files for."""
    trust: str = ""
    """The certificates of issuers whose signature is taken, PEM, one after another."""
    issuers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By an issuer's name, as cover notes have it, the SHA-256 of each certificate that signs for him: only issuers
    named here then send files, and only signed ones. Without any, a certificate of ``trust`` signs for every issuer.
    """
    worker_beat: int = Field(default=10, ge=1, le=60)
    """How often a worker says that it lives."""
    worker_lost: int = Field(default=60, ge=3)
    """When a worker that did not say so has lost its shard, which is given to another one."""

    @field_validator("issuers")
    @classmethod
    def _fingerprints(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """As programs print them, with colons and capitals too."""
        plain = {name: tuple(one.replace(":", "").lower() for one in some) for name, some in value.items()}
        for name, some in plain.items():
            if not some or any(len(one) != 64 or set(one) - set("0123456789abcdef") for one in some):
                raise ValueError(f"the SHA-256 of at least one certificate is wanted for {name}, 64 digits of hex each")
        return plain

    @field_validator("worker_lost")
    @classmethod
    def _longer(cls, value: int, info: ValidationInfo) -> int:
        """One beat may be lost on the way."""
        if value < 2 * info.data.get("worker_beat", 1):
            raise ValueError("at least twice worker_beat")
        return value


class WebSection(_Section):
    """The pages. Other machines get in over TLS only: what is typed into a page is personal data and passwords."""

    host: str = Field(default="127.0.0.1", pattern=r"^[0-9A-Za-z.:-]+$")
    """The address to listen at."""
    port: int = Field(default=8078, ge=0, le=65535)
    names: tuple[str, ...] = ()
    """Other names by which browsers call this station, without a port."""
    certificate: str = ""
    """PEM file with the certificate of those names; needed unless the address is of the loopback."""
    certificate_key: str = ""
    """PEM file with its private key."""


class IssuerSection(_Section):
    """How the issuer host is spoken to; files are relative to the settings."""

    profile: str = ""
    """The host's profile, ``profiles/hosts/NAME.toml``; empty: the one that goes with the kind of address."""
    trust: str = ""
    """Who is trusted to name the host (PEM)."""
    client: str = ""
    """The station's certificate towards the host (PEM)."""
    client_key: str = ""
    """Its private key, readable by nobody else."""
    public_key: str = Field(default="", pattern=r"^(|04[0-9A-Fa-f]{128})$")
    """The key that checks the host's answers, of a host that signs them: an uncompressed point of P-256."""
    credentials: str = "host.sealed"
    """User, password and licence towards the host, sealed by ``cardfab host credentials``."""


class Settings(_Section):
    """One station."""

    station: StationSection
    database: str = Field(default="station.db", min_length=1)
    """A file of the station's folder, or ``postgresql://USER@HOST/NAME``, never with a password in it."""
    host: str = Field(
        default="none", pattern=r"^(none|simulated|tcp://.+|https?://.+|(soap|xml)\+https?://.+|file:.+)$"
    )
    """The issuer host: ``https://``, ``soap+https://``, ``xml+https://``, ``file:FOLDER``; for training plain http and
    ``tcp://HOST:PORT`` too; ``simulated`` keeps one in the folder of a training station."""
    issuer: IssuerSection = IssuerSection()
    terminal: str = Field(default="000000000001", pattern=r"^[0-9]{12}$")
    """The number of this terminal in medical transactions."""
    keystore: KeystoreSection = KeystoreSection()
    devices: DevicesSection = DevicesSection()
    fonts: FontsSection = FontsSection()
    people: PeopleSection = PeopleSection()
    audit: AuditSection = AuditSection()
    bureau: BureauSection = BureauSection()
    web: WebSection = WebSection()
    outlet: OutletSection = OutletSection()

    @field_validator("database")
    @classmethod
    def _without_password(cls, value: str) -> str:
        """Settings are read, copied and shown; a password in them is everybody's."""
        if value.startswith("postgresql://"):
            given = urlsplit(value)
            if given.password is not None or "password=" in given.query:
                raise ValueError("a password does not belong here: peer authentication, PGPASSFILE or a service file")
        return value


@dataclass(frozen=True, slots=True)
class Located:
    """Settings with the folder that their relative paths start from, and the file they came from."""

    values: Settings
    file: Path
    given: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The station's folder."""
        return self.file.parent

    def path(self, name: str) -> Path:
        """A file of the station."""
        return self.folder / name


SEARCH = "--config FILE, $CARDFAB_CONFIG, ./cardfab.toml, /etc/cardfab/cardfab.toml"


def candidates(option: Path | None, environment: Mapping[str, str], here: Path) -> tuple[Path, ...]:
    """Where settings are looked for, first hit wins; a file named outright is the only candidate."""
    if option is not None:
        return (option,)
    if environment.get("CARDFAB_CONFIG"):
        return (Path(environment["CARDFAB_CONFIG"]),)
    return (here / "cardfab.toml", Path("/etc/cardfab/cardfab.toml"))


def read_settings(files: tuple[Path, ...]) -> Located:
    """The settings of the first file that exists; raises :class:`SettingsRefused`."""
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise SettingsRefused(
            Text(
                f"There is no station here: no settings found ({SEARCH}).", f"此处没有制卡点：未找到配置（{SEARCH}）。"
            ),
            do=Text("Make a training station with 'cardfab init DIR'.", "可用 cardfab init 目录 建立训练制卡点。"),
        )
    try:
        given = tomllib.loads(found.read_text(encoding="utf-8"))
        return Located(Settings.model_validate(given), found.resolve(), given)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        reason = str(wrong)
    except ValidationError as wrong:
        reason = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors())
    raise SettingsRefused(
        Text(f"{found.name} is refused: {reason}.", f"配置文件 {found.name} 被拒绝：{reason}。"),
        do=Text(
            "Correct it; 'cardfab config show --origin' shows every value.",
            "请修改；cardfab config show --origin 可查看。",
        ),
    )


def origins(located: Located) -> Iterator[tuple[str, str, str]]:
    """Every setting as (name, value, where it came from)."""
    yield from _origins(located.values.model_dump(), located.given, "", located.file.name)


def _origins(values: Mapping[str, Any], given: Any, at: str, file: str) -> Iterator[tuple[str, str, str]]:
    for key, value in values.items():
        here = given.get(key) if isinstance(given, dict) else None
        if isinstance(value, dict):
            yield from _origins(value, here, f"{at}{key}.", file)
        else:
            yield f"{at}{key}", str(value), file if here is not None else "default"
