#!/usr/bin/env bash
# Runs what README and docs tell: the quick start with the agent that lies, then with one that works, as a new user types it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server" || true; rm -rf "$place"' EXIT
export XDG_STATE_HOME="$place/state" RUNLEDGER_HOME=""
runledger() { node "$root/dist/cli/main.js" "$@"; }
fails_with() { local want=$1; shift; local got=0; "$@" || got=$?; [ "$got" = "$want" ] || { echo "expected exit $want, got $got: $*" >&2; exit 1; }; }

cd "$place" && mkdir shop && cd shop
git init -q -b main
mkdir src test
echo 'export const sum = (prices) => prices.length;' > src/sum.mjs
cat > test/sum.test.mjs <<'JS'
import assert from "node:assert/strict";
import { test } from "node:test";
import { sum } from "../src/sum.mjs";
test("prices add up", () => assert.equal(sum([2, 3]), 5));
JS
echo '{ "name": "shop", "type": "module", "scripts": { "test": "node --test" } }' > package.json
git add -A && git -c user.name=A -c user.email=a@localhost commit -qm "A bug"

runledger init
block() { awk -v want="# $1" '$0 == "```yaml" { getline; if ($0 == want) { on = 1; next } } $0 == "```" { on = 0 } on' "$root/README.md"; }
block runledger.yaml > runledger.yaml
block plan.yaml > plan.yaml
echo 'console.log("All done, tests pass!")' > agent.mjs
runledger doctor
fails_with 3 runledger run plan.yaml
runledger why last | grep -q 'was refused in attempt 2'
runledger why last --json | grep -q '"for":"person"'
runledger cancel last --reason "the agent lies"

cat > agent.mjs <<'JS'
import { writeFileSync } from "node:fs";
writeFileSync("src/sum.mjs", "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n");
JS
runledger run plan.yaml --json | tail -n 1 | grep -q '"type":"summary".*"status":"completed"'
# docs/receipts.md: its commands, and its recipe for openssl.
runledger receipt show last > ../receipt.json
runledger receipt keys --pem > ../ledger.pem
(cd .. && runledger receipt verify receipt.json --key ledger.pem | grep -q '^Verified: ')
awk '$0 == "```sh" { getline; if (/^set -eu; receipt=/) on = 1 } $0 == "```" { on = 0 } on' "$root/docs/receipts.md" > ../check.sh
sh ../check.sh ../receipt.json ../ledger.pem
sed 's/"payload":"ey/"payload":"eY/' ../receipt.json > ../altered.json
fails_with 1 sh ../check.sh ../altered.json ../ledger.pem
git diff --quiet
runledger apply last
node --test > /dev/null
runledger list
runledger show last
runledger journal last --json | wc -l
runledger logs last sum
runledger note last reviewed yes
runledger note last reviewed | grep -q yes
runledger patch last | grep -q '^Subject: '
runledger status --json > /dev/null
runledger config set maxParallelSteps 2
runledger config get maxParallelSteps | grep -qx 2
runledger config list --show-origin | grep -q 'project '
fails_with 5 runledger pause last
fails_with 4 runledger show no-such-run
fails_with 2 runledger rnu plan.yaml
runledger worker --once
for shell in bash zsh fish; do runledger completion "$shell" | grep -q __complete; done
bash -c "$(runledger completion bash)"
runledger help --man | grep -q '^.SH EXAMPLES'
runledger help exit-codes | grep -q '^3 '
runledger list | head -1 > /dev/null
# The host of docs/rollout.md, as a program that has installed the package.
mkdir -p "$place/host/node_modules" && ln -s "$root" "$place/host/node_modules/runledger" && cd "$place/host"
printf 'rollout: { board: BOARD.md }\nrunLedger: { enabled: true, writeThrough: true }\n' > runledger.yaml
awk '$0 == "```js" { on = 1; next } $0 == "```" { on = 0 } on' "$root/docs/rollout.md" > host.mjs
node host.mjs | grep -qx 'completed'
grep -q '^- \[x\] completed' BOARD.md
runledger rollout drift
# The program of docs/checkpoints.md, killed in its second turn.
awk '$0 == "```js" { on = 1; next } $0 == "```" { on = 0 } on' "$root/docs/checkpoints.md" > story.mjs
mkdir "$place/story" && cd "$place/story"
git init -q -b main && git -c user.name=A -c user.email=a@localhost commit -qm "Empty" --allow-empty
DIES=yes fails_with 137 node "$place/host/story.mjs" 2> /dev/null
runledger checkpoints last | grep -q '✔.*turn.*tell/1.*holds'
node "$place/host/story.mjs" | tr '\n' ' ' | grep -qx 'goes on from turn 1 line 1, line 2, line 3 '
runledger verify last | grep -q '3 checkpoints.*: all as it was written'
cd "$place/host"
# The program of docs/effects.md, killed in the middle of a charge.
awk '$0 == "```js" { on = 1; next } $0 == "```" { on = 0 } on' "$root/docs/effects.md" > pay.mjs
cd "$place/shop"
# A run begins from what is committed; the plan and the agent of above are not yet.
git add -A && git -c user.name=A -c user.email=a@localhost commit -qm "The agent and its plan"
pay() { node "$place/host/pay.mjs"; }
DIES=yes fails_with 137 pay 2> /dev/null
pay | grep -q 'nobody knows whether it happened'
runledger why last | grep -q 'runledger decide'
runledger effects last --open | grep -q 'charge card.*asked'
runledger decide last pay 1 done --value '{"id":7}' --reason "the bank shows it"
runledger effects last pay 1 | grep -q '"id": 7'
pay | grep -q '^It is completed'
# The program of docs/integrate-gate.md, killed behind its side effect, and in the middle of it.
program() { awk -v want="$1" '$0 == "```js" { found += 1; on = found == want; next } $0 == "```" { on = 0 } on' "$root/docs/integrate-gate.md"; }
program 1 > "$place/host/enrich.mjs"
for dies in after during; do
  mkdir "$place/crm-$dies" && cd "$place/crm-$dies"
  git init -q -b main && git -c user.name=A -c user.email=a@localhost commit -qm "Empty" --allow-empty
  DIES=$dies fails_with 137 node "$place/host/enrich.mjs" 2> /dev/null
  runledger runs inspect last | grep -qx 'Resumable: Yes'
  runledger runs resume last | grep -qx 'Blocked side effects: 1'
done
fails_with 1 node "$place/host/enrich.mjs" > ../doubt.txt
grep -q '^nobody knows whether the import happened' ../doubt.txt
runledger runs inspect last | grep -qx 'Status: active'
runledger runs events last > ../doubt.txt
grep -q tool_call_started ../doubt.txt && fails_with 1 grep -q tool_call_finished ../doubt.txt
cd "$place/crm-after"
node "$place/host/enrich.mjs" | grep -qx 'skips the import'
runledger runs verify last | grep -qx 'Checkpoint Integrity: Valid'
runledger runs inspect last | grep -qx 'Status: completed'
sed 's/sessionKey: "crm"/sessionKey: "other"/' "$place/host/enrich.mjs" > "$place/host/other.mjs"
fails_with 1 node "$place/host/other.mjs" > ../other.txt
grep -q '^the import is that of ' ../other.txt && fails_with 1 grep -q '^imports' ../other.txt
runledger runs events last | grep -q 'tool_call_started.*skipped'
# Its second program, which asks leave of a person over HTTP.
program 2 > "$place/host/ask.mjs"
mkdir "$place/crm-ask" && cd "$place/crm-ask"
git init -q -b main && git -c user.name=A -c user.email=a@localhost commit -qm "Empty" --allow-empty
mkdir gate-policies && cp "$root"/examples/gate-policies/*.yaml gate-policies/
printf 'name\nAda\nBo\n' > leads.csv
RUNLEDGER_SDK_KEY=$(runledger sdk-key create enrichment-agent --destination salesforce.import --policy crm-low-risk)
mkfifo ../url ../said
node "$root/dist/cli/main.js" serve --port 0 > ../url & server=$!
exec {from_server}< ../url && read -r url <&"$from_server"
RUNLEDGER_SDK_KEY=$RUNLEDGER_SDK_KEY RUNLEDGER_URL=${url%/mcp} node "$place/host/ask.mjs" > ../said & asking=$!
exec {from_asking}< ../said && read -r said <&"$from_asking"
[ "$said" = "proposed: pending_approval" ]
runledger intents list | grep -q 'salesforce.import'
fails_with 2 runledger intents approve last.3
seen=$(runledger intents show last.3 --json | node -pe 'JSON.parse(fs.readFileSync(0)).intent.contentHash')
runledger intents approve last.3 --hash "$seen"
read -r said <&"$from_asking" && [ "$said" = "imports 2 leads" ]
wait "$asking"
runledger intents show last.3 | grep -q succeeded
kill "$server" && fails_with 143 wait "$server"
server=""
# The commands of docs/mcp.md, with this script for a client.
cd "$place/shop"
runledger run plan.yaml --no-drive --quiet
runledger credential --agent coder --run last --step sum > ../coder.cred
runledger mcp install --client claude && runledger mcp install --client claude
node -e 'JSON.parse(fs.readFileSync(".mcp.json"))' && rm .mcp.json
runledger mcp install --client opencode --role executor --agent coder && grep -q runledger-coder opencode.json && rm opencode.json
runledger mcp install --client codex --scope user --print | grep -q '^command = "npx"'
coproc SERVER { runledger mcp --credential-file ../coder.cred; }
ask() { printf '%s\n' "$1" >&"${SERVER[1]}"; }
ask '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"sh","version":"0"}}}'
read -r said <&"${SERVER[0]}" && grep -q '"name":"runledger"' <<< "$said"
ask '{"jsonrpc":"2.0","method":"notifications/initialized"}'
ask '{"jsonrpc":"2.0","id":2,"method":"tools/list"}'
read -r said <&"${SERVER[0]}" && grep -q 'run_propose_step_result' <<< "$said" && ! grep -q 'run_create' <<< "$said"
client=$SERVER_PID && exec {SERVER[1]}>&- && wait "$client"
runledger cancel last --reason "it was only looked at"
for example in "$root"/examples/*/run.sh; do [ -e "$example" ] || continue; echo "== $example"; bash "$example"; done
echo "readme: every command held"
