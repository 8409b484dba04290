"""Sounds of known lengths, made by hand: what a header says and how many bytes follow."""

import struct

SAMPLING = 8_000


def wav(ms: int, *, sampling: int = SAMPLING, bits: int = 16, claimed: int | None = None) -> bytes:
    """A silent mono WAV of so many milliseconds; `claimed` is the size its header tells."""
    size = ms * sampling * bits // 8 // 1_000
    told = size if claimed is None else claimed
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sampling, sampling * bits // 8, 2, bits)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + fmt
    return head + struct.pack("<4sI", b"data", told) + bytes(size)


def mp3(frames: int) -> bytes:
    """MPEG 1 Layer III at 128 kbit/s and 44.1 kHz: each frame has 417 bytes and 1,152 samples."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames
