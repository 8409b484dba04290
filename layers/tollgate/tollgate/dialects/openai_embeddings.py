"""OpenAI's embeddings: calls and answers of `/v1/embeddings`. Nothing streams here."""

from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects import Dialect, Route, Wire
from tollgate.dialects._claude_code import by_agent
from tollgate.dialects._fields import missing, model_of, wrong
from tollgate.dialects._headers import session
from tollgate.dialects._json import last_object, read
from tollgate.dialects._openai import OpenAiFamily
from tollgate.dialects._openai_usage import note
from tollgate.dialects._usage import Tally
from tollgate.dialects._writing import upstream_body
from tollgate.domain.call import Call
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.usage import Usage

INPUTS_LIMIT: Final = 2_048


class OpenAiEmbeddings(OpenAiFamily):
    """Text to vectors."""

    name = "openai_embeddings"
    routes: tuple[Route, ...] = (Route("POST", "/v1/embeddings", "embed"),)
    keep_alive: bytes | None = None

    def read_call(
        self,
        route: Route,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        query: str = "",
    ) -> Call:
        """Read a caller's request."""
        document = read(body)
        values = document.values
        texts = inputs(values.get("input"))
        return Call(
            operation=route.operation,
            model=model_of(values.get("model")),
            body=body,
            text_bytes=len(body),
            session=session(headers, (values.get("user"),), texts[:1]),
            claude_code=by_agent(headers),
            model_spans=(document.span("model"),),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes with the model in place."""
        return Wire("/embeddings", upstream_body(call, model))

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Input tokens; some vendors report only a total, which is the same here."""
        tally = Tally()
        note(tally, {"usage": last_object(body, "usage")})
        return tally.usage({"input": tally["prompt"] or tally["total"]}, "prompt")


def inputs(value: Any) -> list[Any]:
    """What to embed: one text or tokens, or an array of them."""
    if value is None:
        raise missing("input", "the text to embed")
    if not isinstance(value, str | list):
        raise wrong("input", "a string or an array", value)
    texts = value if isinstance(value, list) else [value]
    if not texts:
        raise missing("input", "the text to embed")
    if len(texts) > INPUTS_LIMIT and not isinstance(texts[0], int):
        raise InvalidRequest(
            f"input: at most {INPUTS_LIMIT} texts can be embedded at once, not {len(texts)}",
            param="input",
        )
    return texts


DIALECT: Final[Dialect] = OpenAiEmbeddings()
