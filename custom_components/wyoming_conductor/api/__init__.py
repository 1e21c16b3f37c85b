"""A typed client of the server's HTTP API; it knows nothing of Home Assistant.

`client` asks and steers, `stream` follows events, `models` is what comes back, `errors` is what
can go wrong. Every field that arrives is checked: a server that lies raises, it never crashes us.
"""

from .client import ConductorClient
from .errors import (
    ConductorAuthError,
    ConductorConnectionError,
    ConductorError,
    ConductorRequestError,
    ConductorResponseError,
)
from .models import (
    Device,
    Disk,
    Feature,
    Info,
    Model,
    ModelState,
    Offer,
    Problem,
    Progress,
    ServerEvent,
    Status,
)
from .traces import Speech, Trace

__all__ = [
    "ConductorAuthError",
    "ConductorClient",
    "ConductorConnectionError",
    "ConductorError",
    "ConductorRequestError",
    "ConductorResponseError",
    "Device",
    "Disk",
    "Feature",
    "Info",
    "Model",
    "ModelState",
    "Offer",
    "Problem",
    "Progress",
    "ServerEvent",
    "Speech",
    "Status",
    "Trace",
]
