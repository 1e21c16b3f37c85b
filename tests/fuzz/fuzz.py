"""Runs one target with atheris, which looks for inputs that reach new code.

usage: python tests/fuzz/fuzz.py TARGET [options of libFuzzer] [corpus folders]
"""

import sys

import atheris

with atheris.instrument_imports(include=["wyoming_servers", "python_multipart", "fuzz_targets"]):
    from fuzz_targets import TARGETS


def main() -> None:
    """Fuzz until an input fails or the time is over."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
