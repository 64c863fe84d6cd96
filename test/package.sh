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
node -e 'require("runledger/settings.schema.json")' && npx runledger config schema | diff - "$schema"
npx runledger init --quiet > /dev/null && head -1 runledger.yaml | grep -qx "# yaml-language-server: \$schema=$schema"
cat > types.mts <<'TS'
import { openRunLedger, type RunLedger } from "runledger";
const open: () => Promise<RunLedger> = () => openRunLedger();
export { open };
TS
"$root/node_modules/.bin/tsc" --noEmit --strict --module nodenext --target es2023 --skipLibCheck --types "" types.mts
echo "package: installs and runs"
