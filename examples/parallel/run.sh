#!/usr/bin/env bash
# Runs until a person is needed, approves, resumes, applies; in a temporary copy that is removed again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export XDG_STATE_HOME="$place/state" RUNLEDGER_HOME=""
runledger() { echo "\$ runledger $*"; node "$here/../../dist/cli/main.js" "$@"; }

cp -R "$here/repo" "$place/words"
cp -R "$here/agents" "$here/plan.json" "$place"
cd "$place/words"
git init -q -b main
git add -A && git -c user.name=Ada -c user.email=ada@localhost commit -qm "Words, not counted yet"

code=0
runledger run ../plan.json || code=$?
[ "$code" = 3 ] || { echo "expected exit code 3 (waits for a person), got $code" >&2; exit 1; }
runledger why last
runledger approve last notes --reason "the notes say what changed"
runledger resume last
runledger show last
runledger apply last
node src/command.mjs to be or not to be
