"""Recordings in any container."""

import io
from collections.abc import Callable

import av
import numpy as np
import pytest


def _tone(seconds: float, rate: int) -> np.ndarray:
    """A hum, which the voice activity detector does not take for speech."""
    time = np.arange(int(seconds * rate)) / rate
    return (0.3 * 32_767 * np.sin(2 * np.pi * 220 * time)).astype(np.int16)


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Put 16-bit mono samples into a container."""

    def make(
        samples: np.ndarray | None = None,
        *,
        container: str = "mp3",
        codec: str = "mp3",
        rate: int = 44_100,
        video: bool = False,
    ) -> bytes:
        pcm = _tone(2.0, rate) if samples is None else samples
        file = io.BytesIO()
        with av.open(file, "w", format=container) as out:
            picture = out.add_stream("mpeg4", rate=10) if video else None
            if picture is not None:
                picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            stream = out.add_stream(codec, rate=rate, layout="mono") if codec else None
            if picture is not None:
                for number in range(20):
                    image = np.full((64, 64, 3), number * 10, np.uint8)
                    out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                out.mux(picture.encode(None))
            if stream is not None:
                frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
                frame.rate = rate
                resampler = av.AudioResampler(
                    stream.format.name, "mono", stream.rate, stream.frame_size or 1_024
                )
                for resampled in (*resampler.resample(frame), *resampler.resample(None)):
                    out.mux(stream.encode(resampled))
                out.mux(stream.encode(None))
        return file.getvalue()

    return make
