"""How many bytes of a body are not text but an image, a sound or a file written as base64."""

from typing import Final

REMOTE: Final = ("http://", "https://")


def encoded_size(value: object) -> int:
    """Bytes of base64 in a field; 0 for a URL, which the vendor fetches itself."""
    if not isinstance(value, str) or value[:8].lower().startswith(REMOTE):
        return 0
    if value[:5].lower() == "data:":
        return len(value) - value.find(",") - 1
    return len(value)
