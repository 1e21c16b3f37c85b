"""Arbitration between satellites that hear the same wake word."""

from wyoming_servers.speech.wake.pipeline import WakeArbiter


def test_arbiter_lets_the_first_satellite_win_for_the_window() -> None:
    arbiter = WakeArbiter()
    assert arbiter.wins("alexa", "kitchen", 10.0, 1.0)
    assert not arbiter.wins("alexa", "hall", 10.0, 1.0)
    assert not arbiter.wins("alexa", "bedroom", 10.9, 1.0)
    assert arbiter.wins("alexa", "hall", 11.0, 1.0)


def test_arbiter_treats_wake_words_separately() -> None:
    arbiter = WakeArbiter()
    assert arbiter.wins("alexa", "kitchen", 10.0, 1.0)
    assert arbiter.wins("hey_jarvis", "hall", 10.0, 1.0)


def test_arbiter_counts_the_next_detection_of_the_winner() -> None:
    arbiter = WakeArbiter()
    assert arbiter.wins("alexa", "kitchen", 10.0, 1.0)
    assert arbiter.wins("alexa", "kitchen", 10.8, 1.0)
    assert not arbiter.wins("alexa", "hall", 11.5, 1.0)


def test_arbiter_window_is_not_extended_by_a_loser() -> None:
    arbiter = WakeArbiter()
    arbiter.wins("alexa", "kitchen", 10.0, 1.0)
    arbiter.wins("alexa", "hall", 10.9, 1.0)
    assert arbiter.wins("alexa", "hall", 11.1, 1.0)


def test_arbiter_without_a_window_lets_all_win() -> None:
    arbiter = WakeArbiter()
    assert all(arbiter.wins("alexa", client, 10.0, 0.0) for client in ("a", "b", "a", "c"))
