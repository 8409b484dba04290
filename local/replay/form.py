"""What a form asks for: its fields as the members a JSON body would have, files as bytes."""

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

MEDIA_TYPE = "multipart/form-data"


def is_form(content_type: str) -> bool:
    """Whether a body of this type is a form."""
    return content_type.lower().startswith(MEDIA_TYPE)


def read(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields of a form: text by name, lists under the name without brackets, files as bytes.

    Raises:
        ValueError: it is none.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise ValueError("The body is not a form.")
    found: dict[str, Any] = {}
    for part in message.iter_parts():
        name, held = _field(part)
        if name.endswith("[]"):
            found.setdefault(name.removesuffix("[]"), []).append(held)
        else:
            found[name] = held
    found["stream"] = found.get("stream") == "true"
    return found


def _field(part: Message) -> tuple[str, Any]:
    name = str(part.get_param("name", "", header="content-disposition"))
    content = part.get_payload(decode=True)
    held = content if isinstance(content, bytes) else b""
    return name, held if part.get_filename() is not None else held.decode()
