"""Names of environment variables."""

from wyoming_servers.config.key_tree import WILDCARD, key_tree, value_maps
from wyoming_servers.config.sources import variable_name


def test_every_key_has_its_own_variable() -> None:
    names = [variable_name(path) for path, _ in key_tree().walk() if WILDCARD not in path]
    names += map(variable_name, value_maps())
    assert len(set(names)) == len(names)


def test_variable_of_a_model_is_a_valid_shell_name() -> None:
    path = ("models", "whisper/tiny.en", "keep_alive")
    assert variable_name(path) == "WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE"
