import pytest

from wyoming_servers.text.completeness import Completeness, assess_completeness

BROKEN, OPEN, COMPLETE = Completeness.INCOMPLETE, Completeness.UNDECIDED, Completeness.COMPLETE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Turn on the kitchen light.", COMPLETE),
        ("What time is it?", COMPLETE),
        ("what time is it", COMPLETE),
        ("Is the kitchen light on?", COMPLETE),
        ("Turn the kitchen light on", COMPLETE),
        ("Switch everything off please", COMPLETE),
        ("Set the living room to 50%.", COMPLETE),
        ("Set a timer for five minutes.", COMPLETE),
        ("Who is it for?", COMPLETE),
        ("Stop.", COMPLETE),
        ("yes", COMPLETE),
        ("Turn on the", BROKEN),
        ("Turn on the.", BROKEN),
        ("Turn on...", BROKEN),
        ("Turn on the light and", BROKEN),
        ("Turn on the light,", BROKEN),
        ("Play the song by", BROKEN),
        ("Set a timer for", BROKEN),
        ("Set a timer for five.", BROKEN),
        ("Set a timer for 25", BROKEN),
        ("Remind me in twenty-five.", BROKEN),
        ("My number is two nine three", BROKEN),
        ("Turn on the, uh", BROKEN),
        ("Um.", BROKEN),
        ("What's the weather like in my", BROKEN),
        ("Well -", BROKEN),
        ("It's", BROKEN),
        ("Turn the heating to 21.", OPEN),
        ("He put it on.", OPEN),
        ("go forward ten meters", OPEN),
        ("Play.", OPEN),
        ("When I come home.", OPEN),
        ("", OPEN),
        ("…", OPEN),
    ],
)
def test_english(text: str, expected: Completeness) -> None:
    assert assess_completeness(text, "en") is expected


@pytest.mark.parametrize(
    ("language", "complete", "broken", "open_"),
    [
        ("de", "Schalte das Licht in der Küche an.", "Schalte das Licht in der", "Ich komme mit."),
        ("de", "Wie spät ist es?", "Stelle einen Timer für fünf.", "Wenn ich nach Hause komme."),
        ("de", "Mach bitte das Licht aus", "Mach das Licht an und", "Stell die Heizung auf 21."),
        ("fr", "Allume la lumière de la cuisine.", "Allume la lumière de l'", "Monte à vingt."),
        ("fr", "Quelle heure est-il ?", "Mets un minuteur pour cinq", "Quand je rentre."),
        ("es", "Enciende la luz de la cocina.", "Enciende la luz de la", "Si llueve."),
        ("es", "¿Qué hora es?", "Pon una alarma en diez.", "Pon la luz a 20."),
        ("it", "Accendi la luce in cucina.", "Accendi la luce della", "Quando torno a casa."),
        ("it", "Che ore sono?", "Imposta un timer per cinque", "Metti a 20."),
        ("nl", "Doe het licht in de keuken aan.", "Doe het licht in de", "Ik ga uit."),
        ("nl", "Hoe laat is het?", "Zet een wekker over tien", "Als ik thuiskom."),
        ("pt", "Acenda a luz da cozinha.", "Acenda a luz da", "Quando eu chegar."),
        ("pt", "Que horas são?", "Põe um alarme em cinco", "Põe em, não, 20."),
    ],
)
def test_other_languages(language: str, complete: str, broken: str, open_: str) -> None:
    assert assess_completeness(complete, language) is COMPLETE
    assert assess_completeness(broken, language) is BROKEN
    assert assess_completeness(open_, language) is OPEN


def test_a_region_does_not_matter() -> None:
    assert assess_completeness("Schalte das Licht in der", "de_AT") is BROKEN


@pytest.mark.parametrize("language", ["fi", "", None, "xx"])
def test_of_a_language_without_a_table_only_the_marks_are_believed(language: str | None) -> None:
    assert assess_completeness("Sytytä keittiön valo.", language) is OPEN
    assert assess_completeness("Sytytä keittiön,", language) is BROKEN


def test_case_and_typographic_apostrophes_do_not_matter() -> None:
    assert assess_completeness("TURN ON THE", "en") is BROKEN
    assert assess_completeness("I think it’s", "en") is BROKEN
