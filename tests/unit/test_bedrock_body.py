"""What Bedrock gets of a Messages body: typed out to the byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollgate.dialects._bedrock_body import named_betas, rewritten
from tollgate.dialects._json import read
from tollgate.domain.errors import InvalidRequest

HEAD = '{"anthropic_version":"bedrock-2023-05-31"'


def sent(body: str, *betas: str, recent: bool = True) -> str:
    return rewritten(read(body.encode()), betas, recent=recent).decode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            '{"model":"m","max_tokens":5,"messages":[]}',
            HEAD + ',"max_tokens":5,"messages":[]}',
            id="the model goes, in front",
        ),
        pytest.param(
            '{"max_tokens":5,"model":"m","messages":[]}',
            HEAD + ',"max_tokens":5,"messages":[]}',
            id="the model goes, in the middle",
        ),
        pytest.param(
            '{"max_tokens":5,"messages":[],"model":"m"}',
            HEAD + ',"max_tokens":5,"messages":[]}',
            id="the model goes, at the end",
        ),
        pytest.param(
            '{ "stream" : true ,\n "model": "m",\n  "max_tokens" : 5.0e0 , "stream_": 1 }',
            HEAD + ', "max_tokens" : 5.0e0 , "stream_": 1 }',
            id="what stays keeps its bytes",
        ),
        pytest.param(
            '{"a":1, "model":"m" , "stream":false, "b":"ü\\u00fc",'
            '"output_config":{"effort":"low"}}',
            HEAD + ',"a":1, "b":"ü\\u00fc"}',
            id="several in a row, letters of all languages",
        ),
        pytest.param('{"model":"m"}', HEAD + "}", id="nothing is left"),
        pytest.param("{}", HEAD + "}", id="nothing was there"),
        pytest.param(
            '{"anthropic_version":"2023-06-01","anthropic_beta":["x"],"a":1}',
            HEAD + ',"a":1}',
            id="a version and features of its own are replaced",
        ),
    ],
)
def test_members(body: str, expected: str) -> None:
    assert sent(body) == expected


def test_features_are_named_in_the_body() -> None:
    assert sent('{"a":1}', "x-1", "y-2") == HEAD + ',"anthropic_beta":["x-1","y-2"],"a":1}'


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param('["a","b"]', ("a", "b"), id="an array"),
        pytest.param('["a",7]', ("a",), id="only texts"),
        pytest.param('"a"', (), id="no array"),
    ],
)
def test_features_that_the_body_names(told: str, expected: tuple[str, ...]) -> None:
    assert named_betas(read(b'{"anthropic_beta":%b}' % told.encode())) == expected


SCHEMA = '{"type": "object", "properties":{"ü":{}}}'
AS_TEXT = r'{"type":"text","text":"{\"type\": \"object\", \"properties\":{\"\u00fc\":{}}}"}'


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param(
            '"messages":[{"role":"user","content":"say \\u00fc"}],'
            f'"output_format":{{"type":"json_schema","schema":{SCHEMA}}}',
            '"messages":[{"role":"user","content":'
            f'[{{"type":"text","text":"say \\u00fc"}},{AS_TEXT}]}}]',
            id="a text becomes blocks",
        ),
        pytest.param(
            '"messages":[{"role":"user","content":[{"type":"text","text":"a"} ]}],'
            f'"output_format":{{"schema":{SCHEMA}}}',
            f'"messages":[{{"role":"user","content":[{{"type":"text","text":"a"}} ,{AS_TEXT}]}}]',
            id="after the last block",
        ),
        pytest.param(
            f'"messages":[{{"role":"user","content":[]}}],"output_format":{{"schema":{SCHEMA}}}',
            f'"messages":[{{"role":"user","content":[{AS_TEXT}]}}]',
            id="the only block",
        ),
        pytest.param(
            '"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},'
            f'{{"role":"assistant","content":"c"}}],"output_format":{{"schema":{SCHEMA}}}',
            '"messages":[{"role":"user","content":"a"},{"role":"user","content":'
            f'[{{"type":"text","text":"b"}},{AS_TEXT}]}},'
            '{"role":"assistant","content":"c"}]',
            id="the last message of the user, not the last one",
        ),
        pytest.param(
            '"messages":[{"role":"assistant","content":"c"}],'
            f'"output_format":{{"schema":{SCHEMA}}}',
            '"messages":[{"role":"assistant","content":"c"}]',
            id="no message of the user: only removed",
        ),
        pytest.param(
            '"messages":[{"role":"user","content":"a"}],"output_format":{"type":"text"}',
            '"messages":[{"role":"user","content":"a"}]',
            id="no schema: only removed",
        ),
        pytest.param(
            '"messages":[{"role":"user","content":"a"}],"output_format":{"schema":"x"}',
            '"messages":[{"role":"user","content":"a"}]',
            id="a schema that is none: only removed",
        ),
        pytest.param(
            '"messages":[{"role":"user"}],"output_format":{"schema":{}}',
            '"messages":[{"role":"user"}]',
            id="a message without a content",
        ),
        pytest.param(
            '"messages":[{"role":"user","content":null}],"output_format":{"schema":{}}',
            '"messages":[{"role":"user","content":null}]',
            id="a content that is none",
        ),
        pytest.param(
            '"messages":"x","output_format":{"schema":{}}', '"messages":"x"', id="no messages"
        ),
        pytest.param(
            '"messages":[{"role":"user","content":"a"}],'
            f'"output_config":{{"effort":"low","format":{{"schema":{SCHEMA}}}}}',
            f'"messages":[{{"role":"user","content":[{{"type":"text","text":"a"}},{AS_TEXT}]}}]',
            id="the newer place of the schema",
        ),
    ],
)
def test_a_schema_is_told_in_words(members: str, expected: str) -> None:
    assert sent("{" + members + "}") == HEAD + "," + expected + "}"


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        pytest.param(
            '[{"name":"a","custom":{"defer_loading":true},"input_schema":{}},{"name":"b"}]',
            '[{"name":"a","input_schema":{}},{"name":"b"}]',
            id="custom is removed, others untouched",
        ),
        pytest.param('[{"custom":1}, {"custom":2,"name":"b"}]', '[{}, {"name":"b"}]', id="alone"),
        pytest.param('[{"type":"custom","name":"a"}]', '[{"type":"custom","name":"a"}]',
                     id="a type called custom stays"),
        pytest.param('[ "x", {"custom":1}]', '[ "x", {}]', id="what is no tool stays"),
        pytest.param("[]", "[]", id="no tools"),
        pytest.param("null", "null", id="null"),
    ],
)  # fmt: skip
def test_tools(tools: str, expected: str) -> None:
    assert sent('{"tools":' + tools + "}") == HEAD + ',"tools":' + expected + "}"


@pytest.mark.parametrize(
    ("mark", "recent", "expected"),
    [
        pytest.param('{"type":"ephemeral","scope":"global"}', True, '{"type":"ephemeral"}',
                     id="the scope goes, the type stays"),
        pytest.param('{"scope":"global","type":"ephemeral"}', True, '{"type":"ephemeral"}',
                     id="the scope in front"),
        pytest.param('{"type":"ephemeral","ttl":"5m"}', False, '{"type":"ephemeral"}',
                     id="an older model and five minutes"),
        pytest.param('{"type":"ephemeral","ttl":"1h"}', False, '{"type":"ephemeral"}',
                     id="an older model and an hour"),
        pytest.param('{"type":"ephemeral","ttl":"5m"}', True, '{"type":"ephemeral","ttl":"5m"}',
                     id="4.5 and five minutes"),
        pytest.param('{"type":"ephemeral","ttl":"10m"}', True, '{"type":"ephemeral"}',
                     id="4.5 and ten minutes"),
        pytest.param('{"type":"ephemeral","ttl":"1h"}', True, '{"type":"ephemeral","ttl":"1h"}',
                     id="4.6 and an hour"),
        pytest.param('{"ttl":"1d","type":"ephemeral","scope":"x"}', True, '{"type":"ephemeral"}',
                     id="both"),
        pytest.param('{"type":"ephemeral"}', False, '{"type":"ephemeral"}', id="neither"),
        pytest.param('{"ttl":["5m"]}', True, "{}", id="a lifetime that is none"),
        pytest.param("null", True, "null", id="no mark"),
        pytest.param('"x"', True, '"x"', id="a mark that is none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "place",
    [
        pytest.param('{"system":[{"type":"text","text":"ü","cache_control":%s}]}', id="system"),
        pytest.param(
            '{"messages":[{"role":"user","content":"a"},'
            '{"role":"user","content":[{"type":"text"},{"cache_control":%s,"text":"b"}]}]}',
            id="message",
        ),
        pytest.param(
            '{"messages":[{"content":[{"type":"tool_result","content":[{"cache_control":%s}]}]}]}',
            id="what a tool gave back",
        ),
        pytest.param('{"tools":[{"name":"a","cache_control":%s}]}', id="tool"),
    ],
)
def test_marks_of_caches(place: str, mark: str, recent: bool, expected: str) -> None:
    assert sent(place % mark, recent=recent) == HEAD + "," + (place % expected)[1:]


def test_everything_at_once_in_one_message() -> None:
    body = (
        '{"model":"m","system":"s","messages":[{"role":"user","content":[{"type":"tool_result",'
        '"content":[{"cache_control":{"ttl":"9m"}}],"cache_control":{"scope":"x"}},7]},'
        '"odd"],"output_format":{"schema":{}}}'
    )
    assert sent(body, "b") == (
        '{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["b"],"system":"s",'
        '"messages":[{"role":"user","content":[{"type":"tool_result","content":'
        '[{"cache_control":{}}],"cache_control":{}},7,{"type":"text","text":"{}"}]},"odd"]}'
    )


def test_marks_have_a_bound() -> None:
    marked = '{"cache_control":{"scope":"x"}}'
    within = '{"system":[' + ",".join([marked] * 64) + "]}"
    assert sent(within).count('{"cache_control":{}}') == 64
    with pytest.raises(InvalidRequest, match="too many cache_control marks"):
        sent('{"system":[' + ",".join([marked] * 65) + "]}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["model", "stream", "system", "messages", "role", "content", "tools", "custom",
             "cache_control", "scope", "ttl", "output_format", "schema", "text"]
        ),
        inner | st.sampled_from(["user", "5m", "1h"]),
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@given(
    values=st.dictionaries(
        st.sampled_from(["model", "system", "messages", "tools", "output_format", "other"]), JSON
    ),
    indent=st.sampled_from([None, 1]),
    recent=st.booleans(),
)
def test_any_body_stays_json_and_keeps_what_it_may(
    values: dict[str, object], indent: int | None, recent: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    kept = json.loads(sent(text, "x", recent=recent))
    assert kept.pop("anthropic_version") == "bedrock-2023-05-31"
    assert kept.pop("anthropic_beta") == ["x"]
    assert set(kept) == set(values) - {"model", "output_format"}
    assert kept.get("other") == values.get("other")
