#!/bin/sh
# Stands for a model: RUNLEDGER_STEP_ID says which step this is, the working folder is a private clone.
set -eu
case "$RUNLEDGER_STEP_ID" in
  count)
    cat > src/count.mjs <<'JS'
export const count = (words) => {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};
JS
    ;;
  format)
    cat > src/format.mjs <<'JS'
export const format = (counts) =>
  [...counts]
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([word, times]) => `${times} ${word}`)
    .join("\n");
JS
    ;;
  command)
    cat > src/command.mjs <<'JS'
import { count } from "./count.mjs";
import { format } from "./format.mjs";

console.log(format(count(process.argv.slice(2))));
JS
    cat > test/command.test.mjs <<'JS'
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

test("the command counts its words", () => {
  const said = execFileSync(process.execPath, ["src/command.mjs", "a", "b", "a"], { encoding: "utf8" });
  assert.equal(said, "2 a\n1 b\n");
});
JS
    ;;
  notes)
    echo "# 1.0.0: counts words, the most frequent first" > NOTES.md
    ;;
esac
echo "Finished: $RUNLEDGER_GOAL"
