"""The installed wake words, the model that detects each, and their settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import WakeSection, WakeWordSection
from wyoming_servers.core.domain import ModelSpec, Task, WakeWordInfo
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.speech.wake.custom_words import CustomWakeWords
from wyoming_servers.text.messages import list_names, shorten

_DEFAULT_SETTINGS: Final = WakeWordSection()


@dataclass(frozen=True, slots=True)
class RegisteredWakeWord:
    """A wake word and the model that detects it."""

    spec: ModelSpec
    info: WakeWordInfo


class WakeWordRegistry:
    """The offered wake words in configured order, as of each call.

    If several models know a wake word, it is detected by 1. the engine that is configured for it,
    2. the engine that knows it from one of the user's files, 3. the first one.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        custom_words: CustomWakeWords | None = None,
    ) -> None:
        self._specs = specs
        self._config = config
        self._custom_words = custom_words

    def words(self) -> dict[str, RegisteredWakeWord]:
        """Return the offered wake words by name."""
        found: dict[str, RegisteredWakeWord] = {}
        ranks: dict[str, tuple[bool, bool]] = {}
        for spec in self._specs.values():
            if spec.task is not Task.WAKE:
                continue
            custom = self._custom_words.for_engine(spec.engine) if self._custom_words else ()
            infos = {info.name: info for info in (*spec.wake_words, *custom)}
            for name, info in infos.items():
                rank = (self._settings(name).engine == spec.engine, info in custom)
                if name not in found or rank > ranks[name]:
                    found[name], ranks[name] = RegisteredWakeWord(spec, info), rank
        order = self._wake.words
        return {name: found[name] for name in order if name in found} if order else found

    def find(self, names: Sequence[str] | None) -> list[RegisteredWakeWord]:
        """Return the named wake words, all for None or no names. Raises ModelMissingError."""
        words = self.words()
        if not words:
            raise ModelMissingError("No wake word is installed.")
        selected = []
        for name in dict.fromkeys(names or words):
            if name not in words:
                raise ModelMissingError(
                    f"The wake word {shorten(name)!r} is not installed; "
                    f"{list_names(list(words), 'wake word')}."
                )
            selected.append(words[name])
        return selected

    def threshold(self, name: str) -> float:
        """Return the score from which a frame counts as this wake word."""
        threshold = self._settings(name).threshold
        return self._wake.threshold if threshold is None else threshold

    def trigger_level(self, name: str) -> int:
        """Return how many consecutive frames over the threshold are a detection."""
        trigger_level = self._settings(name).trigger_level
        return self._wake.trigger_level if trigger_level is None else trigger_level

    @property
    def _wake(self) -> WakeSection:
        return self._config.current.wake

    def _settings(self, name: str) -> WakeWordSection:
        return self._wake.word_settings.get(name, _DEFAULT_SETTINGS)
