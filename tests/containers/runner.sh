#!/usr/bin/env bash
# Runs an image as actions/runner 2.336 runs a container action: its mounts, its variables, its working folder, root.
# Left out is the engine's socket, which the runner mounts too and no proof may reach.
#
#   runner.sh IMAGE WORKSPACE [ENGINE OPTION…] -- [NAME=VALUE…]
#
# What the runner would read afterwards is in FILES/commands (a temporary folder without it): output, summary, env,
# path, state. FILES/workflow/event.json is the event, empty unless it is there. NAME is the container's. Exits as the
# container does.
set -euo pipefail
image=$1 workspace=$(cd "$2" && pwd)
shift 2
options=()
while [[ $# -gt 0 && $1 != -- ]]; do
  options+=("$1")
  shift
done
shift || true

files=${FILES:-}
if [[ -z $files ]]; then
  files=$(mktemp -d)
  trap 'rm -rf "$files"' EXIT
fi
mkdir -p "$files"/{temp,home,workflow,commands}
touch "$files"/commands/{output,summary,env,path,state}
[[ -e $files/workflow/event.json ]] || echo '{}' >"$files/workflow/event.json"

# The runner gives names on the command line and values in the client's environment. env(1), because bash holds no
# variable named INPUT_MIN-ROWS; the last of a name counts.
given=(
  GITHUB_ACTIONS=true CI=true
  GITHUB_WORKSPACE=/github/workspace GITHUB_EVENT_PATH=/github/workflow/event.json
  GITHUB_OUTPUT=/github/file_commands/output GITHUB_STEP_SUMMARY=/github/file_commands/summary
  GITHUB_ENV=/github/file_commands/env GITHUB_PATH=/github/file_commands/path GITHUB_STATE=/github/file_commands/state
  RUNNER_TEMP=/github/runner_temp RUNNER_OS=Linux RUNNER_ARCH=X64 RUNNER_ENVIRONMENT=github-hosted RUNNER_NAME=one
  GITHUB_REPOSITORY=octo/repo GITHUB_REPOSITORY_OWNER=octo GITHUB_EVENT_NAME=pull_request GITHUB_ACTOR=octocat
  GITHUB_REF=refs/pull/1/merge GITHUB_REF_NAME=1/merge GITHUB_BASE_REF=main GITHUB_HEAD_REF=feature
  GITHUB_SHA=0000000000000000000000000000000000000001 GITHUB_RUN_ID=42 GITHUB_RUN_NUMBER=7 GITHUB_RUN_ATTEMPT=1
  GITHUB_JOB=gate GITHUB_ACTION=__self GITHUB_WORKFLOW=gate GITHUB_API_URL=https://api.github.invalid
  GITHUB_SERVER_URL=https://github.invalid
  "$@"
)
names=()
for variable in "${given[@]}"; do
  names+=(-e "${variable%%=*}")
done

env "${given[@]}" "$ENGINE" run --name "${NAME:-mlgate-runner-$$}" --label mlgate-test --rm --pull=never \
  --workdir /github/workspace "${names[@]}" -e HOME=/github/home \
  -v "$files/temp:/github/runner_temp" -v "$files/home:/github/home" -v "$files/workflow:/github/workflow" \
  -v "$files/commands:/github/file_commands" -v "$workspace:/github/workspace" \
  "${options[@]}" "$image"
