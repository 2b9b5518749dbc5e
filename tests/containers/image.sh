#!/usr/bin/env bash
# Builds the image as users get it, from source and by the Dockerfile as it is, and prints its name. It is named by a
# hash of all that the build reads, so it is built once for each state of the source: 20 minutes when nothing is
# cached, the crate's own part of that when the dependencies are. MLGATE_IMAGE names an image to take instead.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/containers
inputs=(Cargo.toml Cargo.lock Dockerfile .dockerignore src)

if [[ -n ${MLGATE_IMAGE:-} ]]; then
  echo "$MLGATE_IMAGE"
  exit
fi

# A copy, because the builder reads the source long after it has started, and somebody may be writing it.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
cp -a "${inputs[@]}" "$work"
"$root/tests/containers/dockerfile.sh" >"$work/Dockerfile"
cd "$work"
key=$(find "${inputs[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-12)
image=localhost/mlgate:$key
if "$ENGINE" image inspect "$image" >/dev/null 2>&1; then
  echo "$image"
  exit
fi

mkdir -p "$cache"
log=$cache/build.log
echo "building $image from source: up to 20 minutes, once; all it says is in $log" >&2
# Podman says STEP, Docker says Step.
if ! "$ENGINE" build -t "$image" . 2>&1 | tee "$log" | { grep --line-buffered -i '^\S* *step ' >&2 || true; }; then
  tail -n 40 "$log" >&2
  exit 1
fi

# Earlier states lose their names. The layer with the dependencies stays, as the next build starts from it; of those
# with the compiled crate only the latest does.
"$ENGINE" images --format '{{.Repository}}:{{.Tag}}' localhost/mlgate | grep -E ':[0-9a-f]{12}$' |
  { grep -vxF "$image" || true; } | xargs -r "$ENGINE" rmi --no-prune >&2
last_step() { "$ENGINE" history --no-trunc --format '{{.CreatedBy}}' "$1" | awk 'NR == 1'; }
for id in $("$ENGINE" images -q --no-trunc --filter dangling=true); do
  [[ $(last_step "$id") != *"strip target/release/mlgate"* ]] || echo "$id"
done | tail -n +2 | xargs -r "$ENGINE" rmi >&2 || true
echo "$image"
