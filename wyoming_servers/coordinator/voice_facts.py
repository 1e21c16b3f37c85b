"""What a loaded voice says of itself, as its engine reported it (`engines.base`)."""

from wyoming_servers.coordinator.face import Lease
from wyoming_servers.errors import InternalError


def sample_rate(lease: Lease) -> int:
    """Return the samples per second of its audio. Raises InternalError if it did not say."""
    rate = lease.info.get("sample_rate")
    if not isinstance(rate, int) or rate <= 0:
        raise InternalError(f"{lease.spec.id} did not say its sample rate.")
    return rate


def parallelism(lease: Lease) -> int:
    """Return how many pieces its worker makes at once; one if it does not say."""
    count = lease.info.get("lanes")
    return count if isinstance(count, int) and count > 0 else 1


def streams_audio(lease: Lease) -> bool:
    """Return whether the audio of a sentence comes in pieces, so that its worker takes turns."""
    return bool(lease.info.get("in_stretches"))
