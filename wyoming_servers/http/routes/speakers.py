"""`/speakers`: the people whose voices are recognized."""

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import InternalError, TooLargeError
from wyoming_servers.http.context import ApiContext, Context, require_jobs
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.streaming import client_label
from wyoming_servers.http.upload import form_schema, openapi_request_body, receive_form
from wyoming_servers.media.decoder import RecordingDecoder
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.speaker.recognizer import RecentSpeech, SpeakerRecognizer
from wyoming_servers.speech.speaker.scoring import mean_embedding, own_scores, similarity
from wyoming_servers.speech.speaker.store import MAX_NAME, Speaker

router = APIRouter(tags=["speakers"], responses={**PROBLEM_RESPONSES})

_MAX_RECORDING_SECONDS = 300.0

SpeakerId = Annotated[str, Path(description="Id from `GET /speakers`.", max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]


class NewSpeakerRequest(BaseModel):
    """A speaker to enroll."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Anna"])
    foreign: bool = Field(
        False,
        description="Speech of nobody in the home, such as the television: it is never recognized, "
        "and makes the thresholds of the others more exact.",
    )


class SpeakerChangeRequest(BaseModel):
    """Changes of a speaker; fields that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Similarity from which speech is that of this speaker; null: measured.",
    )


class RecentSpeechRequest(BaseModel):
    """Recent utterances of the speaker."""

    model_config = ConfigDict(extra="forbid")

    requests: list[str] = Field(
        default_factory=list, max_length=20, description="Ids from `GET /speakers/recent`."
    )
    client: str = Field(
        "",
        max_length=100,
        description="Start of the client's address, such as that of a satellite; with `last`.",
    )
    last: int = Field(0, ge=0, le=20, description="The last utterances of the client.")


class SpeakerResponse(BaseModel):
    """An enrolled speaker."""

    id: str
    name: str
    foreign: bool
    created_at: str
    samples: int = Field(description="Samples of the voice for the configured model.")
    seconds: float = Field(description="Speech in these samples.")
    recognized: bool = Field(description="Whether the speaker can be recognized.")
    threshold: float = Field(description="Similarity from which speech is that of the speaker.")
    threshold_measured: bool = Field(description="Whether the threshold follows from the samples.")
    own_similarity: float | None = Field(
        description="Lowest similarity of a sample to the others; null with fewer than two."
    )
    foreign_similarity: float | None = Field(
        description="Highest similarity of the speech of others; null if there is none."
    )


class SpeakerListResponse(BaseModel):
    """All speakers."""

    enabled: bool = Field(description="`speakers.enabled`")
    active: bool = Field(description="Whether voices are compared now.")
    model: str = Field(description="`speakers.model`")
    installed: bool = Field(description="Whether that model is installed.")
    only_known_speakers: bool = Field(description="`asr.only_known_speakers`")
    speakers: list[SpeakerResponse]


class RecentSpeechResponse(BaseModel):
    """The voice of a recent utterance."""

    request: str
    client: str
    ended_at: str
    seconds: float = Field(description="Speech in the utterance.")
    speaker: str | None = Field(description="Name of the recognized speaker.")
    confidence: float | None = Field(
        description="Of the most similar speaker, 0 to 1; null if nobody is enrolled."
    )


class RecentSpeechListResponse(BaseModel):
    """The voices of recent utterances, newest first."""

    recent: list[RecentSpeechResponse]


class SpeakersDeletedResponse(BaseModel):
    """Result of a deletion."""

    deleted: int


_FORM = openapi_request_body(
    form=form_schema("file", {}, "Recording of the speaker alone, in any common format.")
)


@router.get("/speakers", summary="List the enrolled speakers")
async def list_speakers(context: Context) -> SpeakerListResponse:
    speakers = _require_speakers(context)
    config = context.config
    return SpeakerListResponse(
        enabled=config.speakers.enabled,
        active=speakers.active,
        model=speakers.model,
        installed=speakers.installed,
        only_known_speakers=config.asr.only_known_speakers,
        speakers=[_response(speakers, each) for each in speakers.store.all()],
    )


@router.get("/speakers/recent", summary="List recent utterances that can enroll a speaker")
async def list_recent_speech(context: Context) -> RecentSpeechListResponse:
    """Utterances are collected from the moment the first speaker is added, for 15 minutes each.

    Only vectors are kept, in memory, and no audio.
    """
    return RecentSpeechListResponse(
        recent=[_recent(each) for each in _require_speakers(context).recent()]
    )


@router.post("/speakers", summary="Add a speaker", status_code=201)
async def add_speaker(context: Context, body: NewSpeakerRequest) -> SpeakerResponse:
    """Then add speech: a recording, or three sentences said to a satellite."""
    speakers = _require_speakers(context)
    speaker = await speakers.store.add(body.name, foreign=body.foreign)
    speakers.preload("a speaker is enrolled")
    return _response(speakers, speaker)


@router.post(
    "/speakers/{speaker_id}/recordings",
    summary="Add a recording of a speaker",
    openapi_extra=_FORM,
)
async def add_recording(
    context: Context, request: Request, speaker_id: SpeakerId
) -> SpeakerResponse:
    """Ten seconds of speech, or more, without other voices. The recording is not kept."""
    speakers, jobs = _require_speakers(context), require_jobs(context)
    speakers.store.get(speaker_id)
    async with receive_form(request, jobs.upload_spool, "file") as upload:
        path = await upload.keep()
    try:
        audio = await _decode(jobs.decoder, path)
    finally:
        await jobs.upload_spool.discard(path)
    samples = await speakers.embed(audio, client_label(request))
    return _response(speakers, await speakers.store.add_samples(speaker_id, samples))


@router.post("/speakers/{speaker_id}/requests", summary="Add recent utterances of a speaker")
async def add_recent_speech(
    context: Context, speaker_id: SpeakerId, body: RecentSpeechRequest
) -> SpeakerResponse:
    """Enrolls with what was just said to a satellite."""
    speakers = _require_speakers(context)
    speakers.store.get(speaker_id)
    samples = speakers.recent_samples(
        body.requests, client=body.client, last=body.last or (0 if body.requests else 3)
    )
    return _response(speakers, await speakers.store.add_samples(speaker_id, samples))


@router.patch("/speakers/{speaker_id}", summary="Rename a speaker or set the threshold")
async def change_speaker(
    context: Context, speaker_id: SpeakerId, body: SpeakerChangeRequest
) -> SpeakerResponse:
    speakers = _require_speakers(context)
    speaker = await speakers.store.update(
        speaker_id,
        name=body.name,
        threshold=body.threshold,
        measured="threshold" in body.model_fields_set and body.threshold is None,
    )
    return _response(speakers, speaker)


@router.delete("/speakers/{speaker_id}", summary="Delete a speaker")
async def delete_speaker(context: Context, speaker_id: SpeakerId) -> SpeakersDeletedResponse:
    """Deletes all samples of the voice, too."""
    speakers = _require_speakers(context)
    await speakers.store.remove(speaker_id)
    await _unload_unused(context, speakers)
    return SpeakersDeletedResponse(deleted=1)


@router.delete("/speakers", summary="Delete every speaker")
async def delete_speakers(context: Context) -> SpeakersDeletedResponse:
    """Deletes all samples, and forgets the voices of recent utterances."""
    speakers = _require_speakers(context)
    deleted = await speakers.store.clear()
    await _unload_unused(context, speakers)
    return SpeakersDeletedResponse(deleted=deleted)


async def _unload_unused(context: ApiContext, speakers: SpeakerRecognizer) -> None:
    if not speakers.store.all():
        speakers.forget_recent()
        if speakers.installed:
            await context.coordinator.unload(speakers.model)


async def _decode(decoder: RecordingDecoder, path: FilePath) -> bytes:
    """Return a recording as 16 kHz audio. Raises BadRequestError, TooLargeError."""
    audio = bytearray()
    async with decoder(path, vad=False, max_seconds=_MAX_RECORDING_SECONDS) as events:
        async for event in events:
            if isinstance(event, RecordingChunk):
                audio += event.pcm
            if SPEECH_FORMAT.seconds(len(audio)) > _MAX_RECORDING_SECONDS:
                raise TooLargeError(
                    f"The recording is longer than {_MAX_RECORDING_SECONDS:g} s.",
                    hint="Ten to sixty seconds are enough.",
                )
    return bytes(audio)


def _response(speakers: SpeakerRecognizer, speaker: Speaker) -> SpeakerResponse:
    model = speakers.model
    own = speaker.embeddings(model)
    mine = own_scores(own)
    others = [
        similarity(embedding, mean_embedding(own))
        for other in speakers.store.all()
        if other.id != speaker.id and own
        for embedding in other.embeddings(model)
    ]
    return SpeakerResponse(
        id=speaker.id,
        name=speaker.name,
        foreign=speaker.foreign,
        created_at=iso_timestamp(speaker.created),
        samples=len(own),
        seconds=round(sum(it.seconds for it in speaker.samples if it.model == model), 1),
        recognized=bool(own) and not speaker.foreign and speakers.active,
        threshold=round(speakers.threshold(speaker), 3),
        threshold_measured=speaker.threshold is None and len(own) > 1,
        own_similarity=round(min(mine), 3) if mine else None,
        foreign_similarity=round(max(others), 3) if others else None,
    )


def _recent(speech: RecentSpeech) -> RecentSpeechResponse:
    match = speech.match
    return RecentSpeechResponse(
        request=speech.request,
        client=speech.client,
        ended_at=iso_timestamp(speech.ended),
        seconds=round(speech.sample.seconds, 2),
        speaker=match.name if match is not None and match.known else None,
        confidence=None if match is None else round(match.confidence, 3),
    )


def _require_speakers(context: ApiContext) -> SpeakerRecognizer:
    if context.speakers is None:
        raise InternalError("The speaker routes exist without a recognizer.")
    return context.speakers
