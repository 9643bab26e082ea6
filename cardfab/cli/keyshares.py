"""``cardfab keys shares`` and ``keys backup``: who can open the key file, and the copies of it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.keydesk import file_custody
from cardfab.cli.keymanager import SHARE, key_file, open_share, opened
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import prompt, write_private
from cardfab.cli.words import asker, must_ask, wipe
from cardfab.errors import Text, UsageRefused
from cardfab.keys import sealedfile
from cardfab.keys.lifecycle import Resealing
from cardfab.keys.openings import ShareSlot
from cardfab.keys.sealedfile import file_key, open_with
from cardfab.keys.shares import open_slot, read_share, write_share
from cardfab.production import Act
from cardfab.production.people import require_other
from cardfab.station import access
from cardfab.station.keychange import SecondCustodian, key_change

shares_app = typer.Typer(help="Operator shares that open the key store together.", no_args_is_help=True)
Second = Annotated[
    str | None, typer.Option("--second", metavar="LOGIN", help="The second custodian; needed outside training.")
]


@shares_app.command("make")
def make(
    context: typer.Context,
    threshold: Annotated[int, typer.Option("--threshold", min=2, help="How many are needed.")],
    holder: Annotated[list[str], typer.Option("--holder", help="Who holds one; repeated, one a share.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the share files; take them apart at once.")],
    keep_word: Annotated[
        bool, typer.Option("--keep-word", help="The store's word goes on opening it; needed for training.")
    ] = False,
    second: Second = None,
) -> None:
    """Make shares, each under its holder's own word; from then on they open the store instead of its word."""
    talk = talk_of(context)
    if talk.located().values.keystore.unlock_file is not None and not keep_word:
        raise UsageRefused(
            Text("A training station opens its store by the word in a file.", "训练制卡点由文件中的口令打开密钥库。"),
            do=Text("Keep it: --keep-word.", "请保留：--keep-word。"),
            code="CF-2106",
        )
    with file_custody(talk, second) as (desk, manager):
        details = {"threshold": str(threshold), "holders": ",".join(holder), "word": "kept" if keep_word else "gone"}
        with key_change(desk, "shares", **details) as record:
            made = manager.under_shares(threshold, holder, keep_word=keep_word)
            files = _hand_out(talk, made, out)
            manager.reseal(made)
            record["set"] = made.shares[0].label.set_id.hex()
    values = {"set": made.shares[0].label.set_id.hex(), "threshold": threshold, "files": [str(one) for one in files]}
    talk.give(values, lambda: talk.out.print("\n".join(str(one) for one in files), markup=False))


def _hand_out(talk: Talk, made: Resealing, folder: Path) -> list[Path]:
    """Each share as a file under its holder's word, read back and tried before the store changes."""
    ask = must_ask(talk.password_fd, talk.of, Text("the word of a share", "份额口令"), "CF-2107")
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    with ExitStack() as stack:
        read = []
        for share in made.shares:
            word = ask(f"{SHARE}{share.label.holder}", new=True)
            try:
                file = folder / f"share-{share.label.set_id.hex()[:8]}-{share.label.index}.cfshare"
                write_private(file, write_share(share, word, os.urandom, sealedfile.COST))
                again = read_share(file.read_bytes(), word)
                stack.callback(again.value.wipe)
                read.append(again)
                files.append(file)
            finally:
                wipe(word)
        (slot,) = (one for one in made.slots if isinstance(one, ShareSlot))
        for first in range(len(read) - slot.threshold + 1):
            open_slot(slot, read[first : first + slot.threshold]).wipe()
    return files


@shares_app.command("open-test")
def open_test(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="As many shares as are needed.")],
) -> None:
    """Try whether these shares open the store; nothing is changed."""
    talk = talk_of(context)
    data = key_file(talk.located()).read()
    ask = asker(talk.password_fd, talk.of)
    with ExitStack() as stack:
        shares = [open_share(file, ask) for file in files]
        for share in shares:
            stack.callback(share.value.wipe)
        key = stack.enter_context(file_key(data, shares=shares))
        there = open_with(data, key)
        keys = len(there.held)
        there.wipe()
    names = [share.label.name for share in shares]
    words = Text(f"They open the store: {keys} keys.", f"可以打开密钥库：{keys} 个密钥。")
    talk.give({"shares": names, "keys": keys}, lambda: talk.out.print(talk.of(words)))


def backup(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Write a copy that was proved to open.")] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Put the generation before in the file's place.")] = False,
    second: Second = None,
) -> None:
    """Whether the key store and the generation before it open; a copy of it; the generation before in its place."""
    talk = talk_of(context)
    file = key_file(talk.located())
    if restore:
        _restore(talk, second)
        with file_custody(talk, changes=False) as (_, manager):
            keys = len(manager.infos())
        said = Text(f"Restored: {keys} keys.", f"已恢复：{keys} 个密钥。")
        talk.give({"restored": str(file.path), "keys": keys}, lambda: talk.out.print(talk.of(said)))
        return
    with file_custody(talk, second, changes=out is not None) as (desk, manager):
        data = manager.copy()
        if out is not None:
            with key_change(desk, "backup", file=out.name):
                write_private(out, data)
        before = file.before.is_file() and manager.opens(file.before.read_bytes())
    values = {"file": str(file.path), "opens": True, "before": before} | ({} if out is None else {"copy": str(out)})
    yes = Text(f"{file.path.name} opens; so does the generation before.", f"{file.path.name} 及其上一代均可打开。")
    no = Text(f"{file.path.name} opens; there is no generation before.", f"{file.path.name} 可打开；没有上一代文件。")
    talk.give(values, lambda: talk.out.print(talk.of(yes if before else no), markup=False))


def _restore(talk: Talk, second: str | None) -> None:
    """Custodians and the generation before are tried first: the present file may not open, nor its desk."""
    from cardfab.cli.session import open_door, person_here

    located = talk.located()
    ask = asker(talk.password_fd, talk.of)
    file = key_file(located)
    with open_door(located, ask) as door:
        person = person_here(located, door)
        person.must(Act.KEYS)
        if second is not None:
            require_other(second, person.login)
            access.prove(door, second, purpose="second custodian").must(Act.KEYS)
        elif not located.values.station.training:
            raise SecondCustodian(
                Text("A change of keys needs a second custodian.", "变更密钥须有第二名密钥保管员在场。"),
                do=Text("Name them: --second LOGIN.", "请指明：--second 登录名。"),
            )
        there = opened(located, file.before_bytes(), prompt, ask)
        keys = len(there.held)
        there.wipe()
        with door.database.transaction("key.restore") as tx:
            told = {"keys": str(keys)} | ({"approved_by": second} if second else {})
            door.note(tx, person.login, "key.restore", "done", **told)
        file.restore()
