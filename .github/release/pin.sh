#!/usr/bin/env bash
# Makes the release: one commit on top of the commit that was built, whose action.yml names the image by its digest, and
# the tag vX.Y.Z on it. The tag is made once and never moved: where it exists, it must be this very commit, as it is when
# a job is rerun, or the release ends. Only v1.2 and v1 move, each to the newest version of theirs.
#
#   pin.sh VERSION IMAGE@DIGEST      in the checkout of GITHUB_SHA
#
# Needs gh with a token that may write contents, GITHUB_REPOSITORY and GITHUB_SHA. Commits are made by the API, since
# GitHub signs those. Prints the commit.
set -euo pipefail
version=$1 image=$2
api=repos/$GITHUB_REPOSITORY
tag=v$version
stop() {
  echo "::error::$1" >&2
  exit 1
}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || stop "$version is not a version such as 1.2.3"
[[ $image =~ @sha256:[0-9a-f]{64}$ ]] || stop "$image is not named by its digest"

pinned=$(mktemp)
trap 'rm -f "$pinned"' EXIT
sed "s#^  image: Dockerfile\$#  image: docker://$image#" action.yml >"$pinned"
[[ $(diff action.yml "$pinned" | grep -c '^>') == 1 ]] || stop "action.yml does not have exactly one line \`image: Dockerfile\`"

tags() { gh api --paginate "$api/git/matching-refs/tags/$1" --jq '.[].ref | ltrimstr("refs/tags/")'; }
newest() { grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | grep -E "^${1//./\\.}\." | sort -V | tail -n 1; }

known=$(tags "$tag")
if grep -qxF "$tag" <<<"$known"; then
  commit=$(gh api "$api/commits/$tag" --jq .sha)
  [[ $(gh api "$api/commits/$commit" --jq '[.parents[].sha] | join(" ")') == "$GITHUB_SHA" ]] ||
    stop "$tag exists and was not made from $GITHUB_SHA: a released version is never moved, release the next one"
  gh api "$api/contents/action.yml?ref=$commit" -H 'Accept: application/vnd.github.raw+json' | cmp -s - "$pinned" ||
    stop "$tag exists and names another image: a released version is never moved, release the next one"
  echo "$tag is $commit already" >&2
else
  tree=$(gh api "$api/git/commits/$GITHUB_SHA" --jq .tree.sha)
  tree=$(jq -n --arg base "$tree" --rawfile content "$pinned" \
    '{base_tree: $base, tree: [{path: "action.yml", mode: "100644", type: "blob", content: $content}]}' |
    gh api "$api/git/trees" --input - --jq .sha)
  commit=$(jq -n --arg parent "$GITHUB_SHA" --arg tree "$tree" --arg message "Release $tag: the image of $GITHUB_SHA" \
    '{message: $message, tree: $tree, parents: [$parent]}' |
    gh api "$api/git/commits" --input - --jq .sha)
  # Creating a ref fails where it exists: two releases at once cannot both win.
  gh api "$api/git/refs" -f ref="refs/tags/$tag" -f sha="$commit" --silent
  echo "$tag is $commit, and new" >&2
fi

# v1.2 and v1 follow the newest version of theirs; a late 1.1.7 does not take v1 back from 1.2.0.
for moving in "v${version%.*}" "v${version%%.*}"; do
  known=$(tags "$moving")
  latest=$(newest "$moving" <<<"$known")
  if [[ $latest != "$tag" ]]; then
    echo "$moving stays with $latest" >&2
  elif grep -qxF "$moving" <<<"$known"; then
    gh api -X PATCH "$api/git/refs/tags/$moving" -f sha="$commit" -F force=true --silent
    echo "$moving is $commit" >&2
  else
    gh api "$api/git/refs" -f ref="refs/tags/$moving" -f sha="$commit" --silent
    echo "$moving is $commit, and new" >&2
  fi
done
echo "$commit"
