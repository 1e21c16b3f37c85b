"""Whisper in any size with random weights, for CTranslate2: real loads that make no sense.

What a GPU does with a model depends on its shapes, not on its weights, and the weights of the
large ones are too large to carry around.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import LayerSpec


@dataclass(frozen=True)
class Shape:
    """The numbers that make a Whisper model large or small."""

    encoder_layers: int
    decoder_layers: int
    heads: int
    width: int
    mels: int


TURBO = Shape(encoder_layers=32, decoder_layers=4, heads=20, width=1280, mels=128)
"""whisper-large-v3-turbo: 809 million weights."""

SMALL = Shape(encoder_layers=12, decoder_layers=12, heads=12, width=768, mels=80)
"""whisper-small: 244 million weights."""

TOY = Shape(encoder_layers=1, decoder_layers=1, heads=2, width=64, mels=80)
"""For trying this file out."""


def make(folder: Path, shape: Shape, like: Path) -> Path:
    """Write a model into `folder`; words and settings are those of the model folder `like`."""
    words = _read_words(like)
    spec = WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    random = np.random.default_rng(0)

    def weights(*size: int) -> np.ndarray:
        # Small, so that float16 never overflows on the way through 32 layers.
        return (random.standard_normal(size, dtype=np.float32) * 0.01).astype(np.float16)

    def linear(layer: LayerSpec, inputs: int, outputs: int, *, bias: bool = True) -> None:
        layer.weight = weights(outputs, inputs)
        if bias:
            layer.bias = weights(outputs)

    def norm(layer: LayerSpec) -> None:
        layer.gamma = np.ones(shape.width, np.float16)
        layer.beta = np.zeros(shape.width, np.float16)

    width = shape.width
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(width, shape.mels, 3), weights(width)
    encoder.conv2.weight, encoder.conv2.bias = weights(width, width, 3), weights(width)
    encoder.position_encodings.encodings = weights(1500, width)
    decoder.embeddings.weight = weights(len(words), width)
    decoder.position_encodings.encodings = weights(448, width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.scale_embeddings = False
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)
    for layer in [*encoder.layer, *decoder.layer]:
        norm(layer.self_attention.layer_norm)
        linear(layer.self_attention.linear[0], width, 3 * width)
        linear(layer.self_attention.linear[1], width, width)
        norm(layer.ffn.layer_norm)
        linear(layer.ffn.linear_0, width, 4 * width)
        linear(layer.ffn.linear_1, 4 * width, width)
    for layer in decoder.layer:
        norm(layer.attention.layer_norm)
        linear(layer.attention.linear[0], width, width)
        linear(layer.attention.linear[1], width, 2 * width)
        linear(layer.attention.linear[2], width, width)

    spec.register_vocabulary(words)
    settings = json.loads((like / "config.json").read_text())
    for name in ("suppress_ids", "suppress_ids_begin", "lang_ids"):
        if name in settings:
            setattr(spec.config, name, settings[name])
    spec.config.alignment_heads = [[0, 0]]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    shutil.copy(like / "tokenizer.json", folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"feature_size": shape.mels, "n_fft": 400, "hop_length": 160})
    )
    return folder


def _read_words(like: Path) -> list[str]:
    listed = like / "vocabulary.json"
    if listed.exists():
        words: list[str] = json.loads(listed.read_text(encoding="utf-8"))
        return words
    return (like / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
