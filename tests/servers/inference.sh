#!/usr/bin/env bash
# Prepares what inference.py needs, once, and prints the Python to run it with:
#
#   "$(tests/servers/inference.sh)" tests/servers/inference.py
#
# The environment is named by a hash of everything it is made from, so it is either right or not there. Needs python3
# and PyPI (or what PIP_INDEX_URL names) the first time; after that, python3. Ends with 2 if it cannot be done here.
set -euo pipefail
unset PYTHONPATH PYTHONHOME
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/inference-requirements.txt

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

command -v python3 >/dev/null ||
  impossible "python3 is not installed" "apt-get install python3 python3-venv; it must be 3.11 or later"

# Written for a Python of any age: it is the one to say that it is too old.
key=$(python3 -I -S -c '
import hashlib, sys
if sys.version_info < (3, 11):
    sys.exit("it is %d.%d" % sys.version_info[:2])
print(hashlib.sha256(sys.version.encode() + open(sys.argv[1], "rb").read()).hexdigest()[:16])
' "$requirements" 2>&1) ||
  impossible "python3 is of no use here: $key" "inference.py needs 3.11 or later"

cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/inference
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
venv=$cache/venv-$key

# A virtual environment cannot be renamed into its place, so it has a mark that is written last.
# `-x` follows the link to the Python it was made with, which may have been removed since.
is_ready() { [[ -f $venv/ready && -x $venv/bin/python ]]; }

if ! is_ready; then
  python3 -c 'import venv, ensurepip' 2>/dev/null ||
    impossible "python3 has no venv or no pip" "apt-get install python3-venv"
  # One at a time. The lock is on the open file, so it lasts as long as this script; flock(1) is not on every system.
  exec 9>"$cache/lock"
  python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi

if ! is_ready; then
  echo "installing MLServer into $venv: about a minute, once" >&2
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 ||
    impossible "failed to make a virtual environment in $venv" "apt-get install python3-venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps -r "$requirements" >&2 ||
    impossible "failed to install MLServer" "it comes from PyPI, or from where PIP_INDEX_URL says"
  touch "$venv/ready"
fi
echo "$venv/bin/python"
