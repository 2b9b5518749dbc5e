#!/usr/bin/env bash
# Prints the Dockerfile as this machine can build it. It names its bases by digest; where no registry can be reached,
# an image of the same tag may stand in for a base, and has another digest: there, and only there, the digest is left
# out, and said.
set -euo pipefail
dockerfile=$(cd "$(dirname "$0")/../.." && pwd)/Dockerfile
text=$(<"$dockerfile")
mapfile -t bases < <(sed -nE 's/^FROM (\S+@sha256:[0-9a-f]{64}).*/\1/p' "$dockerfile")
for base in "${bases[@]}"; do
  tag=${base%@*}
  [[ ${tag##*/} == *:* ]] || tag+=:latest
  "$ENGINE" image inspect "$base" >/dev/null 2>&1 && continue
  if "$ENGINE" image inspect "$tag" >/dev/null 2>&1 && ! "$ENGINE" pull -q "$base" >/dev/null 2>&1; then
    echo "$tag stands in for $base, which cannot be pulled here" >&2
    text=${text//"$base"/"${base%@*}"}
  fi
done
printf '%s\n' "$text"
