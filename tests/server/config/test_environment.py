"""Names of variables."""

from wyoming_servers.config.environment import variable
from wyoming_servers.config.tree import ANY, tree, valued


def test_no_two_keys_share_a_variable() -> None:
    names = [variable(path) for path, _ in tree().walk() if ANY not in path]
    names += map(variable, valued())
    assert len(set(names)) == len(names)


def test_a_model_is_named_as_a_shell_can() -> None:
    path = ("models", "whisper/tiny.en", "keep_alive")
    assert variable(path) == "WYOMING_CONDUCTOR_MODELS__WHISPER_TINY_EN__KEEP_ALIVE"
