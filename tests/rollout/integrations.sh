#!/usr/bin/env bash
# Signals and routers beside those of run.sh: a real InfluxDB, a real NGINX, and emulators of CloudWatch and SageMaker (moto).
# integrations.py has the stories.
#
#   tests/rollout/integrations.sh [NAME…]      all of them, or those whose names contain one of these
#
# MLGATE names the program; without it the debug build. InfluxDB and NGINX are the system's, installed by apt as root; moto comes from
# PyPI into an environment named by a hash of its requirements. A story whose server cannot be had here is skipped by name.
# Ends with 1 if a story came out otherwise than it should, with 77 where none could be told.
set -euo pipefail
cd "$(dirname "$0")/../.."
unset PYTHONPATH PYTHONHOME
MLGATE=${MLGATE:-${CARGO_TARGET_DIR:-$HOME/.cache/mlgate/target}/debug/mlgate}
[[ -x $MLGATE ]] || {
  echo "error: $MLGATE is no program" >&2
  echo "  hint: cargo build, or say where it is: MLGATE=…" >&2
  exit 2
}
for server in nginx influxd; do
  # Who cannot be had is skipped by name.
  found=$(tests/servers/rollout.sh "$server") || continue
  eval "export $found"
done
requirements=tests/servers/integrations-requirements.txt
venv=${MLGATE_CACHE:-$HOME/.cache/mlgate}/integrations-$(sha256sum "$requirements" | cut -c1-16)
if [[ ! -e $venv/ready ]]; then
  rm -rf "$venv"
  { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$requirements" && touch "$venv/ready"; } >&2 ||
    echo "skipped: moto could not be installed" >&2
fi
export MLGATE
python=$venv/bin/python
[[ -x $python ]] || python=python3
exec "$python" -B tests/rollout/integrations.py "$@"
