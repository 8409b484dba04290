"""How long a sound is: exactly where its format fixes it, else at most and probably."""

import struct

import pytest

from tests.sounds import mp3, wav
from tollgate.dialects._sound import Sound, measure


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4) + b"WAVE" + b"".join(chunks)


def fmt(tag: int = 1, bits: int = 16, channels: int = 1, rate: int = 8_000) -> bytes:
    head = struct.pack("<HHIIHH", tag, channels, rate, 16_000, 2, bits)
    return chunk(b"fmt ", head + (b"\x16\x00" + bytes(6) + b"\x01\x00" if tag == 0xFFFE else b""))


SECOND = chunk(b"data", bytes(16_000))


@pytest.mark.parametrize(
    ("sound", "longest", "likely"),
    [
        pytest.param(wav(8_040), 8_040, 8_040, id="WAV"),
        pytest.param(wav(1), 1, 1, id="one millisecond"),
        pytest.param(wav(2_000, sampling=48_000, bits=24), 2_000, 2_000, id="WAV of 24 bits"),
        pytest.param(wav(1_000, claimed=0), 1_000, 1_000, id="WAV that was streamed"),
        pytest.param(wav(1_000, claimed=2**32 - 1), 1_000, 1_000, id="WAV that claims too much"),
        pytest.param(riff(fmt(), SECOND, chunk(b"LIST", b"name")), 1_000, 1_000, id="notes behind"),
        pytest.param(riff(chunk(b"junk", b"odd"), b"\0", fmt(), SECOND), 1_000, 1_000, id="before"),
        pytest.param(riff(fmt(channels=2), SECOND), 500, 500, id="stereo"),
        pytest.param(riff(fmt(0xFFFE), SECOND), 1_000, 1_000, id="extensible WAV"),
        pytest.param(riff(fmt(), SECOND, SECOND), 2_001, 2_001, id="samples twice: all of it"),
        pytest.param(
            wav(1_000, claimed=16) + b"rest", 1_001, 1_001, id="samples hidden behind samples"
        ),
        pytest.param(riff(fmt(2), SECOND), 16_044, 2_006, id="compressed WAV"),
        pytest.param(riff(fmt(1, bits=12), SECOND), 16_044, 2_006, id="bits nobody has"),
        pytest.param(riff(SECOND, fmt()), 16_044, 2_006, id="WAV without a format"),
        pytest.param(riff(fmt()), 36, 5, id="WAV without samples"),
        pytest.param(mp3(100), 2_613, 2_613, id="MP3"),
        pytest.param(b"ID3\x04\0\0\0\0\x01\x02" + bytes(130) + mp3(100), 2_613, 2_613, id="tagged"),
        pytest.param(mp3(100) + b"TAG" + bytes(125), 2_741, 2_613, id="MP3 with something behind"),
        pytest.param(b"\xff\xf3\x44\xc0" + bytes(92), 24, 24, id="MPEG 2 at half the rate"),
        pytest.param(b"\xff\xe3\x10\xc0" + bytes(48), 53, 53, id="MPEG 2.5 at a quarter"),
        pytest.param(b"\xff\xfb\x92\x00" + bytes(414), 27, 27, id="a padded frame"),
        pytest.param(
            (b"\xff\xf3\x14\xc0" + bytes(20)) * 90_000, 2_160_000, 2_160_000,
            id="more frames than are counted, all alike",
        ),
        pytest.param(mp3(1) + bytes(8_000), 8_417, 1_053, id="one frame before anything"),
        pytest.param(b"\xff\xff\xff\xff" * 100, 400, 50, id="no frame at all"),
        pytest.param(b"\xff\xea" + bytes(98), 100, 13, id="a reserved version"),
        pytest.param(b"ID3", 3, 1, id="a tag cut off"),
        pytest.param(b"", 0, 0, id="nothing"),
        pytest.param(bytes(64_000), 64_000, 8_000, id="anything else"),
    ],
)  # fmt: skip
def test_a_length_is_measured(sound: bytes, longest: int, likely: int) -> None:
    assert measure(sound) == Sound(longest, likely)


def flac(sampling: int, samples: int, size: int) -> bytes:
    packed = sampling << 44 | samples
    head = b"fLaC\0\0\0\x22" + bytes(10) + packed.to_bytes(8, "big")
    return head + bytes(size - len(head))


def ogg(codec: bytes, position: int, size: int) -> bytes:
    last = b"OggS\0\x04" + struct.pack("<q", position) + bytes(20)
    return b"OggS" + bytes(24) + codec + bytes(size - 28 - len(codec) - len(last)) + last


VORBIS = b"\x01vorbis" + struct.pack("<IBI", 0, 1, 44_100)


def mp4(box: bytes, size: int) -> bytes:
    head = b"\0\0\0\x18ftypM4A " + bytes(12)
    return head + bytes(size - len(head) - len(box)) + box


NEW = b"mvhd\x01\0\0\0" + bytes(16) + struct.pack(">IQ", 1_000, 60_000) + bytes(8)
OLD = b"mvhd\0\0\0\0" + bytes(8) + struct.pack(">II", 44_100, 44_100 * 60) + bytes(8)


@pytest.mark.parametrize(
    ("sound", "longest", "likely"),
    [
        pytest.param(flac(16_000, 160_000, 20_000), 20_000, 10_000, id="FLAC"),
        pytest.param(flac(16_000, 480_000, 20_000), 30_000, 30_000, id="FLAC of silence"),
        pytest.param(flac(16_000, 16, 20_000), 20_000, 2_500, id="FLAC that lies"),
        pytest.param(flac(16_000, 0, 20_000), 20_000, 2_500, id="FLAC that does not know"),
        pytest.param(b"fLaC", 4, 1, id="FLAC cut off"),
        pytest.param(ogg(b"OpusHead", 48_000 * 60, 200_000), 200_000, 60_000, id="Opus"),
        pytest.param(ogg(VORBIS, 44_100 * 60, 200_000), 200_000, 60_000, id="Vorbis"),
        pytest.param(ogg(VORBIS, 44_100, 200_000), 200_000, 25_000, id="Vorbis that lies"),
        pytest.param(ogg(b"OpusHead", -1, 200_000), 200_000, 25_000, id="Opus without a position"),
        pytest.param(ogg(b"Speex", 16_000, 200_000), 200_000, 25_000, id="another codec"),
        pytest.param(b"OggS" + bytes(24) + b"OpusHead", 36, 5, id="Opus cut off"),
        pytest.param(b"OggSOpusHead", 12, 2, id="Opus without a page"),
        pytest.param(mp4(OLD, 500_000), 500_000, 60_000, id="MP4"),
        pytest.param(mp4(NEW, 500_000), 500_000, 60_000, id="MP4 with long times"),
        pytest.param(mp4(b"", 500_000), 500_000, 62_500, id="MP4 without a header"),
        pytest.param(mp4(b"mvhd" + bytes(28), 500_000), 500_000, 62_500, id="MP4 in fragments"),
        pytest.param(mp4(b"mvhd" + bytes(8), 500_000), 500_000, 62_500, id="MP4 cut off"),
    ],
)  # fmt: skip
def test_a_claimed_length_is_believed_where_it_fits(
    sound: bytes, longest: int, likely: int
) -> None:
    assert measure(sound) == Sound(longest, likely)


def test_a_file_of_the_largest_size_is_measured_quickly() -> None:
    """Made of chunks that are as small as can be, nothing is walked to its end."""
    assert measure(riff(fmt(), chunk(b"data", b"\0\0"), chunk(b"a", b"") * 400_000)).likely_ms > 0
