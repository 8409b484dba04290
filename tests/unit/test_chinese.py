"""What pydantic finds wrong with a field, in Chinese: every kind of it that our bodies can meet."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, StringConstraints, ValidationError

from tollgate.web.management.chinese import SAID, in_chinese
from tollgate.web.management.fields import Body, Count, Ids, Name
from tollgate.web.management.problems import in_words


class Inner(Body):
    number: Count


class Form(Body):
    """A field of every kind."""

    name: Name = "n"
    whole: Count = 0
    few: Annotated[int, Field(le=9)] = 1
    switch: bool = False
    names: Ids = Field(default_factory=list)
    some: Annotated[list[str], Field(min_length=1)] = Field(default_factory=list)
    texts: dict[str, str] = Field(default_factory=dict)
    inner: Inner | None = None
    mode: Literal["a", "b"] = "a"
    letters: Annotated[str, StringConstraints(pattern="^[a-z]+$")] = "a"


@pytest.mark.parametrize(
    ("sent", "chinese"),
    [
        pytest.param({"inner": {}}, "缺少此字段", id="missing"),
        pytest.param({"other": 1}, "没有这个字段", id="unknown"),
        pytest.param({"name": 1}, "必须是文本", id="no text"),
        pytest.param({"whole": "1"}, "必须是整数", id="no number"),
        pytest.param({"switch": 1}, "必须是 true 或 false", id="no boolean"),
        pytest.param({"names": {}}, "必须是列表", id="no list"),
        pytest.param({"texts": []}, "必须是对象", id="no map"),
        pytest.param({"inner": []}, "必须是对象", id="no object"),
        pytest.param({"mode": "c"}, "必须是 'a' 或 'b' 之一", id="none of those"),
        pytest.param({"whole": -1}, "不能小于 0", id="too small"),
        pytest.param({"few": 10}, "不能大于 9", id="too large"),
        pytest.param({"name": ""}, "至少 1 个字符", id="too short"),
        pytest.param({"name": "n" * 101}, "最多 100 个字符", id="too long"),
        pytest.param({"some": []}, "至少 1 项", id="too few"),
        pytest.param({"names": ["a"] * 41}, "最多 40 项", id="too many"),
        pytest.param({"letters": "A"}, "格式不正确", id="another form"),
        pytest.param({"names": ["a", "a"]}, "名称重复", id="twice"),
    ],
)
def test_what_is_said(sent: dict[str, Any], chinese: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Form.model_validate(sent)
    (error,) = refused.value.errors()
    assert in_chinese(error) == chinese


def test_our_own_checks_are_told_in_english_without_what_pydantic_puts_before() -> None:
    with pytest.raises(ValidationError) as refused:
        Form.model_validate({"names": ["a", "a"]})
    (error,) = refused.value.errors()
    assert in_words(error) == "a name is there twice"


def test_what_is_said_of_anything_else() -> None:
    assert in_chinese({"type": "url_parsing", "ctx": {"error": "no host"}}) == "无效"


def test_nothing_that_was_sent_is_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        Form.model_validate({"name": 7_777, "mode": "s3cret"})
    said = "".join(map(in_chinese, refused.value.errors()))
    assert "s3cret" not in said
    assert "7777" not in said


def test_every_saying_ends_without_a_placeholder_left() -> None:
    everything = dict.fromkeys(("expected", "ge", "le", "min_length", "max_length"), 1)
    said = [in_chinese({"type": kind, "ctx": everything}) for kind in SAID]
    assert not any("{" in each for each in said)
