"""espeak-ng through its C interface: text of one language to IPA. GPL-3, so in the worker alone.

The library and its data come with the package `espeakng-loader`; no espeak of the system is used.
It keeps its state in the process, which is fine here: an engine has one thread.
"""

import ctypes
from typing import Final

from wyoming_servers.core.errors import (
    LoadFailedError,
    UnsupportedLanguageError,
)

TIE: Final = "^"
"""Stands between the letters of one sound, such as `t^ʃ`."""

_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_IPA: Final = 0x02
_USE_TIE: Final = 0x80
_MAX_PATH_BYTES: Final = 150
"""espeak-ng keeps the path of its data in 160 bytes and looks elsewhere if it is longer."""


class Espeak:
    """The library with its data. Raises LoadFailedError if it cannot be used here."""

    def __init__(self) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        if len(data.encode()) > _MAX_PATH_BYTES:
            raise LoadFailedError(
                f"espeak-ng cannot use data in a folder with so long a path: {data}.",
                hint="Install the server in a folder with a shorter path.",
            )
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.argtypes = [
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        ]
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT)
        if rate <= 0:
            raise LoadFailedError(f"espeak-ng found no data in {data}.")
        self._language = ""

    def phonemes(self, text: str, language: str) -> str:
        """Return the IPA of a text without sentence marks; `language` is espeak's own code.

        Raises UnsupportedLanguageError for a code that espeak does not know.
        """
        if language != self._language:
            if self._library.espeak_SetVoiceByName(language.encode()) != 0:
                raise UnsupportedLanguageError(f"espeak-ng does not know {language!r}.")
            self._language = language
        rest = ctypes.c_char_p(text.replace("\0", " ").encode())
        mode = _IPA | _USE_TIE | (ord(TIE) << 8)
        pieces = []
        # One clause a call; the pointer is NULL behind the last.
        while rest.value is not None:
            piece = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
            pieces.append((piece or b"").decode("utf-8", "replace"))
        return " ".join(piece.strip() for piece in pieces if piece.strip())
