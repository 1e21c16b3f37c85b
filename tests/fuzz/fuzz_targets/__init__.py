"""Functions that take any bytes and fail if the code under test breaks a promise.

An input is valid or is refused with the documented error; every other exception is a finding. Each
target also checks what must hold for every valid input, such as that the pieces in which it arrives
make no difference. `script/fuzz` runs them with atheris; `test_corpus.py` replays the corpus.
"""

from collections.abc import Callable, Mapping
from typing import Final

from fuzz_targets import files, texts, wire

Target = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Target]] = {
    "wyoming": wire.wyoming,
    "messages": wire.messages,
    "session": wire.session,
    "multipart": wire.multipart,
    "webhook_url": wire.webhook_url,
    "ssml": texts.ssml,
    "normalize": texts.normalize_text,
    "segment": texts.segment,
    "subtitles": texts.subtitles,
    "lexicon": texts.lexicon,
    "voice": texts.voice,
    "config": files.config,
    "wav": files.wav_file,
    "onnx": files.onnx,
    "tflite": files.tflite,
}
