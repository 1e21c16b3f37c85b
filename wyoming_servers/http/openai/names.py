"""The names that OpenAI gives to models, voices and languages."""

import re
from typing import Final

from wyoming_servers.speech.asr.transcriber import is_openai_model

_SPEECH_MODEL: Final = re.compile(r"tts-1(?:-hd)?(?:-\w+)*|gpt-(?:[\w.]+-)*tts(?:-[\w.]+)*")

LISTED_MODELS: Final = ("gpt-transcribe", "whisper-1", "gpt-4o-mini-tts", "tts-1")
"""Names of the default models that are listed: clients let their users choose from the list."""

OPENAI_VOICE_NAMES: Final = frozenset(
    {
        *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
        *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
    }
)

_LANGUAGES: Final = """
af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|bg bulgarian
|bn bengali|bo tibetan|br breton|bs bosnian|ca catalan|cs czech|cy welsh|da danish|de german
|el greek|en english|es spanish|et estonian|eu basque|fa persian|fi finnish|fo faroese|fr french
|gl galician|gu gujarati|ha hausa|haw hawaiian|he hebrew|hi hindi|hr croatian|ht haitian creole
|hu hungarian|hy armenian|id indonesian|is icelandic|it italian|ja japanese|jw javanese|jv javanese
|ka georgian|kk kazakh|km khmer|kn kannada|ko korean|la latin|lb luxembourgish|ln lingala|lo lao
|lt lithuanian|lv latvian|mg malagasy|mi maori|mk macedonian|ml malayalam|mn mongolian|mr marathi
|ms malay|mt maltese|my myanmar|nb norwegian|ne nepali|nl dutch|nn nynorsk|no norwegian|oc occitan
|pa punjabi|pl polish|ps pashto|pt portuguese|ro romanian|ru russian|sa sanskrit|sd sindhi
|si sinhala|sk slovak|sl slovenian|sn shona|so somali|sq albanian|sr serbian|su sundanese
|sv swedish|sw swahili|ta tamil|te telugu|tg tajik|th thai|tk turkmen|tl tagalog|tr turkish
|tt tatar|uk ukrainian|ur urdu|uz uzbek|vi vietnamese|yi yiddish|yo yoruba|yue cantonese|zh chinese
"""

_NAME_BY_CODE: Final = {
    code: name
    for code, _, name in (item.strip().partition(" ") for item in _LANGUAGES.strip().split("|"))
}


def is_speech_model(name: str) -> bool:
    """Whether OpenAI calls one of its text-to-speech models so."""
    return _SPEECH_MODEL.fullmatch(name.lower()) is not None


def is_known_model(name: str) -> bool:
    """Whether the name is one of OpenAI's, which all mean a default model."""
    return is_openai_model(name) or is_speech_model(name)


def language_name(code: str | None) -> str:
    """Return the English name of a language in lowercase; the code if it is not known."""
    code = code or ""
    return _NAME_BY_CODE.get(re.split(r"[-_]", code.lower())[0], code)
