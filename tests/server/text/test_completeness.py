import pytest

from wyoming_servers.text.completeness import Completeness, assess_completeness

INCOMPLETE, UNDECIDED, COMPLETE = (
    Completeness.INCOMPLETE,
    Completeness.UNDECIDED,
    Completeness.COMPLETE,
)


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
        ("Turn on the", INCOMPLETE),
        ("Turn on the.", INCOMPLETE),
        ("Turn on...", INCOMPLETE),
        ("Turn on the light and", INCOMPLETE),
        ("Turn on the light,", INCOMPLETE),
        ("Play the song by", INCOMPLETE),
        ("Set a timer for", INCOMPLETE),
        ("Set a timer for five.", INCOMPLETE),
        ("Set a timer for 25", INCOMPLETE),
        ("Remind me in twenty-five.", INCOMPLETE),
        ("My number is two nine three", INCOMPLETE),
        ("Turn on the, uh", INCOMPLETE),
        ("Um.", INCOMPLETE),
        ("What's the weather like in my", INCOMPLETE),
        ("Well -", INCOMPLETE),
        ("It's", INCOMPLETE),
        ("Turn the heating to 21.", UNDECIDED),
        ("He put it on.", UNDECIDED),
        ("go forward ten meters", UNDECIDED),
        ("Play.", UNDECIDED),
        ("When I come home.", UNDECIDED),
        ("", UNDECIDED),
        ("…", UNDECIDED),
    ],
)
def test_completeness_of_english_texts(text: str, expected: Completeness) -> None:
    assert assess_completeness(text, "en") is expected


@pytest.mark.parametrize(
    ("language", "complete", "incomplete", "undecided"),
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
def test_completeness_in_other_languages(
    language: str, complete: str, incomplete: str, undecided: str
) -> None:
    assert assess_completeness(complete, language) is COMPLETE
    assert assess_completeness(incomplete, language) is INCOMPLETE
    assert assess_completeness(undecided, language) is UNDECIDED


def test_completeness_ignores_the_region() -> None:
    assert assess_completeness("Schalte das Licht in der", "de_AT") is INCOMPLETE


@pytest.mark.parametrize("language", ["fi", "", None, "xx"])
def test_language_without_table_is_judged_by_punctuation_only(language: str | None) -> None:
    assert assess_completeness("Sytytä keittiön valo.", language) is UNDECIDED
    assert assess_completeness("Sytytä keittiön,", language) is INCOMPLETE


def test_completeness_ignores_case_and_typographic_apostrophes() -> None:
    assert assess_completeness("TURN ON THE", "en") is INCOMPLETE
    assert assess_completeness("I think it’s", "en") is INCOMPLETE
