"""Synthetic holders for a bureau's batch: the same seed gives the same file, whatever its form.

    python tools/holders.py --rows 1000000 --product bureau-sm2 holders.csv

writes ``holders.csv`` and its cover note ``holders.csv.cover.toml``. Nobody is in it: the districts (…99) do not exist,
so no citizen number here can have been given to a person.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import BinaryIO, Final
from xml.sax.saxutils import escape

COLUMNS: Final = (
    "request_id", "social_security_number", "name", "sex", "ethnicity", "birth_date", "birthplace", "region",
    "category", "card_class", "household_type", "household_address", "phone", "employer", "marital_status",
    "employment_status", "identity_category", "bank_product", "photo", "replaces_card", "urgent",
)  # fmt: skip
REGIONS: Final = ("110199", "320199", "330199", "440199", "510199", "650199")
WIDTHS: Final = {
    "request_id": 20, "social_security_number": 18, "name": 50, "sex": 1, "ethnicity": 2, "birth_date": 8,
    "birthplace": 6, "region": 6, "category": 30, "card_class": 1, "household_type": 2, "household_address": 80,
    "phone": 15, "employer": 70, "marital_status": 1, "employment_status": 1, "identity_category": 2,
    "bank_product": 20, "photo": 60, "replaces_card": 9, "urgent": 3,
}  # fmt: skip
"""Bytes of each field of a fixed line, in GB 18030, as mainframes write."""
ISSUER: Final = "示例市人力资源和社会保障局"
FORMS: Final = ("csv", "jsonl", "fixed", "xlsx", "xml")
_SHEET_ROWS: Final = 20_000

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_FAMILY: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN: Final = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂香玉兰红梅建国志文斌宇浩凯健俊帆雪琳晨龙䶮𠅤㼆"
_LONG: Final = ("古丽巴哈尔·阿卜力米提艾合麦提江", "阿依古丽·吐尔逊", "买买提·艾力")
_EMPLOYERS: Final = ("示例纺织有限公司", "示例机械厂", "示例市第一小学", "示例物流有限公司", "示例农业合作社", "")
_FIRST_DAY: Final = date(1940, 1, 1)
_DAYS: Final = 29_000
_PLACES: Final = len(REGIONS) * _DAYS * 1000
"""Numbers that there are: a region, a day, a sequence of three digits."""
_STEP: Final = 100_000_007
"""A prime that does not divide :data:`_PLACES`: one step after the other meets every number once."""


class Told:
    """What a cover note says of a file, counted while it is written; ``wrong`` are the rows that were made wrong."""

    def __init__(self) -> None:
        self.rows = 0
        self.digest = ""
        self.totals: dict[str, Counter[str]] = {"region": Counter(), "category": Counter()}
        self.wrong: list[int] = []

    def cover(self, *, issuer: str, reference: str, product: str) -> str:
        """The note as TOML."""
        lines = [
            f"issuer = {json.dumps(issuer, ensure_ascii=False)}",
            f"reference = {json.dumps(reference)}",
            f"product = {json.dumps(product)}",
            f"rows = {self.rows}",
            f'sha256 = "{self.digest}"',
        ]
        for column, counts in self.totals.items():
            lines += ["", f"[totals.{column}]"] + [f"{json.dumps(value)} = {n}" for value, n in sorted(counts.items())]
        return "\n".join(lines) + "\n"


def holders(
    rows: int, *, seed: int = 1, product: str = "bureau-sm2", wrong: float = 0.0, doubles: float = 0.0, first: int = 0
) -> Iterator[tuple[dict[str, str], bool]]:
    """Rows of a request file in turn, and whether one was made wrong.

    ``wrong`` and ``doubles`` are shares of all rows: with a fault in one field, and with an id or a holder that was
    there before. ``first`` goes on where another file of the seed has ended: no holder and no id is met again.
    """
    dice = random.Random(f"{seed}:{first}")
    before: dict[str, str] = {}
    start = random.Random(seed).randrange(_PLACES)
    for number in range(first, first + rows):
        row = _holder((start + number * _STEP) % _PLACES, f"H{seed}-{number:09d}", dice, product)
        chance = dice.random()
        bad = chance < wrong + doubles
        if chance < wrong:
            _spoil(row, dice)
        elif bad and before:
            same = ("request_id",) if dice.random() < 0.5 else ("social_security_number", "birth_date", "sex")
            row.update({name: before[name] for name in same})
        else:
            bad, before = False, row if dice.random() < 0.01 or not before else before
        yield row, bad


def _holder(place: int, request_id: str, dice: random.Random, product: str) -> dict[str, str]:
    left, sequence = divmod(place, 1000)
    day, at = divmod(left, len(REGIONS))
    region, born = REGIONS[at], _FIRST_DAY + timedelta(day)
    digits = f"{region}{born.year}{born.month:02d}{born.day:02d}{sequence:03d}"
    check = _CHECKS[sum((ord(one) - 48) * weight for one, weight in zip(digits, _WEIGHTS, strict=True)) % 11]
    luck = dice.getrandbits(62)
    grown = born.year < 2005
    return {
        "request_id": request_id,
        "social_security_number": digits + check,
        "name": _LONG[luck % 3] if luck % 97 == 0 else _name(luck),
        "sex": "1" if sequence % 2 else "2",
        "ethnicity": "05" if luck % 97 == 0 else "01",
        "birth_date": digits[6:14],
        "birthplace": region,
        "region": region,
        "category": "new-enrolment" if luck % 10 else "registered-poor-household",
        "card_class": ("2", "3", "4")[luck % 3],
        "household_type": ("10", "20")[luck % 2],
        "household_address": f"示例省示例市第{luck % 99 + 1}街道{luck % 997 + 1}号",
        "phone": f"199000{luck % 100_000:05d}",
        "employer": _EMPLOYERS[luck % len(_EMPLOYERS)] if grown else "",
        "marital_status": ("1", "2", "3")[luck % 3] if grown else "",
        "employment_status": ("1", "3", "7")[luck % 3],
        "identity_category": ("24", "31", "80")[luck % 3],
        "bank_product": product,
        "photo": "",
        "replaces_card": "",
        "urgent": "yes" if luck % 50 == 0 else "no",
    }


def _name(luck: int) -> str:
    family, luck = _FAMILY[luck % len(_FAMILY)], luck // 64
    one, luck = _GIVEN[luck % len(_GIVEN)], luck // 64
    return family + one + (_GIVEN[luck % len(_GIVEN)] if luck % 3 else "")


_FAULTS: Final[Sequence[Callable[[dict[str, str]], None]]] = (
    lambda row: row.update(name=""),
    lambda row: row.update(region="999999"),
    lambda row: row.update(sex="1" if row["sex"] == "2" else "2"),
    lambda row: row.update(birth_date="19990230"),
    lambda row: row.update(phone="call me"),
    lambda row: row.update(social_security_number=_other_check(row["social_security_number"])),
    lambda row: row.update(household_type="00"),
    lambda row: row.update(replaces_card="D13044517"),
)
"""One field made wrong, each in its way."""


def _spoil(row: dict[str, str], dice: random.Random) -> None:
    _FAULTS[dice.randrange(len(_FAULTS))](row)


def _other_check(number: str) -> str:
    return number[:17] + ("0" if number[17] != "0" else "1")


def write(path: Path, form: str, rows: Iterator[tuple[dict[str, str], bool]]) -> Told:
    """Write a file of a form; what its note says. Row by row, but for a spreadsheet, which is small."""
    told = Told()

    def counted() -> Iterator[dict[str, str]]:
        for told.rows, (row, bad) in enumerate(rows, 1):
            for column, counts in told.totals.items():
                counts[row[column]] += 1
            if bad:
                told.wrong.append(told.rows)
            yield row

    if form == "xlsx":
        _write_sheet(path, counted())
        told.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return told
    with path.open("wb") as file:
        out = _Digested(file)
        _WRITERS[form](out, counted())
    told.digest = out.digest.hexdigest()
    return told


class _Digested:
    """Bytes that are written, and their digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, text: str, encoding: str = "utf-8") -> None:
        data = text.encode(encoding)
        self.digest.update(data)
        self._file.write(data)


def _write_csv(out: _Digested, rows: Iterator[dict[str, str]]) -> None:
    line = StringIO(newline="")
    table = csv.DictWriter(line, COLUMNS, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(row)
        if line.tell() > 1 << 16:
            out.write(line.getvalue())
            line.seek(0)
            line.truncate()
    out.write(line.getvalue())


def _write_jsonl(out: _Digested, rows: Iterator[dict[str, str]]) -> None:
    for row in rows:
        out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def _write_fixed(out: _Digested, rows: Iterator[dict[str, str]]) -> None:
    for row in rows:
        cells = (row[name].encode("gb18030").ljust(width) for name, width in WIDTHS.items())
        out.write(b"".join(cells).decode("gb18030") + "\n", "gb18030")


def _write_xml(out: _Digested, rows: Iterator[dict[str, str]]) -> None:
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n<batch>\n')
    for row in rows:
        out.write("<holder>" + "".join(f"<{n}>{escape(v)}</{n}>" for n, v in row.items()) + "</holder>\n")
    out.write("</batch>\n")


def _write_sheet(path: Path, rows: Iterator[dict[str, str]]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("holders")
    sheet.append(COLUMNS)
    for number, row in enumerate(rows, 1):
        if number > _SHEET_ROWS:
            raise SystemExit(f"a spreadsheet has at most {_SHEET_ROWS} rows here: take another form")
        sheet.append([row[name] for name in COLUMNS])
    book.save(path)


_WRITERS: Final[dict[str, Callable[[_Digested, Iterator[dict[str, str]]], None]]] = {
    "csv": _write_csv, "jsonl": _write_jsonl, "fixed": _write_fixed, "xml": _write_xml,
}  # fmt: skip


def layout(form: str) -> str:
    """The layout by which the bureau reads a file of a form (``profiles/layouts/NAME.toml`` of the station)."""
    lines = ['title_en = "Synthetic holders"', 'title_zh = "合成持卡人"', f'form = "{form}"', "own_names = true"]
    if form == "fixed":
        at, places = 1, []
        for name, width in WIDTHS.items():
            places.append(f"{name} = {{ at = {at}, length = {width} }}")
            at += width
        lines = [*lines, 'encoding = "gb18030"', "[fixed]", f"length = {at - 1}", "[fixed.fields]", *places]
    if form == "xml":
        lines += ["[xml]", 'row = ["batch", "holder"]']
    return "\n".join(lines) + "\n"


def make(
    path: Path,
    rows: int,
    *,
    form: str = "csv",
    reference: str = "",
    product: str = "bureau-sm2",
    seed: int = 1,
    first: int = 0,
    wrong: float = 0.0,
    doubles: float = 0.0,
) -> Told:
    """A file with its cover note beside it (``<file>.cover.toml``); the rest as :func:`holders` has it."""
    made = holders(rows, seed=seed, product=product, wrong=wrong, doubles=doubles, first=first)
    told = write(path, form, made)
    note = told.cover(issuer=ISSUER, reference=reference or f"H{seed}-{first}-{rows}", product=product)
    path.with_name(f"{path.name}.cover.toml").write_text(note, encoding="utf-8")
    return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Synthetic holders for a bureau's batch, with a cover note.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--layout", type=Path, metavar="FILE", help="write the layout of the form there too")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="go on where another file of this seed ended")
    parser.add_argument("--form", choices=FORMS, help="default: by the name of the file")
    parser.add_argument("--product", default="bureau-sm2")
    parser.add_argument("--reference", default="", help="the issuer's number of the batch")
    parser.add_argument("--wrong", type=float, default=0.0, help="share of rows with a fault")
    parser.add_argument("--doubles", type=float, default=0.0, help="share of rows with an id or a holder met before")
    given = parser.parse_args()
    suffix = given.file.suffix.lstrip(".")
    form = given.form or (suffix if suffix in FORMS else "fixed")
    told = make(
        given.file, given.rows, form=form, reference=given.reference, product=given.product, seed=given.seed,
        first=given.first, wrong=given.wrong, doubles=given.doubles,
    )  # fmt: skip
    if given.layout is not None:
        given.layout.write_text(layout(form), encoding="utf-8")
    print(f"{told.rows} rows, {len(told.wrong)} of them wrong, SHA-256 {told.digest}")


if __name__ == "__main__":
    main()
