# shellcheck shell=bash
# Lines that run.sh counts, for scripts whose proofs are commands: `ok NAME`, `FAILED NAME: REASON`, `skipped NAME: REASON`.

# prove NAME COMMAND…: what the command says is shown only if it fails.
prove() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    echo "ok $name"
  else
    echo "FAILED $name: $(tail -n 1 <<<"$said")"
    while IFS= read -r line; do echo "    $line"; done <<<"$said"
    failed=1
  fi
}

skip() { echo "skipped $1: $2"; }

# What the script ends with.
# shellcheck disable=SC2034
failed=0
