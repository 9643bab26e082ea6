"""What a value of an item may be (人社信息函[2012]37号, section 8): its form, its codes, the parts it is made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from cardfab.errors import Text
from cardfab.prepare import cardnumber, gb11643
from cardfab.profile.codes import Code, CodeTables
from cardfab.profile.items import Part, Rule, Valued

Codes = Mapping[str, Code]


def faults(item: Valued, value: str, codes: CodeTables) -> Iterator[Text]:
    """What is wrong with a value that is not empty; it does not say that the value fits in the bytes of the item."""
    if bad := _not_clean(value):
        yield bad
        return
    if item.codes and value not in codes.list_of(item.codes):
        yield _no_code(codes.list_of(item.codes))
    if item.pattern and not re.fullmatch(item.pattern, value):
        yield Text(f"it must have the form {item.pattern}", f"须符合格式 {item.pattern}")
    if item.rule == "digits":
        places = item.length * (2 if str(getattr(item, "type", "an")) == "cn" else 1)
        if not re.fullmatch(f"[0-9]{{{places}}}", value):
            yield Text(f"it must be {places} digits", f"须为 {places} 位数字")
    elif wrong := _RULES[item.rule](value):
        yield wrong
    if item.parts:
        yield from _parts(item, value, codes)


def _not_clean(value: str) -> Text | None:
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in value):
        return Text("it holds a character that is no text", "含有非文本字符")
    if value != value.strip():
        return Text("there are spaces around it", "前后有空格")
    return None


def _no_code(codes: Codes) -> Text:
    some = list(codes)[:10]
    more = len(codes) > len(some)
    return Text(
        f"it is none of its codes ({', '.join(some)}{', …' if more else ''})",
        f"不在代码表内（{'、'.join(some)}{'……' if more else ''}）",
    )


def _parts(item: Valued, value: str, codes: CodeTables) -> Iterator[Text]:
    if len(value) != item.parts[-1].last:
        yield Text(f"it must have {item.parts[-1].last} characters", f"须为 {item.parts[-1].last} 位")
        return
    kind = value[item.parts[0].first - 1 : item.parts[0].last]
    for part in item.parts:
        text = value[part.first - 1 : part.last]
        if wrong := _part(part, text, kind, codes):
            one = part.first == part.last
            where = f"character {part.first}" if one else f"characters {part.first} to {part.last}"
            at = f"{part.first}" if one else f"{part.first} 至 {part.last}"
            yield Text(f"{part.name_en} ({where}): {wrong.en}", f"{part.name_zh}（第 {at} 位）：{wrong.zh}")


def _part(part: Part, text: str, kind: str, codes: CodeTables) -> Text | None:
    if part.constant is not None and text != part.constant:
        return Text(f"it must be {part.constant}", f"须为 {part.constant}")
    if part.only_for is not None and kind != part.only_for:
        zeros = "0" * len(text)
        return None if text == zeros else Text(f"it must be {zeros}", f"须为 {zeros}")
    if part.codes and text not in codes.list_of(part.codes):
        return _no_code(codes.list_of(part.codes))
    if part.rule == "digits":
        return None if re.fullmatch("[0-9]+", text) else Text("it must be digits", "须为数字")
    return _RULES[part.rule](text) if part.rule else None


def _form(pattern: str, en: str, zh: str) -> Callable[[str], Text | None]:
    form = re.compile(pattern)
    return lambda value: None if form.fullmatch(value) else Text(f"it must be {en}", f"须为{zh}")


def _moment(pattern: str, layout: str, en: str, zh: str) -> Callable[[str], Text | None]:
    """GB/T 7408 basic forms: of the calendar, and of no other length."""
    form = re.compile(pattern)

    def check(value: str) -> Text | None:
        try:
            if form.fullmatch(value):
                datetime.strptime(value, layout)
                return None
        except ValueError:
            pass
        return Text(f"it must be {en}", f"须为{zh}")

    return check


def _month_day(value: str) -> Text | None:
    """Of a leap year, so that 29 February is a day."""
    return _moment("2000[0-9]{4}", "%Y%m%d", "a day mmdd", "月日 mmdd")("2000" + value)


def _citizen(value: str) -> Text | None:
    """GB 11643 for nationals; numbers of others follow the ministry's own rule, which is not published (8.1.2.1)."""
    if not re.fullmatch(r"[0-9A-Z]{18}", value):
        return Text("it must be 18 digits or capital letters", "须为 18 位数字或大写字母")
    if gb11643.has_form(value) and gb11643.check_character(value[:17]) != value[17]:
        return Text("its check digit is wrong (GB 11643)", "校验码错误（GB 11643）")
    return None


def _organisation(value: str) -> Text | None:
    """GB 11714: eight digits or capitals and a check character, weights and letters as those of the card number."""
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    if not re.fullmatch(r"[0-9A-Z]{8}[0-9X]", value):
        return Text("it must be 8 digits or capital letters and a check character", "须为 8 位数字或大写字母加校验码")
    left = 11 - sum(int(one, 36) * weight for one, weight in zip(value[:8], weights, strict=True)) % 11
    if value[8] != {10: "X", 11: "0"}.get(left, str(left)):
        return Text("its check character is wrong (GB 11714)", "校验码错误（GB 11714）")
    return None


def _card_number(value: str) -> Text | None:
    if cardnumber.check_card_number(value):
        return None
    return Text("it is no card number, or its check character is wrong", "不是卡号，或校验位错误")


_RULES: Mapping[Rule, Callable[[str], Text | None]] = {
    "text": lambda _: None,
    "name": lambda _: None,
    "number": _form("[0-9]+", "a number", "数字"),
    "amount": _form("[0-9]+", "an amount in fen, digits only", "以分为单位的金额，仅数字"),
    "date": _moment("(19|20)[0-9]{6}", "%Y%m%d", "a day of the calendar, YYYYMMDD", "有效日期 YYYYMMDD"),
    "date-time": _moment("(19|20)[0-9]{12}", "%Y%m%d%H%M%S", "a moment YYYYMMDDhhmmss", "有效时间 YYYYMMDDhhmmss"),
    "year-month": _moment("(19|20)[0-9]{4}", "%Y%m", "a month YYYYMM", "有效年月 YYYYMM"),
    "year": _form("(19|20)[0-9]{2}", "a year YYYY", "年份 YYYY"),
    "month-day": _month_day,
    # GB/T 2260 has more codes, and the ministry's own extensions, than a station can list: the form only.
    "region": _form("[1-9][0-9]{5}", "a region code of six digits", "六位行政区划代码"),
    "organisation": _organisation,
    "citizen-number": _citizen,
    "card-number": _card_number,
    "phone": _form(r"\+?[0-9]+(-[0-9]+)*", "digits, with hyphens between groups", "数字，可用连字符分组"),
    "version": _form(r"[0-9]\.[0-9]{1,2}", "a version as 2.0", "版本号，如 2.0"),
}
