"""The door of the command line to the life of keys: opens the key file by its word or by operator shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from cardfab.cli.words import asker
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.openings import ShareSlot, WordSlot
from cardfab.keys.sealedfile import Opened, open_file, ways
from cardfab.keys.shares import Share, read_label, read_share
from cardfab.settings import Located
from cardfab.station.access import AskWord

Ask = Callable[[str], str]
SHARE = "share of "
"""Before a holder, where the word of a share is asked for: the holder's login has a password of its own."""


def key_file(located: Located) -> KeyFile:
    """Where the settings say that the key file lies."""
    return KeyFile(located.path(located.values.keystore.file))


def open_manager(
    located: Located,
    ask: Ask,
    ask_word: AskWord | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SoftKeyManager:
    """The keys of the station's file and what may be done with them.

    ``ask`` gives the word of the store, and paths of share files; ``ask_word`` the word of a share.
    """
    if located.values.keystore.token or located.values.keystore.service:
        raise in_a_file()
    file = key_file(located)
    data = file.read()
    return SoftKeyManager(file, data, opened(located, data, ask, ask_word), os.urandom, now)


def opened(located: Located, data: bytes, ask: Ask, ask_word: AskWord | None = None) -> Opened:
    """A key file of this station, opened: by the word in its file for training, else by people."""
    section = located.values.keystore
    if section.unlock_file is not None:
        found = open_file(data, os.urandom, word=located.path(section.unlock_file).read_bytes())
        if not located.values.station.training or not found.training:
            found.wipe()
            raise UsageRefused(
                Text(
                    "Only a training key store may be opened by a word in a file.",
                    "只有训练密钥库可由文件中的口令打开。",
                ),
                do=Text("Remove 'unlock_file' from the settings.", "请从配置中删除 unlock_file。"),
                code="CF-2100",
            )
        return found
    slots = ways(data)
    if not slots or any(isinstance(slot, WordSlot) for slot in slots):
        return open_file(data, os.urandom, word=ask("key store").encode())
    (needed,) = (slot.threshold for slot in slots if isinstance(slot, ShareSlot))
    files = [Path(ask(f"share file {number} of {needed}")) for number in range(1, needed + 1)]
    with ExitStack() as stack:
        asks = ask_word or asker(None, lambda text: text.en)
        shares = [open_share(file, asks) for file in files]
        for share in shares:
            stack.callback(share.value.wipe)
        return open_file(data, os.urandom, shares=shares)


def in_a_file() -> UsageRefused:
    """For what a token or a key service has no call for."""
    return UsageRefused(
        Text("This is done with a key file, and this station has none of its own.", "此操作针对密钥文件，而本站没有。"),
        do=Text(
            "Do it where the file is, or with the token's own tools.",
            "请在密钥文件所在处办理，或用密码设备自带的工具。",
        ),
        code="CF-2108",
    )


def open_share(file: Path, ask_word: AskWord | None) -> Share:
    """A share file, opened by its holder."""
    if not file.is_file():
        # Not what was typed: where a path is asked, somebody may type a word.
        raise InputRefused(
            Text("There is no share file of that name.", "没有该份额文件。"),
            do=Text(
                "Name the file, as 'cardfab keys shares make' wrote it.", "请输入 keys shares make 写出的文件路径。"
            ),
            code="CF-3309",
        )
    data = file.read_bytes()
    holder = read_label(data).holder
    if ask_word is None:
        raise UsageRefused(
            Text("Nobody here can be asked for the word of a share.", "此处无人可输入份额口令。"),
            do=Text("Use a terminal, or --password-fd N.", "请使用终端，或用 --password-fd N。"),
            code="CF-2105",
        )
    word = ask_word(f"{SHARE}{holder}")
    try:
        return read_share(data, word)
    finally:
        word[:] = bytes(len(word))
