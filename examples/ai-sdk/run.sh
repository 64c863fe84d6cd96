#!/usr/bin/env bash
# The host works on a temporary copy of the repository, which is removed again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
export XDG_STATE_HOME="$place/state" RUNLEDGER_HOME=""

cp -R "$here/repo" "$place/shop"
cd "$place/shop"
git init -q -b main
git add -A && git -c user.name=Ada -c user.email=ada@localhost commit -qm "A shop that counts instead of adding"
node "$here/host.mjs" "$place/shop"
