# shellcheck shell=bash
# Finds a container engine that really runs containers, or prepares one, and fetches the images that the stage builds
# on. Sourced: it exports ENGINE, and CONTAINERS_CONF where Podman's own settings do not work here. Where there is no
# engine to be had, it says why and ends the stage with 77, which tests/run.sh shows as SKIPPED.

said=$(mktemp)

skip_stage() {
  echo "skipped all of tests/containers: $1"
  rm -f "$said"
  exit 77
}

# Small, with a shell: the job's own container under act, and the first thing that an engine must be able to run.
export RUNNER_IMAGE=docker.io/library/debian:bookworm-slim

has_image() { "$ENGINE" image inspect "$1" >/dev/null 2>&1; }

fetch_image() {
  has_image "$1" || "$ENGINE" pull -q "$1" >/dev/null 2>"$said" ||
    skip_stage "the image $1 is not here and cannot be pulled: $(tail -n 1 "$said")"
}

# A container is the only proof: an engine can be installed and its daemon away, or the kernel in its way.
runs_containers() { "$ENGINE" run --rm --pull=never "$RUNNER_IMAGE" true >"$said" 2>&1; }

install_podman() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  echo "installing Podman"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    podman runc uidmap netavark aardvark-dns iptables containers-storage golang-github-containers-common; } \
    >"$said" 2>&1
}

if [[ ${MLGATE_CONTAINERS:-} == skip ]]; then
  skip_stage "MLGATE_CONTAINERS=skip"
fi
if [[ -z ${ENGINE:-} ]]; then
  if command -v podman >/dev/null; then
    ENGINE=podman
  elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    ENGINE=docker
  elif install_podman; then
    ENGINE=podman
  else
    skip_stage "neither Podman nor a running Docker is here, and Podman cannot be installed (root and apt-get could)"
  fi
fi
export ENGINE
fetch_image "$RUNNER_IMAGE"
if ! runs_containers && [[ $ENGINE == podman ]]; then
  CONTAINERS_CONF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/podman.conf
  export CONTAINERS_CONF
fi
runs_containers || skip_stage "$ENGINE cannot run a container: $(tail -n 1 "$said")"
rm -f "$said"
