"""`POST /jobs`: transcription of recordings as background jobs."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConductorError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.jobs.submission import (
    WEBHOOK_FIELDS,
    IdempotencyKey,
    ModelNotReadyError,
    ModelNotReadyProblem,
    check_webhook,
    ensure_ready,
    expects_continue,
    job_accepted,
    subscribe_to_model,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.upload import (
    MultipartForm,
    MultipartReader,
    form_schema,
    openapi_request_body,
    receive_form,
)
from wyoming_servers.jobs.job import NewJob
from wyoming_servers.jobs.schemas import JobAcceptedResponse
from wyoming_servers.models.manager import explained
from wyoming_servers.speech.asr.transcriber import AsrModelChoice, select_asr_model

router = APIRouter(tags=["jobs"], responses={**PROBLEM_RESPONSES})

_FORM: Final = openapi_request_body(
    form=form_schema(
        "audio",
        {
            "language": {"type": "string", "example": "en", "description": "Detected if left out."},
            "task": {"type": "string", "enum": ["transcribe", "translate"]},
            "model": {"type": "string", "example": "whisper/base"},
            "word_timestamps": {"type": "boolean", "default": False},
            "vad": {
                "type": "boolean",
                "default": True,
                "description": "Skip parts without speech and split at silences.",
            },
            "prompt": {
                "type": "string",
                "description": "Text that biases the spelling, such as a list of names.",
            },
            "keep": {
                "type": "boolean",
                "default": False,
                "description": "Keep the job and its recording until the job is deleted, with the "
                "times of all words, for editing.",
            },
            **WEBHOOK_FIELDS,
            "wait": {
                "type": "boolean",
                "default": False,
                "description": "Same as the query parameter; must precede a large recording.",
            },
        },
    )
)


@router.post(
    "/jobs",
    status_code=202,
    summary="Create a transcription job",
    openapi_extra=_FORM,
    responses={
        503: {
            "model": ModelNotReadyProblem,
            "description": "The model is being loaded; retry later.",
        }
    },
    response_model=JobAcceptedResponse,
)
async def create_transcription_job(
    context: Context,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    wait: Annotated[
        bool | None, Query(description="Accept the job even if its model is not ready.")
    ] = None,
    model: Annotated[str | None, Query(description="Same as the form field.")] = None,
    language: Annotated[str | None, Query(description="Same as the form field.")] = None,
    webhook_url: Annotated[str | None, Query(description="Same as the form field.")] = None,
) -> Response:
    """If the model is not ready, it is loaded and the response is 503 with `Retry-After`: send the
    recording again later, or use `wait=true`.

    A large recording is rejected before it is read: at once if the client sends `Expect:
    100-continue`, otherwise when the recording begins. Query parameters and the form fields that
    precede the recording are taken into account.
    """
    jobs = require_jobs(context)
    existing = await jobs.check_capacity(idempotency_key or "")

    async def admit(form: MultipartForm) -> None:
        if existing is not None or wait or form.flag("wait"):
            return
        chosen = _select_model(context, form, model, language).spec.id
        url = check_webhook(context, form.get("webhook_url") or webhook_url or "")
        # Before the load begins, so that the address is told even if it ends at once.
        subscribe_to_model(context, url, chosen)
        await ensure_ready(context, chosen)

    reader: MultipartReader | None = None

    async def admit_early(begun: MultipartReader) -> None:
        nonlocal reader
        reader = begun
        await admit(begun.form)

    if expects_continue(request):
        try:
            await admit(MultipartForm())
        except ModelNotReadyError as err:
            return err.response()
    try:
        async with receive_form(request, jobs.upload_spool, "audio", admit=admit_early) as upload:
            try:
                await admit(upload.form)
            except ModelNotReadyError as err:
                return err.response()
            choice = _select_model(context, upload.form, model, language)
            new = _new_job(context, upload.form, choice, idempotency_key or "", webhook_url or "")
            job = existing or await jobs.submit(new, await upload.keep())
    except ModelNotReadyError as err:
        return err.response(_late_fields(context, reader, err.model))
    return job_accepted(context, job)


def _late_fields(
    context: ApiContext, reader: MultipartReader | None, model: str
) -> Callable[[bytes], None]:
    """Return what becomes of the rest of a refused body: its webhook address is subscribed."""

    def receive(part: bytes) -> None:
        nonlocal reader
        if reader is None:
            return
        try:
            reader.feed(part)
            url = reader.form.get("webhook_url")
            if part and not url:
                return
            subscribe_to_model(context, check_webhook(context, url), model)
        except BadRequestError:
            pass  # The response was sent; nothing else can be said about the rest.
        reader = None

    return receive


def _select_model(
    context: ApiContext, form: MultipartForm, model: str | None, language: str | None
) -> AsrModelChoice:
    name = form.get("model") or model
    try:
        return select_asr_model(
            context.specs, context.config.asr, name, form.get("language") or language
        )
    except ConductorError as err:
        manager = context.model_manager
        explain = None if manager is None else manager.explain_missing
        better = explained(err, explain, Task.ASR, [name or context.config.asr.model])
        raise better or err from err


def _new_job(
    context: ApiContext, form: MultipartForm, choice: AsrModelChoice, key: str, url: str
) -> NewJob:
    """Return the job of a form. Raises RequestError if a field is not valid."""
    task = form.get("task") or "transcribe"
    if task not in ("transcribe", "translate"):
        raise BadRequestError("task must be 'transcribe' or 'translate'")
    return NewJob(
        model=choice.spec.id,
        language=choice.language,
        task="translate" if task == "translate" else "transcribe",
        word_timestamps=form.flag("word_timestamps") or form.flag("keep"),
        kept=form.flag("keep"),
        vad=form.flag("vad", default=True),
        prompt=form.get("prompt")[:1_000],
        filename=form.filename,
        webhook_url=check_webhook(context, form.get("webhook_url") or url),
        idempotency_key=key,
    )
