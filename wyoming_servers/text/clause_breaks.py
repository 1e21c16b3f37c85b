"""Per language: where speech may pause, and which full stops do not end a sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]?\.?")
"""`J.`, `U.S.`, `e.g.`, `z.B.`"""

_SENTENCE_ENDING_INITIALS: Final = frozenset({"i.", "a.m.", "p.m."})
"""Look like initials but may end a sentence: "So do I.", "It is 5 p.m." """

_ORDINAL: Final = re.compile(r"\d{1,4}\.")


@dataclass(frozen=True, slots=True)
class ClauseBreakRules:
    """The rules of one language."""

    abbreviations: frozenset[str] = frozenset()
    """In lower case without the full stop; the full stop after them ends no sentence."""
    before_number: frozenset[str] = frozenset()
    """Abbreviations before a number (`No. 5`), words elsewhere (`No.`)."""
    never_before_break: frozenset[str] = frozenset()
    """Words that belong to the next word: articles, prepositions, conjunctions."""
    ordinal_full_stop: bool = False
    """Whether `3.` means `third`, so that its full stop ends no sentence."""

    def is_abbreviation(self, word: str, following: str) -> bool:
        """Return whether the full stop at the end of `word` ends no sentence.

        `following` is the first character after it. In doubt the answer is True: two sentences in
        one segment are harmless, a pause after `Dr.` is not.
        """
        bare = word.lstrip("\"'“‘„«‹([{¿¡*_")
        if _INITIALS.fullmatch(bare):
            return bare.lower() not in _SENTENCE_ENDING_INITIALS
        if _ORDINAL.fullmatch(bare):
            return self.ordinal_full_stop
        name = bare.rstrip(".").lower()
        return name in self.abbreviations or (name in self.before_number and following.isdigit())

    def may_cut(self, left: str, right: str) -> bool:
        """Return whether speech may pause between two words without a mark between them."""
        if not left[-1].isalnum() or not right[0].isalnum():
            return False  # after `Dr.`, inside `( a )`, before a quote
        if _is_wide(left[-1]) and _is_wide(right[0]):
            return False  # scripts without spaces: the end of a word is unknown
        if left[-1].isdigit() or (right[0].isdigit() and left[0].isupper()):
            return False  # `20 degrees`, `1 000`, `Room 5`
        if left[0].isupper() and right[0].isupper():
            return False  # `New York`
        return left.lower() not in self.never_before_break


def _is_wide(character: str) -> bool:
    """Return whether the character belongs to a script without spaces."""
    return "\u3040" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH: Final = ClauseBreakRules(
    abbreviations=_words(
        "mr mrs ms mx dr prof sr jr st rev hon gen col capt lt sgt gov pres sen rep approx dept est"
        " vs etc inc ltd co corp ave blvd rd jan feb apr jun jul aug sep sept oct nov dec"
        " mon tue tues wed thu thur thurs fri sat"
    ),
    before_number=_words("no nos vol fig ch pp p sec art eq max min"),
    never_before_break=_words(
        "a an the this that these those my your his her its our their some any no every each"
        " of in on at to for from with without by about into onto over under between through than"
        " as and or but nor so if when while because since until that which who whose where how"
        " is are was were be been am will would can could shall should may might must do does did"
        " has have had not very too more most i you he she it we they there what"
    ),
)

_GERMAN: Final = ClauseBreakRules(
    abbreviations=_words(
        "dr prof hr fr bzw ca usw etc evtl ggf inkl exkl max min mind nr str tel vgl abs art bd"
        " st mio mrd std sek jh geb gest bspw sog zzgl abzgl jan feb apr jun jul aug sep sept okt"
        " nov dez mo di mi do fr sa so"
    ),
    before_number=_words("s kap abb tab"),
    never_before_break=_words(
        "der die das den dem des ein eine einen einem einer eines kein keine keinen mein meine dein"
        " deine sein seine ihr ihre unser unsere in im an am auf aus bei beim mit nach von vom zu"
        " zum zur für um über unter vor hinter zwischen durch gegen ohne bis seit als wie und oder"
        " aber denn sondern wenn weil dass ob nicht sehr zu ist sind war waren wird werden hat"
        " haben kann können soll sollen muss müssen ich du er sie es wir man noch"
    ),
    ordinal_full_stop=True,
)

_FRENCH: Final = ClauseBreakRules(
    abbreviations=_words(
        "m mm mme mmes mlle dr pr me st ste env etc cf ex av bd janv févr avr juil sept oct nov"
        " déc lun mar mer jeu ven sam dim"
    ),
    before_number=_words("n no p pp vol chap art fig"),
    never_before_break=_words(
        "le la les l' un une des du de d' au aux ce cet cette ces mon ma mes ton ta tes son sa ses"
        " notre nos votre vos leur leurs à en dans sur sous par pour avec sans chez vers entre"
        " et ou mais donc ni car que qui dont où si comme quand ne pas plus très trop est sont"
        " était a ont va je tu il elle on nous vous ils elles se"
    ),
)

_SPANISH: Final = ClauseBreakRules(
    abbreviations=_words(
        "sr sra sres srta dr dra d dña prof ud uds vd vds aprox etc ej av avda c pza tel"
        " ene feb abr jun jul ago sept oct nov dic"
    ),
    before_number=_words("n núm nº p pág págs vol cap art fig"),
    never_before_break=_words(
        "el la los las lo un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos"
        " estas ese esa aquel aquella de del a al en con sin por para sobre entre hasta desde hacia"
        " y e o u ni pero que si como cuando donde porque no muy más es son era está están ha han"
        " se me te le les nos yo tú él ella"
    ),
)

_GENERAL: Final = ClauseBreakRules(
    abbreviations=_words("mr mrs ms dr prof st sr sra etc vs"),
    before_number=_words("no nr n p art"),
)

_BY_LANGUAGE: Final[Mapping[str, ClauseBreakRules]] = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "fr": _FRENCH,
    "es": _SPANISH,
    # Languages that write ordinals with a full stop, as German does.
    **{
        code: ClauseBreakRules(
            _GENERAL.abbreviations, _GENERAL.before_number, ordinal_full_stop=True
        )
        for code in ("cs", "da", "et", "fi", "hr", "hu", "is", "lv", "nb", "no", "pl", "sk", "sl")
    },
}


def clause_break_rules(language: str) -> ClauseBreakRules:
    """Return the rules for a BCP 47 code, or general ones for an unknown language."""
    return _BY_LANGUAGE.get(language.replace("_", "-").partition("-")[0].lower(), _GENERAL)
