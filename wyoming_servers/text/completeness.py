"""Estimates whether a transcript sounds complete, to decide how long to wait for more speech.

It only looks up the last words and punctuation in a table per language. Whatever the tables do not
decide is UNDECIDED, never guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wyoming_servers.text.locale import parse_tag


class Completeness(StrEnum):
    """How complete a text sounds."""

    INCOMPLETE = "incomplete"
    """More must follow: `turn on the`, `set a timer for five`, `well,`."""
    UNDECIDED = "undecided"
    """More may follow, or not."""
    COMPLETE = "complete"
    """It can stand alone: `Turn on the light.`"""


@dataclass(frozen=True, slots=True)
class _LanguageWords:
    """The words of one language, in lower case, separated by spaces."""

    dangling: str
    """Words that never end a sentence: articles, conjunctions, possessives."""
    linking: str
    """Prepositions: they may end a question (`who is it for?`), but not a statement."""
    either: str = ""
    """Words that may end a sentence or continue it (`turn the light on` … `the porch`)."""
    fillers: str = ""
    """Hesitations."""
    opening: str = ""
    """Words that begin a subordinate clause (`when I come home`)."""
    numbers: str = ""
    span: str = ""
    """Words after which a number needs a unit (`for five` … `minutes`)."""
    alone: str = ""
    """Single words that are a complete answer or command."""
    commands: tuple[str, ...] = ()
    """Patterns of commands that are complete although they end in one of `either`."""


_WORDS: Final[Mapping[str, _LanguageWords]] = {
    "en": _LanguageWords(
        dangling=(
            "a an the my your our their its and or but nor because if when while unless until "
            "although whether than as every very i'm you're we're they're it's i'd i'll let's"
        ),
        linking=(
            "to of for from with at by into onto in about between under over behind near below "
            "above against without within towards since during per"
        ),
        either=(
            "on through across around like that this these those his her some any each no is are "
            "was were be"
        ),
        fillers="uh um uhm er erm hmm mm ah",
        opening="if when while because although unless after before once",
        numbers=(
            "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy "
            "eighty ninety hundred thousand half zero"
        ),
        span="for in after every another within about",
        alone=(
            "yes no stop cancel pause resume help okay ok thanks next louder quieter hello "
            "goodbye continue yeah nope sure never"
        ),
        commands=(
            r"(please )?(turn|switch|put) .+ (on|off|up|down)( please)?",
            r"(please )?(turn|switch) (on|off) (the|my|all|every) \w+.*",
            r"what time is it",
            r".+ please",
        ),
    ),
    "de": _LanguageWords(
        dangling=(
            "der die das den dem des ein eine einen einem einer eines mein meine meinen meinem "
            "meiner dein deine deinen unser unsere kein keine keinen und oder aber sondern denn "
            "weil wenn dass ob als damit obwohl bevor nachdem sehr jede jeden jedes diese diesen "
            "dieser dieses alle im am vom beim zum zur ins ans"
        ),
        linking=(
            "in für von bei nach aus mit über unter hinter neben zwischen ohne gegen durch um "
            "bis seit während wegen pro"
        ),
        either="an auf ab zu ein vor aus mit ist sind war",
        fillers="äh ähm öh hm hmm mh tja",
        opening="wenn falls weil obwohl sobald bevor nachdem während solange",
        numbers=(
            "null ein eins zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn "
            "vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig vierzig fünfzig "
            "sechzig siebzig achtzig neunzig hundert tausend halb"
        ),
        span="für in nach alle noch um",
        alone=(
            "ja nein stopp stop abbrechen pause weiter hilfe okay danke nächster lauter leiser "
            "hallo genau doch"
        ),
        commands=(
            r"(bitte )?(schalt|mach|dreh|stell|fahr)e? .+ (an|aus|ein|ab|auf|zu|hoch|runter)",
            r"wie spät ist es",
            r".+ bitte",
        ),
    ),
    "fr": _LanguageWords(
        dangling=(
            "le la les l un une des du de d au aux mon ma mes ton ta tes son sa ses notre nos "
            "votre vos leur leurs ce cet cette ces et ou mais donc car que qu si quand lorsque "
            "parce puisque comme très chaque quelque je tu il elle on nous vous ils j c n s"
        ),
        linking=(
            "à en dans pour par sur sous avec sans chez vers entre contre depuis pendant avant "
            "après jusqu"
        ),
        either="est sont dessus dedans dehors",
        fillers="euh heu hum ben bah",
        opening="si quand lorsque parce puisque comme avant après dès",
        numbers=(
            "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze "
            "quinze seize vingt trente quarante cinquante soixante cent mille demi"
        ),
        span="pour dans pendant après",
        alone="oui non stop arrête annule pause continue merci bonjour suivant encore si",
        commands=(r"quelle heure est-il", r".+ s'il (te|vous) plaît"),
    ),
    "es": _LanguageWords(
        dangling=(
            "el la los las un una unos unas del al de mi mis tu tus su sus nuestro nuestra este "
            "esta estos estas ese esa y e o u pero sino porque que si cuando aunque mientras como "
            "muy cada algún"
        ),
        linking=(
            "a en con por para sin sobre bajo entre hacia hasta desde contra durante según tras "
            "ante"
        ),
        either="es son está están",
        fillers="eh em mmm pues",
        opening="si cuando porque aunque mientras antes después",
        numbers=(
            "cero uno un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
            "quince dieciséis veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa "
            "cien ciento mil medio media"
        ),
        span="por en durante dentro de",
        alone="sí no para alto cancela pausa sigue gracias hola siguiente vale ayuda",
        commands=(r"qué hora es", r".+ por favor"),
    ),
    "it": _LanguageWords(
        dangling=(
            "il lo la i gli le l un uno una del dello della dei degli delle al allo alla ai agli "
            "alle dal dalla nel nella nei sul sulla mio mia miei mie tuo tua suo sua nostro "
            "nostra questo questa quel quella e ed o ma però perché che se quando mentre come "
            "molto ogni qualche"
        ),
        linking="di a da in con su per tra fra senza verso contro durante fino sotto sopra dopo",
        either="è sono sta",
        fillers="eh ehm mmm allora cioè beh",
        opening="se quando perché mentre prima dopo appena",
        numbers=(
            "zero uno un due tre quattro cinque sei sette otto nove dieci undici dodici tredici "
            "quattordici quindici sedici venti trenta quaranta cinquanta sessanta settanta ottanta "
            "novanta cento mille mezzo mezza"
        ),
        span="per tra fra in dopo",
        alone="sì no basta ferma annulla pausa continua grazie ciao avanti aiuto",
        commands=(r"che or[ae] (è|sono)", r".+ per favore"),
    ),
    "nl": _LanguageWords(
        dangling=(
            "de een mijn jouw je uw zijn haar ons onze hun deze dit die en of maar want omdat "
            "als wanneer terwijl dat hoewel voordat nadat heel elke ieder alle"
        ),
        linking=(
            "van voor met naar bij door over onder achter naast tussen zonder tegen om tot sinds "
            "tijdens in per"
        ),
        either="aan uit op af toe is zijn het",
        fillers="eh uh ehm uhm hm nou",
        opening="als wanneer omdat terwijl hoewel voordat nadat zodra",
        numbers=(
            "nul een één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien "
            "vijftien zestien twintig dertig veertig vijftig zestig zeventig tachtig negentig "
            "honderd duizend half"
        ),
        span="voor over na om elke",
        alone="ja nee stop annuleer pauze verder help oké bedankt volgende harder zachter hallo",
        commands=(
            r"(doe|zet|schakel|draai|maak) .+ (aan|uit|op|af|open|dicht|hoger|lager)",
            r"hoe laat is het",
            r".+ (alsjeblieft|alstublieft)",
        ),
    ),
    "pt": _LanguageWords(
        dangling=(
            "o a os as um uma uns umas do da dos das no na nos nas ao à aos às pelo pela meu "
            "minha meus minhas teu tua seu sua nosso nossa este esta esse essa e ou mas porque "
            "que se quando enquanto como embora muito cada algum"
        ),
        linking="de em com por para sem sobre sob entre até desde contra durante após ante",
        either="é são está estão",
        fillers="eh hum ah",
        opening="se quando porque enquanto embora antes depois",
        numbers=(
            "zero um uma dois duas três quatro cinco seis sete oito nove dez onze doze treze "
            "catorze quinze dezesseis vinte trinta quarenta cinquenta sessenta setenta oitenta "
            "noventa cem cento mil meio meia"
        ),
        span="por em durante daqui",
        alone="sim não pare para cancela pausa continua obrigado obrigada olá próximo ajuda",
        commands=(r"que horas são", r".+ por favor"),
    ),
}

_UNFINISHED: Final = re.compile(r"\.{2}|[…,;:、，；：–—-]")
"""Punctuation that announces more; Whisper writes `...` when the pitch stays up."""

_FINISHED: Final = re.compile(r"[.!?。！？]")
_QUESTION: Final = re.compile(r"[?？]")
_UNIT: Final = re.compile(r"\s*[%°€$£]")
"""A symbol as the unit of the number before it."""

_WORD: Final = re.compile(r"\w+(?:['’-]\w+)*")


def assess_completeness(text: str, language: str | None) -> Completeness:
    """Estimate how complete a text sounds; `language` is a code in any spelling.

    1. No words: UNDECIDED.
    2. Punctuation that announces more, a hesitation, or a word that ends no sentence: INCOMPLETE.
    3. A number without its unit, or digits that are being dictated: INCOMPLETE.
    4. A language without a table: UNDECIDED, since models put a full stop after anything.
    5. A known complete command: COMPLETE.
    6. A single word, a subordinate clause, an ambiguous last word or a final number: UNDECIDED.
    7. Final punctuation: COMPLETE; none: UNDECIDED.
    """
    found = list(_WORD.finditer(text))
    if not found:  # 1
        return Completeness.UNDECIDED
    words = [word[0].lower().replace("’", "'") for word in found]
    # All marks are searched behind the last word only, because from each of many marks in a row to
    # the end of the text would take quadratic time.
    ending = text[found[-1].end() :]
    if _UNFINISHED.search(ending):  # 2
        return Completeness.INCOMPLETE
    table = _TABLES.get(parse_tag(language).language if language else "")
    if table is None:  # 4
        return Completeness.UNDECIDED
    asked = _QUESTION.search(ending) is not None
    if table.ends_dangling(words, asked=asked):  # 2
        return Completeness.INCOMPLETE
    measured = found[-1][0][-1].isdecimal() and _UNIT.match(ending) is not None
    if table.ends_in_number(words) and not measured:  # 3
        return Completeness.INCOMPLETE
    if table.is_command(words):  # 5
        return Completeness.COMPLETE
    if table.may_go_on(words, asked=asked, measured=measured):  # 6
        return Completeness.UNDECIDED
    return Completeness.COMPLETE if _FINISHED.search(ending) else Completeness.UNDECIDED  # 7


class _WordTable:
    """The words of one language as sets and patterns."""

    def __init__(self, words: _LanguageWords) -> None:
        self._dangling = frozenset(words.dangling.split()) - frozenset(words.either.split())
        self._linking = frozenset(words.linking.split()) - frozenset(words.either.split())
        self._either = frozenset(words.either.split())
        self._fillers = frozenset(words.fillers.split())
        self._opening = frozenset(words.opening.split())
        self._numbers = frozenset(words.numbers.split())
        self._span = frozenset(words.span.split())
        self._alone = frozenset(words.alone.split())
        self._commands = re.compile("|".join(f"(?:{each})" for each in words.commands))

    def ends_dangling(self, words: list[str], *, asked: bool) -> bool:
        last = words[-1]
        if last in self._fillers:
            return True
        if len(words) == 1 and last in self._alone:
            return False
        return last in self._dangling or (last in self._linking and not asked)

    def ends_in_number(self, words: list[str]) -> bool:
        if not self._is_number(words[-1]) or len(words) < 2:
            return False
        first = len(words) - 1
        while first and self._is_number(words[first - 1]):
            first -= 1
        dictated = len(words) - first > 1
        return dictated or (first > 0 and words[first - 1] in self._span)

    def is_command(self, words: list[str]) -> bool:
        if len(words) == 1:
            return words[0] in self._alone
        return len(words) > 2 and self._commands.fullmatch(" ".join(words)) is not None

    def may_go_on(self, words: list[str], *, asked: bool, measured: bool) -> bool:
        return (
            len(words) == 1
            or words[0] in self._opening
            or (words[-1] in self._either and not asked)
            or (self._is_number(words[-1]) and not measured)
        )

    def _is_number(self, word: str) -> bool:
        return all(part in self._numbers or part.isdecimal() for part in word.split("-"))


_TABLES: Final = {code: _WordTable(words) for code, words in _WORDS.items()}
