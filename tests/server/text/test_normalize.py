"""Numbers and their kin in words, in each language that has a table."""

# ruff: noqa: E501  (a case is a line)

import pytest

from wyoming_servers.text.normalize import normalize


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It is 21.5 °C, -3°C at night, 55% humid.",
         "It is twenty-one point five degrees Celsius, minus three degrees Celsius at night, fifty-five percent humid."),
        ("$5.20, €1, £0.50, $1,234", "five dollars and twenty cents, one euro, fifty pence, one thousand two hundred thirty-four dollars"),
        ("11/21/2026 at 5:30 pm", "November twenty-first, twenty twenty-six at five thirty p m"),
        ("2026-11-21 at 14:05", "November twenty-first, twenty twenty-six at fourteen oh five"),
        ("8 pm, 14:00", "eight p m, fourteen o'clock"),
        ("the 1st, May 3, 2026", "the first, May third, twenty twenty-six"),
        ("Dr. Smith vs. Mr. Jones, etc.", "Doctor Smith versus Mister Jones, et cetera."),
        ("https://www.example.com/docs", "example dot com slash docs"),
        ("me@example.com", "me at example dot com"),
        ("10-20 kg, rooms 3-5", "ten to twenty kilograms, rooms three to five"),
        ("since 1995", "since nineteen ninety-five"),
        ("a 1 m rope & 5 min", "a one meter rope and five minutes"),
        ("007", "zero zero seven"),
        ("**bold** 🙂 [link](http://x.org)", "bold link"),
        ("version 1.2.3, room 5b, file.txt", "version 1.2.3, room 5b, file.txt"),
        ("[[həlˈO 5]] 6", "[[həlˈO 5]] six"),
        ("99:99 and 13/45/2026", "ninety-nine:ninety-nine and thirteen/forty-five/two thousand twenty-six"),
    ],
)  # fmt: skip
def test_english(text: str, spoken: str) -> None:
    assert normalize(text, "en-US") == spoken


def test_days_come_first_outside_of_america() -> None:
    assert normalize("1/2/2026", "en-GB").startswith("February first")
    assert normalize("1/2/2026", "en_US").startswith("January second")


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("de-DE", "21,5 °C", "einundzwanzig Komma fünf Grad"),
        ("de-DE", "am 3. Mai um 14:05 Uhr", "am dritten Mai um vierzehn Uhr fünf"),
        ("de-DE", "1 €, 1 kWh, 1.234,50 €", "ein Euro, eine Kilowattstunde, eintausendzweihundertvierunddreißig Euro fünfzig Cent"),
        ("fr-FR", "le 1 mai à 14h30", "le premier mai à quatorze heures trente"),
        ("fr-FR", "5,20 €", "cinq euros et vingt centimes"),
        ("es-ES", "21,5 °C", "veintiuno coma cinco grados"),
        ("it-IT", "21,5 °C 🙂", "21,5 °C"),
    ],
)  # fmt: skip
def test_other_languages(language: str, text: str, spoken: str) -> None:
    assert normalize(text, language) == spoken


@pytest.mark.parametrize("piece", ["9", "1,", "- a", "a.", "[[", "1-", "$"])
def test_strange_texts_fail_nothing(piece: str) -> None:
    assert normalize(piece * 3_000, "en-US")
