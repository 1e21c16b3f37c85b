from wyoming_servers.domain import ModelState


async def test_a_first_request_loads_the_model_and_gets_its_lease(world):
    world.model("a")
    world.behave("a", load_seconds=2.0, info={"words": ["x"]})
    await world.start()
    client = world.hold("a")
    await world.after(1)
    assert world.status("a").state is ModelState.LOADING
    assert not client.done
    await world.after(1.5)
    assert client.place == "cpu/default"
    assert world.status("a").state is ModelState.READY
    print(world.coordinator.snapshot())
    for e in world.bus.recent(100):
        print(e)
    await client.release()
    await world.after(301)
    for e in world.bus.recent(100):
        print(e)
    assert world.status("a").state is ModelState.UNLOADED
