#!/bin/sh
# The benchmark: mlgate and its rivals in turn on the same table. See README.md beside this file.
set -eu
export PYTHONDONTWRITEBYTECODE=1
exec "${PYTHON:-python3}" "$(dirname "$0")/run.py" "$@"
