"""OpenAI's pictures: calls, answers and streams of `/v1/images/generations`.

A picture is counted, and named by its size and quality as far as anybody tells them, since both
choose among prices; what it took in tokens is counted as well. Its bytes are never counted as text.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from tollgate.dialects import Dialect, Route, StopReason, Wire
from tollgate.dialects._claude_code import by_agent
from tollgate.dialects._errors import STOPS
from tollgate.dialects._fields import HELD_UPSTREAM, flag, missing, model_of, only, refuse, whole
from tollgate.dialects._fields import wrong as not_allowed
from tollgate.dialects._headers import session
from tollgate.dialects._json import lenient, read, shortened
from tollgate.dialects._openai import OpenAiFamily
from tollgate.dialects._sse import Events
from tollgate.dialects._tap import EventTap, Signs
from tollgate.dialects._usage import Tally, inside, listed
from tollgate.dialects._writing import RECEIPT, named_event, upstream_body
from tollgate.domain.call import Call
from tollgate.domain.errors import InvalidRequest
from tollgate.domain.usage import Usage

IMAGES_LIMIT: Final = 10
PARTIAL_LIMIT: Final = 3

KEPT_UPSTREAM: Final = ("file_id", "previous_response_id")
ORIGINALS: Final = ("image", "images", "mask")
OTHER_MODELS: Final = ("svg", "models")
FORMATS: Final = frozenset({"png", "jpeg", "webp"})
"""Ways to write one picture: films of many frames and drawings by a second model cost more."""

SIZE: Final = re.compile(r"([1-9][0-9]{1,4})[x*]([1-9][0-9]{1,4})")
NAME: Final = re.compile(r"[0-9A-Za-z_.:*-]{1,16}")
"""A size or quality as vendors have them: 1024x1024, 2K, 16:9, high."""

CHOSEN_BY_VENDOR: Final = "auto"

CLASSES: Final = ((1_024, "1K"), (2_048, "2K"))
LARGEST_CLASS: Final = "4K"
UNKNOWN_CLASS: Final = "2K"
"""What a picture of unknown size counts as, where nothing more is known."""

TOKENS: Final[Mapping[str, int]] = {"1K": 8_000, "2K": 12_000, "4K": 24_000}
"""Most output tokens of a picture in high quality: OpenAI's take up to 7,024, 6,240 and 12,329."""

SHARES: Final[Mapping[str, int]] = {"low": 12, "medium": 50, "xhigh": 200, "max": 400}
"""What other qualities take of that, in percent; of high, of older names and of auto, all."""

PARTIAL_TOKENS: Final = 100
"""What each picture that a stream shows before the last one takes besides."""

FIELDS: Final = {"input_tokens": "input", "output_tokens": "output"}
DETAILS: Final[Mapping[str, Mapping[str, str]]] = {
    "input_tokens_details": {"image_tokens": "image_in", "cached_tokens": "cached"},
    "output_tokens_details": {"text_tokens": "text_out", "image_tokens": "image_out"},
}

BYTES: Final = re.compile(rb'"[0-9A-Za-z+/=]{256,}"')
"""A picture in base64: an answer may hold thirty megabytes, too much to build objects of."""

SIGNS: Final = Signs(
    text=re.compile(rb"(?!)"),
    telling=re.compile(
        rb'"type"\s*:\s*"image_generation\.|"error"\s*:\s*[^n\s]|\[DONE\]'
        rb'|(?:\A|[\r\n])event:\s*error|"type"\s*:\s*"error"'
    ),
    figures=re.compile(rb'"usage"\s*:\s*\{'),
    identity=re.compile(rb"(?!)"),
)
"""Nothing in these events is text, and they have no id."""


class OpenAiImages(OpenAiFamily):
    """Text to pictures."""

    name = "openai_images"
    routes: tuple[Route, ...] = (Route("POST", "/v1/images/generations", "draw"),)
    keep_alive: bytes | None = b": keep-alive\n\n"

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
        model = model_of(values.get("model"))
        refuse(values, KEPT_UPSTREAM, HELD_UPSTREAM)
        refuse(values, OTHER_MODELS, "only one model can be named; send it as model")
        refuse(values, ORIGINALS, "pictures are drawn from words only here; leave it out")
        only(values, "output_format", FORMATS)
        prompt = prompt_of(values)
        images = whole(values.get("n"), "n", 1, IMAGES_LIMIT) or 1
        partial = whole(values.get("partial_images"), "partial_images", 0, PARTIAL_LIMIT) or 0
        size, quality = named(values, "size"), named(values, "quality")
        tokens = (tokens_of(size, quality) + PARTIAL_TOKENS * partial) * images
        return Call(
            operation=route.operation,
            model=model,
            body=body,
            stream=flag(values, "stream"),
            max_output=tokens,
            hidden_output=tokens,
            text_bytes=len(body),
            images=images,
            labels=labels(size, quality),
            session=session(headers, (values.get("user"),), (prompt,)),
            claude_code=by_agent(headers),
            model_spans=(document.span("model"),),
        )

    def write_call(self, call: Call, model: str) -> Wire:
        """The caller's bytes with the model in place."""
        return Wire("/images/generations", upstream_body(call, model))

    def read_usage(self, call: Call, body: bytes) -> Usage | None:
        """Pictures that were delivered, and their tokens; without a picture nothing was used."""
        answer = inside(lenient(BYTES.sub(b'"_"', body)))
        if not isinstance(answer.get("data"), list):
            return None
        drawing = Drawing(call)
        drawing.take(answer, sum(map(holds_picture, listed(answer["data"]))))
        return drawing.usage() or Usage(source="none")

    def tap(self, call: Call) -> "PictureTap":
        """A fresh tap."""
        return PictureTap(call)

    def write_stop(self, reason: StopReason, call: Call, request_id: str) -> bytes:
        """An error event: there is no end without a picture."""
        return self.write_stream_error(STOPS[reason], call, request_id)


class Drawing:
    """What was drawn so far: pictures, their tokens, and the names they are priced by."""

    def __init__(self, call: Call) -> None:
        self._size, self._quality = apart(call.labels)
        self._sums: Counter[str] = Counter()
        self._suspect = False

    @property
    def pictures(self) -> int:
        """How many were delivered."""
        return self._sums["images"]

    def take(self, answer: Mapping[str, Any], pictures: int) -> None:
        """Take in an answer, or the event of one picture; tokens without one are the vendor's."""
        if not pictures:
            return
        tally = Tally()
        usage = inside(answer.get("usage"))
        tally.take(usage, FIELDS)
        for name, fields in DETAILS.items():
            tally.take(inside(usage.get(name)), fields)
        self._sums.update(normal(tally), images=pictures)
        self._suspect = self._suspect or tally.suspect
        self._size = told(answer, "size") or self._size
        self._quality = told(answer, "quality") or self._quality

    def usage(self) -> Usage | None:
        """The normal form; None while there is no picture."""
        used = {name: count for name, count in self._sums.items() if count}
        if not used:
            return None
        return Usage(used, suspect=self._suspect, labels=self._labels())

    def _labels(self) -> tuple[str, ...]:
        """The answer's own words, else the caller's; an unknown size is taken for the middle."""
        found = labels(self._size, self._quality)
        return found if any(name in TOKENS for name in found) else (*found, UNKNOWN_CLASS)


class PictureTap(EventTap):
    """Reads a stream of pictures. One that was shown counts as one visible byte, not as text."""

    signs = SIGNS

    def __init__(self, call: Call) -> None:
        super().__init__(Events())
        self._wanted = call.images
        self._drawing = Drawing(call)

    def normal(self) -> Usage | None:
        """What was drawn."""
        return self._drawing.usage()

    def learn(self, name: bytes, data: bytes, value: Any) -> bool:
        """Take in an event. After a failure, what was only shown on the way is worth nothing."""
        event = inside(value)
        kind = str(event.get("type"))
        if name == b"error" or event.get("error") or kind == "error":
            self.failed = True
            self.visible_bytes = 0
        elif data.strip() == b"[DONE]":
            self.finished = True
        elif kind.startswith("image_generation."):
            self.visible_bytes += 1
            self._drawing.take(event, kind.endswith(".completed"))
            self.finished = self.finished or self._drawing.pictures >= self._wanted
        elif isinstance(event.get("data"), list):
            pictures = sum(map(holds_picture, listed(event["data"])))
            self.visible_bytes += pictures
            self._drawing.take(event, pictures)
            self.finished = True
        return True

    def figures_in(self, value: Any) -> str:
        """The usage of the last picture."""
        return "usage" if self.finished and inside(inside(value).get("usage")) else ""

    def write_receipt(self, receipt: Mapping[str, Any]) -> bytes:
        """An event of a name that readers of pictures do not know."""
        return named_event(RECEIPT, {"receipt": receipt})


def prompt_of(values: Mapping[str, Any]) -> str:
    """What to draw, which must be there."""
    prompt = values.get("prompt")
    if prompt is None or prompt == "":
        raise missing("prompt", "what to draw")
    if not isinstance(prompt, str):
        raise not_allowed("prompt", "a string", prompt)
    return prompt


def named(values: Mapping[str, Any], name: str) -> str:
    """A size or quality as the caller names it; empty where the vendor chooses."""
    value = values.get(name)
    if value is None or value == CHOSEN_BY_VENDOR:
        return ""
    if not isinstance(value, str):
        raise not_allowed(name, "a string", value)
    if not NAME.fullmatch(value):
        raise InvalidRequest(f"{name}: {shortened(value)} is no {name} of a picture", param=name)
    return value


def told(answer: Mapping[str, Any], name: str) -> str:
    """A size or quality as an answer tells it; empty where it tells none."""
    value = answer.get(name)
    known = isinstance(value, str) and NAME.fullmatch(value) and value != CHOSEN_BY_VENDOR
    return str(value) if known else ""


def class_of(size: str) -> str:
    """The class of a size, by its longest side; empty for an unknown one."""
    found = SIZE.fullmatch(size)
    if found is None:
        return size.upper() if size.upper() in TOKENS else ""
    longest = max(int(found[1]), int(found[2]))
    return next((name for most, name in CLASSES if longest <= most), LARGEST_CLASS)


def labels(size: str, quality: str) -> tuple[str, ...]:
    """The names under which a picture may be priced, the most specific one first."""
    both = f"{quality}/{size}" if size and quality else ""
    return tuple(dict.fromkeys(filter(None, (both, size, quality, class_of(size)))))


def apart(names: tuple[str, ...]) -> tuple[str, str]:
    """Size and quality behind the names of a call."""
    quality, both, size = (names[0] if names else "").partition("/")
    if both or not class_of(quality):
        return size, quality
    return quality, ""


def tokens_of(size: str, quality: str) -> int:
    """Most output tokens of one picture; the vendor's own choice is of middle size."""
    most = TOKENS[class_of(size) or UNKNOWN_CLASS]
    return -(-most * SHARES.get(quality, 100) // 100)


def holds_picture(item: Mapping[str, Any]) -> bool:
    """Whether an entry of an answer is a picture: its bytes, or where they are."""
    return bool(item.get("b64_json") or item.get("url"))


def normal(tally: Tally) -> dict[str, int]:
    """The tokens of a picture: what is not told to be text is picture."""
    cached = min(tally["cached"], tally["input"])
    image_in = min(tally["image_in"], tally["input"] - cached)
    text_out = min(tally["text_out"], tally["output"])
    return {
        "input": tally["input"] - image_in - cached,
        "cache_read": cached,
        "input_image": image_in,
        "output": text_out,
        "output_image": tally["output"] - text_out,
    }


DIALECT: Final[Dialect] = OpenAiImages()
