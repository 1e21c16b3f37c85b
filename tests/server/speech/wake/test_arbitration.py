"""Several satellites in earshot of one word."""

from wyoming_servers.speech.wake.pipeline import WakeArbiter


def test_the_first_satellite_wins_a_word_for_its_time() -> None:
    arbiter = WakeArbiter(1.0)
    assert arbiter.wins("alexa", "kitchen", 10.0)
    assert not arbiter.wins("alexa", "hall", 10.0)
    assert not arbiter.wins("alexa", "bedroom", 10.9)
    assert arbiter.wins("alexa", "hall", 11.0)


def test_another_word_is_another_race() -> None:
    arbiter = WakeArbiter(1.0)
    assert arbiter.wins("alexa", "kitchen", 10.0)
    assert arbiter.wins("hey_jarvis", "hall", 10.0)


def test_the_winners_own_next_detection_counts_and_keeps_its_lead() -> None:
    arbiter = WakeArbiter(1.0)
    assert arbiter.wins("alexa", "kitchen", 10.0)
    assert arbiter.wins("alexa", "kitchen", 10.8)
    assert not arbiter.wins("alexa", "hall", 11.5)


def test_a_loser_does_not_lengthen_the_race() -> None:
    arbiter = WakeArbiter(1.0)
    arbiter.wins("alexa", "kitchen", 10.0)
    arbiter.wins("alexa", "hall", 10.9)
    assert arbiter.wins("alexa", "hall", 11.1)


def test_without_a_time_all_win() -> None:
    arbiter = WakeArbiter(0.0)
    assert all(arbiter.wins("alexa", client, 10.0) for client in ("a", "b", "a", "c"))
