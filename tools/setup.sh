#!/bin/sh
# Makes .venv from the hash-locked requirements, and installs the few Debian packages that a card needs when it may.
# Asks nothing. A second run starts at once. Exit 1: no usable Python, or the Python packages did not install; what only
# narrows the program (fonts, PC/SC) is named with its reason, and the set-up goes on.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/machine.sh
. tools/machine.sh

LOCKS="requirements/build.txt requirements/run.txt requirements/dev.txt requirements/pkcs11.txt requirements/web.txt requirements/pcsc.txt"
STAMP=.venv/set-up
PIP_SECONDS=1200
started=$(date +%s)

# The stamp's first line is this folder (a virtual environment cannot be moved), its second what was installed.
# shellcheck disable=SC2086
wanted() { pwd -P; cat $LOCKS pyproject.toml tools/setup.sh tools/machine.sh | sha256sum; }
current() { [ -x .venv/bin/python ] && [ -f "$STAMP" ] && [ "$(wanted)" = "$(cat "$STAMP")" ]; }
has_pyscard() { [ -n "$(find .venv/lib -path '*/site-packages/smartcard/scard/_scard*.so' -print -quit 2>/dev/null)" ]; }

python_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
python_makes_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
python_header() { [ -e "$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; }

# Prints the first Python that is new enough; one that can make a virtual environment goes before one that cannot.
find_python() {
  for test in python_makes_venv true; do
    for name in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
      if python_new_enough "$name" && $test "$name"; then
        command -v "$name"
        return
      fi
    done
  done
}

# The Debian package that gives this Python `venv` or `dev`.
python_package() { "$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])' | sed "s/\$/-$2/"; }

choose_python() {
  python=$(find_python)
  if [ -z "$python" ] && can_install; then
    say "installing Python (python3, python3-venv)"
    install_packages python3 python3-venv || true
    python=$(find_python)
  fi
  if [ -z "$python" ]; then
    warn "cardfab needs Python 3.11 or newer, and none was found. Install it (Debian 12: apt-get install python3 python3-venv),"
    warn "or name it: make setup PYTHON=/path/to/python3"
    exit 1
  fi
  python_makes_venv "$python" && return
  package=$(python_package "$python" venv)
  if can_install; then
    say "installing $package"
    install_packages "$package" || install_packages python3-venv || true
  fi
  if ! python_makes_venv "$python"; then
    warn "$python cannot make a virtual environment: the Debian package $package is missing, and $(why_not)."
    warn "Have it installed (apt-get install $package), then run the same command again."
    exit 1
  fi
}

missing_fonts() {
  has_font 'NotoSansCJK*' || printf 'fonts-noto-cjk '
  has_font 'HanaMin*' || printf 'fonts-hanazono '
}

# OpenSSL's library, for SM2 and for raw RSA (cardfab/crypto/libcrypto.py); any of its names will do.
has_libcrypto() {
  .venv/bin/python -c 'from cardfab.crypto.libcrypto import library; library()' >/dev/null 2>&1
}

missing_library() {
  has_libcrypto || printf 'libssl3 '
}

# What builds pyscard, of which there is no ready-made package for Linux. Nothing is missing once it is built.
missing_tools() {
  has_pyscard && return
  command -v swig >/dev/null 2>&1 || printf 'swig '
  command -v gcc >/dev/null 2>&1 || printf 'gcc '
  has_header stdio.h || printf 'libc6-dev '
  has_header PCSC/winscard.h || printf 'libpcsclite-dev '
  python_header .venv/bin/python || printf '%s ' "$(python_package .venv/bin/python dev)"
}

name_missing() {
  has_font 'NotoSansCJK*' || warn "missing: fonts-noto-cjk. Without it no Chinese text can be drawn on a card."
  has_font 'HanaMin*' || warn "missing: fonts-hanazono. Without it names with rare characters are refused."
  has_libcrypto || warn "missing: libssl3. Without it no bank application and no third-generation card can be prepared."
  tools=$(missing_tools)
  [ -z "$tools" ] || warn "missing: ${tools}(what builds pyscard). Without pyscard no card in a PC/SC reader can be used."
}

pip_bounded() {
  timeout --kill-after=30 "$PIP_SECONDS" .venv/bin/python -m pip "$@" --quiet --disable-pip-version-check \
    --no-input --retries 5 --timeout 60 </dev/null
}

make_venv() {
  if [ -f "$STAMP" ] && [ "$(head -n 1 "$STAMP")" != "$(pwd -P)" ]; then
    say "the folder was moved: making .venv anew"
    rm -rf .venv
  fi
  rm -f "$STAMP"
  if ! { python_new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    choose_python
    say "making .venv with $("$python" --version) ($python)"
    rm -rf .venv
    "$python" -m venv .venv
  fi
  say "installing the locked Python packages"
  if ! { pip_bounded install --require-hashes -r requirements/build.txt -r requirements/run.txt -r requirements/dev.txt -r requirements/pkcs11.txt -r requirements/web.txt &&
    pip_bounded install --no-deps --no-build-isolation --no-index --editable .; }; then
    warn "the Python packages could not be installed (above is what pip said). Once the reason is gone, run the same command again."
    exit 1
  fi
}

build_pyscard() {
  build_log=$(mktemp)
  say "building pyscard (PC/SC readers)"
  if ! pip_bounded install --require-hashes --no-deps --no-build-isolation -r requirements/pcsc.txt >"$build_log" 2>&1; then
    warn "pyscard could not be built: cards in PC/SC readers cannot be used; everything else works. The build said:"
    tail -n 8 "$build_log" | sed 's/^/    /' >&2
  fi
  rm -f "$build_log"
}

fresh=no
if ! current; then
  fresh=yes
  make_venv
fi

missing="$(missing_fonts)$(missing_library)$(missing_tools)"
if [ -n "$missing" ] && can_install; then
  say "installing Debian packages: $missing"
  # shellcheck disable=SC2086
  install_packages $missing || true
fi
if [ -z "$(missing_tools)" ]; then
  { [ "$fresh" = no ] && has_pyscard; } || build_pyscard
fi
missing="$(missing_fonts)$(missing_library)$(missing_tools)"
if [ -n "$missing" ]; then
  name_missing
  can_install || warn "they were not installed: $(why_not). To install them: apt-get install $missing"
fi

if [ "$fresh" = yes ]; then
  wanted >"$STAMP"
  say "ready in $(($(date +%s) - started)) s"
fi
