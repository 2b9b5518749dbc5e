#!/usr/bin/env bash
# Proves that Docker's two builders, the classic one and BuildKit, take the image's Dockerfile as Podman did, and that
# what they build runs: `builders.sh IMAGE`. Around the image's own binary, since compiling it again would prove nothing
# about the builder. Uses the Docker that runs here, or starts one of its own in a temporary folder without a network.
# shellcheck disable=SC2329 # prove calls functions by name
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/proofs.sh"
image=$1
names=("the classic builder takes the Dockerfile" "BuildKit takes the Dockerfile")

# The same image, instructions and proofs need no second look.
id=$("$ENGINE" image inspect -f '{{.Id}}' "$image")
key=$({ echo "$id" && cat "$here"/{final-stage,builders,runner}.sh "$here/../../Dockerfile"; } | sha256sum | cut -c 1-16)
proven=${MLGATE_CACHE:-$HOME/.cache/mlgate}/containers/builders-$key
if [[ -e $proven ]]; then
  printf 'ok %s (proven before)\n' "${names[@]}"
  exit
fi

skip_both() {
  for name in "${names[@]}"; do
    skip "$name" "$1"
  done
  exit
}

work=$(mktemp -d)
daemon=
cleanup() {
  if [[ -n $daemon ]]; then
    kill "$daemon" || true
    wait "$daemon" || true
    # What a container left mounted would be deleted through.
    grep -o " $work/[^ ]*" /proc/mounts | sort -r | xargs -r umount -l || true
  else
    docker rmi -f mlgate-test:0 mlgate-test:1 || true
  fi >/dev/null 2>&1
  rm -rf "$work"
}

install_docker() {
  [[ $(id -u) == 0 ]] && command -v apt-get || return 1
  # Debian starts what it installs unless this file objects.
  local policy=/usr/sbin/policy-rc.d ours=
  [[ -e $policy ]] || { ours=1 && printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"; }
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io
  [[ -z $ours ]] || rm "$policy"
  # The shell remembers where it found another one before.
  hash -r
}

# Its own folders, socket and containerd; no bridge and no rules in the host's tables.
start_docker() {
  echo '{}' >"$work/daemon.json"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --config-file "$work/daemon.json" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
    --host "$DOCKER_HOST" --bridge none --iptables=false --exec-opt native.cgroupdriver=cgroupfs \
    --default-ulimit nofile=20000:20000 >"$work/log" 2>&1 &
  daemon=$!
  for _ in {1..100}; do
    docker info >/dev/null 2>&1 && return
    kill -0 "$daemon" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# Debian's client knows BuildKit by itself; a newer one elsewhere in the path may lack its plugin.
PATH=/usr/bin:$PATH

trap cleanup EXIT
if ! docker info >/dev/null 2>&1; then
  command -v dockerd >/dev/null || install_docker >"$work/log" 2>&1 ||
    skip_both "Docker is not installed, and cannot be: $(tail -n 1 "$work/log")"
  [[ $(id -u) == 0 ]] || skip_both "Docker does not run, and only root can start it"
  start_docker || skip_both "Docker does not start: $(tail -n 1 "$work/log")"
fi

mkdir "$work/context"
container=$("$ENGINE" create --pull=never "$image")
mkdir "$work/context/out"
"$ENGINE" cp "$container:/libonnxruntime.so" "$work/context/libonnxruntime.so"
"$ENGINE" cp "$container:/mlgate" "$work/context/out/mlgate"
ln -s mlgate "$work/context/out/mlgate-post"
"$ENGINE" rm "$container" >/dev/null
"$here/final-stage.sh" >"$work/context/Dockerfile"
base=$(awk '/^FROM /{ base = $2 } END { print base }' "$work/context/Dockerfile")
docker image inspect "$base" >/dev/null 2>&1 || "$ENGINE" save "$base" | docker load -q >/dev/null

mkdir "$work/workspace"
printf 'age\n20\n30\n' >"$work/workspace/data.csv"

builds_and_runs() {
  DOCKER_BUILDKIT=$1 docker build -t "mlgate-test:$1" "$work/context" || return
  for rows in 2:0 3:1; do
    code=0
    ENGINE=docker "$here/runner.sh" "mlgate-test:$1" "$work/workspace" --network none -- \
      INPUT_COMMAND=check INPUT_DATA=data.csv "INPUT_MIN-ROWS=${rows%:*}" || code=$?
    [[ $code == "${rows#*:}" ]] || { echo "exit code $code with at least ${rows%:*} rows" && return 1; }
  done
}

for kit in 0 1; do
  prove "${names[$kit]}" builds_and_runs "$kit"
done
if [[ $failed == 0 ]]; then
  mkdir -p "$(dirname "$proven")"
  rm -f "$(dirname "$proven")"/builders-*
  touch "$proven"
fi
exit "$failed"
