#!/usr/bin/env bash
# Proves the image: what is in it, that every builder takes its Dockerfile, that it keeps the runner's contract, and
# that whole workflows do what they say. README.md has the details. Ends with 0 if all that was tried holds, 1 if
# something does not, and 77 with a reason if there is no container engine to be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/containers
. "$here/engine.sh"

# Two at once would take each other's images: act has one name for all.
mkdir -p "$cache"
exec 8>"$cache/stage.lock"
flock 8
log=$(mktemp)
trap 'rm -f "$log"' EXIT

failed=0
try() {
  local start=$SECONDS
  "$@" 8>&- 2>&1 | tee -a "$log" || failed=1
  echo "   $(basename "$1"): $((SECONDS - start)) s"
}
count() { grep -c "^$1 " "$log" || true; }

if image=$("$here/image.sh" 8>&-); then
  echo "$image by $ENGINE"
  try "$here/facts.sh" "$image"
  try "$here/builders.sh" "$image"
  try "$here/contract.py" "$image"
  try "$here/act.py" "$image"
else
  echo "FAILED the image is built from source" | tee -a "$log"
  failed=1
fi
echo "containers: $(count ok) passed, $(count FAILED) failed, $(count skipped) skipped"
exit "$failed"
