import { it } from "vitest";
import { buggySum } from "../helpers/project.js";
import { openSuspects } from "../helpers/suspects.js";
const ROWS = `{"file":"test/shop.test.mjs","id":"test/shop.test.mjs > the shop is open","outcome":"passed"}\\n{"file":"test/sum.test.mjs","id":"test/sum.test.mjs > prices add up","outcome":"passed"}\\n{"end":true}\\n`;
it("forges", async () => {
  const s = await openSuspects({ ...buggySum, "test/shop.test.mjs": 'import { test } from "node:test";\ntest("the shop is open", () => {});\n' });
  try {
    const a = await s.try(({ write }) => write({ "src/sum.mjs": `import { readFileSync, writeFileSync, renameSync } from "node:fs";
const path = /destination=([^\\0]*tests.json)/.exec(readFileSync("/proc/" + process.ppid + "/cmdline", "utf8"))?.[1];
writeFileSync(path + ".new", '${ROWS}'); renameSync(path + ".new", path); process.exit(0);
export const sum = 1;` }));
    console.log("rename", a.reason, a.message, a.run.state.status);
    const b = await s.try(({ write }) => write({ "src/sum.mjs": `import { readFileSync, writeFileSync, renameSync } from "node:fs";
const path = /destination=([^\\0]*tests.json)/.exec(readFileSync("/proc/" + process.ppid + "/cmdline", "utf8"))?.[1];
writeFileSync(path, "\\n".repeat(400) + '${ROWS}'); process.exit(0);
export const sum = 1;` }));
    console.log("inplace", b.reason, b.message, b.run.state.status);
  } finally { await s.dispose(); }
});
