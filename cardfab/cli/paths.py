"""Files that a command is to write: looked at before anything is done."""

from __future__ import annotations

import os
from pathlib import Path

from cardfab.errors import Text, UsageRefused


def to_be_written(file: Path | None) -> Path | None:
    """Refuse what cannot be written before anything is done: a thing that was done must not be repeated."""
    if file is not None and (file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK)):
        raise UsageRefused(
            Text(f"{file} cannot be written; nothing was done.", f"无法写入 {file}，未执行任何操作。"),
            do=Text("Name a file in a folder that is there.", "请指定已有目录中的文件。"),
            code="CF-2237",
        )
    return file


__all__ = ["to_be_written"]
