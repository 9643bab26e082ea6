"""A private SoftHSM2 token for training: its own folder, its own configuration, PINs at random."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pkcs11

from cardfab.errors import Text
from cardfab.keys.pkcs11.native import Native
from cardfab.keys.pkcs11.uri import TokenUri
from cardfab.keys.store import StoreLocked

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
"""Where Debian, Fedora, SUSE, a build by hand and Homebrew put it."""
CONFIGURATION = "softhsm2.conf"


def module() -> str:
    """The path of SoftHSM2; raises :class:`StoreLocked`."""
    found = next((one for one in MODULES if Path(one).is_file()), None)
    if found is None:
        raise StoreLocked(
            Text("SoftHSM2 is not installed here.", "未安装 SoftHSM2。"),
            do=Text(
                "Install softhsm2, or name another token: pkcs11:token=NAME?module-path=PATH.",
                "请安装 softhsm2，或指定其他设备：pkcs11:token=名称?module-path=路径。",
            ),
            code="CF-6650",
        )
    return found


def make_token(folder: Path, label: str) -> tuple[TokenUri, str]:
    """A new token in a folder, and its PIN. The module must not have been loaded for another configuration."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True, mode=0o700)
    conf = folder / CONFIGURATION
    conf.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", "utf-8")
    os.environ["SOFTHSM2_CONF"] = str(conf)
    path, officer, pin = module(), secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    library = pkcs11.lib(path)
    library.reinitialize()  # the configuration is read when the module begins
    Native(path).init_token(int(library.get_slots()[-1].slot_id), officer.encode(), label)
    token = library.get_token(token_label=label)
    with token.open(rw=True, so_pin=officer) as session:
        session.init_pin(pin)
    return TokenUri(token=label, module=path, softhsm=str(conf)), pin
