#!/usr/bin/env bash
# A host adopts the ledger stage by stage, is stopped by a difference, and goes all the way back; in a temporary folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export XDG_STATE_HOME="$place/state" RUNLEDGER_HOME=""
runledger() { echo "\$ runledger $*"; node "$here/../../dist/cli/main.js" "$@"; }
fails_with() { local want=$1; shift; local got=0; "$@" || got=$?; [ "$got" = "$want" ] || { echo "expected exit $want, got $got: $*" >&2; exit 1; }; }
day=0
work() { day=$((day + 1)); node "$here/host.mjs" "$place/team" "$day"; }

mkdir "$place/team" && cd "$place/team"
git init -q -b main
printf '%s\n' '# Settings of the team' 'rollout:' '  board: BOARD.md # people read this' > runledger.yaml
printf '%s\n' '# Our board' '' 'Ask Ada before you edit.' > BOARD.md

work
runledger rollout status
runledger rollout advance
work
# What was there before the rollout is no difference that stays: replay takes it in.
fails_with 1 runledger rollout drift
fails_with 5 runledger rollout advance
runledger rollout replay
runledger rollout advance
work

# Somebody edits the board by hand: from write-through on that is a difference, and it stops the rollout.
node -e 'const fs = require("fs"); fs.writeFileSync("BOARD.md", fs.readFileSync("BOARD.md", "utf8").replace("- [x] completed", "- [ ] running"))'
fails_with 1 runledger rollout drift
fails_with 5 runledger rollout advance
runledger rollout replay
runledger rollout advance
work
runledger rollout advance
work
runledger rollout status

# And back: the board gets what it missed before anybody reads it again.
for _ in 1 2 3 4; do runledger rollout retreat; work; done
fails_with 5 runledger rollout retreat
grep -q 'Ask Ada before you edit' BOARD.md
grep -q '^# Settings of the team' runledger.yaml
grep -c '^## Release' BOARD.md
