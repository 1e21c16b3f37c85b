"""Typed asynchronous client of the Wyoming Conductor HTTP API.

`client` sends requests and reads the event stream, `wyoming` exchanges Wyoming events, `jobs`
handles background jobs, `models` holds the decoded answers, and `errors` is the tree of exceptions.
`fields` validates every JSON field, so a malformed answer raises ConductorResponseError instead of
an arbitrary exception.
"""

from .client import ConductorClient
from .errors import (
    ConductorAuthError,
    ConductorCertificateError,
    ConductorConnectionError,
    ConductorError,
    ConductorProofError,
    ConductorRequestError,
    ConductorResponseError,
)
from .models import (
    Device,
    Disk,
    Feature,
    Info,
    Model,
    ModelFailure,
    ModelState,
    Offer,
    Progress,
    ServerConfig,
    ServerEvent,
    Status,
    SynthesizedSpeech,
    Trace,
    Voice,
)
from .proof import ProofAnswer
from .wyoming import WyomingConnection, WyomingEvent

__all__ = [
    "ConductorAuthError",
    "ConductorCertificateError",
    "ConductorClient",
    "ConductorConnectionError",
    "ConductorError",
    "ConductorProofError",
    "ConductorRequestError",
    "ConductorResponseError",
    "Device",
    "Disk",
    "Feature",
    "Info",
    "Model",
    "ModelFailure",
    "ModelState",
    "Offer",
    "Progress",
    "ProofAnswer",
    "ServerConfig",
    "ServerEvent",
    "Status",
    "SynthesizedSpeech",
    "Trace",
    "Voice",
    "WyomingConnection",
    "WyomingEvent",
]
