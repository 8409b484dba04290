"""Anthropic's Messages: calls, answers, streams and errors of `/v1/messages`, and token counting.

`anthropic-beta` and `anthropic-version` go on unchanged, as Claude Code asks of a gateway.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tollgate.dialects import Dialect, Media, Route, StopReason, Wire
from tollgate.dialects._anthropic_usage import normal, note
from tollgate.dialects._claude_code import by_agent, in_messages
from tollgate.dialects._errors import STOPS, anthropic
from tollgate.dialects._fields import (
    HELD_UPSTREAM,
    NAME_LIMIT,
    TOKENS_LIMIT,
    flag,
    mapping,
    missing,
    model_of,
    objects,
    only,
    refuse,
    tier_of,
    whole,
    wrong,
)
from tollgate.dialects._headers import marked, parameters, passed, session
from tollgate.dialects._json import lenient, read, top_text
from tollgate.dialects._media import encoded_size
from tollgate.dialects._sse import Events
from tollgate.dialects._tap import ID_LIMIT, EventTap, Signs
from tollgate.dialects._usage import Tally, inside
from tollgate.dialects._writing import RECEIPT, compact, named_event, upstream_body
from tollgate.domain.call import Call
from tollgate.domain.errors import TollgateError
from tollgate.domain.usage import Usage

VERSION: Final = "2023-06-01"
"""What `anthropic-version` is when the caller sends none; the upstream demands one."""

KEPT_UPSTREAM: Final = ("container", "thread", "user_profile_id", "fallback_credit_token")
OTHER_MODELS: Final = ("fallbacks",)
OTHER_PAYERS: Final = ("billing_policy",)

CALLERS_OWN_TOOLS: Final = re.compile(
    r"(?:custom|(?:bash|text_editor|memory|computer|computer_toolset|browser_toolset"
    r"|tool_search_tool_bm25|tool_search_tool_regex)_\d{8})\Z"
)
"""Tools that the caller runs, or that cost nothing beyond their tokens."""

DATED: Final = re.compile(r"_\d{8}\Z")

MEDIA_BLOCKS: Final[Mapping[str, Any]] = {"image": "image", "document": "file"}

SESSION_MARK: Final = "_session_"

SIGNS: Final = Signs(
    text=re.compile(rb'"(?:text|thinking|partial_json)"\s*:\s*"'),
    telling=re.compile(
        rb'(?:\A|[\r\n])(?:(?:event:\s*|data:\s*\{\s*"type"\s*:\s*")(?:message_|error)'
        rb'|data:\s*\{\s*"error")'
    ),
    figures=re.compile(rb"(?!)"),
    identity=re.compile(rb'"id"\s*:\s*"(msg_[^"\\]+)"'),
)


class AnthropicMessages:
    """The dialect of Claude and its clients."""

    name = "anthropic_messages"
    platforms: tuple[str, ...] = ("anthropic",)
    routes: tuple[Route, ...] = (
        Route("POST", "/v1/messages", "generate"),
        Route("POST", "/v1/messages/count_tokens", "count_tokens", metered=False),
    )
    keep_alive: bytes | None = b'event: ping\ndata: {"type": "ping"}\n\n'
    model_member = "model"

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
        refuse_foreign(values)
        messages = objects(needed(values, "messages", "the conversation so far"), "messages")
        media, system = tuple(media_of(values, messages)), values.get("system")
        if route.operation == "generate":
            needed(values, "max_tokens", "the most tokens to produce")
        return Call(
            operation=route.operation,
            model=model_of(values.get("model")),
            body=body,
            stream=flag(values, "stream") and route.operation == "generate",
            max_output=whole(values.get("max_tokens"), "max_tokens", 0, TOKENS_LIMIT),
            hidden_output=thinking_budget(values),
            text_bytes=len(body) - sum(one.size for one in media),
            media=media,
            tools=tuple(sorted(tools_of(values))),
            session=session(
                headers, (session_of(values),), (system, *marked(system), *messages[:1])
            ),
            claude_code=(
                in_messages(headers, values) if route.operation == "generate" else by_agent(headers)
            ),
            tier=tier_of(values, "speed", frozenset({"standard"})),
            model_spans=(document.span("model"),),
            query=parameters(query, ("beta",)),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes with the model in place."""
        counting = "/count_tokens" if call.operation == "count_tokens" else ""
        return Wire(f"/v1/messages{counting}", upstream_body(call, model), call.query)

    def upstream_headers(self, headers: Mapping[str, str], secret: str) -> dict[str, str]:
        """Version and beta flags of the caller, and the account's key."""
        return {
            "anthropic-version": VERSION,
            **passed(headers, ("accept", "anthropic-version", "anthropic-beta")),
            "content-type": "application/json",
            "x-api-key": secret,
        }

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Usage of a complete answer."""
        tally = Tally()
        note(tally, inside(lenient(body)).get("usage"))
        return normal(tally)

    def read_id(self, body: bytes) -> str:
        """`msg_…`"""
        return top_text(body, "id", ID_LIMIT)

    def tap(self, call: Call) -> "MessagesTap":
        """A fresh tap."""
        return MessagesTap()

    def write_error(self, error: TollgateError, request_id: str) -> tuple[int, bytes]:
        """An error before the first byte."""
        return anthropic(error, request_id)

    def write_stream_error(self, error: TollgateError, call: Call, request_id: str) -> bytes:
        """The error event, after which nothing comes."""
        return b"event: error\ndata: " + anthropic(error, request_id)[1] + b"\n\n"

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """An error event: an end for length would make Claude Code continue three times."""
        return self.write_stream_error(STOPS[reason], call, request_id)

    def write_models(self, models: Sequence[str], created: int) -> bytes:
        """The list, whole on one page."""
        return compact(
            {
                "data": [entry(model, created) for model in models],
                "has_more": False,
                "first_id": models[0] if models else None,
                "last_id": models[-1] if models else None,
            }
        )

    def write_model(self, model: str, created: int) -> bytes:
        """One entry of the list."""
        return compact(entry(model, created))


class MessagesTap(EventTap):
    """Reads a stream of message events."""

    signs = SIGNS
    closing = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def __init__(self) -> None:
        super().__init__(Events())
        self._begun = 0

    @property
    def complete(self) -> bool:
        """Not as long as all that was told of the output is what the first event says of it."""
        return super().complete and self.tally["output"] != self._begun

    def normal(self) -> Usage | None:
        """The tally in the normal form."""
        return normal(self.tally)

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in an event about the message as a whole; all of them are for the caller."""
        event = inside(value)
        kind = event.get("type")
        if kind == "message_start":
            note(self.tally, inside(event.get("message")).get("usage"))
            self._begun = self.tally["output"]
        elif kind == "message_delta":
            note(self.tally, event.get("usage"))
            self._stopped(inside(event.get("delta")).get("stop_reason"))
        elif kind == "message":
            note(self.tally, event.get("usage"))
            self._stopped(event.get("stop_reason"))
        self.finished = self.finished or kind in ("message_stop", "message")
        self.failed = self.failed or "error" in (kind, name.decode("latin-1")) or "error" in event
        return True

    def figures_in(self, value: Any) -> str:
        """The usage of the `message_delta` that says why the message stopped."""
        event = inside(value)
        told = event.get("type") == "message_delta" and self.finish_reason is not None
        return "usage" if told and inside(event.get("usage")) else ""

    def write_receipt(self, receipt: Mapping[str, Any]) -> bytes:
        """An event of a name that readers of messages do not know."""
        return named_event(RECEIPT, {"receipt": receipt})

    def _stopped(self, reason: object) -> None:
        self.finish_reason = reason if isinstance(reason, str) else self.finish_reason


def needed(values: Mapping[str, Any], name: str, wanted: str) -> Any:
    """A member that must be there."""
    if values.get(name) is None:
        raise missing(name, wanted)
    return values[name]


def refuse_foreign(values: Mapping[str, Any]) -> None:
    """What would reach beyond this call: other tenants' state, other models, other payers."""
    refuse(values, KEPT_UPSTREAM, HELD_UPSTREAM)
    diagnostics = mapping(values.get("diagnostics"), "diagnostics")
    refuse(diagnostics, ("previous_message_id",), HELD_UPSTREAM, "diagnostics.")
    refuse(values, OTHER_MODELS, "only one model can be named; send it as model")
    refuse(values, OTHER_PAYERS, "the gateway's own account pays; leave it out")
    only(values, "service_tier", frozenset({"auto", "standard_only", "standard"}))
    only(values, "inference_geo", frozenset({"global"}))


def thinking_budget(values: Mapping[str, Any]) -> int | None:
    """Output that may be thought and not shown: a budget, none, or unknown."""
    thinking = mapping(values.get("thinking"), "thinking")
    if thinking.get("type") == "disabled":
        return 0
    return whole(thinking.get("budget_tokens"), "thinking.budget_tokens", 1, TOKENS_LIMIT)


def tools_of(values: Mapping[str, Any]) -> set[str]:
    """Tools that the vendor runs within the call."""
    found = {
        f"tool:{DATED.sub('', kind)[:NAME_LIMIT]}"
        for tool in objects(values.get("tools"), "tools")
        if not CALLERS_OWN_TOOLS.match(kind := str(tool.get("type") or "custom"))
    }
    return found | {"tool:mcp"} if values.get("mcp_servers") else found


def session_of(values: Mapping[str, Any]) -> str | None:
    """The session within `metadata.user_id`, which Claude Code writes as JSON."""
    user = mapping(values.get("metadata"), "metadata").get("user_id")
    if user is None:
        return None
    if not isinstance(user, str):
        raise wrong("metadata.user_id", "a string", user)
    if user[:1] == "{":
        told = inside(lenient(user)).get("session_id")
        return told if isinstance(told, str) else user
    return user.rpartition(SESSION_MARK)[2]


def media_of(values: Mapping[str, Any], messages: list[dict[str, Any]]) -> Iterator[Media]:
    """Images and documents of the system prompt and the conversation."""
    yield from media_within(values.get("system"), "system")
    for index, message in enumerate(messages):
        yield from media_within(message.get("content"), f"messages[{index}].content")


def media_within(content: Any, where: str) -> Iterator[Media]:
    """Images and documents of a content, and of what tools gave back within it."""
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            continue
        place = f"{where}[{index}]"
        refuse(block, ("file_id",), HELD_UPSTREAM, f"{place}.")
        source = block.get("source")
        if isinstance(source, dict):
            refuse(source, ("file_id",), HELD_UPSTREAM, f"{place}.source.")
            if source.get("type") in ("base64", "url"):
                kind = MEDIA_BLOCKS.get(str(block.get("type")), "file")
                yield Media(kind, encoded_size(source.get("data")))
            yield from media_within(source.get("content"), f"{place}.source.content")
        yield from media_within(block.get("content"), f"{place}.content")


def entry(model: str, created: int) -> dict[str, Any]:
    """A model as Anthropic describes one."""
    return {
        "type": "model",
        "id": model,
        "display_name": model,
        "created_at": datetime.fromtimestamp(created, UTC).isoformat(),
        "lifecycle": "active",
    }


DIALECT: Final[Dialect] = AnthropicMessages()
