"""Editing speech and transcripts over HTTP."""

import io
import zipfile

import pytest

ASS = """[Script Info]
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Anna,0,0,0,,Hello Roger.
Dialogue: 0,0:00:03.00,0:00:04.00,Default,Roger,0,0,0,,Hello Anna.
"""


async def draft(client, text: str, **fields) -> str:
    answer = await client.post("/jobs/speech", json={"text": text, "draft": True, **fields})
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


async def patch(client, job: str, **body):
    answer = await client.patch(f"/jobs/{job}/segments", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def texts(client, job: str) -> list[str]:
    found = (await client.get(f"/jobs/{job}/segments")).json()
    return [segment["text"] for segment in found["segments"]]


def change(index: int, *segments, count: int = 1):
    return {"index": index, "count": count, "segments": list(segments)}


async def test_draft_waits_until_it_is_synthesized_and_only_changes_are_made_again(
    client, ended, coordinator
) -> None:
    job = await draft(client, "One is. Two is. Three is.")
    assert (await client.get(f"/jobs/{job}?segments=false")).json()["status"] == "draft"
    assert await texts(client, job) == ["One is.", "Two is.", "Three is."]
    assert (await patch(client, job))["status"] in ("queued", "running")
    assert (await ended(job))["status"] == "done"
    assert [run.request["text"] for run in coordinator.runs] == ["One is.", "Two is.", "Three is."]
    coordinator.runs.clear()

    edited = await patch(client, job, changes=[change(1, {"text": "Two was.", "speed": 1.5})])
    assert edited["revision"] == 1
    found = await ended(job)
    (run,) = coordinator.runs
    assert (run.request["text"], run.request["speed"]) == ("Two was.", 1.5)
    assert [segment["text"] for segment in found["segments"]] == [
        "One is.",
        "Two was.",
        "Three is.",
    ]
    assert (found["kept"], found["revision"]) == (True, 1)
    for audio, start in (("wav", b"RIFF"), ("opus", b"OggS"), ("flac", b"fLaC"), ("mp3", b"")):
        assert (await client.get(f"/jobs/{job}.{audio}")).content.startswith(start)
    peaks = (await client.get(f"/jobs/{job}/peaks")).json()
    assert peaks["duration"] == found["duration_secs"]
    assert max(peaks["peaks"]) > 0


async def test_edits_are_undone_repeated_and_refused_with_an_old_revision(client) -> None:
    job = await draft(client, "One. Two. Three.")
    merge = [change(0, {"text": "One and two."}, count=2), change(1, {"speaker": "Anna"})]
    answer = await patch(client, job, changes=merge, revision=0, synthesize=False)
    assert answer["changes"][0]["segments"][0]["text"] == "One and two."
    assert (answer["can_undo"], answer["can_redo"], answer["status"]) == (True, False, "draft")
    stale = await client.patch(f"/jobs/{job}/segments", json={"revision": 0, "changes": merge})
    assert (stale.status_code, stale.json()["code"]) == (409, "CONFLICT")
    assert await texts(client, job) == ["One and two.", "Three."]
    undone = (await client.post(f"/jobs/{job}/segments/undo", json={"revision": 1})).json()
    assert (undone["revision"], undone["can_undo"], undone["can_redo"]) == (2, False, True)
    assert await texts(client, job) == ["One.", "Two.", "Three."]
    await client.post(f"/jobs/{job}/segments/redo", json={})
    assert await texts(client, job) == ["One and two.", "Three."]
    nothing = await client.post(f"/jobs/{job}/segments/redo", json={})
    assert nothing.status_code == 409


async def test_edit_that_fails_changes_nothing(client) -> None:
    job = await draft(client, "One. Two.")
    bad = [change(0, {"text": "Changed."}), change(7, {"text": "x"})]
    answer = await client.patch(f"/jobs/{job}/segments", json={"changes": bad})
    assert answer.status_code == 400
    answer = await client.patch(
        f"/jobs/{job}/segments", json={"changes": [change(0, {"voice": "nobody"})]}
    )
    assert answer.json()["code"] == "MODEL_MISSING"
    assert await texts(client, job) == ["One.", "Two."]


async def test_speakers_of_subtitles_become_voices(client, ended, coordinator) -> None:
    files = {"text": ("talk.ass", ASS.encode())}
    answer = await client.post("/jobs/speech", files=files, data={"keep": "true"})
    job = await ended(answer.json()["job_id"])
    voices = job["speech"]["speakers"]
    assert set(voices) == {"Anna", "Roger"}
    assert len(set(voices.values())) == 2
    assert [run.request["voice"] for run in coordinator.runs] == [voices["Anna"], voices["Roger"]]
    written = (await client.get(f"/jobs/{job['id']}.ass")).text
    assert ",Roger,0,0,0,,Hello Anna." in written
    assert "<v Anna>Hello Roger." in (await client.get(f"/jobs/{job['id']}.vtt")).text


async def test_book_and_markdown_are_read(client) -> None:
    markdown = {"text": ("notes.md", b"# Title\n\nSome *text* here.\n")}
    answer = await client.post("/jobs/speech", files=markdown, data={"draft": "true"})
    assert await texts(client, answer.json()["job_id"]) == ["Title", "Some text here."]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/container.xml", '<rootfile full-path="b.opf"/>')
        archive.writestr("b.opf", '<item id="a" href="a.html"/><itemref idref="a"/>')
        archive.writestr("a.html", "<h1>Book</h1><p>It begins.</p>")
    answer = await client.post(
        "/jobs/speech", files={"text": ("book.epub", buffer.getvalue())}, data={"draft": "true"}
    )
    job = answer.json()["job_id"]
    assert await texts(client, job) == ["Book", "It begins."]
    segments = (await client.get(f"/jobs/{job}/segments")).json()["segments"]
    assert segments[1]["pause"] == pytest.approx(0.2 + 1.2)


async def test_transcript_is_kept_with_its_recording_and_edited(client, send, ended) -> None:
    job = (await send(b"sound of a video", "talk.mp4", keep="true")).json()["job_id"]
    assert (await ended(job))["kept"] is True
    recording = await client.get(f"/jobs/{job}/recording", headers={"Range": "bytes=0-4"})
    assert (recording.status_code, recording.content) == (206, b"sound")
    assert recording.headers["content-type"] == "video/mp4"
    assert "sandbox" in recording.headers["content-security-policy"]
    before = await texts(client, job)
    await patch(client, job, changes=[change(0, {"text": "Corrected words", "speaker": "Anna"})])
    found = (await client.get(f"/jobs/{job}")).json()
    assert found["status"] == "done"
    assert found["segments"][0]["speaker"] == "Anna"
    assert [word["text"] for word in found["segments"][0]["words"]] == ["Corrected", "words"]
    assert (await client.get(f"/jobs/{job}.txt")).text.startswith("Anna: Corrected words\n")
    await client.post(f"/jobs/{job}/segments/undo", json={})
    assert await texts(client, job) == before
    assert [one["id"] for one in (await client.get("/jobs?kept=true")).json()["jobs"]] == [job]
    assert (await client.get("/jobs?kept=false")).json()["jobs"] == []
    assert (await client.delete(f"/jobs/{job}?forget=true")).status_code == 200
    assert (await client.get(f"/jobs/{job}")).status_code == 404


async def test_page_in_a_recording_is_never_shown_as_one(client, send, ended) -> None:
    job = (await send(b"<script>", "attack.html", keep="true")).json()["job_id"]
    await ended(job)
    recording = await client.get(f"/jobs/{job}/recording")
    assert recording.headers["content-type"] == "application/octet-stream"
