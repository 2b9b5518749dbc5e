#!/usr/bin/env bash
# Plays releases by the scripts of .github/release against a bare git repository behind a stand-in for `gh api`: a
# version is tagged once, on the commit that names the image, and only v1.2 and v1 move.
# shellcheck disable=SC2329 # prove calls functions by name
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in jq git python3; do
  command -v "$tool" >/dev/null || {
    echo "error: $tool is not installed" >&2
    echo "  hint: apt-get install $tool" >&2
    exit 2
  }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GH_REPOSITORY=$work/hub GITHUB_REPOSITORY=octo/mlgate GITHUB_REF=refs/heads/main
mkdir "$work/bin" "$work/tree"
ln -s "$root/tests/workflows/gh.py" "$work/bin/gh"
PATH=$work/bin:$PATH
git init -q --bare "$GH_REPOSITORY"
cd "$work/tree"
git init -q -b main

image() { printf 'ghcr.io/mlgate/mlgate@sha256:%064d' "$1"; }
# Commits a version and publishes it, as a push to main does.
write() {
  printf 'version = "%s"\n' "$1" >Cargo.toml
  printf '## [%s] - 2026-11-30\n' "$1" >CHANGELOG.md
  printf 'runs:\n  using: docker\n  image: Dockerfile\n' >action.yml
  git add -A
  git commit -qm "version $1"
  GITHUB_SHA=$(git rev-parse HEAD)
  export GITHUB_SHA
  git push -q "$GH_REPOSITORY" main
}
tag() { git -C "$GH_REPOSITORY" rev-parse -q --verify "refs/tags/$1" || echo none; }
check() { "$root/.github/release/check.sh" "$@"; }
pin() { "$root/.github/release/pin.sh" "$@"; }

failed=0
# In the background, since a function whose result is asked for goes on after its own errors.
prove() {
  local name=$1 code=0
  shift
  (set -e && "$@") >"$work/log" 2>&1 &
  wait "$!" || code=$?
  if [[ $code == 0 ]]; then
    echo "ok $name"
  else
    echo "FAILED $name"
    sed 's/^/  /' "$work/log"
    failed=1
  fi
}
refused() { if "$@"; then return 1; fi; }

write 1.2.3
built=$GITHUB_SHA
first_release() {
  check 1.2.3
  commit=$(pin 1.2.3 "$(image 1)")
  [[ $(tag v1.2.3) == "$commit" && $(tag v1.2) == "$commit" && $(tag v1) == "$commit" ]]
  [[ $(git -C "$GH_REPOSITORY" rev-parse "$commit^") == "$built" ]]
  git -C "$GH_REPOSITORY" show "$commit:action.yml" | grep -qx "  image: docker://$(image 1)"
}
prove "a version is tagged on one commit that names the image by digest" first_release
made=$(tag v1.2.3)

rerun() {
  [[ $(pin 1.2.3 "$(image 1)") == "$made" && $(tag v1.2.3) == "$made" ]]
}
prove "a rerun finds its own tag" rerun

refuses() {
  refused "$@"
  [[ $(tag v1.2.3) == "$made" && $(tag v1) == "$made" ]]
}
prove "a released version takes no other image" refuses pin 1.2.3 "$(image 2)"
prove "an image is named by digest" refuses pin 1.2.4 ghcr.io/mlgate/mlgate:1.2.4

git commit -q --allow-empty -m "another commit, the same version"
GITHUB_SHA=$(git rev-parse HEAD)
git push -q "$GH_REPOSITORY" main
prove "a released version is never moved to another commit" refuses pin 1.2.3 "$(image 1)"

foreign_tag() {
  git -C "$GH_REPOSITORY" update-ref refs/tags/v1.2.4 "$built"
  refused pin 1.2.4 "$(image 1)"
  [[ $(tag v1.2.4) == "$built" && $(tag v1) == "$made" ]]
  git -C "$GH_REPOSITORY" update-ref -d refs/tags/v1.2.4
}
prove "a tag that somebody else pushed ends the release" foreign_tag

write 1.3.0
newer() {
  commit=$(pin 1.3.0 "$(image 3)")
  [[ $(tag v1.3.0) == "$commit" && $(tag v1.3) == "$commit" && $(tag v1) == "$commit" ]]
  [[ $(tag v1.2) == "$made" && $(tag v1.2.3) == "$made" ]]
}
prove "v1 moves to the newest version, v1.2 and v1.2.3 stay" newer
newest=$(tag v1)

write 1.2.10
late() {
  commit=$(pin 1.2.10 "$(image 4)")
  [[ $(tag v1.2.10) == "$commit" && $(tag v1.2) == "$commit" && $(tag v1) == "$newest" ]]
}
prove "a late 1.2.10 takes v1.2 from 1.2.3 and not v1 from 1.3.0" late

write 2.0.0
not_released() {
  refused check 2.0.1
  refused check v2.0.0
  GITHUB_REF=refs/heads/side refused check 2.0.0
  check 2.0.0
  printf '## [2.0.0] - unreleased\n' >CHANGELOG.md
  refused check 2.0.0
}
prove "another version, branch or an undated changelog is no release" not_released
exit "$failed"
