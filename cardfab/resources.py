"""What the package carries: profiles and examples, in the wheel or beside the source tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cardfab.errors import InputRefused, Text

_PACKAGE = Path(__file__).parent


def data_folder(name: str) -> Path:
    """``profiles`` or ``examples``: inside the installed package, else beside it in a checkout."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def page_part(name: str) -> str:
    """A part of the checking page, or of the third-party code in it, as text."""
    return (_PACKAGE / "documents" / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class ProfileFolders:
    """Profiles from folders, the first that has a name wins; fulfils ``profile.loader.ProfileSource``."""

    folders: tuple[Path, ...]

    def names(self, kind: str) -> Sequence[str]:
        found = {file.stem for folder in self.folders for file in (folder / kind).glob("*.toml")}
        return tuple(sorted(found))

    def text(self, kind: str, name: str) -> str | None:
        for folder in self.folders:
            file = folder / kind / f"{name}.toml"
            if file.is_file():
                return _utf8(file)
        return None

    def pictures(self, face: str) -> Mapping[str, bytes]:
        """The issuer's artwork for a face: ``faces/FACE/SLOT.png`` or ``.jpg``, of the first folder that has a slot."""
        found: dict[str, bytes] = {}
        for folder in self.folders:
            for file in sorted((folder / "faces" / face).glob("*")):
                if file.suffix in (".png", ".jpg"):
                    found.setdefault(file.stem, file.read_bytes())
        return found


def _utf8(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputRefused(
            Text(f"The profile {file.name} is not UTF-8 text.", f"配置文件 {file.name} 不是 UTF-8 文本。"),
            do=Text("Save it as UTF-8.", "请以 UTF-8 编码保存。"),
            code="CF-3201",
        ) from None
