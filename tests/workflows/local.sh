#!/usr/bin/env bash
# Copies this repository's workflows, those of examples too, into a folder, with `uses: ./` for `uses: mlgate/mlgate@…`:
# so they can be run, or linted, against the action as it is here and now.
#
#   tests/workflows/local.sh FOLDER
#
# Prints the paths of the copies, relative to the folder; they are those of the originals.
set -euo pipefail
[[ $# == 1 ]] || { echo "error: usage: local.sh FOLDER" >&2; exit 2; }
to=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."

grep -rlE --include='*.yml' '^jobs:' .github/workflows examples | sort | while read -r file; do
  mkdir -p "$to/$(dirname "$file")"
  sed -E 's#^( *(- )?uses: )mlgate/mlgate@[^ ]+#\1./#' "$file" > "$to/$file"
  echo "$file"
done
