"""Which wake words there are, and which of them a request means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wyoming_servers.config.custom_wake_words import CustomWakeWords
from wyoming_servers.config.schema import WakeSection, WakeWordSection
from wyoming_servers.core.domain import (
    ModelSpec,
    Offer,
    Task,
)
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.text.messages import (
    list_names,
    shorten,
)

_DEFAULT_SETTINGS = WakeWordSection()


@dataclass(frozen=True, slots=True)
class RegisteredWakeWord:
    """A wake word with the model that hears it."""

    spec: ModelSpec
    info: Offer


class WakeWordRegistry:
    """The wake words that are offered, in configured order, as they are at each call.

    A name that several models know is heard by 1. the engine configured for it, 2. the one that
    knows it from a file of the user's, 3. the first.
    """

    def __init__(
        self, specs: Mapping[str, ModelSpec], wake: WakeSection, own: CustomWakeWords | None = None
    ) -> None:
        self._specs = specs
        self._wake = wake
        self._custom_words = own

    def words(self) -> dict[str, RegisteredWakeWord]:
        """Return the words by name."""
        found: dict[str, RegisteredWakeWord] = {}
        ranks: dict[str, tuple[bool, bool]] = {}
        for spec in self._specs.values():
            if spec.task is not Task.WAKE:
                continue
            own = (
                self._custom_words.for_engine(spec.engine) if self._custom_words is not None else ()
            )
            offers = {offer.name: offer for offer in (*spec.offers, *own)}
            for name, offer in offers.items():
                rank = (self._settings(name).engine == spec.engine, offer in own)
                if name not in found or rank > ranks[name]:
                    found[name], ranks[name] = RegisteredWakeWord(spec, offer), rank
        if not self._wake.words:
            return found
        return {name: found[name] for name in self._wake.words if name in found}

    def find(self, names: Sequence[str] | None) -> list[RegisteredWakeWord]:
        """Return the words named, all for None and for none. Raises ModelMissingError."""
        words = self.words()
        if not words:
            raise ModelMissingError("No wake word is installed.")
        chosen = []
        for name in dict.fromkeys(names or words):
            if name not in words:
                raise ModelMissingError(
                    f"The wake word {shorten(name)!r} is not installed; "
                    f"{list_names(list(words), 'wake word')}."
                )
            chosen.append(words[name])
        return chosen

    def threshold(self, name: str) -> float:
        """Return the score from which a frame counts as this word."""
        own = self._settings(name).threshold
        return self._wake.threshold if own is None else own

    def trigger_level(self, name: str) -> int:
        """Return how many consecutive frames make a detection of this word."""
        own = self._settings(name).trigger_level
        return self._wake.trigger_level if own is None else own

    def _settings(self, name: str) -> WakeWordSection:
        return self._wake.word_settings.get(name, _DEFAULT_SETTINGS)
