"""Make a training station in a folder, without a question: settings, key store, database, people, a session."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cardfab.cli.banking import training_store
from cardfab.cli.wiring import chip_pool, profile_source, sign_in, write_private
from cardfab.errors import Text, UsageRefused
from cardfab.production import Person, Role
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
file = "training.keys"
# Only a training key store may be opened by a word that lies in a file.
unlock_file = "training.unlock"

[devices]
# "simulated" runs reader, printer and training chips inside the program. Else: reader = "pcsc:NAME" or "tcp://HOST:PORT",
# printer = "socket://HOST:PORT", "/dev/ttyUSB0" or "none".
reader = "simulated"
printer = "simulated"
printer_profile = "evolis-ymcko"
"""

PEOPLE = (
    Person("trainee", "Trainee 学员", frozenset({Role.OPERATOR, Role.SUPERVISOR, Role.AUDITOR})),
    Person("operator", "Operator 操作员", frozenset({Role.OPERATOR})),
    Person("supervisor", "Supervisor 主管", frozenset({Role.SUPERVISOR})),
    Person("auditor", "Auditor 审计员", frozenset({Role.AUDITOR})),
)


FIRST_PRODUCT = "debit"


def found_training_station(folder: Path, name: str = "training-01", *, chip_keys: int = 0) -> Located:
    """Make the station and sign the trainee in; raises UsageRefused when the folder holds a station already.

    ``chip_keys`` are made ahead for the cards of the first product.
    """
    settings = folder / "cardfab.toml"
    if settings.exists():
        raise UsageRefused(
            Text(f"{folder} holds a station already.", f"{folder} 中已有制卡点。"),
            do=Text("Choose another folder.", "请另选目录。"),
            code="CF-2200",
        )
    folder.mkdir(parents=True, exist_ok=True)
    word = base64.b64encode(os.urandom(24))
    write_private(folder / "training.unlock", word)
    keys = training_store()
    write_private(folder / "training.keys", keys.to_file(word))
    database = Database(folder / "station.db")
    try:
        database.upgrade()
        with database.transaction("people") as tx:
            for person in PEOPLE:
                tx.people.add(person)
    finally:
        database.close()
    settings.write_text(SETTINGS.format(name=name), encoding="utf-8")
    located = read_settings((settings,))
    if chip_keys:
        source = profile_source(folder)
        product = load(source, "products", FIRST_PRODUCT, Product)
        issuer = load(source, "applications", product.financial, FinancialApplication).issuer
        chip_pool(located, keys).fill(issuer.icc_bits, issuer.icc_exponent, chip_keys)
    sign_in(located, PEOPLE[0].login)
    return located
