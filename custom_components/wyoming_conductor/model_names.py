"""Names of models and of their devices, and which models share a device.

Voices of one engine share a device: a home with ten voices of Piper has one device "Piper".
"""

import re
from typing import Final

_FAMILY_NAMES: Final = {"openwakeword": "openWakeWord", "microwakeword": "microWakeWord"}
"""Families whose name is not simply capitalized."""

_PIPER_VOICE: Final = re.compile(r"[a-z]{2,3}_(?P<region>[A-Z]{2})-(?P<name>\w+)-(?P<quality>\w+)")
"""Such as `en_US-joe-medium`."""

_USUAL_QUALITY: Final = "medium"
"""Quality of most voices; not mentioned in a name."""


def device_key(model_id: str, kind: str) -> str:
    """Return what identifies the device of a model on its server."""
    return model_id.partition("/")[0] if kind == "tts" else model_id


def device_name(key: str) -> str:
    """Return the name of a device: `Whisper base`, `Piper`, `openWakeWord`."""
    family, _, variant = key.partition("/")
    return f"{_FAMILY_NAMES.get(family, family.capitalize())} {variant}".strip()


def voice_label(model_id: str) -> str:
    """Return the name of a voice model on its device: `Joe (US)`, `Alba (GB, low)`."""
    variant = model_id.partition("/")[2]
    match = _PIPER_VOICE.fullmatch(variant)
    if match is None:
        return variant or model_id
    name = match["name"].replace("_", " ").title()
    details = [match["region"]]
    if match["quality"] != _USUAL_QUALITY:
        details.append(match["quality"].replace("_", " "))
    return f"{name} ({', '.join(details)})"


def model_name(model_id: str, kind: str) -> str:
    """Return the full name of a model: `Whisper base`, `Piper · Joe (US)`."""
    name = device_name(device_key(model_id, kind))
    return f"{name} · {voice_label(model_id)}" if kind == "tts" and "/" in model_id else name
