"""Import of a request file: all of it, or none of it and every reason why."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from datetime import date

from cardfab.errors import Text
from cardfab.prepare.finding import RequestFileRefused, RowFinding, shown
from cardfab.prepare.request import IssuanceRequest
from cardfab.prepare.rules import Fault, birth_date, judge
from cardfab.prepare.table import COLUMNS, Form, read_rows
from cardfab.profile.codes import CodeTables

__all__ = ["RequestFileRefused", "RowFinding", "read_requests"]


def read_requests(
    data: bytes,
    *,
    form: Form,
    photos: Callable[[str], bytes | None],
    judge_photo: Callable[[bytes], Sequence[Text]],
    codes: CodeTables,
    known_ids: Container[str] = (),
    photo_on_file: Callable[[str], bytes | None] = lambda _number: None,
    today: date,
) -> tuple[IssuanceRequest, ...]:
    """The requests of a file, in its order.

    ``photos`` gives the photo of a name as it stands in the file, None when there is none; names that leave the folder
    of the file are refused before it is asked. ``judge_photo`` says in sentences what is wrong with a photo.
    ``known_ids`` are request ids that are taken already; ``photo_on_file`` gives the photo kept of a holder by number,
    for a category whose requests may come without one.
    Raises RequestFileRefused (CF-3301) with every finding of every row.
    """
    rows, findings = read_rows(data, form)
    requests: list[IssuanceRequest] = []
    first_row: dict[str, int] = {}
    for row, raw in rows:
        faults = judge(raw, codes, today)
        faults += _identity(raw["request_id"], first_row, known_ids)
        first_row.setdefault(raw["request_id"], row)
        photo = None
        if raw["photo"] and all(field != "photo" for field, _ in faults):
            photo = photos(raw["photo"])
            faults += _photo(raw["photo"], photo, judge_photo)
        elif not faults:
            photo = photo_on_file(raw["social_security_number"])
            faults += _kept(photo)
        findings += [RowFinding(row, field, why) for field, why in sorted(faults, key=_column)]
        if not faults:
            requests.append(_request(raw, photo))
    if findings:
        raise RequestFileRefused(tuple(sorted(findings, key=lambda finding: finding.row)))
    return tuple(requests)


def _column(fault: Fault) -> int:
    return COLUMNS.index(fault[0])


def _identity(request_id: str, first_row: Mapping[str, int], known_ids: Container[str]) -> Iterator[Fault]:
    if not request_id:
        return
    if request_id in first_row:
        yield (
            "request_id",
            Text(
                f"{shown(request_id)} stands in row {first_row[request_id]} already. Give each request its own id.",
                f"{shown(request_id)} 已在第 {first_row[request_id]} 行出现。每份申请须有各自的编号。",
            ),
        )
    if request_id in known_ids:
        yield (
            "request_id",
            Text(
                f"{shown(request_id)} was imported before. Remove the row, or give a new request a new id.",
                f"{shown(request_id)} 以前已导入。请删除该行，或为新申请另编号。",
            ),
        )


def _photo(name: str, photo: bytes | None, judge_photo: Callable[[bytes], Sequence[Text]]) -> Iterator[Fault]:
    if photo is None:
        yield (
            "photo",
            Text(
                f"There is no photo {shown(name)}. Put the file there or correct the name.",
                f"找不到相片 {shown(name)}。请放入该文件或更正文件名。",
            ),
        )
    else:
        for why in judge_photo(photo):
            yield "photo", why


def _kept(photo: bytes | None) -> Iterator[Fault]:
    if photo is None:
        yield (
            "photo",
            Text(
                "The request brings no photo, and none of this holder is on file. Add a photo.",
                "申请未附相片，且本站没有该持卡人的存档相片。请补充相片。",
            ),
        )


def _request(raw: Mapping[str, str], photo: bytes | None) -> IssuanceRequest:
    day = birth_date(raw["birth_date"])
    if day is None:
        raise ValueError("a row is made a request only after it was judged")
    as_they_stand = {
        name: raw[name] for name in COLUMNS if name not in {"birth_date", "photo", "replaces_card", "urgent"}
    }
    return IssuanceRequest(
        **as_they_stand,
        birth_date=day,
        photo=photo,
        photo_name=raw["photo"],
        replaces_card=raw["replaces_card"] or None,
        urgent=raw["urgent"] == "yes",
    )
