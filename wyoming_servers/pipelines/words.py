"""Which wake words there are, and which of them a request means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wyoming_servers.domain import Kind, ModelSpec, Offer
from wyoming_servers.errors import ModelMissingError
from wyoming_servers.pipelines.clip import clip, list_names


@dataclass(frozen=True, slots=True)
class Word:
    """A wake word with the model that hears it."""

    spec: ModelSpec
    offer: Offer


class WordBook:
    """The wake words that are offered, in configured order; reads `specs` anew at every call."""

    def __init__(self, specs: Mapping[str, ModelSpec], offered: Sequence[str]) -> None:
        self._specs = specs
        self._offered = offered
        """Names to offer; all if empty."""

    def words(self) -> dict[str, Word]:
        """Return the words by name; a name that two models have is the first one's."""
        found: dict[str, Word] = {}
        for spec in self._specs.values():
            if spec.kind is Kind.WAKE:
                for offer in spec.offers:
                    found.setdefault(offer.name, Word(spec, offer))
        if not self._offered:
            return found
        return {name: found[name] for name in self._offered if name in found}

    def find(self, names: Sequence[str] | None) -> list[Word]:
        """Return the words named, all for None and for none. Raises ModelMissingError."""
        words = self.words()
        if not words:
            raise ModelMissingError("No wake word is installed.")
        chosen = []
        for name in dict.fromkeys(names or words):
            if name not in words:
                raise ModelMissingError(
                    f"The wake word {clip(name)!r} is not installed; "
                    f"{list_names(list(words), 'wake word')}."
                )
            chosen.append(words[name])
        return chosen
