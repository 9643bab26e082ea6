"""What a request must satisfy, field by field: each rule yields the field, what is wrong with it and what to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import date

from cardfab.errors import Text
from cardfab.prepare import cardnumber, gb11643
from cardfab.prepare.finding import shown
from cardfab.prepare.gb18030 import EXTENSION_BYTES, NAME_BYTES, encode, split_name
from cardfab.profile.codes import CODED_FIELDS, CodeTables

Fault = tuple[str, Text]

_CARD_BYTES = {"household_address": 80, "phone": 15, "employer": 70}  # items 21, 28, 2E
_FORMS = {
    "request_id": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"),
        Text("1 to 40 letters, digits, dots, hyphens", "1 至 40 个字母、数字、点或连字符"),
    ),
    "birthplace": (re.compile(r"[1-9][0-9]{5}"), Text("a region code of six digits", "六位行政区划代码")),
    "phone": (re.compile(r"\+?[0-9]+(-[0-9]+)*"), Text("digits, with hyphens between groups", "数字，可用连字符分组")),
    "urgent": (re.compile(r"yes|no"), Text("yes or no", "yes 或 no")),
    "photo": (
        re.compile(r"(?!.*(^|/)\.)[^/\\:]+(/[^/\\:]+)*"),
        Text("a file name below the folder of the request file", "申请文件所在文件夹内的文件名"),
    ),
}
_DAY = re.compile(r"(19|20)[0-9]{6}")
_NOT_TEXT = {
    "Cc": Text("a control character", "控制字符"),
    "Cf": Text("an invisible formatting character", "不可见的格式字符"),
    "Cs": Text("half a character", "不完整的字符"),
    "Co": Text("a private-use character, which means something else on every system", "私用区字符（各系统含义不同）"),
    "Zl": Text("a line break", "换行符"),
    "Zp": Text("a paragraph break", "分段符"),
}


def judge(
    raw: Mapping[str, str],
    codes: CodeTables,
    today: date,
    *,
    blank: Set[str] = frozenset(),
    show: Callable[[str], str] = shown,
) -> list[Fault]:
    """Every fault of one row, but for the photo itself. A field that is not clean text is judged no further.

    ``blank`` are fields that may be empty beside those that the code tables name; ``show`` is how a reason quotes a
    value.
    """
    unclean = dict(_unclean(raw, codes, blank))
    sound = {field: value for field, value in raw.items() if field not in unclean and value}
    return [
        *unclean.items(),
        *_forms(sound, show),
        *_codes(sound, codes, show),
        *_number(sound, show),
        *_birth_date(sound, today, show),
        *_agreement(sound, today, show),
        *_name(sound),
        *_card_bytes(sound),
        *_replaced_card(sound, raw, codes, show),
    ]


def birth_date(digits: str) -> date | None:
    """The date of YYYYMMDD from 1900 on, None when the calendar does not have it."""
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) if _DAY.fullmatch(digits) else None
    except ValueError:
        return None


def has_id_form(request_id: str) -> bool:
    """Whether it may be the id of a request."""
    return _FORMS["request_id"][0].fullmatch(request_id) is not None


def photo_may_be_on_file(raw: Mapping[str, str], codes: CodeTables) -> bool:
    """Whether the category lets the photo field be empty."""
    category = codes.category.get(raw["category"])
    return category is not None and category.photo_on_file


def _unclean(raw: Mapping[str, str], codes: CodeTables, blank: Set[str]) -> Iterator[Fault]:
    for field, value in raw.items():
        # Nothing of those kinds is printable, and nearly every value is.
        kinds = () if value.isprintable() else map(unicodedata.category, value)
        bad = next((_NOT_TEXT[kind] for kind in kinds if kind in _NOT_TEXT), None)
        if bad:
            yield (
                field,
                Text(f"It holds {bad.en}. Type the value again.", f"含有{bad.zh}，请重新输入。"),
            )
        elif value != value.strip():
            yield field, Text("There are spaces around the value. Remove them.", "值的前后有空格，请删除。")
        elif not value and field not in blank and not _may_be_blank(field, raw, codes):
            yield field, Text("It is empty. Fill it in.", "不能为空，请填写。")


def _may_be_blank(field: str, raw: Mapping[str, str], codes: CodeTables) -> bool:
    if field == "photo":
        return photo_may_be_on_file(raw, codes)
    return field == "replaces_card" or field in codes.may_be_blank  # replaces_card: _replaced_card knows when


def _forms(sound: Mapping[str, str], show: Callable[[str], str]) -> Iterator[Fault]:
    for field, (form, wanted) in _FORMS.items():
        if field in sound and not form.fullmatch(sound[field]):
            yield (
                field,
                Text(
                    f"{show(sound[field])} does not have the form: {wanted.en}.",
                    f"{show(sound[field])} 格式不符，应为{wanted.zh}。",
                ),
            )


def _codes(sound: Mapping[str, str], codes: CodeTables, show: Callable[[str], str]) -> Iterator[Fault]:
    for field in CODED_FIELDS:
        if field in sound and sound[field] not in codes.table(field):
            some = list(codes.table(field))
            en, zh = ", ".join(some[:10]), "、".join(some[:10])
            if len(some) > 10:
                en, zh = en + ", …", zh + "……"
            yield (
                field,
                Text(
                    f"{show(sound[field])} is not a code this station accepts. Use one of: {en}.",
                    f"{show(sound[field])} 不是本站可用的代码。可用代码：{zh}。",
                ),
            )


def _number(sound: Mapping[str, str], show: Callable[[str], str]) -> Iterator[Fault]:
    number = sound.get("social_security_number")
    if number is None:
        return
    if not gb11643.has_form(number):
        yield (
            "social_security_number",
            Text(
                f"The number ({len(number)} characters) is not 17 digits and then a digit or capital X. Compare it "
                "with the identity card.",
                f"号码（{len(number)} 个字符）不是 17 位数字加一位数字或大写 X。请与身份证核对。",
            ),
        )
    elif number[17] != gb11643.check_character(number[:17]):
        bare = _bare(number, show)
        yield (
            "social_security_number",
            Text(
                f"The check digit of {bare} is wrong (GB 11643). Compare the number with the identity card.",
                f"{bare} 的校验码错误（GB 11643）。请与身份证核对号码。",
            ),
        )


def _birth_date(sound: Mapping[str, str], today: date, show: Callable[[str], str]) -> Iterator[Fault]:
    digits = sound.get("birth_date")
    if digits is None:
        return
    day = birth_date(digits)
    if day is None:
        yield (
            "birth_date",
            Text(
                f"{show(digits)} is not a day of the calendar. Write YYYYMMDD.",
                f"{show(digits)} 不是有效日期。请按 YYYYMMDD 填写。",
            ),
        )
    elif day > today:
        bare = _bare(digits, show)
        yield (
            "birth_date",
            Text(f"{bare} is in the future. Correct the date.", f"{bare} 是将来的日期，请更正。"),
        )


def _agreement(sound: Mapping[str, str], today: date, show: Callable[[str], str]) -> Iterator[Fault]:
    """GB 11643: positions 7 to 14 are the birth date, an odd 17th digit is male. Sex 9, not stated, claims nothing."""
    number = sound.get("social_security_number", "")
    if not gb11643.has_form(number):
        return
    bare = _bare(number, show)
    day = birth_date(sound.get("birth_date", ""))
    if day is not None and day <= today and f"{day:%Y%m%d}" != gb11643.birth_digits(number):
        yield (
            "birth_date",
            Text(
                f"The birth date does not agree with the number {bare}. Compare both with the identity card.",
                f"出生日期与号码 {bare} 不一致。请与身份证核对。",
            ),
        )
    if sound.get("sex") in {"1", "2"} and sound["sex"] != gb11643.sex_code(number):
        yield (
            "sex",
            Text(
                f"The sex does not agree with the number {bare}. Compare both with the identity card.",
                f"性别与号码 {bare} 不一致。请与身份证核对。",
            ),
        )


def _bare(value: str, show: Callable[[str], str]) -> str:
    """A number in a sentence: as it is shown, without its quotation marks."""
    return show(value).strip("'")


def _name(sound: Mapping[str, str]) -> Iterator[Fault]:
    name = sound.get("name")
    if name is None:
        return
    size, most = len(encode(name)), NAME_BYTES + EXTENSION_BYTES
    if size > most:
        yield (
            "name",
            Text(
                f"The name takes {size} bytes in GB 18030; the card holds {most}. Agree a shorter form with the "
                "holder.",
                f"姓名在 GB 18030 中占 {size} 字节，卡内最多 {most} 字节。请与持卡人商定较短的写法。",
            ),
        )
        return
    try:
        split_name(name)
    except ValueError as error:
        yield (
            "name",
            Text(
                f"The name cannot be parted into {NAME_BYTES} and {EXTENSION_BYTES} bytes without cutting a character "
                f"({error}). Agree a shorter form with the holder.",
                f"姓名无法在不拆开字符的情况下分为 {NAME_BYTES} 与 {EXTENSION_BYTES} 字节。请与持卡人商定较短的写法。",
            ),
        )


def _card_bytes(sound: Mapping[str, str]) -> Iterator[Fault]:
    for field, most in _CARD_BYTES.items():
        size = len(encode(sound.get(field, "")))
        if size > most:
            yield (
                field,
                Text(
                    f"It takes {size} bytes in GB 18030; the card holds {most}. Shorten it.",
                    f"在 GB 18030 中占 {size} 字节，卡内最多 {most} 字节。请缩短。",
                ),
            )


def _replaced_card(
    sound: Mapping[str, str], raw: Mapping[str, str], codes: CodeTables, show: Callable[[str], str]
) -> Iterator[Fault]:
    number, category = sound.get("replaces_card"), codes.category.get(raw["category"])
    if number is not None and not cardnumber.check_card_number(number):
        yield (
            "replaces_card",
            Text(
                f"{show(number)} is not a card number: a capital letter, seven digits or letters, and the right check "
                "character. Compare it with the loss report.",
                f"{show(number)} 不是有效卡号：应为一个大写字母、七位数字或字母及正确的校验位。请与挂失单核对。",
            ),
        )
    if category is None:
        return
    if category.replaces_card and not raw["replaces_card"]:
        yield (
            "replaces_card",
            Text(
                f"The category {raw['category']} replaces a card. Give the number of the old card.",
                f"类别 {raw['category']}（{category.zh}）须填写被补换的旧卡卡号。",
            ),
        )
    if raw["replaces_card"] and not category.replaces_card:
        yield (
            "replaces_card",
            Text(
                f"The category {raw['category']} replaces no card. Leave it empty or correct the category.",
                f"类别 {raw['category']}（{category.zh}）不补换旧卡。请留空或更正类别。",
            ),
        )
