#!/bin/sh
# Writes requirements/*.txt anew: newest versions that pyproject.toml allows, each with the hashes of its files, no registry
# named. Needs pip-tools in .venv (`.venv/bin/python -m pip install pip-tools`; nothing else does). Options go to pip-compile,
# for example `tools/lock.sh --upgrade-package rich`; without any, every version that still fits stays as it is,
# `tools/lock.sh --upgrade` takes the newest of all.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/pip-compile ] || { echo "lock: pip-tools is missing: .venv/bin/python -m pip install pip-tools" >&2; exit 1; }

# The requirements of a part of pyproject.toml, one a line: `project.dependencies`, `dependency-groups.test`, ...
part() {
  .venv/bin/python - "$@" <<'PY'
import sys, tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
for name in sys.argv[1:]:
    part = project
    for key in name.split("."):
        part = part[key]
    print(*part, sep="\n")
PY
}

# compile NAME TITLE OPTIONS...: requirements on standard input to requirements/NAME.txt. The old file is kept beside as the
# start, so that versions only move when asked to.
compile() {
  name=$1 title=$2
  shift 2
  .venv/bin/pip-compile --quiet --no-config --generate-hashes --allow-unsafe --strip-extras --no-header --newline lf \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --annotation-style line \
    --output-file "requirements/$name.txt" "$@" -
  body=$(sed -e '/^# .* Written by tools\/lock.sh/d' -e 's/via -r -\(,\|$\)/via pyproject.toml\1/' "requirements/$name.txt")
  printf '# %s Written by tools/lock.sh; do not edit.\n%s\n' "$title" "$body" >"requirements/$name.txt"
}

mkdir -p requirements
part project.dependencies | compile run "What cardfab needs at run time." "$@"
{ part project.optional-dependencies.web; part project.optional-dependencies.postgres; part project.optional-dependencies.bureau; } |
  compile web "The operator page, its API, PostgreSQL, and the bureau." --constraint requirements/run.txt "$@"
part dependency-groups.test dependency-groups.check |
  compile dev "Tests and checks." --constraint requirements/run.txt --constraint requirements/web.txt "$@"
{ part build-system.requires; printf 'editables\nsetuptools\nwheel\n'; } |
  compile build "Builds cardfab and pyscard." --constraint requirements/run.txt --constraint requirements/dev.txt "$@"
part project.optional-dependencies.pcsc | compile pcsc "PC/SC; built from source." --constraint requirements/run.txt "$@"
part project.optional-dependencies.pkcs11 | compile pkcs11 "Keys in a PKCS#11 token." --constraint requirements/run.txt "$@"
# A client of PC/SC that nobody here wrote, for tests only. Its pyscard is the one that is built above.
echo 'yubikey-manager>=5.9' | compile strangers "Strangers' programs that tests run against the chip." \
  --constraint requirements/run.txt --constraint requirements/dev.txt --constraint requirements/pcsc.txt "$@"
