#!/usr/bin/env bash
# Rolls models out for real: HAProxy, Envoy, Prometheus and MLflow as they are, models that are made bad while users watch,
# and mlgate between them. scenarios.py has the stories; each gets a world of its own (tests/servers/world.py).
#
#   tests/rollout/run.sh [NAME…]      all of them, or those whose names contain one of these
#
# MLGATE names the program; without it the debug build. About two minutes on two cores. Ends with 1 if a story came out
# otherwise than it should, with 77 where the servers cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../.."
MLGATE=${MLGATE:-${CARGO_TARGET_DIR:-$HOME/.cache/mlgate/target}/debug/mlgate}
[[ -x $MLGATE ]] || {
  echo "error: $MLGATE is no program" >&2
  echo "  hint: cargo build, or say where it is: MLGATE=…" >&2
  exit 2
}

tests/servers/rollout.sh >/dev/null
MLFLOW=$(tests/servers/mlflow.sh) || {
  echo "skipped: MLflow could not be prepared" >&2
  exit 77
}
export MLGATE MLFLOW
exec python3 -B tests/rollout/scenarios.py "$@"
