"""What is wrong with a configuration: all of it at once, each fault by its path."""

from collections.abc import Sequence
from dataclasses import dataclass

from wyoming_servers.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing to correct."""

    path: str
    """Dotted path of the key, such as `models.whisper/base.keep_alive`; empty: the whole file."""
    message: str
    """A sentence that says what is wrong and what is allowed."""
    suggestion: str = ""
    """The nearest valid key or value, as it should be written; empty if none is near."""
    where: str = ""
    """File and line, environment variable or argument it comes from."""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}" if self.path else self.message
        if self.suggestion:
            text += f" Did you mean `{self.suggestion}`?"
        return f"{text} ({self.where})" if self.where else text


class ConfigError(BadRequestError):
    """Raised when a configuration cannot be used; `faults` has every reason."""

    default_hint = "`wyoming-conductor config show` lists every key with its value and source."

    def __init__(self, faults: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(faults)
        count = "a fault" if len(self.problems) == 1 else f"{len(self.problems)} faults"
        lines = "".join(f"\n  {fault}" for fault in self.problems)
        super().__init__(f"The configuration has {count}:{lines}")

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}"
