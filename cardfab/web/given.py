"""Passwords that came in a form, given to the door that asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.errors import Text
from cardfab.station.access import NoPassword


@dataclass(frozen=True, slots=True)
class Given:
    """Answers a door with the words of a form: of each login one, and a ``new`` one to be set."""

    words: Mapping[str, str] = field(repr=False)
    new: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, login: str, *, new: bool = False) -> bytearray:
        word = (self.new if new else self.words).get(login, "")
        if not word:
            raise NoPassword(
                Text(f"The password of '{login}' is missing.", f"缺少“{login}”的口令。"),
                do=Text("Let them enter it at this page.", "请本人在此页输入口令。"),
                code="CF-6801",
            )
        return bytearray(word.encode())
