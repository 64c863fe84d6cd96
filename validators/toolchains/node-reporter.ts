// A module in the form of an address, so that the reporter needs no file that a proposal could change.
const source = `
import { readFileSync, unlinkSync } from 'node:fs';
import { relative, resolve } from "node:path";
const { key } = JSON.parse(readFileSync(process.env.RUNLEDGER_REPORT_KEY, "utf8"));
unlinkSync(process.env.RUNLEDGER_REPORT_KEY);
const line = (row) => JSON.stringify({ key, ...row }) + "\\n";
export default async function* (events) {
  const titles = new Map();
  for await (const { type, data } of events) {
    const { file, name, nesting } = data;
    if (file === undefined) continue;
    const path = titles.get(file) ?? [];
    titles.set(file, path);
    if (type === "test:start") path.splice(nesting, Infinity, name);
    if (type !== "test:pass" && type !== "test:fail") continue;
    const row = { file: relative(process.cwd(), file) };
    if (nesting === 0 && resolve(name) === resolve(file)) {
      // Node tells of a file without tests as of one test; failed, it could not be loaded.
      if (type === "test:fail") row.broken = row.file; else continue;
    } else if (data.details.type === "suite") {
      continue;
    } else {
      row.id = [row.file, ...path.slice(0, nesting), name].join(" > ");
      row.outcome = data.skip !== undefined || data.todo !== undefined ? "skipped" : type === "test:pass" ? "passed" : "failed";
    }
    yield line(row);
  }
  yield line({ end: true });
}
`;

/** For `--test-reporter`; its lines are read by reports/lines.ts. */
export const nodeReporter = `data:text/javascript,${encodeURIComponent(source)}`;
