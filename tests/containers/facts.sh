#!/usr/bin/env bash
# Proves what the image is: one binary and ONNX Runtime on a base without a shell, started as the runner wants it, small enough to be
# pulled or built in each job. Prints its size and how long it takes to start.
# shellcheck disable=SC2329 # prove calls functions by name
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/proofs.sh"
image=$1
# As a registry would send it, all layers together.
most_mb=55

work=$(mktemp -d)
container=$("$ENGINE" create --pull=never "$image")
trap '"$ENGINE" rm "$container" >/dev/null; rm -rf "$work"' EXIT
"$ENGINE" export "$container" | tar t | sed 's|^\./||' >"$work/files"
"$ENGINE" cp "$container:/mlgate" "$work/mlgate"
"$ENGINE" image inspect -f '{{json .Config}}' "$image" >"$work/config.json"

nothing_but_mlgate_runs() {
  grep -qx mlgate "$work/files" && grep -qx libonnxruntime.so "$work/files" &&
    ! grep -E '(^|/)(s?bin|busybox)/(sh|ash|bash|dash|busybox|toybox|python[0-9.]*|perl|apt|apt-get|dpkg)$' "$work/files"
}

# The base sets a user and a folder too: those of root.
config() {
  python3 - "$work/config.json" <<'P'
import json, sys
config = json.load(open(sys.argv[1]))
assert config["Entrypoint"] == ["/mlgate"], config
assert not config.get("Cmd"), config
assert config.get("User", "") in ("", "0", "root", "0:0"), config
assert config.get("WorkingDir", "") in ("", "/"), config
P
}

dockerfile_knows_no_user_and_no_folder() { ! "$here/final-stage.sh" | grep -E '^ *(USER|WORKDIR|CMD|SHELL)\b'; }

bases_are_named_by_digest() { ! grep '^FROM' "$here/../../Dockerfile" | grep -vE '@sha256:[0-9a-f]{64}( AS [a-z]+)?$'; }

# An ELF section of type 2 is a symbol table.
stripped() {
  python3 - "$work/mlgate" <<'P'
import struct, sys
elf = open(sys.argv[1], "rb").read()
assert elf[:5] == b"\x7fELF\x02", "no 64-bit ELF"
start, = struct.unpack_from("<Q", elf, 40)
size, count = struct.unpack_from("<HH", elf, 58)
types = {struct.unpack_from("<I", elf, start + size * i + 4)[0] for i in range(count)}
assert 2 not in types, "it has a symbol table"
P
}

version() { "$ENGINE" run --rm --pull=never --network none "$image" --version | grep -x 'mlgate [0-9.]*'; }

# By its second name it has nothing to undo where no rollout left a state, and says what it lacks where one did.
post_step() {
  local run=("$ENGINE" run --rm --pull=never --network none --entrypoint /mlgate-post -e GITHUB_ACTIONS=true)
  [[ -z $("${run[@]}" "$image" 2>&1) ]] || return 1
  local said code=0
  said=$("${run[@]}" -e STATE_rollout=under-way -e INPUT_COMMAND=rollout -e GITHUB_EVENT_NAME=push "$image" 2>&1) || code=$?
  [[ $code == 2 && $said == *mlgate.yml* ]] || { echo "exit code $code: $said" && return 1; }
}

compressed_bytes() {
  mkdir "$work/layers"
  "$ENGINE" save "$image" | tar x -C "$work/layers"
  find "$work/layers" -type f \( -name '*.tar' -o -size +1M \) -exec cat '{}' \; | gzip | wc -c
}

small() { ((bytes < most_mb * 1000000)) || { echo "it has $bytes bytes" && return 1; }; }

milliseconds() {
  local best=1000000 start took
  for _ in 1 2 3 4 5; do
    start=$(date +%s%N)
    "$@" >/dev/null
    took=$((($(date +%s%N) - start) / 1000000))
    ((took < best)) && best=$took
  done
  echo "$best"
}

prove "the image is distroless: no shell, no interpreter, no package manager" nothing_but_mlgate_runs
prove "the entry point is the binary, by root, without a command" config
prove "every base of the Dockerfile is named by digest" bases_are_named_by_digest
prove "the Dockerfile sets neither user nor working folder" dockerfile_knows_no_user_and_no_folder
prove "the binary is stripped" stripped
prove "mlgate --version answers" version
prove "the step after a job undoes a rollout, and nothing else" post_step
bytes=$(compressed_bytes)
prove "the image is under $most_mb MB compressed" small

run=("$ENGINE" run --rm --pull=never --network none "$image" --version)
echo "   $((bytes / 100000 / 10)).$((bytes / 100000 % 10)) MB compressed, binary $(($(stat -c %s "$work/mlgate") / 1000000)) MB;" \
  "starts in $(milliseconds "${run[@]}") ms by $ENGINE, of which mlgate $(milliseconds "$work/mlgate" --version) ms"
exit "$failed"
