#!/usr/bin/env bash
# Packs the project, installs the tarball into an empty folder as a user would, and runs the demo from there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$root"
npx publint --strict
npm pack --silent --pack-destination "$place" > /dev/null
npx attw --profile esm-only "$place"/runledger-*.tgz
cd "$place" && mkdir empty && cd empty
npm init -y > /dev/null
npm install --no-audit --no-fund --silent "$place"/runledger-*.tgz
npx runledger --version
grep -q '^\.SS runledger run ' node_modules/runledger/dist/man/runledger.1
npx runledger demo
schema=node_modules/runledger/dist/settings.schema.json
node -e 'require("runledger/policy.schema.json")'
node -e 'require("runledger/settings.schema.json")' && npx runledger config schema | diff - "$schema"
npx runledger init --quiet > /dev/null && head -1 runledger.yaml | grep -qx "# yaml-language-server: \$schema=$schema"
cat > types.mts <<'TS'
import { openRunLedger, type RunLedger } from "runledger";
import { aiSdkTools } from "runledger/ai-sdk";
import { type ReceiptCheck, trustedKeysIn, verifyReceipt } from "runledger/receipts";
const open: () => Promise<RunLedger> = () => openRunLedger();
const workspaceOf = async (app: RunLedger): Promise<string> => {
  const kit = app.toolKit(app.issue({ name: "coder", role: "executor", sessionKey: "s" }));
  const tools: readonly ("run_propose_step_result" | "run_read")[] = ["run_propose_step_result", "run_read"];
  for (const name of tools) if (aiSdkTools(kit)[name].execute === undefined) throw new Error(name);
  const started = await kit.call("run_start_step", "{}");
  return started.ok && started.name === "run_start_step" ? started.value.workspace : started.text;
};
const checked = (receipt: string, pem: string): ReceiptCheck => verifyReceipt(receipt, trustedKeysIn(pem));
export { checked, open, workspaceOf };
TS
# What pages show in TypeScript compiles as it is printed, and the types need nothing but what the package brings: strictly, with all
# declarations checked. What a page takes as given is declared here.
cat > given.d.ts <<'TS'
declare const app: import("runledger").RunLedger;
declare const caller: import("runledger").Caller;
declare const effects: import("runledger").EffectContext;
declare const plan: object;
declare const createResumer: typeof import("runledger").createResumer;
declare const importLeads: (leads: Uint8Array, key: string) => Promise<{ imported: number }>;
declare const mail: (to: string, said: object) => Promise<void>;
TS
# PAGE LANGUAGE WHICH: the page's program of that number, as a module.
program() {
  awk -v fence="\`\`\`$2" -v want="$3" '$0 == fence { found += 1; on = found == want; next } $0 == "```" { on = 0 } on' "$root/docs/$1.md" > "$1-$3.mts"
  grep -q await "$1-$3.mts"
  echo 'export {};' >> "$1-$3.mts"
}
program waiting ts 1
program waiting ts 2
program children ts 1
program checkpoints ts 1
program sdk ts 1
program sdk ts 3
program integrate-gate js 2
# The machine's own types are the host's to install.
mkdir -p node_modules/@types && cp -r "$root/node_modules/@types/node" node_modules/@types/ && cp -r "$root/node_modules/undici-types" node_modules/
cat > entries.mts <<'TS'
export { openRunLedger } from "runledger";
export { Gate } from "runledger/gate";
export { verifyReceipt } from "runledger/receipts";
TS
"$root/node_modules/.bin/tsc" --noEmit --strict --exactOptionalPropertyTypes --module nodenext --target es2023 --types node given.d.ts entries.mts ./*-[0-9].mts
# Nothing of another machine's Node comes with the package; what docs/sdk.md says to do once leaves this one's.
find node_modules/runledger -name '*.kept' -path '*/library/*' | grep . && exit 1
eval "$(awk '$0 == "```sh" { on = 1; next } $0 == "```" { on = 0 } on' "$root/docs/sdk.md")"
find node_modules/runledger -name '*.kept' -path '*/library/*' | grep -q .
# The AI SDK is the host's own: without it the library opens all the same, and its entry says what is missing.
node --input-type=module -e 'await import("runledger"); await import("runledger/ai-sdk").then(() => process.exit(1), (e) => { if (e.code !== "ERR_MODULE_NOT_FOUND") throw e; })'
ln -s "$root/node_modules/ai" node_modules/ai
node --input-type=module -e 'await import("runledger/ai-sdk")'
cat > given-ai.d.ts <<'TS'
declare const { generateText, stepCountIs }: typeof import("ai");
declare const { aiSdkTools }: typeof import("runledger/ai-sdk");
declare const model: import("ai").LanguageModel;
declare const prompt: string, sessionKey: string, runId: string, stepId: string;
declare const toolCall: { id: string; function: { name: string; arguments: string } };
declare const messages: object[];
TS
program sdk ts 2
# The check of receipts is one file, wherever it is copied to.
cp node_modules/runledger/dist/library/receipts.js "$place/alone.mjs"
node --input-type=module -e 'process.exit((await import(process.argv[1])).verifyReceipt("{}", []).verified ? 1 : 0)' "$place/alone.mjs"
"$root/node_modules/.bin/tsc" --noEmit --strict --module nodenext --target es2023 --lib es2023 --skipLibCheck --types node given.d.ts given-ai.d.ts types.mts sdk-2.mts
echo "package: installs and runs"
