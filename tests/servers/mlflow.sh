#!/usr/bin/env bash
# Prepares MLflow for the tests, once, and prints the folder it is in:
#
#   <folder>/venv/bin    python, mlflow
#   <folder>/state       mlflow.db, artifacts/: a server without passwords
#   <folder>/state-auth  mlflow.db, artifacts/, basic_auth.db, basic_auth.ini: a server with them
#
# The folder is named by a hash of everything it is made from, so it is either right or not there. README.md says how
# to start servers on copies of it. Needs python3 and PyPI (or what PIP_INDEX_URL names) the first time; after that,
# python3. Ends with 2 if it cannot be done here.
set -euo pipefail
unset PYTHONPATH PYTHONHOME
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/mlflow-requirements.txt

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

command -v python3 >/dev/null ||
  impossible "python3 is not installed" "apt-get install python3 python3-venv; it must be 3.11 or later"

# Two keys, because the environment takes a minute and the seed ten seconds.
# Written for a Python of any age: it is the one to say that it is too old.
keys=$(python3 -I -S -c '
import hashlib, sys
if sys.version_info < (3, 11):
    sys.exit("it is %d.%d" % sys.version_info[:2])
key = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    key.update(open(name, "rb").read())
    print(key.hexdigest()[:16])
' "$requirements" "$here/mlflow_seed.py" "$here/basic_auth.ini" 2>&1) ||
  impossible "python3 is of no use here: $keys" "MLflow's requirements need 3.11 or later"
{ read -r venv_key; read -r _; read -r key; } <<<"$keys"

cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/mlflow
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
venv=$cache/venv-$venv_key
folder=$cache/$key

# A virtual environment cannot be renamed into its place, so it has a mark that is written last.
# `-x` follows the link to the Python it was made with, which may have been removed since.
venv_is_ready() { [[ -f $venv/ready && -x $venv/bin/python ]]; }
all_is_ready() { [[ -d $folder ]] && venv_is_ready; }

if all_is_ready; then
  echo "$folder"
  exit
fi

python3 -c 'import venv, ensurepip' 2>/dev/null ||
  impossible "python3 has no venv or no pip" "apt-get install python3-venv"

# One at a time. The lock is on the open file, so it lasts as long as this script; flock(1) is not on every system.
exec 9>"$cache/lock"
python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'

if ! venv_is_ready; then
  echo "installing MLflow into $venv: about a minute, once" >&2
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 ||
    impossible "failed to make a virtual environment in $venv" "apt-get install python3-venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$requirements" >&2 ||
    impossible "failed to install MLflow" "it comes from PyPI, or from where PIP_INDEX_URL says"
  touch "$venv/ready"
fi

if ! all_is_ready; then
  temporary=$(mktemp -d "$cache/tmp.XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  ln -s "../venv-$venv_key" "$temporary/venv"
  "$venv/bin/python" "$here/mlflow_seed.py" "$temporary" >&2
  mv "$temporary" "$folder"
fi
echo "$folder"
