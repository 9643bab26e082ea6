"""Make a station in a folder: settings, key store, database.

A training station has its keys, its people and a session too, without a question; a real one has none of them yet.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cardfab.cli.banking import certify, training_store
from cardfab.cli.keystores import found_token
from cardfab.cli.wiring import chip_pool, profile_source, prompt, sign_in, write_private
from cardfab.errors import Text, UsageRefused
from cardfab.keys import Usage
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.production import Person, Role
from cardfab.production.passwords import check_password
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.profile.product import Product
from cardfab.settings import Located, read_settings
from cardfab.store import Database

SETTINGS = """\
# A training station. Its keys are published and its cards say SPECIMEN; 'cardfab config show --origin' shows all.
database = "station.db"
# The issuer host: "simulated" keeps a training host in host.json here; else tcp://HOST:PORT, or "none".
host = "simulated"

[station]
name = "{name}"
training = true

[keystore]
{keystore}

[devices]
# "simulated" runs reader, printer and training chips inside the program. Else: reader = "pcsc:NAME" or "tcp://HOST:PORT",
# printer = "socket://HOST:PORT", "/dev/ttyUSB0" or "none".
reader = "simulated"
printer = "simulated"
printer_profile = "evolis-ymcko"
"""

REAL = """\
# Not for training; 'cardfab config show --origin' shows all. How it gets its people and keys: docs/keys.md.
database = "station.db"
host = "none"

[station]
name = "{name}"
training = false

[keystore]
# Opened by its word, or by operator shares ('cardfab keys shares make').
file = "station.keys"
# True only on a machine set apart for clear components of keys (docs/ceremony.md).
ceremony_room = {room}

[devices]
# reader = "pcsc:NAME" or "tcp://HOST:PORT"; printer = "socket://HOST:PORT", "/dev/ttyUSB0" or "none".
reader = "none"
printer = "none"
"""

PEOPLE = (
    Person("trainee", "Trainee 学员", frozenset(Role)),
    Person("operator", "Operator 操作员", frozenset({Role.OPERATOR})),
    Person("supervisor", "Supervisor 主管", frozenset({Role.SUPERVISOR})),
    Person("auditor", "Auditor 审计员", frozenset({Role.AUDITOR})),
    Person("administrator", "Administrator 管理员", frozenset({Role.ADMINISTRATOR})),
    Person("custodian", "Custodian 密钥保管员", frozenset({Role.KEY_CUSTODIAN})),
    Person("custodian-2", "Custodian 2 密钥保管员二", frozenset({Role.KEY_CUSTODIAN})),
    Person("custodian-3", "Custodian 3 密钥保管员三", frozenset({Role.KEY_CUSTODIAN})),
)


FIRST_PRODUCT = "debit"


SEALED_FILE = """\
file = "training.keys"
# Only a training key store may be opened by a word that lies in a file.
unlock_file = "training.unlock"\
"""
TOKEN = """\
# The keys are in a PKCS#11 token. Only a training token may be opened by a PIN that lies in a file.
token = "{uri}"\
"""  # noqa: S105


def found_training_station(
    folder: Path, name: str = "training-01", *, chip_keys: int = 0, token: str | None = None
) -> Located:
    """Make the station and sign the trainee in; raises UsageRefused when the folder holds a station already.

    ``chip_keys`` are made ahead for the cards of the first product. ``token``: its keys are put there, not into a file.
    """
    settings = _empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keys, section = _found_keys(folder, token)
    database = Database(folder / "station.db")
    try:
        database.upgrade()
        with database.transaction("people") as tx:
            for person in PEOPLE:
                tx.people.add(person)
    finally:
        database.close()
    settings.write_text(SETTINGS.format(name=name, keystore=section), encoding="utf-8")
    located = read_settings((settings,))
    if chip_keys:
        source = profile_source(folder)
        product = load(source, "products", FIRST_PRODUCT, Product)
        issuer = load(source, "applications", product.financial, FinancialApplication).issuer
        chip_pool(located, keys).fill(issuer.icc_bits, issuer.icc_exponent, chip_keys)
    if token is not None:
        keys.close()  # a token has one session
    sign_in(located, PEOPLE[0].login)
    return located


def found_station(folder: Path, name: str, word: bytearray, *, ceremony_room: bool = False) -> Located:
    """A station that is not for training: a key store without a key, under ``word``, and nobody in it yet.

    ``word`` is wiped. Raises UsageRefused when the folder holds a station already, PasswordRefused for a weak word.
    """
    try:
        settings = _empty(folder)
        check_password(word, name, "")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
        now = partial(datetime.now, UTC)
        SoftKeyManager.found(KeyFile(folder / "station.keys"), word, os.urandom, now, training=False).close()
    finally:
        word[:] = bytes(len(word))
    database = Database(folder / "station.db")
    try:
        database.upgrade()
    finally:
        database.close()
    settings.write_text(REAL.format(name=name, room=str(ceremony_room).lower()), encoding="utf-8")
    return read_settings((settings,))


def _empty(folder: Path) -> Path:
    """Where the settings will be; raises UsageRefused where there are some."""
    settings = folder / "cardfab.toml"
    if settings.exists():
        raise UsageRefused(
            Text(f"{folder} holds a station already.", f"{folder} 中已有制卡点。"),
            do=Text("Choose another folder.", "请另选目录。"),
            code="CF-2200",
        )
    return settings


def _found_keys(folder: Path, token: str | None) -> tuple[VaultKeyStore, str]:
    """The training keys, and how the settings name them."""
    if token is not None:
        found, uri = found_token(folder, token, prompt)
        for info in found.infos():
            if info.usage is Usage.ISSUER:
                certify(found, info.label)
        return found, TOKEN.format(uri=uri)
    word = base64.b64encode(os.urandom(24))
    write_private(folder / "training.unlock", word)
    keys = training_store()
    write_private(folder / "training.keys", keys.to_file(word))
    return keys, SEALED_FILE
