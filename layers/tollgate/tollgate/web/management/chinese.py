"""What is wrong with a field, in Chinese: by pydantic's error types, for forms in that language."""

from collections.abc import Mapping
from typing import Any, Final

SAID: Final[Mapping[str, str]] = {
    "missing": "缺少此字段",
    "extra_forbidden": "没有这个字段",
    "string_type": "必须是文本",
    "int_type": "必须是整数",
    "bool_type": "必须是 true 或 false",
    "list_type": "必须是列表",
    "dict_type": "必须是对象",
    "model_type": "必须是对象",
    "model_attributes_type": "必须是对象",
    "literal_error": "必须是 {expected} 之一",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "string_pattern_mismatch": "格式不正确",
}
OURS: Final[Mapping[str, str]] = {
    "a name is there twice": "名称重复",
    "a whole number": "必须是整数",
}
"""What our own checks of fields say (pydantic's `value_error`)."""

OTHERWISE: Final = "无效"


def in_chinese(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors; the refused value itself is never repeated."""
    told = error.get("ctx") or {}
    otherwise = OURS.get(str(told.get("error")), OTHERWISE)
    said = SAID.get(error["type"], otherwise).format_map(told)
    return said.replace(" or ", " 或 ")
