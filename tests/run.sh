#!/usr/bin/env bash
# The one test command: format, lints, tests. Every step runs; the last lines say what came of each.
#
# Needs Rust, a C compiler, Python 3.11 and Node 20. Installs Rust's own rustfmt and clippy, and beside the builds, the
# first time, an MLflow server and a GitHub for the tests to talk to, ONNX Runtime, and the linters of workflows. Containers need an
# engine: where there is none and none can be had, the last lines say that they were skipped, and why.
# That generated files are current is one of the tests: it rewrites what is not, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/mlgate/target}"

missing() {
  echo "error: $1 is not installed" >&2
  echo "  hint: $2" >&2
  exit 2
}
command -v cargo >/dev/null || missing cargo "https://rustup.rs installs it"
command -v cc >/dev/null || missing "a C compiler" "apt-get install gcc libc6-dev"
for tool in rustfmt:fmt clippy:clippy; do
  cargo "${tool#*:}" --version >/dev/null 2>&1 && continue
  command -v rustup >/dev/null || missing "${tool%:*}" "it comes with Rust's toolchain, as a component"
  rustup component add "${tool%:*}"
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
results=()
failed=0

step() {
  local name=$1 start=$SECONDS word=ok
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  local code=0
  "$@" 2>&1 | tee "$log" || code=${PIPESTATUS[0]}
  case $code in
    0) ;;
    77) word=SKIPPED ;;
    *) word=FAILED failed=1 ;;
  esac
  results+=("$(printf '%-7s %-10s %4d s  %s' "$word" "$name" "$((SECONDS - start))" "$(totals)")")
}

# The numbers of all test binaries together, from Cargo's `test result: ok. 12 passed; 0 failed; …`.
totals() {
  awk '/^test result: / { n++; for (i = 1; i < NF; i++) { w = $(i + 1); sub(/;/, "", w)
         if (w == "passed") p += $i; if (w == "failed") f += $i; if (w == "ignored") g += $i } }
       END { if (n) printf "%d passed, %d failed, %d ignored", p, f, g }' "$log"
}

step servers bash -c 'tests/servers/mlflow.sh && tests/servers/github.sh && tests/servers/onnxruntime.sh && tests/servers/unleash.sh'
step format cargo fmt --check
step lints cargo clippy --all-targets --locked -- -D warnings
step tests cargo test --locked --no-fail-fast
step workflows tests/workflows/lint.sh
step release tests/workflows/release.sh
step rollouts tests/rollout/run.sh
step integrations tests/rollout/integrations.sh
step kubernetes tests/rollout/kubernetes.sh
step containers tests/containers/run.sh
step deny tests/deny.sh

echo
printf '%s\n' "${results[@]}"
exit "$failed"
