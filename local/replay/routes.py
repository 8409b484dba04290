"""Which vendor and which operation a path means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.replay import anthropic, antigravity, bedrock, gemini, openai, tokens
from local.replay.vendor import Vendor

VENDORS: Mapping[str, Vendor] = {
    "openai": openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "antigravity": antigravity,
    "tokens": tokens,
    "bedrock": bedrock,
}

FIXED = {
    ("POST", "/chat/completions"): ("openai", "generate"),
    ("POST", "/embeddings"): ("openai", "embed"),
    ("POST", "/audio/transcriptions"): ("openai", "transcribe"),
    ("POST", "/images/generations"): ("openai", "draw"),
    ("POST", "/messages"): ("anthropic", "generate"),
    ("POST", "/messages/count_tokens"): ("anthropic", "count"),
}
GEMINI = {
    "generateContent": "generate",
    "streamGenerateContent": "stream",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed_batch",
}
VERSION = re.compile(r"^(?:/[\w-]+)*?/(v1beta|v1alpha|v1)(/.*)$")
INTERNAL = re.compile(r"^(?:/[\w-]+)*?/v1internal:(\w+)$")
INVOKED = re.compile(r"^(?:/[\w-]+)*?/model/(.+)/(invoke|invoke-with-response-stream)$")
INVOKING = {"invoke": "generate", "invoke-with-response-stream": "stream"}
VERTEX = re.compile(r"^/projects/[^/]+/locations/[^/]+/publishers/(google|anthropic)(/models/.+)$")
COUNTING = "/models/count-tokens:rawPredict"
TOKEN = "/token"  # noqa: S105 - a path
ONE_MODEL = re.compile(r"^/models/([^:]+)$")
ACTION = re.compile(r"^/models/(.+):(\w+)$")


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about; `model` only where the path names it."""

    vendor: str
    operation: str
    model: str | None = None


def find(method: str, path: str, headers: Mapping[str, str]) -> Target | None:
    """The vendor and operation of a path under any prefix (`/v1`, `/v1beta`), or None."""
    if method == "POST" and (inner := _inner(path)):
        return inner
    found = VERSION.match(path)
    if not found:
        return None
    version, rest = found.groups()
    if vertex := VERTEX.match(rest):
        return _on_vertex(vertex[1], vertex[2]) if method == "POST" else None
    if (fixed := FIXED.get((method, rest))) and version == "v1":
        return Target(*fixed)
    if action := ACTION.match(rest):
        operation = GEMINI.get(action[2], "") if method == "POST" else ""
        return Target("gemini", operation, action[1]) if operation else None
    return _listed(method, version, rest, headers)


def _inner(path: str) -> Target | None:
    """What is asked without a version: on Bedrock, for tokens, or at the code assist endpoint."""
    if invoked := INVOKED.match(path):
        return Target("bedrock", INVOKING[invoked[2]], invoked[1])
    if path.endswith(TOKEN):
        return Target("tokens", "token")
    found = INTERNAL.match(path)
    operation = antigravity.METHODS.get(found[1]) if found else None
    return Target("antigravity", operation) if operation else None


def _on_vertex(publisher: str, rest: str) -> Target | None:
    """A publisher's model on Vertex AI."""
    action = ACTION.match(rest)
    if publisher == "google":
        operation = GEMINI.get(action[2]) if action else None
        return Target("gemini", operation, action[1]) if action and operation else None
    if rest == COUNTING:
        return Target("anthropic", "count")
    if action and action[2] in {"rawPredict", "streamRawPredict"}:
        return Target("anthropic", "generate", action[1])
    return None


def _listed(method: str, version: str, rest: str, headers: Mapping[str, str]) -> Target | None:
    vendor = _lister(headers) if version == "v1" else "gemini"
    if method == "GET" and rest == "/models":
        return Target(vendor, "models")
    one = ONE_MODEL.match(rest) if method == "GET" else None
    return Target(vendor, "model", one[1]) if one else None


def _lister(headers: Mapping[str, str]) -> str:
    if "anthropic-version" in headers:
        return "anthropic"
    return "gemini" if "x-goog-api-key" in headers else "openai"
