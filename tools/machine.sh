# shellcheck shell=sh
# Sourced by setup.sh and setup-services.sh: what is on this machine, and how Debian packages get there.
# Nothing here asks a question: without root, and without a sudo that needs no password, nothing is installed.

# Seconds for one installation and for fetching the package lists, which is done before the second try and the third.
INSTALL_SECONDS=900
UPDATE_SECONDS=240
APT_TRIES=3

say() { printf 'set-up: %s\n' "$*"; }
warn() { printf 'set-up: %s\n' "$*" >&2; }

# as_root COMMAND...: run it with the rights of root, or answer 1 when there is no way.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}

can_install() {
  command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" -eq 0 ] || sudo -n true >/dev/null 2>&1
}

# Why packages cannot be installed here, for a message.
why_not() {
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "this machine has no apt-get"
  else
    echo "that takes root, or sudo without a password"
  fi
}

# apt_bounded SECONDS ARGUMENT...
apt_bounded() {
  apt_seconds=$1
  shift
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none \
    timeout --kill-after=60 "$apt_seconds" apt-get -q -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 \
    -o Acquire::http::Timeout=60 -o Acquire::https::Timeout=60 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# install_packages NAME...: 0 when all are installed; else the end of what apt-get said is shown, and 1.
install_packages() {
  apt_log=$(mktemp)
  apt_try=1
  while [ "$apt_try" -le "$APT_TRIES" ]; do
    if [ "$apt_try" -gt 1 ]; then
      apt_bounded "$UPDATE_SECONDS" update >>"$apt_log" 2>&1 || true
    fi
    if apt_bounded "$INSTALL_SECONDS" install --no-install-recommends "$@" >>"$apt_log" 2>&1; then
      rm -f "$apt_log"
      return 0
    fi
    apt_try=$((apt_try + 1))
  done
  warn "apt-get could not install: $*. It said:"
  grep -E '^(E|Err|W):?' "$apt_log" | tail -n 8 | sed 's/^/    /' >&2
  rm -f "$apt_log"
  return 1
}

# not_installed NAME...: those of the packages that dpkg does not have.
not_installed() {
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
  done
}

# has_font PATTERN: a font file of that name is where programs look for fonts, installed by a package or by hand.
has_font() {
  for fonts in /usr/share/fonts /usr/local/share/fonts "${HOME:-/nonexistent}/.local/share/fonts" "${HOME:-/nonexistent}/.fonts"; do
    if [ -d "$fonts" ] && [ -n "$(find -L "$fonts" -iname "$1" -print -quit 2>/dev/null)" ]; then
      return 0
    fi
  done
  return 1
}

has_header() { [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]; }
