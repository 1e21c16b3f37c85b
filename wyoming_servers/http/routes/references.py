"""`/references`: the models, voices and wake words that clients need, so that they are kept."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import InternalError, NotFoundError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.routes.models import require_model_manager
from wyoming_servers.models.references import Reference, References, unknown_names

router = APIRouter(tags=["cache"], responses={**PROBLEM_RESPONSES})

Owner = Annotated[
    str,
    Path(
        description="Name of the client, the same each time, such as its installation id.",
        examples=["home-assistant"],
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$",
        max_length=100,
    ),
]

Names = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]], Field(max_length=500)
]


class ReferenceRequest(BaseModel):
    """What a client needs; it replaces the client's earlier reference."""

    model_config = ConfigDict(extra="forbid")

    models: Names = Field([], examples=[["whisper/base"]])
    voices: Names = Field(
        [],
        description="Names of voices, variants and mixes.",
        examples=[["en_US-joe-medium", "af_heart@slow"]],
    )
    wake_words: Names = Field([], examples=[["okay_nabu"]])
    announce_wyoming: bool = Field(
        True,
        description="False if the client uses this API in place of the Wyoming services. With "
        "`discovery.wyoming: auto` they are not announced while such a reference holds.",
    )
    expires_in: float | None = Field(
        None,
        gt=0,
        le=366 * 86_400,
        description="Seconds until the reference expires unless it is renewed. Default: "
        "`downloads.keep_used`.",
    )


class ReferenceResponse(BaseModel):
    """What a client needs."""

    owner: str
    models: list[str]
    voices: list[str]
    wake_words: list[str]
    announce_wyoming: bool
    declared: str = Field(description="ISO 8601, UTC.")
    expires: str = Field(description="ISO 8601, UTC.")
    unknown: list[str] = Field(
        description="Names that no model of the catalog has, such as custom wake words."
    )


class ReferenceListResponse(BaseModel):
    """The references of all clients."""

    references: list[ReferenceResponse]


class WithdrawnResponse(BaseModel):
    """Result of a deletion."""

    status: str = "deleted"


@router.get("/references", summary="List what clients need")
async def get_references(context: Context) -> ReferenceListResponse:
    """References that have expired are left out."""
    found = _require_references(context).all()
    return ReferenceListResponse(references=[_response(context, item) for item in found])


@router.put("/references/{owner}", summary="Declare what a client needs")
async def put_reference(
    context: Context, owner: Owner, body: ReferenceRequest
) -> ReferenceResponse:
    """Clearing the cache keeps these models, and the models of these voices and wake words. Renew
    the reference before it expires, for example once a day.
    """
    reference = Reference(
        owner,
        tuple(body.models),
        tuple(body.voices),
        tuple(body.wake_words),
        announce_wyoming=body.announce_wyoming,
    )
    lifetime = body.expires_in or max(context.config.downloads.keep_used, 1.0)
    declared = await _require_references(context).declare(reference, lifetime)
    return _response(context, declared)


@router.delete("/references/{owner}", summary="Withdraw what a client needs")
async def delete_reference(context: Context, owner: Owner) -> WithdrawnResponse:
    """The models stay installed until the cache is cleared."""
    if not await _require_references(context).withdraw(owner):
        raise NotFoundError(
            f"{owner} has no reference.", hint="GET /references lists the clients that have one."
        )
    return WithdrawnResponse()


def _response(context: ApiContext, reference: Reference) -> ReferenceResponse:
    return ReferenceResponse(
        owner=reference.owner,
        models=list(reference.models),
        voices=list(reference.voices),
        wake_words=list(reference.wake_words),
        announce_wyoming=reference.announce_wyoming,
        declared=iso_timestamp(reference.declared),
        expires=iso_timestamp(reference.expires),
        unknown=unknown_names(reference, require_model_manager(context).entries()),
    )


def _require_references(context: ApiContext) -> References:
    """Return the references. Without them, the routes that call this are left out."""
    if context.references is None:
        raise InternalError("The reference routes exist without references.")
    return context.references
