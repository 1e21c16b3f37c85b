"""Text normalization in each language with rules, and its running time."""

# ruff: noqa: E501  (a case is a line)

import time

import pytest

from wyoming_servers.text.normalize.normalizer import normalize

Cases = list[tuple[str, str]]

ENGLISH: Cases = [
    ("It is 22.5 °C, -3°C at night, 65 % humid.",
     "It is twenty-two point five degrees Celsius, minus three degrees Celsius at night, sixty-five percent humid."),
    ("1,200 W, 1 kWh, 3.5 kWh", "one thousand two hundred watts, one kilowatt hour, three point five kilowatt hours"),
    ("2700 K, a 4K screen", "two thousand seven hundred kelvin, a 4K screen"),
    ("90 km/h, 10 Mbit/s, 5 µg/m³", "ninety kilometers per hour, ten megabits per second, five micrograms per cubic meter"),
    ("a 1 m rope & 5 min", "a one meter rope and five minutes"),
    ("$5.20, €1, £0.50, $1,234, -$5, ¥500", "five dollars and twenty cents, one euro, fifty pence, one thousand two hundred thirty-four dollars, minus five dollars, five hundred yen"),
    ("€5.99, $3.5 million", "five euros and ninety-nine cents, three point five million dollars"),
    ("11/21/2026 at 5:30 pm", "November twenty-first, twenty twenty-six at five thirty p m"),
    ("2026-11-21 at 14:05", "November twenty-first, twenty twenty-six at fourteen oh five"),
    ("2026-11-21T14:05:00", "November twenty-first, twenty twenty-six fourteen oh five"),
    ("Nov. 21, 2026, Jan. 3rd, May 5", "November twenty-first, twenty twenty-six, January third, May fifth"),
    ("8 pm, 14:00, 10:05, 00:00, 9am-5pm, 10:00-12:00", "eight p m, fourteen o'clock, ten oh five, midnight, nine a m to five p m, ten o'clock to twelve o'clock"),
    ("the 1st, the 1,000th, May 3, 2026", "the first, the one thousandth, May third, twenty twenty-six"),
    ("since 1995, from 1939 to 1945, the 1990s, the 90s, 1939-1945", "since nineteen ninety-five, from nineteen thirty-nine to nineteen forty-five, the nineteen nineties, the nineties, nineteen thirty-nine to nineteen forty-five"),
    ("in 1500 W mode for 90s", "in one thousand five hundred watts mode for ninety seconds"),
    ("Henry VIII, Chapter IV", "Henry VIII, Chapter IV"),
    ("No. 5 is alive. No. I said no.", "number five is alive. No. I said no."),
    ("Dr. Smith vs. Mr. Jones, e.g. here, etc.", "Doctor Smith versus Mister Jones, for example here, et cetera."),
    ("min. 5, max. 10", "minimum five, maximum ten"),
    ("https://www.example.com/docs", "example dot com slash docs"),
    ("me@example.com", "me at example dot com"),
    ("192.168.1.10, http://10.0.0.1:8123/x", "one hundred ninety-two dot one hundred sixty-eight dot one dot ten, ten dot zero dot zero dot one"),
    ("version 1.10.2, v2.1, room 5b, file.txt", "version one dot ten dot two, version two dot one, room 5b, file.txt"),
    ("10-20 kg, 5–10 minutes, rooms 3-5, 20°C–25°C", "ten to twenty kilograms, five to ten minutes, rooms three to five, twenty to twenty-five degrees Celsius"),
    ("3x faster, 3 x 4, a 3-day trip", "three times faster, three times four, a three-day trip"),
    ("1/2 cup, 3/4, 8/10, 24/7", "one half cup, three quarters, eight out of ten, twenty-four seven"),
    ("Call 555-1234, (555) 123-4567 or +1 555 123 4567.", "Call five five five, one two three four, five five five, one two three, four five six seven or plus one, five five five, one two three, four five six seven."),
    ("#1, ~5, 2 + 2 = 4, 5 & 6", "number one, about five, two plus two equals four, five and six"),
    ("007, -10", "zero zero seven, minus ten"),
    ("**bold** 🙂 [link](http://x.org) ☀️ 21 °C 👍🏽", "bold link twenty-one degrees Celsius"),
    ("[[həlˈO 5]] 6", "[[həlˈO 5]] six"),
    ("99:99 and 13/45/2026", "ninety-nine:ninety-nine and thirteen/forty-five/two thousand twenty-six"),
]  # fmt: skip

GERMAN: Cases = [
    ("22,5 °C, 22.5 °C, -1 °C, 65 %", "zweiundzwanzig Komma fünf Grad, zweiundzwanzig Komma fünf Grad, minus ein Grad, fünfundsechzig Prozent"),
    ("1.200 W, 1 kWh, 3,5 kWh, 0.125 kWh", "eintausendzweihundert Watt, eine Kilowattstunde, drei Komma fünf Kilowattstunden, null Komma eins zwei fünf Kilowattstunden"),
    ("1 €, 1.234,50 €, €5.99, 3,5 Millionen €, 1 000 €", "ein Euro, eintausendzweihundertvierunddreißig Euro fünfzig Cent, fünf Euro neunundneunzig Cent, drei Komma fünf Millionen Euro, eintausend Euro"),
    ("am 3. Mai um 14:05 Uhr", "am dritten Mai um vierzehn Uhr fünf"),
    ("Es ist der 3. Mai.", "Es ist der dritte Mai."),
    ("am Montag, 21. November 2026", "am Montag, einundzwanzigsten November zweitausendsechsundzwanzig"),
    ("2026-11-21, bis 22.11. kalt, 21-11-2026, am 21. Nov.", "einundzwanzigster November zweitausendsechsundzwanzig, bis zweiundzwanzigsten November kalt, einundzwanzigster November zweitausendsechsundzwanzig, am einundzwanzigsten November."),
    ("10.30 Uhr, 1:00 Uhr, 8-12 Uhr, 10:00-12:00 Uhr", "zehn Uhr dreißig, ein Uhr, acht bis zwölf Uhr, zehn Uhr bis zwölf Uhr"),
    ("die 2. Etage, im 1. Stock", "die zweite Etage, im ersten Stock"),
    ("Wir sind 5. Das ist gut.", "Wir sind fünf. Das ist gut."),
    ("1 Stunde, 1 Lampe, 1 Tag, 2 Lampen", "eine Stunde, eine Lampe, ein Tag, zwei Lampen"),
    ("im Jahr 2026, von 1939 bis 1945", "im Jahr zweitausendsechsundzwanzig, von neunzehnhundertneununddreißig bis neunzehnhundertfünfundvierzig"),
    ("5–10 Minuten, 20-25 °C, 3x, 2 x 3, 8/10", "fünf bis zehn Minuten, zwanzig bis fünfundzwanzig Grad, drei mal, zwei mal drei, acht von zehn"),
    ("z.B. Nr. 5, Dr. Müller, § 5, usw.", "zum Beispiel Nummer fünf, Doktor Müller, Paragraf fünf, und so weiter."),
    ("0171 1234567, +49 30 12345", "null eins sieben eins, eins zwei drei vier fünf sechs sieben, plus vier neun, drei null, eins zwei drei vier fünf"),
    ("192.168.1.10, Version 1.10.2, 1.000.000", "einhundertzweiundneunzig Punkt einhundertachtundsechzig Punkt eins Punkt zehn, Version eins Punkt zehn Punkt zwei, eine Million"),
    ("Heinrich VIII. kam", "Heinrich VIII. kam"),
    ("https://www.example.de/seite 🙂", "example Punkt de Schrägstrich seite"),
]  # fmt: skip

FRENCH: Cases = [
    ("22,5 °C, 22.5 °C, 65 %", "vingt-deux virgule cinq degrés, vingt-deux virgule cinq degrés, soixante-cinq pour cent"),
    ("1 200 W, 1 kWh, 3,5 kWh, 90 km/h", "mille deux cents watts, un kilowattheure, trois virgule cinq kilowattheures, quatre-vingt-dix kilomètres heure"),
    ("5,20 €, €5.99, 1 000 000 €, 3,5 millions €", "cinq euros et vingt centimes, cinq euros et quatre-vingt-dix-neuf centimes, un million d'euros, trois virgule cinq millions d'euros"),
    ("le 1 mai à 14h30, 10 h 30, 1 h, 21 h, 0:00", "le premier mai à quatorze heures trente, dix heures trente, une heure, vingt-et-une heures, minuit"),
    ("le 21/11/2026, 2026-11-21, le 21 nov. 2026", "le vingt-et-un novembre deux mille vingt-six, vingt-et-un novembre deux mille vingt-six, le vingt-et-un novembre deux mille vingt-six"),
    ("le 1er, la 1re, le 2e", "le premier, la première, le deuxième"),
    ("en 1999", "en dix-neuf-cent quatre-vingt-dix-neuf"),
    ("M. Dupont, Mme Durand, Dr Martin, n° 5, p. ex. ici", "Monsieur Dupont, Madame Durand, Docteur Martin, numéro cinq, par exemple ici"),
    ("01 23 45 67 89", "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"),
    ("5-10 minutes, 3x, 8/10", "cinq à dix minutes, trois fois, huit sur dix"),
    ("192.168.1.10, version 1.10.2, Louis XIV", "cent quatre-vingt-douze point cent soixante-huit point un point dix, version un point dix point deux, Louis XIV"),
]  # fmt: skip

SPANISH: Cases = [
    ("22,5 °C, 22.5 °C, 65 %, 21 grados", "veintidós coma cinco grados, veintidós coma cinco grados, sesenta y cinco por ciento, veintiún grados"),
    ("1.200 W, 1 kWh, 1 h, 21 luces", "mil doscientos vatios, un kilovatio hora, una hora, veintiuna luces"),
    ("5,99 €, €5.99, 1.000.000 €", "cinco euros con noventa y nueve céntimos, cinco euros con noventa y nueve céntimos, un millón de euros"),
    ("21/11/2026, el 1 de mayo, 21 de nov. de 2026", "veintiuno de noviembre de dos mil veintiséis, el primero de mayo, veintiuno de noviembre de dos mil veintiséis"),
    ("a las 14:30, 10:05, 1:05", "a las catorce y treinta, diez y cinco, una y cinco"),
    ("1º, 1ª, 3er piso", "primero, primera, tercer piso"),
    ("en 1999", "en mil novecientos noventa y nueve"),
    ("Sr. López, p. ej. n.º 5", "señor López, por ejemplo número cinco"),
    ("612 345 678", "seis uno dos, tres cuatro cinco, seis siete ocho"),
    ("5-10 minutos, 3x, 8/10", "cinco a diez minutos, tres veces, ocho de diez"),
    ("192.168.1.10, Felipe VI", "ciento noventa y dos punto ciento sesenta y ocho punto uno punto diez, Felipe VI"),
]  # fmt: skip

ITALIAN: Cases = [
    ("22,5 °C, 22.5 °C, 65 % 🙂", "ventidue virgola cinque gradi, ventidue virgola cinque gradi, sessantacinque per cento"),
    ("1.200 W, 3,5 kWh, 90 km/h, 1 luce", "milleduecento watt, tre virgola cinque chilowattora, novanta chilometri orari, una luce"),
    ("5,99 €, €5.99, 1.000.000 €", "cinque euro e novantanove centesimi, cinque euro e novantanove centesimi, un milione di euro"),
    ("il 1 maggio, 21/11/2026", "il primo maggio, ventuno novembre duemilaventisei"),
    ("alle 14:30, 10:00", "alle quattordici e trenta, dieci in punto"),
    ("il 1º piano, la 2ª volta", "il primo piano, la seconda volta"),
    ("Sig. Rossi, p. es. n. 5, ecc.", "signor Rossi, per esempio numero cinque, eccetera."),
    ("333 123 4567", "tre tre tre, uno due tre, quattro cinque sei sette"),
    ("5-10 minuti, 3x, 1/2", "cinque a dieci minuti, tre volte, mezzo"),
    ("versione 1.10.2, Enrico VIII", "versione uno punto dieci punto due, Enrico VIII"),
]  # fmt: skip

DUTCH: Cases = [
    ("22,5 °C, 22.5 °C, 65 % 🙂", "tweeëntwintig komma vijf graden, tweeëntwintig komma vijf graden, vijfenzestig procent"),
    ("1.200 W, 3,5 kWh, 90 km/u", "duizendtweehonderd watt, drie komma vijf kilowattuur, negentig kilometer per uur"),
    ("€ 5,99, €5.99, 1.000.000 €", "vijf euro en negenennegentig cent, vijf euro en negenennegentig cent, een miljoen euro"),
    ("21-11-2026, 21 nov. 2026", "eenentwintig november tweeduizendzesentwintig, eenentwintig november tweeduizendzesentwintig"),
    ("14.30 uur, 10:00 uur, 8 uur", "veertien uur dertig, tien uur, acht uur"),
    ("de 1e, de 2de, de 20ste", "de eerste, de tweede, de twintigste"),
    ("van 1939 tot 1945", "van negentiennegenendertig tot negentienvijfenveertig"),
    ("dhr. Jansen, bijv. nr. 5", "de heer Jansen, bijvoorbeeld nummer vijf"),
    ("06 12345678", "nul zes, een twee drie vier vijf zes zeven acht"),
    ("5-10 minuten, 3x, 8/10", "vijf tot tien minuten, drie keer, acht van de tien"),
    ("versie 1.10.2, Willem II", "versie een punt tien punt twee, Willem II"),
]  # fmt: skip


def spoken(text: str, language: str, expected: str) -> None:
    assert normalize(text, language) == expected


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "en-US", expected)


@pytest.mark.parametrize(("text", "expected"), GERMAN)
def test_german_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "de-DE", expected)


@pytest.mark.parametrize(("text", "expected"), FRENCH)
def test_french_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "fr-FR", expected)


@pytest.mark.parametrize(("text", "expected"), SPANISH)
def test_spanish_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "es-ES", expected)


@pytest.mark.parametrize(("text", "expected"), ITALIAN)
def test_italian_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "it-IT", expected)


@pytest.mark.parametrize(("text", "expected"), DUTCH)
def test_dutch_text_is_normalized(text: str, expected: str) -> None:
    spoken(text, "nl-NL", expected)


def test_day_comes_first_outside_of_the_us() -> None:
    assert normalize("1/2/2026", "en-GB").startswith("February first")
    assert normalize("1/2/2026", "en_US").startswith("January second")


def test_language_without_rules_keeps_its_numbers() -> None:
    assert normalize("21,5 °C 🙂", "pl-PL") == "21,5 °C"


@pytest.mark.parametrize("language", ["en-US", "de-DE", "fr-FR", "es-ES", "it-IT", "nl-NL"])
@pytest.mark.parametrize(
    "piece",
    ["9", "1,", "- a", "a.", "[[", "1-", "$", "0 ", "1.", "1/", "5x", "+1 ", "1:0", "12.", "v1."],
)
def test_unusual_text_takes_linear_time(piece: str, language: str) -> None:
    # A quadratic rewrite takes four times as long for twice the text. Processor time of this thread
    # does not depend on other programs; a collection of garbage may still hit one measurement.
    for _ in range(5):
        once = processor_seconds(piece * 1_000, language)
        twice = processor_seconds(piece * 2_000, language)
        if twice < 3 * once + 0.002:
            return
    pytest.fail(f"{once:.4f} s for a text, {twice:.4f} s for twice as much")


def processor_seconds(text: str, language: str) -> float:
    start = time.thread_time()
    normalize(text, language)
    return time.thread_time() - start
