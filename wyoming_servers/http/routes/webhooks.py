"""`/webhooks`: registered webhooks and their deliveries."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import InternalError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.webhooks.deliveries import Delivery, DeliveryStatus, Webhook
from wyoming_servers.webhooks.manager import WebhookManager

router = APIRouter(tags=["webhooks"], responses={**PROBLEM_RESPONSES})

Kind = Literal["job", "model"]


class WebhookRequest(BaseModel):
    """A webhook to register."""

    url: str = Field(max_length=2_000, examples=["https://example.com/hook"])
    events: list[Kind] = Field(
        default=["job", "model"],
        description="Events to send: jobs that end, models that become ready or are unloaded.",
    )


class WebhookResponse(WebhookRequest):
    """A registered webhook."""

    id: str
    created_at: str


class WebhookListResponse(BaseModel):
    """All registered webhooks."""

    webhooks: list[WebhookResponse]


class DeliveryResponse(BaseModel):
    """Delivery of one event to one webhook."""

    id: str
    event: str = Field(description="`job`, `model_ready` or `model_unloaded`.")
    url: str
    status: DeliveryStatus
    attempts: int
    http_status: int | None = Field(description="HTTP status of the last attempt.")
    error: str = Field(description="Error of the last attempt.")
    body: str = Field(description="JSON body of the request.")
    created_at: str
    completed_at: str | None


class DeliveryListResponse(BaseModel):
    """Deliveries, newest first."""

    deliveries: list[DeliveryResponse]


@router.get("/webhooks", summary="List webhooks")
async def list_webhooks(context: Context) -> WebhookListResponse:
    return WebhookListResponse(
        webhooks=[_webhook_response(hook) for hook in await _require_webhooks(context).webhooks()]
    )


@router.post("/webhooks", status_code=201, summary="Register a webhook")
async def register_webhook(context: Context, new: WebhookRequest) -> WebhookResponse:
    """The webhook is called for every job that ends and every model that becomes ready or is
    unloaded.

    Requests carry the headers of Standard Webhooks (`webhook-id`, `webhook-timestamp`,
    `webhook-signature`); the signing key is in `<data_dir>/webhook-secret` on the server.
    """
    return _webhook_response(await _require_webhooks(context).register(new.url, new.events))


@router.delete("/webhooks/{hook_id}", status_code=204, summary="Remove a webhook")
async def remove_webhook(context: Context, hook_id: Annotated[str, Path()]) -> Response:
    await _require_webhooks(context).remove(hook_id)
    return Response(status_code=204)


@router.get("/webhooks/deliveries", summary="List deliveries")
async def list_deliveries(
    context: Context, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> DeliveryListResponse:
    deliveries = await _require_webhooks(context).deliveries(limit)
    return DeliveryListResponse(
        deliveries=[_delivery_response(delivery) for delivery in deliveries]
    )


@router.post(
    "/webhooks/deliveries/{delivery_id}/repeat", status_code=202, summary="Repeat a delivery"
)
async def repeat_delivery(
    context: Context, delivery_id: Annotated[str, Path()]
) -> DeliveryResponse:
    return _delivery_response(await _require_webhooks(context).redeliver(delivery_id))


def _webhook_response(hook: Webhook) -> WebhookResponse:
    events: list[Kind] = ["job" if event == "job" else "model" for event in hook.events]
    return WebhookResponse(
        id=hook.id, url=hook.url, events=events, created_at=iso_timestamp(hook.created)
    )


def _delivery_response(delivery: Delivery) -> DeliveryResponse:
    return DeliveryResponse(
        id=delivery.id,
        event=delivery.event,
        url=delivery.url,
        status=delivery.status,
        attempts=delivery.attempts,
        http_status=delivery.http_status,
        error=delivery.error,
        body=delivery.body,
        created_at=iso_timestamp(delivery.created),
        completed_at=None if delivery.completed is None else iso_timestamp(delivery.completed),
    )


def _require_webhooks(context: ApiContext) -> WebhookManager:
    if context.webhooks is None:
        raise InternalError("The webhook routes exist without a webhook manager.")
    return context.webhooks
