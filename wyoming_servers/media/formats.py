"""The audio formats that are written, as tables; imports nothing large."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

AudioFileFormat = Literal["wav", "flac", "mp3", "opus"]
"""Formats of the file that a speech job makes."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Every format of streams and files, with its media type."""

_MPEG_RATES: Final = frozenset(
    {8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000}
)
_DEFAULT_RATE: Final = 44_100
_BIT_RATE: Final = 96_000


@dataclass(frozen=True, slots=True)
class EncodingFormat:
    """How one format is encoded."""

    container: str
    """FFmpeg's name."""
    codec: str
    rate: int | None = None
    """Samples per second; None to keep those of the input if `rates` has them."""
    rates: frozenset[int] | None = None
    """Rates that are kept; None for any."""
    bit_rate: int | None = None
    """Bits per second; None for the codec's default."""
    options: Mapping[str, str] = field(default_factory=dict)
    """FFmpeg's options of the container."""

    def output_rate(self, rate: int) -> int:
        """Return the sample rate of the output for that of the input."""
        if self.rate is not None:
            return self.rate
        return rate if self.rates is None or rate in self.rates else _DEFAULT_RATE


STREAM_FORMATS: Final[Mapping[str, EncodingFormat]] = {
    # Without Xing header and ID3 tags, which are written into the beginning at the end.
    "mp3": EncodingFormat(
        "mp3", "libmp3lame", None, _MPEG_RATES, _BIT_RATE, {"write_xing": "0", "id3v2_version": "0"}
    ),
    "aac": EncodingFormat("adts", "aac", None, _MPEG_RATES, _BIT_RATE),
    "flac": EncodingFormat("flac", "flac", None, _MPEG_RATES),
    # One page every 200 ms: with the default of a second, a player would wait that long.
    "opus": EncodingFormat("ogg", "libopus", 48_000, None, 48_000, {"page_duration": "200000"}),
}

FILE_FORMATS: Final[Mapping[AudioFileFormat, EncodingFormat]] = {
    # RF64: the header of a plain WAV file ends at 4 GB.
    "wav": EncodingFormat("wav", "pcm_s16le", options={"rf64": "auto"}),
    "flac": EncodingFormat("flac", "flac"),
    "mp3": EncodingFormat("mp3", "libmp3lame", None, _MPEG_RATES, _BIT_RATE),
    "opus": EncodingFormat("ogg", "libopus", 48_000, None, 48_000),
}
