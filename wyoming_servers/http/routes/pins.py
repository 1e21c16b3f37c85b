"""`/pins`: the models that clients keep loaded."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wyoming_servers.core.errors import InternalError, ModelMissingError, NotFoundError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.references import Owner
from wyoming_servers.models.residency import Pins

router = APIRouter(tags=["models"], responses={**PROBLEM_RESPONSES})

Model = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class PinsRequest(BaseModel):
    """The models that a client keeps loaded; they replace its earlier ones."""

    model_config = ConfigDict(extra="forbid")

    models: list[Model] = Field(max_length=100, examples=[["whisper/base"]])


class PinsResponse(BaseModel):
    """The models that a client keeps loaded."""

    owner: str
    models: list[str]


class PinListResponse(BaseModel):
    """The models that all clients keep loaded."""

    pins: list[PinsResponse]


@router.get("/pins", summary="List the models that clients keep loaded")
async def get_pins(context: Context) -> PinListResponse:
    pins = _require_pins(context).all()
    return PinListResponse(
        pins=[PinsResponse(owner=owner, models=list(models)) for owner, models in pins.items()]
    )


@router.put("/pins/{owner}", summary="Keep models loaded")
async def put_pins(context: Context, owner: Owner, body: PinsRequest) -> PinsResponse:
    """The models are loaded now and at each start of the server, stay loaded when idle, and are
    never evicted for another model. Only the same `owner` changes that: a model that several
    clients keep loaded stays until the last of them lets it go.
    """
    for model in body.models:
        if model not in context.specs:
            raise ModelMissingError(f"Model {model!r} is not installed.")
    await _require_pins(context).pin(owner, body.models)
    return PinsResponse(owner=owner, models=list(dict.fromkeys(body.models)))


@router.delete("/pins/{owner}", summary="Stop keeping models loaded")
async def delete_pins(context: Context, owner: Owner) -> PinsResponse:
    """The models are unloaded as usual: when they are idle, or for other models."""
    pins = _require_pins(context)
    if owner not in pins.all():
        raise NotFoundError(f"{owner} keeps no models loaded.", hint="GET /pins lists who does.")
    await pins.pin(owner, ())
    return PinsResponse(owner=owner, models=[])


def _require_pins(context: ApiContext) -> Pins:
    """Return the pins. Without them, the routes that call this are left out."""
    if context.pins is None:
        raise InternalError("The pin routes exist without pins.")
    return context.pins
