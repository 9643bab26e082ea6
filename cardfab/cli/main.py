"""The program ``cardfab``: its options, its groups, its exit statuses."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab import __version__
from cardfab.cli.late import Late, late_group
from cardfab.cli.output import Talk, system_language
from cardfab.errors import CardfabError, InputRefused, Text
from cardfab.settings import candidates, read_settings

COMMANDS = {
    "demo": Late("demo:demo", "Make cards from the examples: faces, plans, read-back, temporary card, audit export."),
    "init": Late(
        "station:init",
        "Make a training station: settings, database, key store with published training keys, people.",
    ),
    "doctor": Late(
        "station:doctor",
        "What works here and what is missing; exit 5 when something that a card needs is missing.",
    ),
    "issue": Late("issuing:issue_cards", "Make cards: encode, verify, print, record."),
    "request": Late("requests:app", "Issuance requests."),
    "profile": Late("profiles:app", "Card products and their profiles."),
    "plan": Late("plans:app", "Personalisation plans."),
    "face": Late("plans:face_app", "Card faces.", {"print": Late("printers:face_print", "")}),
    "photo": Late("photo:app", "Portraits for cards."),
    "job": Late("issuing:app", "Jobs: one card each."),
    "station": Late("serving:app", "The outlet station: pages for operators."),
    "temporary": Late("temporary:app", "Temporary cards on paper."),
    "backup": Late("backup:backup", "Write the station into one sealed file, under a passphrase that is asked for."),
    "restore": Late(
        "backup:restore",
        "Restore a station from a backup; it makes no card until host, stock and the record kept outside agree.",
    ),
    "stock": Late("stock:app", "Blank, finished and spoiled cards."),
    "keys": Late(
        "keys:keys_app",
        "Keys by label; no command prints a key.",
        {
            "issuer": Late("issuerkeys:issuer_app", "Issuer keys and the scheme authority's certificates."),
            "pool": Late("issuerkeys:pool", ""),
            "ceremony": Late("ceremony:app", "Ceremonies of key custodians: enter, export, transfer, destroy a key."),
            "inventory": Late("inventory:inventory", ""),
            "compromised": Late("inventory:compromised", ""),
            "derive": Late("derive:derive", "Follow a derivation step by step: factors and check values, no key."),
            "token": Late("keystores:show_token", "What the device behind the key store can do."),
            "serve": Late("keyservice:keys_serve", ""),
            "station": Late("keyservice:station_app", "Stations that the key service serves."),
            "service-record": Late("keyservice:keys_record", ""),
        },
    ),
    "audit": Late(
        "record:app",
        "The tamper-evident record.",
        {
            "checkpoint": Late("auditproof:checkpoint", ""),
            "prove": Late("auditproof:prove", ""),
            "verify-proof": Late("auditproof:verify_proof", ""),
            "accept": Late("auditproof:accept", ""),
            "auditor-key": Late("auditor:auditor_key", ""),
            "countersign": Late("auditor:countersign_", ""),
        },
    ),
    "reader": Late("devices:reader_app", "Card readers."),
    "printer": Late("printers:app", "Card printers."),
    "simulate": Late(
        "devices:simulate_app",
        "Training devices to connect to.",
        {
            "authority": Late("issuerkeys:authority", ""),
            "host": Late("simulatedhost:simulate_host", ""),
            "pinpad": Late("pin:simulate_pinpad", ""),
            "mailer": Late("pin:simulate_mailer", ""),
            "readers": Late("simulatedreaders:simulate_readers", ""),
        },
    ),
    "card": Late("card:app", "One card in a reader."),
    "pin": Late("pin:app", "First PINs of bank applications."),
    "bureau": Late(
        "bureau:app",
        "Batches of issuers: taken in, prepared, made, reconciled.",
        {
            "import": Late("bureauimport:import_", ""),
            "approve": Late("bureauimport:approve_", ""),
            "refuse": Late("bureauimport:refuse_", ""),
            "rejected": Late("bureauimport:rejected_", ""),
            "list": Late("bureauimport:list_", ""),
            "prepare": Late("bureauprepare:prepare", ""),
            "worker": Late("bureauworker:worker", ""),
            "run": Late("bureaurun:run", ""),
            "pause": Late("bureaurun:pause", ""),
            "resume": Late("bureaurun:resume", ""),
            "stop": Late("bureaurun:stop", ""),
            "status": Late("bureaustatus:status", ""),
            "reconcile": Late("bureaubooks:reconcile", ""),
            "remake": Late("bureaubooks:remake_app", ""),
            "return": Late("bureaubooks:return_", ""),
            "ship": Late("bureaupapers:ship", ""),
            "mailers": Late("bureaubooks:mailers", ""),
            "destroyed": Late("bureaupapers:destroyed", ""),
            "copy": Late("bureaupapers:copy", ""),
            "close": Late("bureaubooks:close", ""),
            "erase": Late("bureaubooks:erase", ""),
        },
    ),
    "bench": Late("bench:app", "Benchmarks."),
    "user": Late("user:user_app", "People of the station."),
    "host": Late("host:app", "The issuer host: what waits for it, and whether it answers."),
    "retention": Late("retention:app", "Personal data of finished cards, erased in time."),
    "config": Late("station:config_app", "Settings."),
}
app = typer.Typer(
    name="cardfab",
    help="Make social security cards: from a request to a finished card. 社会保障卡制卡：从申请到成品卡。",
    cls=late_group(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cardfab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", help="The station's settings file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only results and errors.")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more.")] = 0,
    password_fd: Annotated[
        int | None, typer.Option("--password-fd", help="A file descriptor with passwords, one a line, in order.")
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="zh or en; else the system's language.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options that every command takes, before or after its name."""
    if lang not in (None, "zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--lang")
    talk = _TALK.get() or Talk()
    talk.config, talk.json, talk.quiet, talk.verbose = config, json, quiet, verbose
    talk.password_fd = password_fd
    talk.language = lang or _station_language(config) or system_language(os.environ)
    context.obj = talk


_TALK: ContextVar[Talk | None] = ContextVar("talk", default=None)


def _station_language(config: Path | None) -> str | None:
    """The language that the station's settings name; None where there is no station or it follows the system."""
    try:
        language = read_settings(candidates(config, os.environ, Path.cwd())).values.station.language
    except CardfabError:
        return None
    return None if language == "system" else language


_FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "-vv")
_VALUED = ("--config", "--lang", "--password-fd")


def hoisted(arguments: list[str]) -> list[str]:
    """The same arguments with the options that every command takes at the front, where the parser wants them."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*front, *rest, word, *words]
        if word in _FLAGS or word.startswith(tuple(f"{name}=" for name in _VALUED)):
            front.append(word)
        elif word in _VALUED:
            front += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return [*front, *rest]


def run(arguments: list[str]) -> int:
    """Run one command; its exit status (docs/reference/cli.md)."""
    arguments = hoisted(arguments)
    talk = Talk(json="--json" in arguments, language=_language(arguments))
    os.umask(0o077)  # what a station writes is for who runs it
    _TALK.set(talk)
    try:
        status = app(arguments, prog_name="cardfab", standalone_mode=False)
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        talk.end()
        return status if isinstance(status, int) else 0
    except CardfabError as error:
        talk.refused(error)
        return error.exit_status
    except typer.Exit as left:
        talk.end()
        return left.exit_code
    except typer.TyperException as wrong:
        usage: Any = wrong  # how a usage error shows itself is not among the library's public types
        usage.show()
        said = str(usage.format_message())
        talk.failed("CF-2000", 2, Text(said, said))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        talk.failed("CF-1300", _INTERRUPTED, Text("Interrupted.", "已中断。"))
        talk.say("Interrupted.", "已中断。")
        return _INTERRUPTED
    except OSError as unusable:
        refusal = _unusable(unusable)
        talk.refused(refusal)
        return refusal.exit_status
    except Exception as bug:
        report = _report(bug)
        what = Text(
            f"This is a bug in cardfab. The report is in {report}; it holds no personal data.",
            f"这是 cardfab 的程序错误。报告见 {report}，其中不含个人数据。",
        )
        talk.failed("CF-1000", 1, what)
        talk.say(what.en, what.zh, "red")
        return 1


def _unusable(error: OSError) -> InputRefused:
    """What the system said of a file, in a person's words; of what was being written it may not say the name."""
    en, zh = error.strerror or "cannot be used", _REASONS.get(error.errno or 0, error.strerror or "无法使用")
    name = error.filename or ""
    no_room = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return InputRefused(
        Text(f"{name}: {en}.", f"{name}：{zh}。") if name else Text(f"{en}.", f"{zh}。"),
        do=Text("Make room there, then try again.", "请腾出空间后重试。")
        if no_room
        else Text("Check the path and the rights to it.", "请检查路径及其权限。"),
        code="CF-3010",
    )


_INTERRUPTED = 130
_REASONS = {
    errno.ENOENT: "没有这个文件或目录",
    errno.EACCES: "没有权限",
    errno.EISDIR: "是目录，不是文件",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.EROFS: "只读",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "磁盘配额已用完",
    errno.ECONNREFUSED: "连接被拒绝",
}
"""What the system says in English only."""


def _language(arguments: list[str]) -> str:
    for place, word in enumerate(arguments):
        if word == "--lang" and place + 1 < len(arguments):
            return arguments[place + 1]
        if word.startswith("--lang="):
            return word.partition("=")[2]
    return system_language(os.environ)


def _report(bug: Exception) -> str:
    """Where the program stood, without values: no local variables, no message (it may quote data)."""
    lines = [f"cardfab {__version__}, Python {sys.version.split()[0]}", type(bug).__qualname__]
    lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(bug.__traceback__)]
    with tempfile.NamedTemporaryFile("w", prefix="cardfab-report-", suffix=".txt", delete=False) as file:
        file.write("\n".join(lines) + "\n")
    return file.name


def main() -> None:
    """The entry point."""
    sys.exit(run(sys.argv[1:]))
