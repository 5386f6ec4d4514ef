#!/bin/sh
# Makes .venv from the lock files: `requirements/setup.sh runtime` or `… dev`; the Makefile calls it.
#
# PYTHON names the interpreter (default python3); when that is not 3.11 to 3.13, the first of
# python3.13, python3.12 and python3.11 that works is taken. Everything installed is locked with
# hashes. uv installs; pip does when uv can't run here.
set -eu
cd "$(dirname "$0")/.."
set_name=${1:?usage: setup.sh runtime|dev}

say() { printf '%s\n' "$*" >&2; }

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if fits "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "setup: no Python 3.11, 3.12 or 3.13 found. Install one, or name it: make setup PYTHON=/path/to/python"
    exit 1
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "setup: $python can't make virtual environments. On Debian or Ubuntu: apt install python$version-venv"
        exit 1
    fi
    say "setup: making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

pip() {
    .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"
}

installer() {
    if .venv/bin/python -m uv --version >/dev/null 2>&1 ||
        { pip install --require-hashes --no-deps --only-binary :all: -r requirements/bootstrap.txt >&2 &&
            .venv/bin/python -m uv --version >/dev/null 2>&1; }; then
        printf uv
    else
        say "setup: uv can't run here, so pip installs (about half a minute)"
        printf pip
    fi
}

# A .venv that was copied or moved here points elsewhere, one without pip is half made.
if ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_venv
fi
rm -f .venv/ready-runtime .venv/ready-dev
say "setup: installing requirements/$set_name.lock"
# Where Python is told not to keep bytecode, each start would compile everything again.
compile=${PYTHONDONTWRITEBYTECODE:+--compile-bytecode}
if [ "$(installer)" = uv ]; then
    # shellcheck disable=SC2086 - empty or one word
    .venv/bin/python -m uv pip install --python .venv/bin/python $compile \
        --require-hashes -r "requirements/$set_name.lock"
    .venv/bin/python -m uv pip install --quiet --python .venv/bin/python \
        --no-deps --no-build-isolation --editable .
else
    pip install --require-hashes -r "requirements/$set_name.lock"
    pip install --no-deps --no-build-isolation --editable .
fi
touch .venv/ready-runtime
[ "$set_name" = runtime ] || touch .venv/ready-dev
say "setup: done"
