"""The cover note of an issuer's file: what the file should be, said apart from it. TOML or JSON."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cardfab.errors import InputRefused, Text
from cardfab.profile.loader import toml_line
from cardfab.profile.mistakes import mistake

if TYPE_CHECKING:
    from cardfab.bureau.files import Signer

MOST_BYTES = 1 << 20
"""A note is a page; one longer than this is something else."""

Counted = Literal["region", "category", "card_class", "bank_product", "urgent"]


class CoverRefused(InputRefused):
    """The cover note cannot be read."""

    default_code = "CF-3480"


class CoverNote(BaseModel):
    """What an issuer says of a file. Values of rows are as they stand after the layout's mapping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")
    reference: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,59}$")
    """The issuer's own number of the batch."""
    product: str = Field(pattern=r"^[0-9a-z][0-9a-z-]*$")
    """The one product of all its rows."""
    rows: int = Field(ge=1, le=100_000_000)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the file in clear: after the envelope was opened, before anything is read out of it."""
    totals: dict[Counted, dict[str, int]] = Field(default_factory=dict)
    """How many rows have which value, by column: every value of the column is listed."""
    previous: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """The SHA-256 of the issuer's batch before, where the issuer chains them."""

    def told(self, signer: Signer | None) -> str:
        """The note as it is kept, with who signed the file: JSON with sorted keys."""
        signed = None if signer is None else asdict(signer)
        values = {**self.model_dump(exclude_defaults=True), "signer": signed}
        return json.dumps(values, ensure_ascii=False, sort_keys=True)


class Tally:
    """What pass one counts of a file: its rows, and the values of the columns that the note has totals of."""

    def __init__(self, cover: CoverNote) -> None:
        self._cover = cover
        self.rows = 0
        self._unread = 0
        self._counts: dict[str, Counter[str]] = {column: Counter() for column in cover.totals}

    def add(self, given: Mapping[str, str] | None) -> None:
        """One row; None of one that could not be read, which counts all the same and may be of any value."""
        self.rows += 1
        if given is None:
            self._unread += 1
        else:
            for column, counts in self._counts.items():
                value = given.get(column, "")
                counts[value if value in self._cover.totals[column] else ""] += 1  # type: ignore[index]

    def differences(self) -> tuple[Text, ...]:
        """Where the file and its note disagree, without a value that the note has not."""
        found = []
        if self.rows != self._cover.rows:
            found.append(
                Text(
                    f"The file has {self.rows} rows, the cover note says {self._cover.rows}.",
                    f"文件有 {self.rows} 行，封面单为 {self._cover.rows} 行。",
                )
            )
        for column, told in self._cover.totals.items():
            counted = self._counts[column]
            lacking = sum(max(0, count - counted[value]) for value, count in told.items())
            found += [
                Text(
                    f"Rows whose {column} is {value}: {counted[value]}, the cover note says {count}.",
                    f"{column} 为 {value} 的有 {counted[value]} 行，封面单为 {count} 行。",
                )
                for value, count in told.items()
                if counted[value] > count or (counted[value] < count and lacking > self._unread)
            ]
            if counted[""] and "" not in told:
                found.append(
                    Text(
                        f"Rows whose {column} the cover note does not list: {counted['']}.",
                        f"{column} 不在封面单所列之内的有 {counted['']} 行。",
                    )
                )
        return tuple(found)


def read_cover(path: Path) -> CoverNote:
    """The note in a file, JSON where its name ends so, else TOML. Raises :class:`CoverRefused`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError:
        raise CoverRefused(Text(f"There is no cover note {path.name}.", f"没有封面单 {path.name}。")) from None
    if len(data) > MOST_BYTES:
        raise CoverRefused(Text(f"{path.name} is too long for a cover note.", f"{path.name} 过长，不是封面单。"))
    return parse_cover(data, path.name)


def parse_cover(data: bytes, name: str) -> CoverNote:
    """The note in these bytes; ``name`` is what they are called. Raises :class:`CoverRefused`."""
    try:
        text = data.decode("utf-8-sig")
        values = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
        return CoverNote.model_validate(values)
    except ValidationError as wrong:
        found = [mistake(one) for one in wrong.errors()]
        en, zh = "; ".join(one.en for one in found), "；".join(one.zh for one in found)
        raise CoverRefused(
            Text(f"The cover note {name} is wrong: {en}.", f"封面单 {name} 有误：{zh}。"),
            do=Text("Ask the issuer for a right one.", "请发卡机构重新提供。"),
        ) from None
    except (ValueError, RecursionError) as wrong:
        line = _line(data, wrong)
        raise CoverRefused(
            Text(
                f"The cover note {name} is neither TOML nor JSON{f': line {line} cannot be read' if line else ''}.",
                f"封面单 {name} 不是 TOML 或 JSON{f'：第 {line} 行无法读取' if line else ''}。",
            ),
            do=Text("Ask the issuer for a right one.", "请发卡机构重新提供。"),
        ) from None


def _line(data: bytes, wrong: Exception) -> int | None:
    """The line on which reading ended, where the reader says so."""
    if isinstance(wrong, json.JSONDecodeError):
        return wrong.lineno
    if isinstance(wrong, UnicodeDecodeError):
        return data.count(b"\n", 0, wrong.start) + 1
    return toml_line(wrong, data.decode("utf-8-sig")) if isinstance(wrong, tomllib.TOMLDecodeError) else None


__all__ = ["MOST_BYTES", "Counted", "CoverNote", "CoverRefused", "Tally", "parse_cover", "read_cover"]
