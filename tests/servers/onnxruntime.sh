#!/usr/bin/env bash
# Prepares ONNX Runtime's library, once, and prints the path to it: the version that the Dockerfile has, out of PyPI's
# wheel, checked against the sums there. Needs python3 with pip and unzip; ends with 2 if it cannot be done here.
set -euo pipefail
unset PYTHONPATH PYTHONHOME
root=$(cd "$(dirname "$0")/../.." && pwd)

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

version=$(sed -nE 's/.*onnxruntime==([0-9.]+).*/\1/p' "$root/Dockerfile")
sum=$(sed -nE "s/.* $(uname -m)\) sum=([0-9a-f]{64}).*/\1/p" "$root/Dockerfile")
[[ -n $version && -n $sum ]] || impossible "the Dockerfile names no ONNX Runtime for $(uname -m)" "add its sum there"

cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/onnxruntime
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
library=$cache/libonnxruntime-$version-${sum:0:12}.so

if [[ ! -f $library ]]; then
  command -v python3 >/dev/null || impossible "python3 is not installed" "apt-get install python3 python3-pip"
  work=$(mktemp -d -p "$cache")
  trap 'rm -rf "$work"' EXIT
  # An environment of its own has a pip, where the system's Python has none.
  python3 -m venv "$work/venv" >&2 || impossible "python3 cannot make an environment" "apt-get install python3-venv"
  "$work/venv/bin/python" -m pip download -q --disable-pip-version-check --no-input --no-deps --only-binary :all: \
    -d "$work" "onnxruntime==$version" >&2 ||
    impossible "failed to download onnxruntime $version" "it comes from PyPI, or from where PIP_INDEX_URL says"
  python3 - "$work" <<'PYTHON'
import glob, sys, zipfile
[wheel] = glob.glob(sys.argv[1] + "/onnxruntime-*.whl")
with zipfile.ZipFile(wheel) as archive:
    [name] = [name for name in archive.namelist() if name.startswith("onnxruntime/capi/libonnxruntime.so.")]
    with open(sys.argv[1] + "/library", "wb") as file:
        file.write(archive.read(name))
PYTHON
  echo "$sum  $work/library" | sha256sum --check --quiet >&2 ||
    impossible "onnxruntime $version is not the library that the Dockerfile knows" "was the version changed, and the sums not?"
  # In one step, so that another run finds all of it or nothing.
  mv "$work/library" "$library"
fi
echo "$library"
