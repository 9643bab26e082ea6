"""Where the station's keys are opened from: a sealed file, or a PKCS#11 token by its URI."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardfab.cli.keymanager import open_manager
from cardfab.cli.output import talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.keys.custody import ABILITIES
from cardfab.keys.keystore import VaultKeyStore
from cardfab.settings import Located
from cardfab.station.access import AskWord

if TYPE_CHECKING:
    from cardfab.keys.pkcs11.uri import TokenUri

ReadSecret = Callable[[str], str]
_PIN_FILE, _TOKEN_FOLDER = "token.pin", "token"
_LABEL = "cardfab-training"


def open_keys(located: Located, ask: ReadSecret, ask_word: AskWord | None = None) -> VaultKeyStore:
    """Open the key store: a token by its PIN; a sealed file by its word or by operator shares."""
    if located.values.keystore.token:
        return _open_token(located, ask)
    return open_manager(located, ask, ask_word).store


def _open_token(located: Located, ask: ReadSecret) -> VaultKeyStore:
    from cardfab.keys.pkcs11.store import Pkcs11KeyStore
    from cardfab.keys.pkcs11.uri import TokenUri

    uri = TokenUri.of(located.values.keystore.token).beside(located.folder)
    store = Pkcs11KeyStore.open(uri, pin_of(uri, ask, training=located.values.station.training), os.urandom)
    if uri.pin_source.startswith("file:") and not all(info.training for info in store.infos()):
        store.close()
        raise _pin_in_a_file()
    return store


def pin_of(uri: TokenUri, ask: ReadSecret, *, training: bool) -> Callable[[], str]:
    """Where the PIN comes from: a file descriptor, a person, or for training a file beside the settings."""
    kind, _, rest = uri.pin_source.partition(":")
    if kind == "file" and not training:
        raise _pin_in_a_file()

    def read() -> str:
        if kind == "file":
            return Path(rest).read_text(encoding="ascii").strip()
        if kind == "fd":
            with os.fdopen(int(rest), encoding="utf-8", closefd=False) as line:
                return line.readline().rstrip("\n")
        return ask(f"PIN of the token '{uri.token or uri.serial}'")

    if kind not in ("", "file", "fd") or (kind == "fd" and not rest.isdecimal()):
        raise UsageRefused(
            Text("pin-source is fd:N, or nothing to be asked.", "pin-source 应为 fd:N，或省略以便询问。"),
            code="CF-2101",
        )
    return read


def _pin_in_a_file() -> UsageRefused:
    return UsageRefused(
        Text("Only a training token may be opened by a PIN in a file.", "只有训练设备可由文件中的 PIN 打开。"),
        do=Text("Remove 'pin-source' from the settings, or write fd:N.", "请从配置中删除 pin-source，或改为 fd:N。"),
        code="CF-2100",
    )


def with_keystore(located: Located, name: str | None) -> Located:
    """The station with the key store of an option ``--keystore``: another sealed file, or a token's URI."""
    if name is None:
        return located
    token = name if name.startswith("pkcs11:") else ""
    other = {"token": token} if token else {"file": str(Path(name).resolve()), "token": ""}
    section = located.values.keystore.model_copy(update=other)
    return replace(located, values=located.values.model_copy(update={"keystore": section}))


def found_token(folder: Path, name: str, ask: ReadSecret) -> tuple[VaultKeyStore, str]:
    """A training station's keys in a token, and the URI for its settings.

    ``pkcs11:`` alone makes a private SoftHSM2 token in the folder, its PIN beside it as a training store's word lies
    beside that. Any other URI names an empty token, whose PIN is asked.
    """
    from cardfab.cli.session import write_private
    from cardfab.keys.pkcs11.softhsm import CONFIGURATION, make_token
    from cardfab.keys.pkcs11.store import Pkcs11KeyStore
    from cardfab.keys.pkcs11.uri import TokenUri

    uri = TokenUri.of(name)
    if not uri.empty:
        return Pkcs11KeyStore.found(uri, pin_of(uri, ask, training=True), os.urandom), str(uri)
    uri, pin = make_token((folder / _TOKEN_FOLDER).resolve(), _LABEL)
    write_private(folder / _PIN_FILE, pin.encode())
    told = replace(uri, pin_source=f"file:{_PIN_FILE}", softhsm=f"{_TOKEN_FOLDER}/{CONFIGURATION}")
    return Pkcs11KeyStore.found(uri, lambda: pin, os.urandom), str(told)


def show_token(
    context: typer.Context,
    keystore: Annotated[str | None, typer.Option("--keystore", help="A token's URI instead of the settings'.")] = None,
) -> None:
    """What the device behind the key store can do: what it says, and what came out right when it was tried."""
    from cardfab.cli.wiring import prompt

    talk = talk_of(context)
    store = open_keys(with_keystore(talk.located(), keystore), prompt)
    device = store.capabilities()
    store.close()
    words = {True: Text("yes", "是"), False: Text("no", "否"), None: Text("-", "-")}
    value = {
        "device": device.device,
        "inside": device.inside,
        "abilities": [
            {"ability": one.ability, "listed": one.listed, "works": one.works, "what": ABILITIES[one.ability].en}
            for one in device.abilities
        ],
    }
    columns = (Text("ability", "能力"), Text("for", "用途"), Text("listed", "声明"), Text("works", "实测"))
    rows = [
        (one.ability, talk.of(ABILITIES[one.ability]), talk.of(words[one.listed]), talk.of(words[one.works]))
        for one in device.abilities
    ]

    def show() -> None:
        talk.out.print(device.device, markup=False)
        talk.table(columns, rows, empty=Text("Nothing.", "无。"))

    talk.give(value, show)


__all__ = ["ReadSecret", "found_token", "open_keys", "pin_of", "show_token", "with_keystore"]
