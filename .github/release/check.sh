#!/usr/bin/env bash
# Ends with an error unless this checkout of main can be released as VERSION: `check.sh VERSION`.
set -euo pipefail
version=$1
stop() {
  echo "::error::$1" >&2
  exit 1
}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || stop "$version is not a version such as 1.2.3"
[[ ${GITHUB_REF:-} == refs/heads/main ]] || stop "releases are made from main, not from ${GITHUB_REF:-nowhere}"
grep -qxF "version = \"$version\"" Cargo.toml || stop "Cargo.toml has another version than $version"
grep -qE "^## \[${version//./\\.}\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md ||
  stop "CHANGELOG.md has no dated section $version"
[[ $(grep -cx '  image: Dockerfile' action.yml) == 1 ]] ||
  stop "action.yml does not have exactly one line \`image: Dockerfile\`, which the release replaces"
