#!/bin/sh
# Installs what only the tests need: PC/SC daemon and virtual reader, programs that check our results, Python packages of
# strangers. Leaves no daemon running and asks nothing. Exit 1 when something is missing in the end: the tests fail without
# it, they do not skip.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=tools/machine.sh
. tools/machine.sh

# pcscd, vsmartcard-vpcd: tests over real PC/SC. opensc, pcsc-tools: second programs on the same reader.
# poppler-utils: PDF to pictures and text, signatures. libnss3-tools: whom pdfsig trusts. zbar-tools: QR codes.
# chromium: our pages. postgresql: the database of several stations. softhsm2: a PKCS#11 token. golang: an independent check of the audit record's signed notes.
# iproute2: machines of their own network for the bureau's workers. systemd: what it says of our units.
PACKAGES="pcscd vsmartcard-vpcd opensc pcsc-tools poppler-utils openssl golang-go golang-golang-x-mod-dev softhsm2 zbar-tools libnss3-tools chromium postgresql cups cups-filters cups-ipp-utils dbus fonts-noto-core iproute2 systemd"

# A client of PC/SC by strangers, hash-locked like the rest and stamped like .venv itself: a second run starts at once.
STRANGERS=requirements/strangers.txt
STAMP=.venv/set-up-strangers
PIP_SECONDS=600

POLICY=/usr/sbin/policy-rc.d
MARK="written by cardfab's setup-services for the length of one installation"

# Debian starts a daemon when its package is installed, unless policy-rc.d answers 101.
forbid_starts() {
  [ -e "$POLICY" ] && ! grep -q "$MARK" "$POLICY" && return
  as_root sh -c "printf '#!/bin/sh\n# %s\nexit 101\n' \"\$1\" >\"\$2\" && chmod 755 \"\$2\"" sh "$MARK" "$POLICY"
}

allow_starts() {
  if [ -e "$POLICY" ] && grep -q "$MARK" "$POLICY"; then
    as_root rm -f "$POLICY"
  fi
}

systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

# The machine's own daemon, or the socket by which systemd starts it. A daemon of a test run has another parent than init,
# but none runs while packages are installed.
daemon_runs() {
  pidof pcscd >/dev/null 2>&1 || { systemd && systemctl is-active --quiet pcscd.socket; }
}

install_strangers() {
  wanted=$(sha256sum <"$STRANGERS")
  [ "$wanted" != "$(cat "$STAMP" 2>/dev/null)" ] || return 0
  say "installing the locked Python packages of strangers"
  # Without dependencies: the file names all of them, and pyscard is there by tools/setup.sh or cannot be built.
  if ! timeout --kill-after=30 "$PIP_SECONDS" .venv/bin/python -m pip install --require-hashes --no-deps --no-build-isolation \
    --quiet --disable-pip-version-check --no-input --retries 5 --timeout 60 -r "$STRANGERS" </dev/null; then
    warn "the Python packages in $STRANGERS could not be installed (above is what pip said); the tests need them."
    exit 1
  fi
  printf '%s\n' "$wanted" >"$STAMP"
}

install_strangers

# shellcheck disable=SC2086
missing=$(not_installed $PACKAGES)
[ -n "$missing" ] || exit 0

if ! can_install; then
  warn "the tests need Debian packages that are missing: $missing"
  warn "they cannot be installed here: $(why_not). To install them: apt-get install $missing"
  exit 1
fi

if daemon_runs; then ran_before=yes; else ran_before=no; fi
trap allow_starts EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
forbid_starts
say "installing Debian packages for the tests: $missing"
# shellcheck disable=SC2086
install_packages $missing || true
allow_starts

if [ "$ran_before" = no ] && daemon_runs; then
  if systemd; then
    as_root systemctl stop pcscd.socket pcscd.service
  else
    as_root service pcscd stop >/dev/null
  fi
  if daemon_runs; then
    warn "the installation started pcscd, and it could not be stopped; stop it by hand: service pcscd stop"
    exit 1
  fi
fi

# shellcheck disable=SC2086
missing=$(not_installed $PACKAGES)
if [ -n "$missing" ]; then
  warn "the tests need Debian packages that could not be installed: $missing"
  exit 1
fi
