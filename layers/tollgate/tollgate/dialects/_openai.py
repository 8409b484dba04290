"""What OpenAI's endpoints share: authentication, errors, lists, reading and ending a stream."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tollgate.dialects import StopReason
from tollgate.dialects._errors import openai
from tollgate.dialects._headers import passed
from tollgate.dialects._media import encoded_size
from tollgate.dialects._openai_usage import normal, note
from tollgate.dialects._sse import Events
from tollgate.dialects._tap import EventTap, Signs
from tollgate.dialects._usage import inside, listed
from tollgate.dialects._writing import compact
from tollgate.domain.call import Call
from tollgate.domain.errors import TollgateError
from tollgate.domain.usage import Usage

WEB_SEARCH: Final = "tool:web_search"

SOUND_PER_BYTE: Final = 1_600
"""How much base64 of sound counts as a visible byte: a second has 64,000, and costs 20 tokens."""

ORDINARY_TIERS: Final = frozenset({"auto", "default", "standard", "on_demand"})
"""What vendors call the tier without prices of its own; who names none of the others gets it."""

SIGNS: Final = Signs(
    text=re.compile(
        rb'"(?:content|reasoning_content|reasoning|refusal|arguments|transcript)"\s*:\s*"'
    ),
    telling=re.compile(
        rb'"finish_reason"\s*:\s*"|"error"\s*:\s*[^n\s]|\[DONE\]|(?:\A|[\r\n])event:\s*error'
        rb'|"audio"\s*:\s*\{'
    ),
    figures=re.compile(rb'"usage"\s*:\s*\{'),
    identity=re.compile(rb'"id"\s*:\s*"([^"\\]+)"'),
)


class OpenAiFamily:
    """Authentication, errors and lists as OpenAI has them."""

    platforms: tuple[str, ...] = ("openai",)
    model_member = "model"

    def upstream_headers(self, headers: Mapping[str, str], secret: str) -> dict[str, str]:
        """The caller's `accept`; the rest is ours."""
        return {
            **passed(headers, ("accept",)),
            "content-type": "application/json",
            "authorization": f"Bearer {secret}",
        }

    def read_id(self, body: bytes) -> str:
        """Most of OpenAI's answers have none: vectors, pictures and texts of sounds."""
        return ""

    def write_error(self, error: TollgateError, request_id: str) -> tuple[int, bytes]:
        """An error before the first byte."""
        return openai(error, request_id)

    def write_models(self, models: Sequence[str], created: int) -> bytes:
        """A list that OpenAI's clients read under `data` and Codex under `models`."""
        return compact(
            {
                "object": "list",
                "data": [entry(model, created) for model in models],
                "models": [{"id": model, "slug": model, "display_name": model} for model in models],
            }
        )

    def write_model(self, model: str, created: int) -> bytes:
        """One entry of the list."""
        return compact(entry(model, created))

    def tap(self, call: Call) -> EventTap:
        """A fresh tap."""
        return ChatTap(call)

    def write_stream_error(self, error: TollgateError, call: Call, request_id: str) -> bytes:
        """One error event, and no `[DONE]` after it."""
        return b"data: " + openai(error, request_id)[1] + b"\n\n"

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """Every choice ends for its length, which every client understands."""
        chunk = {
            "id": f"chatcmpl-{request_id}",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": call.model,
            "choices": [
                {"index": index, "delta": {}, "logprobs": None, "finish_reason": "length"}
                for index in range(call.choices)
            ],
        }
        return b"data: " + compact(chunk) + b"\n\ndata: [DONE]\n\n"


class ChatTap(EventTap):
    """Reads a stream of chat chunks."""

    signs = SIGNS
    closing = b"data: [DONE]\n\n"

    def __init__(self, call: Call) -> None:
        super().__init__(Events())
        self._model = call.model
        self._wants_usage = call.wants_usage
        self._choices = call.choices
        self._ended: set[str] = set()
        self._searching = WEB_SEARCH in call.tools

    def normal(self) -> Usage | None:
        """The tally in the normal form."""
        return normal(self.tally, searching=self._searching)

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in a chunk; the usage chunk is for the caller only when asked for."""
        if data.strip() == b"[DONE]":
            self.finished = True
            return True
        chunk = inside(value)
        if name == b"error" or chunk.get("error"):
            self.failed = True
        note(self.tally, chunk)
        choices = listed(chunk.get("choices"))
        for choice in choices:
            if isinstance(reason := choice.get("finish_reason"), str):
                self.finish_reason = reason
                self._ended.add(str(choice.get("index", 0)))
            sound = inside(inside(choice.get("delta")).get("audio")).get("data")
            self.visible_bytes += encoded_size(sound) // SOUND_PER_BYTE
        return self._wants_usage or bool(choices) or not inside(chunk.get("usage"))

    def figures_in(self, value: Any) -> str:
        """The usage of a chunk when every choice has ended; none for who did not ask for usage."""
        chunk = inside(value)
        ended = self._ended and (not chunk.get("choices") or len(self._ended) >= self._choices)
        return "usage" if self._wants_usage and ended and inside(chunk.get("usage")) else ""

    def write_receipt(self, receipt: Mapping[str, Any]) -> bytes:
        """A chunk without choices, which readers of chunks pass over."""
        chunk = {
            "id": self.upstream_id or "",
            "object": "tollgate.receipt",
            "created": 0,
            "model": self._model,
            "choices": [],
            "receipt": receipt,
        }
        return b"data: " + compact(chunk) + b"\n\n"


def entry(model: str, created: int) -> dict[str, str | int]:
    """A model as OpenAI describes one."""
    return {"id": model, "object": "model", "created": created, "owned_by": "tollgate"}
