"""The Python clients of OpenAI's API; prints their results as JSON.

usage: clients.py BASE_URL TOKEN RECORDING.wav
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # asks no server for prices

import imageio_ffmpeg
import litellm
import openai
from langchain_community.document_loaders.parsers.audio import OpenAIWhisperParser
from langchain_core.documents.base import Blob


def openai_python(base: str, token: str, recording: Path) -> dict[str, Any]:
    client = openai.OpenAI(base_url=base, api_key=token, max_retries=0)
    with recording.open("rb") as file:
        text = client.audio.transcriptions.create(
            model="gpt-transcribe", file=file, keywords=["kitchen"], languages=["en"]
        )
    with recording.open("rb") as file:
        verbose = client.audio.transcriptions.create(
            model="whisper-1",
            file=file,
            response_format="verbose_json",
            timestamp_granularities=["word"],
        )
    with recording.open("rb") as file:
        diarized = client.audio.transcriptions.create(
            model="gpt-4o-transcribe-diarize",
            file=file,
            response_format="diarized_json",
            chunking_strategy="auto",
        )
    speech = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="marin", input="Good morning.", response_format="wav"
    )
    return {
        "text": text.text,
        "language": verbose.language,
        "words": len(verbose.words or []),
        "streamed": " ".join(part.text for part in diarized.segments),
        "speech": len(speech.read()),
        "lists": "whisper-1" in {model.id for model in client.models.list()},
    }


def litellm_python(base: str, token: str, recording: Path) -> dict[str, Any]:
    with recording.open("rb") as file:
        text = litellm.transcription(
            model="openai/whisper-1", file=file, api_base=base, api_key=token
        )
    speech = litellm.speech(
        model="openai/tts-1", voice="alloy", input="Good morning.", api_base=base, api_key=token
    )
    return {"text": text.text, "speech": len(speech.content)}


def langchain(base: str, token: str, recording: Path) -> dict[str, Any]:
    parser = OpenAIWhisperParser(api_key=token, base_url=base, chunk_duration_threshold=0)
    with tempfile.TemporaryDirectory() as folder:
        # It encodes the recording with a program of this name.
        Path(folder, "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        documents = parser.parse(Blob.from_path(str(recording)))
    return {"text": " ".join(document.page_content for document in documents)}


if __name__ == "__main__":
    base, token, recording = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    results = {
        "openai (Python)": openai_python(base, token, recording),
        "LiteLLM": litellm_python(base, token, recording),
        "LangChain": langchain(base, token, recording),
    }
    sys.stdout.write(json.dumps(results) + "\n")
