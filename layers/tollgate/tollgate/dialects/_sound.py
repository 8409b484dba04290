"""How long a sound is, as far as its bytes tell without being decoded.

Two answers: the longest it can be, which a hold must cover, and how long it probably is, for an
upstream that does not say what it heard. Uncompressed WAV and MP3, whose frames are counted, are
known exactly. Other containers only claim a length, which is believed where it fits their bytes.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

LOWEST_BITRATE: Final = 8_000
"""Bits per second below which no speech is understood: 8 kbit/s, one byte a millisecond."""

USUAL_BITRATE: Final = 64_000
"""Bits per second of speech in a container that does not say how long it is."""

HIGHEST_BITRATE: Final = 512_000
LOSSLESS_BITRATE: Final = 5_000_000
"""More than the formats have: a length that is shorter than its bytes at this rate is a lie."""

PCM: Final = frozenset({1, 3, 6, 7})
"""WAV formats in which every sample has the bits that the header says."""

SAMPLE_BITS: Final = frozenset({8, 16, 24, 32, 64})
EXTENSIBLE: Final = 0xFFFE
CHUNKS_LIMIT: Final = 64
FRAMES_LIMIT: Final = 60_000
"""More frames than an MP3 of 32 kbit/s has in the largest body; fewer bits are rare."""

LAYER_3_RATES: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
LAYER_3_LOW_RATES: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
SAMPLING: Final = (44_100, 48_000, 32_000, 0)
MPEG_1: Final = 3
RESERVED: Final = 1
SLOWER: Final = {2: 1, 0: 2}
"""MPEG 2 has half of MPEG 1's sampling rates, and 2.5 a quarter."""

LAYER_3: Final = 1
SYNC: Final = 0xE0
OPUS_SAMPLING: Final = 48_000


@dataclass(frozen=True, slots=True)
class Sound:
    """Milliseconds: the most it can be, and what it probably is."""

    longest_ms: int
    likely_ms: int


@dataclass(frozen=True, slots=True)
class Frames:
    """What the frames of one MP3 header have in common: bytes without padding, samples, rate."""

    size: int
    samples: int
    sampling: int


def measure(sound: bytes) -> Sound:
    """How long a sound is."""
    if sound[:4] == b"RIFF" and sound[8:12] == b"WAVE":
        return exactly(wav(sound), len(sound))
    if sound[:3] == b"ID3" or (sound[:1] == b"\xff" and sound[1:2] >= b"\xe0"):
        return mp3(sound)
    for mark, (place, read, bitrate) in CLAIMS.items():
        if sound[place : place + len(mark)] == mark:
            return claimed(read(sound), len(sound), bitrate)
    return claimed(None, len(sound), HIGHEST_BITRATE)


def milliseconds(units: int, per_second: int) -> int:
    """Units as time, rounded up."""
    return -(-units * 1_000 // per_second)


def exactly(ms: int | None, size: int) -> Sound:
    """A length that the format itself fixes, if it does."""
    return claimed(None, size, HIGHEST_BITRATE) if ms is None else Sound(ms, ms)


def claimed(ms: int | None, size: int, highest: int) -> Sound:
    """A length that a container claims, if it does: believed unless the bytes are too many."""
    longest = milliseconds(size * 8, LOWEST_BITRATE)
    if ms is None or ms < milliseconds(size * 8, highest):
        return Sound(longest, milliseconds(size * 8, USUAL_BITRATE))
    return Sound(max(longest, ms), ms)


def wav(sound: bytes) -> int | None:
    """Milliseconds of an uncompressed WAV; None for a compressed or broken one."""
    per_second = 0
    for name, start, size in chunks(sound):
        if name == b"fmt " and size >= 16:
            tag, channels, sampling, _, _, bits = struct.unpack_from("<HHIIHH", sound, start)
            if tag == EXTENSIBLE and size >= 26:
                (tag,) = struct.unpack_from("<H", sound, start + 24)
            known = tag in PCM and bits in SAMPLE_BITS
            per_second = channels * sampling * bits // 8 if known else 0
        if name == b"data":
            return milliseconds(size, per_second) if per_second else None
    return None


def chunks(sound: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and size of a WAV's chunks.

    Samples that claim to be none, or more than there is, are all that follows; so are samples
    behind which anything but whole chunks stands.
    """
    place, seen = 12, 0
    while place + 8 <= len(sound) and seen < CHUNKS_LIMIT:
        name, size = struct.unpack_from("<4sI", sound, place)
        rest = len(sound) - place - 8
        sure = 0 < size <= rest and tidy(sound, place + 8 + size)
        yield name, place + 8, min(size, rest) if sure or name != b"data" else rest
        place += 8 + size + size % 2
        seen += 1


def tidy(sound: bytes, place: int) -> bool:
    """Whether only whole chunks follow, and no samples among them."""
    place, seen = place + place % 2, 0
    while place + 8 <= len(sound) and seen < CHUNKS_LIMIT:
        name, size = struct.unpack_from("<4sI", sound, place)
        if name == b"data":
            return False
        place += 8 + size + size % 2
        seen += 1
    return place >= len(sound) and seen < CHUNKS_LIMIT


@cache
def frames_of(first: int, second: int) -> Frames | None:
    """What the second and third byte of an MP3 frame say; None when they are of none."""
    version, layer = first >> 3 & 3, first >> 1 & 3
    sampling = SAMPLING[second >> 2 & 3] >> SLOWER.get(version, 0)
    rate = (LAYER_3_RATES if version == MPEG_1 else LAYER_3_LOW_RATES)[second >> 4]
    if first < SYNC or version == RESERVED or layer != LAYER_3 or not rate or not sampling:
        return None
    samples = 1_152 if version == MPEG_1 else 576
    return Frames(samples * rate * 125 // sampling, samples, sampling)


def mp3(sound: bytes) -> Sound:
    """The frames of an MP3, counted; what is none of them may be anything.

    Of more frames than are counted the rest is probably like the others.
    """
    place = begin = after_tag(sound)
    counted: Counter[int] = Counter()
    left = FRAMES_LIMIT
    while left and place + 4 <= len(sound) and sound[place] == 0xFF:
        frames = frames_of(sound[place + 1], sound[place + 2])
        if frames is None:
            break
        counted[frames.sampling] += frames.samples
        place += frames.size + (sound[place + 2] >> 1 & 1)
        left -= 1
    rest = max(0, len(sound) - place)
    if rest >= place - begin:
        return claimed(None, len(sound), HIGHEST_BITRATE)
    ms = sum(milliseconds(samples, sampling) for sampling, samples in counted.items())
    likely = ms if left else ms * (len(sound) - begin) // (place - begin)
    return Sound(ms + milliseconds(rest * 8, LOWEST_BITRATE), likely)


def after_tag(sound: bytes) -> int:
    """Where an MP3 begins behind its ID3 tag, whose size is written in groups of seven bits."""
    if sound[:3] != b"ID3" or len(sound) < 10:
        return 0
    size = 0
    for digit in sound[6:10]:
        size = size << 7 | digit & 0x7F
    return 10 + size


def flac(sound: bytes) -> int | None:
    """Milliseconds that a FLAC's first block claims."""
    if len(sound) < 26:
        return None
    packed = int.from_bytes(sound[18:26], "big")
    sampling, samples = packed >> 44, packed & 0xF_FFFF_FFFF
    return milliseconds(samples, sampling) if sampling and samples else None


def ogg(sound: bytes) -> int | None:
    """Milliseconds that the last page of an Ogg claims: Opus or Vorbis."""
    head, page = sound[:512], sound.rfind(b"OggS")
    vorbis = head.find(b"\x01vorbis")
    sampling = OPUS_SAMPLING if b"OpusHead" in head else 0
    if 0 <= vorbis <= len(head) - 16:
        (sampling,) = struct.unpack_from("<I", head, vorbis + 12)
    if not sampling or page + 14 > len(sound):
        return None
    (position,) = struct.unpack_from("<q", sound, page + 6)
    return milliseconds(position, sampling) if position > 0 else None


def mp4(sound: bytes) -> int | None:
    """Milliseconds that the header of an MP4 film or sound claims."""
    place = sound.find(b"mvhd")
    if place < 0 or place + 32 > len(sound):
        return None
    layout, place = (">IQ", place + 24) if sound[place + 4] == 1 else (">II", place + 16)
    scale, duration = struct.unpack_from(layout, sound, place)
    return milliseconds(duration, scale) if scale and duration else None


CLAIMS: Final[Mapping[bytes, tuple[int, Callable[[bytes], int | None], int]]] = {
    b"fLaC": (0, flac, LOSSLESS_BITRATE),
    b"OggS": (0, ogg, HIGHEST_BITRATE),
    b"ftyp": (4, mp4, HIGHEST_BITRATE),
}
"""Where a container's mark stands, who reads its length, and the most bits a second it can have."""
