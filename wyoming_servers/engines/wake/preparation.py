"""Prepares openWakeWord when it is installed: streaming graph and converted classifiers."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.prepared import CACHE_DIR
from wyoming_servers.engines.wake.classifier import load_classifier
from wyoming_servers.engines.wake.feature_selection import prepare_features
from wyoming_servers.engines.wake.words import openwakeword_files

_LOGGER: Final = logging.getLogger(__name__)


def prepare_wake_words(files: Mapping[str, str]) -> None:
    """Prepare the features and all words, the user's in `files["models_dir"]` among them.

    A word that cannot be loaded is left to the worker, which reports it. Raises OSError.
    """
    cache = Path(files[CACHE_DIR])
    prepare_features(cache)
    folder = files.get("models_dir")
    for word in openwakeword_files(Path(folder) if folder else None):
        try:
            load_classifier(word.path, cache)
        except LoadFailedError as err:
            _LOGGER.info("The wake word %s cannot be prepared. %s", word.name, err)
