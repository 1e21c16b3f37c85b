"""Kokoro-82M with random weights, for torch: real loads and real times that make no sense.

    python random_kokoro.py FOLDER

writes `kokoro.pth`, `config.json` and `voices.npz`. Needs torch, transformers, loguru and the
package kokoro (without what it asks for).
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.engines.kokoro.engine import _import_kokoro_model
from wyoming_servers.engines.kokoro.phonemes import SYMBOLS

CONFIG: dict[str, Any] = {
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
    },
    "dim_in": 64,
    "dropout": 0.2,
    "hidden_dim": 512,
    "max_conv_dim": 512,
    "max_dur": 50,
    "multispeaker": True,
    "n_layer": 3,
    "n_mels": 80,
    "n_token": 178,
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
    "vocab": dict(SYMBOLS),
}
"""The published shapes."""

VOICES = ("af_heart", "am_adam", "bf_emma", "ef_dora")

_FRAMES = -2.75
"""Bias of the durations: about three frames of 25 ms a symbol, as people speak."""


def make(folder: Path) -> dict[str, str]:
    """Write the model into a folder; returns the files by role."""
    import torch

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "model": folder / "kokoro.pth",
        "config": folder / "config.json",
        "voices": folder / "voices.npz",
    }
    parts = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
    # An empty file is one without weights, so what is made is initialised and nothing else.
    torch.save({}, paths["model"])
    # Kokoro's layers make torch warn, which pytest would turn into errors.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _import_kokoro_model().KModel(
            repo_id="local", config=CONFIG, model=str(paths["model"])
        )
    with torch.no_grad():
        durations = model.predictor.duration_proj.linear_layer
        durations.weight.mul_(0.1)
        durations.bias.fill_(_FRAMES)
    torch.save({part: getattr(model, part).state_dict() for part in parts}, paths["model"])
    paths["config"].write_text(json.dumps(CONFIG), encoding="utf-8")
    random = np.random.default_rng(0)
    with paths["voices"].open("wb") as file:
        np.savez(
            file,
            **{
                name: 0.1 * random.standard_normal((510, 1, 256), dtype=np.float32)
                for name in VOICES
            },
        )
    return {role: str(path) for role, path in paths.items()}


def kokoro(files: dict[str, str], **changes: Any) -> ModelSpec:
    """Return the model's description, to run on the first GPU."""
    given: dict[str, Any] = {
        "id": "kokoro/torch",
        "task": Task.TTS,
        "engine": "kokoro",
        "files": files,
        "languages": ("en",),
        "placements": (Placement("cuda:0", "float16"), Placement("cuda:0", "float32")),
        "memory_bytes": 1_200 * 2**20,
    }
    return ModelSpec(**(given | changes))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
