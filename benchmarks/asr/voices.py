"""Commands in several languages, spoken by Kokoro's voices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from benchmarks.asr.corpus import COMMANDS, LEAD_SECONDS, NOISE_FLOOR, RATE, Utterance, utterance_of
from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.engines.kokoro.engine import KokoroOnnxEngine

_RATE: Final = 24_000

ENGLISH_VOICES: Final = (
    *("af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole"),
    *("af_nova", "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir"),
    *("am_liam", "am_michael", "am_onyx", "am_puck", "am_santa", "bf_alice", "bf_emma"),
    *("bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis"),
)

VOICES: Final = {
    "fr": ("ff_siwis",),
    "es": ("ef_dora", "em_alex"),
    "it": ("if_sara", "im_nicola"),
    "pt": ("pf_dora",),
}

TEXTS: Final = {
    "fr": """\
Allume la lumière de la cuisine.
Éteins la lampe du salon.
Ferme les volets de la chambre.
Quelle est la température dehors ?
Mets un minuteur de dix minutes.
Arrête la musique dans la salle de bain.
Est-ce que la porte d'entrée est fermée ?
Monte le chauffage dans le bureau.
Ajoute du pain à la liste de courses.
Est-ce qu'il va pleuvoir demain ?
Bonne nuit.
Éteins tout dans la maison.
Ouvre la porte du garage.
Baisse un peu le volume.""".splitlines(),
    "es": """\
Enciende la luz de la cocina.
Apaga la lámpara del salón.
Cierra las persianas del dormitorio.
¿Qué temperatura hace fuera?
Pon un temporizador de diez minutos.
Para la música en el baño.
¿Está cerrada la puerta de entrada?
Sube la calefacción en la oficina.
Añade pan a la lista de la compra.
¿Va a llover mañana?
Buenas noches.
Apaga todo en la casa.
Abre la puerta del garaje.
Baja un poco el volumen.""".splitlines(),
    "it": """\
Accendi la luce in cucina.
Spegni la lampada del soggiorno.
Chiudi le tapparelle della camera da letto.
Che temperatura c'è fuori?
Imposta un timer di dieci minuti.
Ferma la musica in bagno.
La porta d'ingresso è chiusa?
Alza il riscaldamento nello studio.
Aggiungi il pane alla lista della spesa.
Domani pioverà?
Buona notte.
Spegni tutto in casa.
Apri la porta del garage.
Abbassa un po' il volume.""".splitlines(),
    "pt": """\
Acenda a luz da cozinha.
Apague o abajur da sala.
Feche as cortinas do quarto.
Qual é a temperatura lá fora?
Coloque um temporizador de dez minutos.
Pare a música no banheiro.
A porta da frente está trancada?
Aumente o aquecimento no escritório.
Adicione pão à lista de compras.
Vai chover amanhã?
Boa noite.
Desligue tudo na casa.
Abra a porta da garagem.
Abaixe um pouco o volume.""".splitlines(),
}


class Speaker:
    """Speaks texts with the voices in a folder that `script/setup kokoro` has made."""

    def __init__(self, folder: Path) -> None:
        files = {
            "model": str(folder / "kokoro-v1.0.int8.onnx"),
            "voices": str(folder / "voices-v1.0.bin"),
        }
        self._engine = KokoroOnnxEngine()
        spec = ModelSpec("kokoro/onnx", Task.TTS, "kokoro-onnx", files=files)
        self._engine.load(spec, Placement(), lambda phase, percent: None)

    def speak(
        self, kind: str, text: str, voice: str, *, speed: float = 1.0, language: str = "en"
    ) -> Utterance:
        """Return a text as it sounds in a quiet room."""
        session = self._engine.open({"text": text, "voice": voice, "speed": speed})
        pcm = b"".join(output.payload for output in session.finish())
        spoken = soxr.resample(np.frombuffer(pcm, "<i2") / 32_768, _RATE, RATE)
        spoken = 0.5 * spoken / np.abs(spoken).max()
        sound = np.concatenate([np.zeros(int(LEAD_SECONDS * RATE)), spoken])
        floor = np.random.default_rng(len(text)).normal(0.0, NOISE_FLOOR, len(sound))
        return utterance_of(kind, text, sound + floor, sound, language)


def english(speaker: Speaker, texts: Sequence[str] = COMMANDS) -> list[Utterance]:
    """Speak each text with another English voice."""
    return [
        speaker.speak("voices", text, ENGLISH_VOICES[number % len(ENGLISH_VOICES)])
        for number, text in enumerate(texts)
    ]


def foreign(speaker: Speaker, language: str) -> list[Utterance]:
    """Speak the commands of a language with its voices in turn."""
    voices = VOICES[language]
    return [
        speaker.speak(language, text, voices[number % len(voices)], language=language)
        for number, text in enumerate(TEXTS[language])
    ]
