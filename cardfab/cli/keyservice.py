"""The key service at the command line: run it, say which stations it serves, read its record."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.cli.words import Words, asker, wipe
from cardfab.errors import KeyFault, Text, UsageRefused
from cardfab.hardening import Protection, harden
from cardfab.keys.auditing import StationKeys
from cardfab.keys.keyfile import write_private
from cardfab.keys.secret import Secret
from cardfab.keys.service.client import RemoteKeyStore
from cardfab.keys.service.identity import Identity, IdentityRefused, Station, Stations
from cardfab.keys.service.server import Service, listen, serve
from cardfab.keys.service.supervisor import AWAY, STOPPED, Supervision, supervise
from cardfab.keys.store import StoreLocked
from cardfab.settings import Located
from cardfab.station.servicerecord import ServiceBook

SOCKET = "run/keys.sock"
_STATIONS, _IDENTITY, _RECORD, _VERIFIER = (
    "keyservice.stations",
    "keyservice.identity",
    "keyservice.db",
    "keyservice.verifier",
)
_NOT_THERE = "CF-6650"
"""The token is not there, or does not open: it is no fault of a word, and trying again locks nothing."""
station_app = typer.Typer(no_args_is_help=True, help="Stations that the key service serves.")


def attach(located: Located) -> StationKeys:
    """The key store of a station whose keys are in the key service; nothing is connected yet."""
    section = located.values.keystore
    return RemoteKeyStore(_socket(located, section.service), _identity(located.path(section.identity)), os.urandom)


def _socket(located: Located, service: str) -> Path:
    path = located.path(service.removeprefix("unix:") or SOCKET)
    if len(os.fsencode(path)) > 107:  # sun_path of Linux
        raise UsageRefused(
            Text(f"The path of the socket is too long: {path}.", f"套接字路径过长：{path}。"),
            do=Text("Name a shorter one: [keystore] service.", "请在 [keystore] service 中指定较短路径。"),
            code="CF-2130",
        )
    return path


def _identity(file: Path) -> Identity:
    try:
        if file.stat().st_mode & 0o077:
            raise IdentityRefused(
                Text(f"{file.name} can be read by others.", f"{file.name} 可被他人读取。"),
                do=Text(f"Make it yours alone: chmod 600 {file.name}.", f"请设为仅本人可读：chmod 600 {file.name}。"),
                code="CF-6335",
            )
        return Identity.from_bytes(file.read_bytes())
    except FileNotFoundError:
        raise IdentityRefused(
            Text(f"There is no identity {file.name}.", f"没有身份文件 {file.name}。"),
            do=Text(
                "Make one with 'cardfab keys station new NAME', and have it enrolled.",
                "请用 cardfab keys station new 名称 生成，并由管理员登记。",
            ),
            code="CF-6336",
        ) from None


def _own(located: Located) -> Located:
    """The settings with the key store itself, not the way to its service."""
    keystore = located.values.keystore.model_copy(update={"service": ""})
    return replace(located, values=located.values.model_copy(update={"keystore": keystore}))


def _now() -> datetime:
    return datetime.now(UTC)


def _at() -> str:
    return _now().isoformat(timespec="seconds")


def _book(located: Located) -> ServiceBook:
    return ServiceBook(located.path(_RECORD), located.values.station.name, _now)


def _service_identity(located: Located) -> Identity:
    file = located.path(_IDENTITY)
    if not file.is_file():
        write_private(file, Identity.new("key-service", os.urandom).to_bytes())
    return _identity(file)


@dataclass(slots=True)
class _Word:
    """The word that opens the key store. With ``hold`` it stays with the supervisor, which gives it to every worker;
    else each worker asks for it at its start and the supervisor never has it.
    """

    talk: Talk
    file: str
    from_file: bool
    hold: bool
    word: Secret | None = None

    def __call__(self, start: int) -> str:
        """Who authorises a start; see :class:`~cardfab.keys.service.supervisor.Authority`."""
        if self.from_file:
            return "the word file of a training store"
        if self.hold:
            if self.word is None:
                self.word = self._asked(self.file)
            return "the supervisor holds the word"
        self._asker()
        return "the word was given again" if start else "the word was given"

    def spend(self, what: str) -> str:
        """In the worker, which is another process: the word for the key store, of which its own copy is wiped."""
        if self.hold and self.word is None:  # operator shares are asked for one by one
            raise KeyFault(
                Text("A key store that opens by shares has no word to hold.", "以份额开启的密钥库没有可保存的口令。"),
                do=Text("Start it without --hold-word.", "请勿使用 --hold-word。"),
                code="CF-6339",
            )
        word, self.word = self.word or self._asked(what), None
        with word:
            return str(word.view(), "utf-8")

    def _asker(self) -> Words:
        ask = asker(self.talk.password_fd, self.talk.of)
        if ask is None:
            raise KeyFault(
                Text("Nobody is here to give the word of the key store.", "无人输入密钥库口令。"),
                do=Text("Start it at a terminal, or with --password-fd.", "请在终端启动，或使用 --password-fd。"),
                code="CF-6337",
            )
        return ask

    def _asked(self, what: str) -> Secret:
        given = self._asker()(what)
        try:
            return Secret(given)
        finally:
            wipe(given)


def keys_serve(
    context: typer.Context,
    hold_word: Annotated[
        bool,
        typer.Option("--hold-word", help="Keep the word in the supervisor: a restart then needs nobody."),
    ] = False,
) -> None:
    """Serve the key store to enrolled stations, in a process of its own, and start it again when it ends."""
    talk = talk_of(context)
    located = talk.located()
    keystore = located.values.keystore
    from_file = keystore.unlock_file is not None or "pin-source=file" in keystore.token
    word = _Word(talk, keystore.file, from_file, hold_word)
    protections = harden()
    _say_protections(talk, protections)
    book = _book(located)
    book.prepare()
    identity = _service_identity(located)
    path = _socket(located, keystore.service)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: _stop(stopped, number))
    with listen(path) as listener:
        talk.say(f"Listening at {path}.", f"监听于 {path}。")

        def worker(line: socket.socket, ready: Callable[[str], None]) -> int:
            return _work(located, identity, word, listener, line, ready)

        try:
            supervise(
                Supervision(worker, word, book.event, lambda text: talk.say(text.en, text.zh)), lambda: bool(stopped)
            )
        finally:
            path.unlink(missing_ok=True)


def _stop(stopped: list[int], number: int) -> NoReturn:
    stopped.append(number)
    raise KeyboardInterrupt


def _work(
    located: Located,
    identity: Identity,
    word: _Word,
    listener: socket.socket,
    line: socket.socket,
    ready: Callable[[str], None],
) -> int:
    """The worker: harden, open, serve."""
    from cardfab.cli.keystores import open_keys

    harden()
    book = _book(located)
    try:
        store = open_keys(_own(located), word.spend)
    except StoreLocked as locked:
        if locked.code != _NOT_THERE:
            raise
        ready(locked.sentence("en"))
        return AWAY
    book.keys = store
    write_private(located.path(_VERIFIER), f"{book.verifier(store)}\n".encode())
    ready("ready")
    service = Service(store, Stations(located.path(_STATIONS)), identity, book, os.urandom)
    return STOPPED if serve(service, listener, line) == "stopped" else AWAY


def _say_protections(talk: Talk, protections: tuple[Protection, ...]) -> None:
    for one in protections:
        state = Text("yes", "是") if one.holds else Text("NO", "否")
        advice = one.advice or Text("", "")
        talk.say(f"{one.name.en}: {state.en}. {advice.en}".rstrip(), f"{one.name.zh}：{state.zh}。{advice.zh}")


@station_app.command("new")
def station_new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The station's name at the key service.")],
    service: Annotated[
        str, typer.Option("--service", help="The service's public key in hex, as 'enroll' says it.")
    ] = "",
) -> None:
    """Make this station's identity, and the public file beside it for the administrator of the key service."""
    talk = talk_of(context)
    located = talk.located()
    file = located.path(located.values.keystore.identity)
    if file.exists():
        raise UsageRefused(
            Text(f"This station has an identity already: {file.name}.", f"本制卡点已有身份文件：{file.name}。"),
            do=Text("Have it revoked, and move the file away.", "请先撤销，再移走该文件。"),
            code="CF-2131",
        )
    identity = Identity.new(name, os.urandom, service=_key(service))
    public = file.with_suffix(".pub")
    station = Station(name, identity.public)
    write_private(file, identity.to_bytes())
    write_private(public, station.to_bytes())
    talk.give(
        {"station": name, "fingerprint": station.fingerprint, "public": str(public)},
        lambda: talk.out.print(f"{name} {station.fingerprint} {public}"),
    )


@station_app.command("trust")
def station_trust(
    context: typer.Context, service: Annotated[str, typer.Argument(help="The service's public key in hex.")]
) -> None:
    """Serve only with the key service of this public key."""
    talk = talk_of(context)
    located = talk.located()
    file = located.path(located.values.keystore.identity)
    identity = replace(_identity(file), service=_key(service))
    write_private(file, identity.to_bytes())
    talk.say("Only that key service is trusted now.", "此后仅信任该密钥服务。")


def _key(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
        if len(found) in (0, 32):
            return found
    except ValueError:
        pass
    raise UsageRefused(
        Text("The service's public key is 32 bytes in hex.", "密钥服务公钥为 32 字节十六进制。"), code="CF-2132"
    )


@station_app.command("enroll")
def station_enroll(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The station's name.")],
    key: Annotated[Path, typer.Option("--key", help="The station's public file.")],
) -> None:
    """Let a station use the keys of this key store. Compare the fingerprint with the station's own."""
    talk = talk_of(context)
    located, who = _administrator(talk)
    station = Station.from_bytes(key.read_bytes())
    if station.name != name:
        raise IdentityRefused(
            Text(f"The file is of station '{station.name}'.", f"该文件属于制卡点“{station.name}”。"), code="CF-6338"
        )
    book = _book(located)
    book.prepare()
    book.event("keyservice.enroll", who, "done", {"name": name, "key": station.public.hex()})
    taken = Stations(located.path(_STATIONS)).enroll(station, _at())
    service = _service_identity(located).public.hex()
    talk.give(
        {"station": name, "fingerprint": taken.fingerprint, "service": service},
        lambda: talk.out.print(f"{name} {taken.fingerprint}\n{service}"),
    )


@station_app.command("revoke")
def station_revoke(context: typer.Context, name: Annotated[str, typer.Argument(help="The station's name.")]) -> None:
    """No longer serve a station, also where it is connected now."""
    talk = talk_of(context)
    located, who = _administrator(talk)
    book = _book(located)
    book.prepare()
    gone = Stations(located.path(_STATIONS)).revoke(name, _at())
    book.event("keyservice.revoke", who, "done", {"name": name, "key": gone.public.hex()})
    talk.say(f"'{name}' is no longer served.", f"不再为“{name}”提供服务。")


@station_app.command("list")
def station_list(context: typer.Context) -> None:
    """The stations that are or were served."""
    talk = talk_of(context)
    found = Stations(talk.located().path(_STATIONS)).all()
    rows = [(one.name, one.fingerprint, one.enrolled_at, one.revoked_at or "-") for one in found]
    values = [
        {"name": one.name, "fingerprint": one.fingerprint, "enrolled": one.enrolled_at, "revoked": one.revoked_at}
        for one in found
    ]
    columns = (
        Text("station", "制卡点"),
        Text("fingerprint", "指纹"),
        Text("enrolled", "登记时间"),
        Text("revoked", "撤销时间"),
    )
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("No station is enrolled.", "尚未登记制卡点。")))


def keys_record(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="Where the record is written.")]
) -> None:
    """Export the key service's own record; 'cardfab audit verify' reads it."""
    talk = talk_of(context)
    located, _ = _administrator(talk)
    verifier = located.path(_VERIFIER).read_text(encoding="utf-8").strip()
    write_private(file, _book(located).export(verifier))
    talk.give({"file": str(file), "verifier": verifier}, lambda: talk.out.print(f"{file}\n{verifier}"))


def _administrator(talk: Talk) -> tuple[Located, str]:
    """The settings, and the login of who may do this here."""
    from cardfab.cli.session import open_door, person_here
    from cardfab.production import Act

    located = talk.located()
    with open_door(located, asker(talk.password_fd, talk.of)) as door:
        person = person_here(located, door)
    person.must(Act.SETTINGS)
    return located, person.login
