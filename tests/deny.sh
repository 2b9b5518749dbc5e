#!/usr/bin/env bash
# Checks what comes into the binary, by deny.toml: known vulnerabilities, licenses, sources, wildcards. Installs
# cargo-deny beside the builds the first time, some minutes. The database of vulnerabilities is fetched from GitHub; where
# that cannot be reached, the rest is checked and the skipped part is said, or with MLGATE_ADVISORIES=required, as in the
# workflow, it is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
root=${MLGATE_CACHE:-$HOME/.cache/mlgate}/deny-$version
if [[ ! -x $root/bin/cargo-deny ]]; then
  echo "installing cargo-deny $version: some minutes, once" >&2
  # A target folder of its own: its dependencies are not ours.
  CARGO_TARGET_DIR=$root/target cargo install --quiet --locked --root "$root" --version "$version" cargo-deny
  rm -rf "$root/target"
fi
deny() { "$root/bin/cargo-deny" --locked "$@"; }

deny check bans licenses sources
if deny fetch db >/dev/null 2>&1; then
  deny check --disable-fetch advisories
elif [[ ${MLGATE_ADVISORIES:-} == required ]]; then
  echo "error: the database of vulnerabilities could not be fetched" >&2
  exit 1
elif [[ -n $(find "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" -mindepth 1 -maxdepth 1 -type d 2>/dev/null) ]]; then
  # An older database still finds what it knows.
  deny check --disable-fetch advisories
else
  echo "skipped: advisories, whose database could not be fetched here"
fi
