#!/usr/bin/env bash
# A rollout to watch, on one machine: HAProxy, Prometheus, two models, users, and mlgate.
#
#   examples/rollout/start.sh           a candidate with 8 % of errors is taken back
#   examples/rollout/start.sh good      one that is no worse than stable becomes production
#   examples/rollout/start.sh slow      one that takes 200 ms; also: nulls, wrong
#
# Needs haproxy, prometheus (packages of that name; they need not run) and Python 3.11. Everything ends with this script.
# MLGATE names the program; without it mlgate, or `cargo run --release` where that is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

end=1
case ${1:-bad} in
  bad) fault=errors=0.08 ;;
  slow) fault=latency_ms=200 ;;
  nulls) fault=nulls=0.2 ;;
  wrong) fault=right=0.6 ;;
  good) fault=errors=0.01 end=0 ;;
  *) sed -n '4,6s/^# *//p' "$0" >&2 && exit 2 ;;
esac

if [[ -n ${MLGATE:-} ]]; then
  mlgate() { "$MLGATE" "$@"; }
elif ! command -v mlgate >/dev/null; then
  mlgate() { cargo run --quiet --release -- "$@"; }
fi

# --- the gate, whose report alone lets a model out

mlgate check --config examples/rollout/mlgate.yml
sha256=$(python3 -c 'import hashlib; print(hashlib.sha256(open("mlgate-report/report.json", "rb").read()).hexdigest())')

# --- the world

folder=$(mktemp -d)
world=
stop() {
  # The world ends when its input does.
  exec 3>&- || true
  [[ -z $world ]] || wait "$world" || true
  rm -rf "$folder"
}
trap stop EXIT
mkfifo "$folder/commands" "$folder/answers"
python3 tests/servers/world.py --folder "$folder/world" --first-port 17700 --rps 150 \
  --fault stable:errors=0.01 --fault "candidate:$fault" <"$folder/commands" >"$folder/answers" &
world=$!
exec 3>"$folder/commands" 4<"$folder/answers"
echo
echo "starting HAProxy, Prometheus, two models and 150 users a second: six seconds"
if ! read -r _ <&4; then
  code=0
  wait "$world" || code=$?
  exit "$code"
fi
ask() {
  echo "$1" >&3
  read -r answer <&4
  printf '%s' "$answer"
}
before=$(ask '{"seen": true}')

# --- the rollout

printf '\nmodels answer at http://127.0.0.1:17700/invocations, Prometheus is at http://127.0.0.1:17703\n'
printf '$ mlgate rollout --config examples/rollout/mlgate.yml --report-sha256 %s…\n' "${sha256:0:12}"
rm -f mlgate-report/journal.json # of a world that is gone
code=0
mlgate rollout --config examples/rollout/mlgate.yml --report-sha256 "$sha256" || code=$?

# --- what users saw of it

python3 - "$code" "$before" "$(ask '{"seen": true}')" "$(ask '{"weights": true}')" <<'PYTHON'
import json, sys

code, (before, after, weights) = sys.argv[1], map(json.loads, sys.argv[2:])
everyone = after["requests"] - before["requests"]
print(f"\nexit code {code}; HAProxy gives stable {weights['stable']} and the candidate {weights['candidate']}")
for arm in ("stable", "candidate"):
    own = {what: count - before[arm][what] for what, count in after[arm].items()}
    if own["requests"]:
        share, failed = 100 * own["requests"] / everyone, 100 * own["errors"] / own["requests"]
        more = "".join(f", {own[what]} {what}" for what in ("nulls", "slow") if own[what] > 5)
        print(f"  {arm:9} answered {own['requests']:5} users, {share:4.1f} % of them; {failed:.1f} % failed{more}")
PYTHON
echo "mlgate-report/rollout.md has the timeline"
[[ $code == "$end" ]]
