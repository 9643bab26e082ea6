"""Import of a request file: all of it, or none of it and every reason why."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cardfab.errors import InputRefused, Text
from cardfab.prepare.finding import RequestFileRefused, RowFinding, shown
from cardfab.prepare.items import ItemBook
from cardfab.prepare.request import IssuanceRequest
from cardfab.prepare.rules import Fault, birth_date, judge
from cardfab.prepare.table import COLUMNS, Form, read_rows
from cardfab.profile.codes import CodeTables

__all__ = ["ProductRules", "RequestFileRefused", "RowFinding", "RowJudge", "read_requests"]


@dataclass(frozen=True, slots=True)
class ProductRules:
    """What a product asks of its requests: the items of its card, and the regions it serves (none named: any)."""

    book: ItemBook
    regions: Sequence[str] = ()
    portrait: bool = True
    """Whether its card shows or carries the holder's portrait; without it a request needs no photo."""


def read_requests(
    data: bytes,
    *,
    form: Form,
    photos: Callable[[str], bytes | None],
    judge_photo: Callable[[bytes], Sequence[Text]],
    codes: CodeTables,
    known_ids: Container[str] = (),
    photo_on_file: Callable[[str], bytes | None] = lambda _number: None,
    rules: Callable[[str], ProductRules | None] = lambda _product: None,
    today: date,
) -> tuple[IssuanceRequest, ...]:
    """The requests of a file, in its order.

    ``photos`` gives the photo of a name as it stands in the file, None when there is none; names that leave the folder
    of the file are refused before it is asked. ``judge_photo`` says in sentences what is wrong with a photo.
    ``known_ids`` are request ids that are taken already; ``photo_on_file`` gives the photo kept of a holder by number,
    for a category whose requests may come without one. ``rules`` are those of a product by name, None when there is no
    such product; without them a request may give no items by address.
    Raises RequestFileRefused (CF-3301) with every finding of every row.
    """
    rows, findings = read_rows(data, form)
    judge_row = RowJudge(
        codes=codes, today=today, rules=rules, photos=photos, judge_photo=judge_photo, photo_on_file=photo_on_file
    )
    requests: list[IssuanceRequest] = []
    first_row: dict[str, int] = {}
    for row, given in rows:
        request, faults = judge_row(given, _identity(given["request_id"], first_row, known_ids))
        first_row.setdefault(given["request_id"], row)
        findings += [RowFinding(row, field, why) for field, why in faults]
        if request is not None:
            requests.append(request)
    if findings:
        raise RequestFileRefused(tuple(sorted(findings, key=lambda finding: finding.row)))
    return tuple(requests)


@dataclass(frozen=True, slots=True)
class RowJudge:
    """Judges rows one by one; the parts are those of :func:`read_requests`. ``show`` is how a reason quotes a value."""

    codes: CodeTables
    today: date
    rules: Callable[[str], ProductRules | None]
    photos: Callable[[str], bytes | None]
    judge_photo: Callable[[bytes], Sequence[Text]]
    photo_on_file: Callable[[str], bytes | None] = lambda _number: None
    show: Callable[[str], str] = shown

    def __call__(
        self, given: Mapping[str, str], others: Iterable[Fault] = ()
    ) -> tuple[IssuanceRequest | None, list[Fault]]:
        """The request of a row, or None and what is wrong with it by column; ``others`` are faults from elsewhere."""
        raw = {column: value for column, value in given.items() if column in _COLUMNS}
        items = {address: value for address, value in given.items() if address not in _COLUMNS and value}
        product = self.rules(raw["bank_product"])
        plain = product is not None and not product.portrait
        faults = judge(raw, self.codes, self.today, blank=_PHOTO if plain else frozenset(), show=self.show)
        faults += _of_product(raw, items, self.codes, product)
        faults += others
        photo = None
        if plain:
            pass  # a photo that nothing is made of is not kept either
        elif raw["photo"] and all(field != "photo" for field, _ in faults):
            photo = self.photos(raw["photo"])
            faults += _photo(raw["photo"], photo, self.judge_photo, self.show)
        elif not faults:
            photo = self.photo_on_file(raw["social_security_number"])
            faults += _kept(photo)
        if faults:
            return None, sorted(faults, key=_column)
        return _request(raw, items, photo), faults


_COLUMNS, _PHOTO = frozenset(COLUMNS), frozenset({"photo"})


def _column(fault: Fault) -> int:
    return COLUMNS.index(fault[0]) if fault[0] in COLUMNS else len(COLUMNS)


def _of_product(
    raw: Mapping[str, str], items: Mapping[str, str], codes: CodeTables, product: ProductRules | None
) -> Iterator[Fault]:
    """The region is one the product serves, and every item given by address may be written by the station."""
    if product is None:
        for address in items:
            yield (
                address,
                Text(
                    "No product is named that has this item. Correct bank_product.",
                    "所填产品不存在，无法核对该数据项。",
                ),
            )
        return
    region = raw["region"]
    if region in codes.region and product.regions and not region.startswith(tuple(product.regions)):
        yield (
            "region",
            Text(
                f"{region} is not a region that the product {raw['bank_product']} serves. Choose another product.",
                f"产品 {raw['bank_product']} 不服务于地区 {region}。请另选产品。",
            ),
        )
    for address, value in items.items():
        try:
            product.book.check_input(address, value)
        except InputRefused as refused:
            do = refused.do or Text("", "")
            yield address, Text(f"{refused.what.en} {do.en}".strip(), f"{refused.what.zh}{do.zh}")


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


def _photo(
    name: str, photo: bytes | None, judge_photo: Callable[[bytes], Sequence[Text]], show: Callable[[str], str]
) -> Iterator[Fault]:
    if photo is None:
        yield (
            "photo",
            Text(
                f"There is no photo {show(name)}. Put the file there or correct the name.",
                f"找不到相片 {show(name)}。请放入该文件或更正文件名。",
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


def _request(raw: Mapping[str, str], items: Mapping[str, str], photo: bytes | None) -> IssuanceRequest:
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
        items=items,
    )
