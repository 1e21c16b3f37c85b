"""Webhooks over HTTP."""

import aiosqlite


async def test_webhook_is_registered_listed_and_removed(client) -> None:
    answer = await client.post("/webhooks", json={"url": "http://127.0.0.1:9/x"})
    assert answer.status_code == 201
    hook = answer.json()
    assert hook["events"] == ["job", "model"]
    assert (await client.get("/webhooks")).json()["webhooks"] == [hook]
    assert (await client.delete(f"/webhooks/{hook['id']}")).status_code == 204
    assert (await client.get("/webhooks")).json()["webhooks"] == []
    assert (await client.delete(f"/webhooks/{hook['id']}")).status_code == 404


async def test_webhook_target_that_is_not_allowed_is_rejected(client) -> None:
    for url in ("http://10.0.0.1/", "file:///etc/passwd", "http://169.254.169.254/"):
        answer = await client.post("/webhooks", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    answer = await client.post("/webhooks", json={"url": "http://127.0.0.1/", "events": ["rain"]})
    assert answer.status_code == 400


async def test_deliveries_are_listed_and_can_be_repeated(client, context, clock) -> None:
    await context.webhooks.notify_job_ended("j", "http://127.0.0.1:1/x", {"id": "j"})
    (delivery,) = (await client.get("/webhooks/deliveries")).json()["deliveries"]
    assert (delivery["event"], delivery["body"]) == ("job", '{"id":"j"}')
    again = await client.post(f"/webhooks/deliveries/{delivery['id']}/repeat")
    assert again.status_code == 202
    assert len((await client.get("/webhooks/deliveries")).json()["deliveries"]) == 2
    assert (await client.post("/webhooks/deliveries/nobody/repeat")).status_code == 404


async def test_webhook_on_a_full_disk_is_refused_and_those_before_it_stay(client, context) -> None:
    url = "http://127.0.0.1:9/"
    assert (await client.post("/webhooks", json={"url": url})).status_code == 201
    database: aiosqlite.Connection = context.webhooks._storage._database._connection
    # SQLite answers as on a full disk: the file may not grow.
    await database.execute("PRAGMA max_page_count = 1")
    answers = [
        await client.post("/webhooks", json={"url": f"{url}{number}{'x' * 1500}"})
        for number in range(8)
    ]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert "disk" in answer.json()["detail"]
    await database.execute("PRAGMA max_page_count = 1000000")
    assert (await client.post("/webhooks", json={"url": url + "again"})).status_code == 201
    hooks = (await client.get("/webhooks")).json()["webhooks"]
    assert len(hooks) == 2 + len(answers) - len(refused)
    assert url in [hook["url"] for hook in hooks]
