#!/usr/bin/env bash
# Prints the last stage of the Dockerfile, with what it copies taken from the context instead of the stages before it. So
# other builders can be shown the image's own instructions without half an hour of compiling in each.
set -euo pipefail
"$(dirname "$0")/dockerfile.sh" |
  awk '/^FROM /{ stage = "" } { stage = stage $0 "\n" } END { printf "%s", stage }' |
  sed -E 's|^COPY --from=\S+ \S*/(\S+) |COPY \1 |'
