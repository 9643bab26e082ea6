"""What pydantic finds wrong with a value that people wrote, in words of both languages and without the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

from cardfab.errors import Text

_CHINESE: Final[Mapping[str, str]] = {
    "missing": "缺少该项",
    "extra_forbidden": "不允许有该项",
    "string_pattern_mismatch": "格式须符合 {pattern}",
    "string_type": "须为文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_from_float": "须为整数",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "dict_type": "须为表",
    "model_type": "须为表",
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "literal_error": "须为 {expected} 之一",
}
"""By pydantic's name of the fault; braces are filled from what it says of it."""


def mistake(error: ErrorDetails) -> Text:
    """Where it is and what is wrong there."""
    where = ".".join(map(str, error["loc"]))
    en, zh = error["msg"], _CHINESE.get(error["type"], "值不符合要求").format_map(error.get("ctx", {}))
    zh = zh.replace(" or ", " 或 ")
    return Text(f"{where}: {en}", f"{where}：{zh}") if where else Text(en, zh)


__all__ = ["mistake"]
