"""A sentence per language with which a voice introduces itself."""

from collections.abc import Mapping
from typing import Final

from wyoming_servers.text.locale import parse_tag

_SENTENCES: Final[Mapping[str, str]] = {
    "en": "Hello! This is how I sound. The light in the kitchen is on, and all doors are locked.",
    "de": "Hallo! So klinge ich. Das Licht in der Küche ist an, und alle Türen sind zu.",
    "es": "¡Hola! Así sueno yo. La luz de la cocina está encendida y las puertas están cerradas.",
    "fr": "Bonjour ! Voici ma voix. La lumière de la cuisine est allumée et tout est fermé.",
    "hi": "नमस्ते! मेरी आवाज़ ऐसी है। रसोई की बत्ती जल रही है और दरवाज़े बंद हैं।",
    "it": "Ciao! Questa è la mia voce. La luce in cucina è accesa e le porte sono chiuse.",
    "ja": "こんにちは。私の声はこんな感じです。台所の明かりがついています。",
    "nl": "Hallo! Zo klink ik. Het licht in de keuken is aan en alle deuren zijn dicht.",
    "pl": "Cześć! Tak brzmi mój głos. Światło w kuchni jest włączone, a drzwi są zamknięte.",
    "pt": "Olá! Esta é a minha voz. A luz da cozinha está acesa e as portas estão fechadas.",
    "zh": "你好！这就是我的声音。厨房的灯开着，门都锁好了。",
}

_NUMBERS: Final = "1, 2, 3, 4, 5, 6, 7."
"""Spoken in a language without a sentence."""


def sample_sentence(language: str) -> str:
    """Return the sample text for a language (BCP 47)."""
    return _SENTENCES.get(parse_tag(language).language, _NUMBERS)
