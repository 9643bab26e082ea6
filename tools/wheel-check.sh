#!/bin/sh
# Builds the wheel, installs it with the locked run-time packages into a virtual environment of its own, and uses it in an
# empty folder: what a person gets who installs cardfab without its checkout.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd -P)
bounded() { timeout --kill-after=30 "$@" </dev/null; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' INT TERM HUP

echo "wheel-check: building"
(cd "$root" && bounded 300 .venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
  --no-build-isolation --no-index --wheel-dir "$folder/dist" .)
wheel=$(ls "$folder"/dist/cardfab-*.whl)
.venv/bin/python - "$wheel" <<'PY'
import sys, zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
for part in ("cardfab/py.typed", "cardfab/_data/profiles/", "cardfab/_data/examples/"):
    if not any(name.startswith(part) for name in names):
        sys.exit(f"wheel-check: the wheel has no {part}")
PY

echo "wheel-check: installing $(basename "$wheel") into an empty environment"
.venv/bin/python -m venv "$folder/venv"
bounded 600 "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
  --require-hashes -r requirements/run.txt
bounded 120 "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"

"$folder/venv/bin/python" -m pip check --disable-pip-version-check

mkdir "$folder/empty" "$folder/home"
cd "$folder/empty"
run() {
  echo "wheel-check: cardfab $*"
  if ! env -i PATH="$folder/venv/bin:/usr/bin:/bin" HOME="$folder/home" LANG=C.UTF-8 \
    timeout --kill-after=10 120 cardfab "$@" >"$folder/output" 2>&1 </dev/null; then
    cat "$folder/output" >&2
    echo "wheel-check: cardfab $* failed" >&2
    exit 1
  fi
  [ -s "$folder/output" ] || { echo "wheel-check: cardfab $* said nothing" >&2; exit 1; }
}
run --help
run profile list
run init station
[ -f station/cardfab.toml ] || { echo "wheel-check: cardfab init made no station/cardfab.toml" >&2; exit 1; }
echo "wheel-check: the wheel works in an empty folder"
