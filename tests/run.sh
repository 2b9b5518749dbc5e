#!/usr/bin/env bash
# The one test command: format, lints, tests. Every step runs; the last lines say what came of each.
#
# Needs Rust, a C compiler and Python 3.11. Installs Rust's own rustfmt and clippy, and beside the builds, the
# first time, an MLflow server for the tests to talk to. That generated files are current is one of the tests:
# it rewrites what is not, and fails.
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
  if ! "$@" 2>&1 | tee "$log"; then
    word=FAILED
    failed=1
  fi
  results+=("$(printf '%-7s %-7s %4d s  %s' "$word" "$name" "$((SECONDS - start))" "$(totals)")")
}

# The numbers of all test binaries together, from Cargo's `test result: ok. 12 passed; 0 failed; …`.
totals() {
  awk '/^test result: / { n++; for (i = 1; i < NF; i++) { w = $(i + 1); sub(/;/, "", w)
         if (w == "passed") p += $i; if (w == "failed") f += $i; if (w == "ignored") g += $i } }
       END { if (n) printf "%d passed, %d failed, %d ignored", p, f, g }' "$log"
}

step servers tests/servers/mlflow.sh
step format cargo fmt --check
step lints cargo clippy --all-targets --locked -- -D warnings
step tests cargo test --locked --no-fail-fast
if cargo deny --version >/dev/null 2>&1; then
  step deny cargo deny check
fi

echo
printf '%s\n' "${results[@]}"
exit "$failed"
