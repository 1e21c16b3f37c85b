# shellcheck shell=bash
# What the scripts share. Sourced, never run; needs nothing but bash, coreutils and some Python.
#
# Everything is installed into folders of this checkout that git ignores:
#   .tools    uv, if the machine has none, and a Python 3.14, if the machine has none
#   .venv     the server, its tests and its linters
#   .venv-ha  Home Assistant, for the end-to-end tests
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=$root/.tools
venv=$root/.venv
venv_ha=$root/.venv-ha

say() { # TEXT...: progress, on stderr so that stdout stays free for answers
    printf '\033[1m==>\033[0m %s\n' "$*" >&2
}

fail() { # TEXT...: say what is wrong and what to do, and stop
    printf '\033[1;31m==>\033[0m %s\n' "$*" >&2
    exit 1
}

if [ ! -t 2 ]; then # no colours in a log file
    say() { printf '==> %s\n' "$*" >&2; }
    fail() {
        printf '==> %s\n' "$*" >&2
        exit 1
    }
fi

# Print the path of uv: the machine's own, or one that pip puts into .tools.
find_uv() {
    local own=$tools/uv/bin/uv
    if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if ! "$own" --version >/dev/null 2>&1; then
        say "Installing uv into .tools/uv"
        rm -rf "$tools/uv"
        with_pip install --quiet --disable-pip-version-check --root-user-action=ignore \
            --require-hashes --target "$tools/uv" -r "$root/requirements/uv.txt" >&2
    fi
    printf '%s\n' "$own"
}

# Run pip, wherever this machine keeps it: in its Python, in a fresh virtual environment, or as the
# wheel that Debian packs for `python3 -m venv`.
with_pip() {
    local python wheel
    python=$(command -v python3) || fail "There is no python3. Install Python 3.11 or newer."
    if "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m pip "$@"
        return
    fi
    if [ -x "$tools/pip/bin/pip" ] || "$python" -m venv "$tools/pip" >/dev/null 2>&1; then
        "$tools/pip/bin/pip" "$@"
        return
    fi
    rm -rf "$tools/pip"
    mkdir -p "$tools/pip-wheel"
    if ! wheel=$(compgen -G "$tools/pip-wheel/usr/share/python-wheels/pip-*.whl"); then
        command -v apt-get >/dev/null \
            || fail "This Python has neither pip nor venv. Install one of them (python3-pip), or uv."
        say "Unpacking Debian's pip into .tools"
        [ "$(id -u)" != 0 ] || apt-get -qq update >&2
        (cd "$tools/pip-wheel" && apt-get -qq download python3-pip-whl >&2) \
            || fail "Could not get pip. Install the package python3-pip, or uv, and run this again."
        dpkg-deb -x "$tools"/pip-wheel/python3-pip-whl_*.deb "$tools/pip-wheel"
        wheel=$(compgen -G "$tools/pip-wheel/usr/share/python-wheels/pip-*.whl")
    fi
    "$python" "$wheel/pip" "$@"
}

# Print a text that says what an environment was made of. It depends on the checkout's path, too,
# because a virtual environment breaks when its folder moves.
fingerprint() { # FILE... (- for standard input)
    { printf '%s\n' "$root" && cat "$@"; } | sha256sum | cut -d ' ' -f 1
}

is_done() { # FOLDER NAME FINGERPRINT
    [ -x "$1/bin/python" ] && [ "$(cat "$1/.done-$2" 2>/dev/null)" = "$3" ] \
        && "$1/bin/python" -c '' 2>/dev/null
}

mark_done() { # FOLDER NAME FINGERPRINT
    printf '%s\n' "$3" >"$1/.done-$2"
}
