"""What every ``cardfab card gp`` command does first: find the reader, the keys and the security domain, and log in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from cardfab.apdu import (
    CardConnection,
    CommandApdu,
    Exchange,
    Level,
    Link,
    Scp02,
    Scp03,
    commands,
    drive,
    expect,
    gp,
    link_to,
    open_either,
    through,
)
from cardfab.apdu.link import T
from cardfab.apdu.pcsc import PcscConnection
from cardfab.apdu.remote import RemoteConnection
from cardfab.cli.keydesk import custody, token_of
from cardfab.cli.output import Talk
from cardfab.crypto import CipherRefused
from cardfab.crypto.derive import Diversification
from cardfab.errors import CardRefused, Text, UsageRefused
from cardfab.keys import SoftKeyStore, SoftPlatformKeys
from cardfab.keys.channel import SoftChannelSession, SoftScp03Session
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.soft import GP_TEST
from cardfab.settings import SettingsRefused
from cardfab.station.keychange import key_change

LEVELS = {
    "c-mac": Level.C_MAC,
    "c-dec": Level.C_DECRYPTION_C_MAC,
    "r-mac": Level.C_MAC_R_MAC,
    "c-dec-r-mac": Level.C_DECRYPTION_C_MAC_R_MAC,
    "r-enc": Level.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC,
}
_ISSUER_DOMAINS = ("A000000151000000", "A000000003000000")
Channel = Scp02[SoftChannelSession] | Scp03[SoftScp03Session]


Reader = Annotated[str | None, typer.Option("--reader", help="pcsc:NAME, tcp://HOST:PORT or simulated.")]
Domain = Annotated[str | None, typer.Option("--domain", help="AID of the security domain; else the issuer's.")]


@dataclass(frozen=True)
class Login:
    """What a command was told: reader, security domain, keys and how they are diversified, level."""

    reader: Reader = None
    domain: Domain = None
    keys: Annotated[str, typer.Option("--keys", help="Label of the root in the key store; gp/test in training.")] = (
        "bank/KMC"
    )
    kdf: Annotated[str | None, typer.Option("--kdf", help="none, emv, visa2, kdf3 or a template.")] = None
    key_version: Annotated[int, typer.Option("--key-version", min=0, max=0x7F, help="0: the card's choice.")] = 0
    level: Annotated[str, typer.Option("--level", help="c-mac, c-dec, r-mac, c-dec-r-mac or r-enc.")] = "c-mac"
    s16: Annotated[bool, typer.Option("--s16", help="SCP03 in S16 mode.")] = False
    i: Annotated[str, typer.Option("--i", help="Option i of SCP02, which a card does not tell, in hex.")] = "15"


@dataclass(frozen=True, slots=True)
class Session:
    """A card whose security domain is selected; the channel where it is open."""

    link: Link
    channel: Channel
    store: VaultKeyStore

    def run(self, exchange: Exchange[T]) -> T:
        """Through the channel."""
        return drive(through(self.channel, exchange), self.link)


class _Chip:
    """A training chip in this process, for trying a command without a reader."""

    def __init__(self) -> None:
        from cardfab.simulator.chip import make_blank

        self._chip = make_blank(serial=1)
        self._atr = self._chip.power_on()

    def atr(self) -> bytes:
        return self._atr

    def transmit(self, apdu: bytes) -> bytes:
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        self._chip.power_off()
        self._atr = self._chip.power_on()
        return self._atr

    def close(self) -> None:
        self._chip.power_off()


def hexadecimal(text: str, what: str) -> bytes:
    """Bytes of a hex argument; raises :class:`UsageRefused`."""
    try:
        return bytes.fromhex(text.replace(":", ""))
    except ValueError as error:
        raise UsageRefused(Text(f"{what} takes hex digits.", f"{what} 须为十六进制。")) from error


def _reader(talk: Talk, wanted: str | None) -> CardConnection:
    name = wanted or talk.located().values.devices.reader
    if name == "simulated":
        talk.say("A training chip in this process, gone when the command ends.", "进程内训练芯片，命令结束即消失。")
        return _Chip()
    kind, _, rest = name.partition(":")
    return PcscConnection(rest) if kind == "pcsc" else RemoteConnection(name)


@contextmanager
def connected(talk: Talk, reader: str | None) -> Iterator[CardConnection]:
    """The card in the reader; let go at the end."""
    connection = _reader(talk, reader)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _store(talk: Talk, label: str) -> Iterator[VaultKeyStore]:
    """The keys, at a station in a custodian's hands and with the session on record."""
    try:
        talk.located()
    except SettingsRefused:
        if talk.config is not None:
            raise
        talk.say("No station here: the published training keys are used.", "此处没有制卡点：使用公开的训练密钥。")
        yield SoftKeyStore.training(os.urandom)
        return
    with custody(talk, changes=False) as (desk, manager), key_change(desk, "session", label=label):
        yield manager.store if isinstance(manager, SoftKeyManager) else token_of(desk)


def scheme_of(text: str) -> Diversification | None:
    """A diversification by name or template; ``none`` is none. Raises :class:`UsageRefused`."""
    try:
        return None if text == "none" else Diversification.of(text)
    except CipherRefused as error:
        raise UsageRefused(
            Text(f"--kdf: {error}.", f"--kdf 有误：{error}。"),
            do=Text(
                "Give none, emv, visa2, kdf3, or a template such as 'KDD[4:10] F0 i KDD[4:10] 0F i'.",
                "可用 none、emv、visa2、kdf3，或模板如 'KDD[4:10] F0 i KDD[4:10] 0F i'。",
            ),
        ) from error


def select_domain(link: Link, domain: str | None) -> None:
    """SELECT the named security domain, or the issuer's: by no name, then by the usual names."""
    if domain is not None:
        command = commands.select(hexadecimal(domain, "--domain"))
        expect(link.send(command), command)
        return
    by_default = CommandApdu(0x00, 0xA4, 0x04, 0x00, b"", 256, name="SELECT the issuer's security domain")
    response = link.send(by_default)
    for aid in _ISSUER_DOMAINS:
        if response.sw.ok:
            return
        response = link.send(commands.select(bytes.fromhex(aid)))
    expect(response, by_default)


def asked(link: Link, exchange: Exchange[T]) -> T | None:
    """What the card tells without a login; None where it refuses."""
    try:
        return drive(exchange, link)
    except CardRefused:
        return None


@contextmanager
def logged_in(talk: Talk, login: Login) -> Iterator[Session]:
    """Connect, select, say what will be tried, and open the channel."""
    if login.level not in LEVELS:
        raise UsageRefused(Text(f"--level takes {', '.join(LEVELS)}.", f"--level 可用 {'、'.join(LEVELS)}。"))
    option = hexadecimal(login.i.zfill(2), "--i")[0]
    with _store(talk, login.keys) as store:
        yield from _logged_in(talk, login, option, store)


def _logged_in(talk: Talk, login: Login, option: int, store: VaultKeyStore) -> Iterator[Session]:
    kdf02, kdf03 = (login.kdf or ("none" if login.keys == GP_TEST else usual) for usual in ("emv", "kdf3"))
    older, newer = store.platform(login.keys, scheme_of(kdf02)), store.platform(login.keys, scheme_of(kdf03))
    with connected(talk, login.reader) as connection:
        link = link_to(connection)
        select_domain(link, login.domain)
        _announce(talk, link, login, kdf02, kdf03)
        challenge = os.urandom(16 if login.s16 else 8)
        channel = drive(
            open_either(
                older.scp02, newer.scp03, challenge,
                kvn=login.key_version, level=LEVELS[login.level], i=option,
            ),
            link,
        )  # fmt: skip
        scp = "SCP02" if isinstance(channel, Scp02) else "SCP03"
        talk.say(f"Logged in: {scp}, key version {channel.kvn:02X}.", f"已登录：{scp}，密钥版本 {channel.kvn:02X}。")
        yield Session(link, channel, store)


def _announce(talk: Talk, link: Link, login: Login, kdf02: str, kdf03: str) -> None:
    """Scheme, key version and tries left, before the login: one wrong login too many makes a card useless."""
    recognition = asked(link, gp.get_card_recognition())
    keys = asked(link, gp.get_key_information())
    schemes = recognition.schemes if recognition else ()
    protocol = ", ".join(map(str, schemes)) or "SCP02/SCP03"
    kdf = " / ".join(dict.fromkeys((kdf02, kdf03)))
    if schemes and len({scheme.scp for scheme in schemes}) == 1:
        kdf = kdf02 if schemes[0].scp == 2 else kdf03
    has = ", ".join(f"{version:02X}" for version in dict.fromkeys(key.version for key in keys or ()))
    version = f"{login.key_version:02X}" if login.key_version else "00"
    talk.say(
        f"About to log in with '{login.keys}', diversified by: {kdf}; protocol: {protocol}; key version {version}"
        + ("" if login.key_version else " (the card's choice)")
        + (f"; the card has {has}" if has else "")
        + ". The card does not tell how many tries are left.",
        f"即将使用“{login.keys}”登录，分散方式：{kdf}；协议：{protocol}；密钥版本 {version}"
        + ("" if login.key_version else "（由卡片选择）")
        + (f"；卡内版本 {has}" if has else "")
        + "。卡片未告知剩余次数。",
    )
    if login.key_version and has and login.key_version not in {key.version for key in keys or ()}:
        raise UsageRefused(
            Text(f"The card has no keys of version {version}: it has {has}.", f"卡内没有版本 {version}，只有 {has}。"),
            do=Text("Nothing was tried. Name one of these.", "尚未尝试登录。请指定其中之一。"),
        )


def new_platform(session: Session, label: str, kdf: str | None) -> SoftPlatformKeys:
    """The root of keys to be put."""
    usual = "none" if label == GP_TEST else "emv" if isinstance(session.channel, Scp02) else "kdf3"
    return session.store.platform(label, scheme_of(kdf or usual))
