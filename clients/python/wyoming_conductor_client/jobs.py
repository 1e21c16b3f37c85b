"""Background jobs: recordings to transcribe and texts to speak, with progress and results."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import IO, Literal, Self

from aiohttp import ClientTimeout, FormData

from .client import (
    HEARTBEAT_TIMEOUT,
    REQUEST_TIMEOUT,
    ConductorClient,
    parse_events,
    read_json,
)
from .errors import ConductorConnectionError, ConductorRequestError, ConductorResponseError
from .fields import Json, get_datetime, get_float, get_int, get_objects, get_str

MAX_RECONNECTS = 5
"""Connections to follow a job that may fail one after the other."""

RECONNECT_SECONDS = 0.5
"""Pause before the first new connection; each further pause is twice as long."""

ResultFormat = Literal["json", "srt", "vtt", "txt", "ass", "wav", "flac", "mp3", "opus"]


class JobStatus(StrEnum):
    """State of a job; `done`, `failed` and `cancelled` are final."""

    DRAFT = "draft"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    probability: float
    """0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment of speech; times in seconds from the start of the recording."""

    index: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    """Empty unless word timestamps were requested."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode one of the `segments` of a job."""
        return cls(
            index=get_int(data, "index"),
            start=get_float(data, "start") or 0.0,
            end=get_float(data, "end") or 0.0,
            text=get_str(data, "text", ""),
            words=tuple(
                Word(
                    text=get_str(word, "text", ""),
                    start=get_float(word, "start") or 0.0,
                    end=get_float(word, "end") or 0.0,
                    probability=get_float(word, "probability") or 0.0,
                )
                for word in get_objects(data, "words")
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job at one moment."""

    id: str
    status: JobStatus
    task: str
    """`transcribe`, `translate` or `speak`."""
    model: str
    language: str
    """Requested or detected; empty until known."""
    progress: int
    """Percent."""
    duration: float | None
    """Seconds of audio; None until known."""
    segments: tuple[Segment, ...]
    """Segments that are finished so far."""
    error: str
    """Why the job failed; otherwise empty."""
    error_code: str
    """Stable code of the error, such as `TIMEOUT`; empty unless the job failed."""
    created_at: datetime | None
    completed_at: datetime | None

    @property
    def text(self) -> str:
        """The whole transcript, or the text that was spoken."""
        return " ".join(text for segment in self.segments if (text := segment.text.strip()))

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Decode the answer of `GET /jobs/{id}`."""
        try:
            status = JobStatus(get_str(data, "status"))
        except ValueError as err:
            raise ConductorResponseError(f"unknown status {data.get('status')}") from err
        return cls(
            id=get_str(data, "id"),
            status=status,
            task=get_str(data, "task"),
            model=get_str(data, "model", ""),
            language=get_str(data, "language", ""),
            progress=get_int(data, "progress"),
            duration=get_float(data, "duration_secs"),
            segments=tuple(Segment.from_json(item) for item in get_objects(data, "segments")),
            error=get_str(data, "error", ""),
            error_code=get_str(data, "error_code", ""),
            created_at=get_datetime(data, "created_at"),
            completed_at=get_datetime(data, "completed_at"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far a job is."""

    percent: int
    chunk: int
    """Finished chunks of a recording, or sentences and cues of a text."""
    chunks_total: int
    """An estimate until the recording has been split."""


class JobClient:
    """The jobs of one server. Every method raises a ConductorError on failure."""

    def __init__(self, client: ConductorClient) -> None:
        """Use the server of `client`."""
        self._client = client

    async def submit_recording(
        self,
        recording: bytes | IO[bytes],
        *,
        filename: str = "recording",
        model: str | None = None,
        language: str | None = None,
        translate: bool = False,
        word_timestamps: bool = False,
        prompt: str = "",
        webhook_url: str = "",
    ) -> str:
        """Send an audio or video file to transcribe; return the id of the job.

        The job is accepted whether its model is loaded or not. Without `language` it is detected;
        `translate` makes an English text of any language. `prompt` biases the spelling.
        """
        # Fields in front of the file: the server rejects a wrong one before it reads the file.
        form = FormData({"wait": "true", "task": "translate" if translate else "transcribe"})
        fields = {
            "model": model,
            "language": language,
            "word_timestamps": "true" if word_timestamps else None,
            "prompt": prompt,
            "webhook_url": webhook_url,
        }
        for name, value in fields.items():
            if value:
                form.add_field(name, value)
        form.add_field("audio", recording, filename=filename)
        return await self._submit("/jobs", form)

    async def submit_text(
        self,
        text: str,
        *,
        filename: str = "text.txt",
        output: Literal["ass", "wav", "flac", "mp3", "opus"] = "flac",
        voice: str | None = None,
        speed: float | None = None,
        webhook_url: str = "",
    ) -> str:
        """Send a text, or subtitles with a `filename` such as `film.srt`; return the job's id."""
        form = FormData({"format": output})
        if voice is not None:
            form.add_field("voice", voice)
        if speed is not None:
            form.add_field("speed", str(speed))
        if webhook_url:
            form.add_field("webhook_url", webhook_url)
        form.add_field("text", text.encode(), filename=filename)
        return await self._submit("/jobs/speech", form)

    async def list(self, status: JobStatus | None = None, limit: int = 100) -> tuple[Job, ...]:
        """Return the newest jobs, newest first."""
        query = f"limit={limit}" + (f"&status={status}" if status else "")
        answer = await self._client.fetch("GET", f"/jobs?{query}")
        return tuple(Job.from_json(item) for item in get_objects(answer, "jobs"))

    async def get(self, job_id: str) -> Job:
        """Return one job."""
        return Job.from_json(await self._client.fetch("GET", f"/jobs/{job_id}"))

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job. Raises ConductorRequestError (CONFLICT) if it has ended."""
        return Job.from_json(await self._client.fetch("DELETE", f"/jobs/{job_id}"))

    async def result(self, job_id: str, result_format: ResultFormat) -> bytes:
        """Return the result as a file; audio formats only for the speech jobs that have them."""
        timeout = ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT, sock_read=60)
        path = f"/jobs/{job_id}.{result_format}"
        async with self._client.request("GET", path, timeout=timeout) as response:
            return await response.read()

    async def follow(self, job_id: str) -> AsyncGenerator[JobProgress, None]:
        """Yield the progress until the job has ended; `get` then returns its final state.

        A connection that breaks is opened again; ConductorConnectionError is raised when that
        fails repeatedly. Use `aclosing` to leave early.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._progress(job_id)) as steps:
                    async for step in steps:
                        failures = 0
                        yield step
                if (await self.get(job_id)).status.is_final:
                    return
            except ConductorConnectionError:
                if failures == MAX_RECONNECTS:
                    raise
            # The server restarts, or the connection broke; jobs continue after a restart.
            await asyncio.sleep(RECONNECT_SECONDS * 2**failures)
            failures = min(failures + 1, MAX_RECONNECTS)

    async def wait(
        self, job_id: str, on_progress: Callable[[JobProgress], object] | None = None
    ) -> Job:
        """Return the job when it is done.

        Raises ConductorRequestError with the server's reason if it failed, or with the code
        CANCELLED.
        """
        async with aclosing(self.follow(job_id)) as steps:
            async for step in steps:
                if on_progress is not None:
                    on_progress(step)
        job = await self.get(job_id)
        if job.status is JobStatus.CANCELLED:
            raise ConductorRequestError(f"job {job_id} was cancelled", code="CANCELLED")
        if job.status is not JobStatus.DONE:
            raise ConductorRequestError(job.error or f"job {job_id} failed", code=job.error_code)
        return job

    async def _submit(self, path: str, form: FormData) -> str:
        timeout = ClientTimeout(total=None, sock_connect=REQUEST_TIMEOUT, sock_read=60)
        async with self._client.request("POST", path, timeout=timeout, data=form) as response:
            return get_str(await read_json(response, path), "job_id")

    async def _progress(self, job_id: str) -> AsyncGenerator[JobProgress, None]:
        timeout = ClientTimeout(
            total=None, sock_connect=REQUEST_TIMEOUT, sock_read=HEARTBEAT_TIMEOUT
        )
        path = f"/jobs/{job_id}/stream"
        async with self._client.request("GET", path, timeout=timeout) as response:
            async for event in parse_events(response.content.iter_any()):
                if event.type == "progress":
                    yield JobProgress(
                        percent=get_int(event.data, "percent"),
                        chunk=get_int(event.data, "chunk"),
                        chunks_total=get_int(event.data, "chunks_total"),
                    )
                elif event.type in ("done", "error"):
                    return
