import { type Finding, isLedgerError, openRunLedger } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

export const doctor = async (bench: Bench): Promise<number> => {
  const findings = await look(bench);
  await report(bench.output, findings);
  return findings.some(({ status }) => status === "fail") ? EXIT.failed : EXIT.done;
};

// A ledger that does not open is a finding too: that is when people call the doctor.
const look = async ({ directory, terminal }: Bench): Promise<readonly Finding[]> => {
  try {
    const app = await openRunLedger({ projectDir: directory, env: terminal.env });
    try {
      const opened: Finding = { check: "ledger", status: "ok", message: app.dataDir, fix: null };
      return [opened, ...(await app.examine())];
    } finally {
      await app.close();
    }
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return [{ check: "ledger", status: "fail", message: error.message, fix: error.hint ?? null }];
  }
};

const MARKS = { ok: ["green", "✔"], warn: ["yellow", "!"], fail: ["red", "✘"] } as const;

const report = async (output: Output, findings: readonly Finding[]): Promise<void> => {
  if (output.json) {
    printJson(output, { findings });
    return;
  }
  await printTable(output, {
    rows: findings.map(({ check, status, message, fix }) => {
      const [style, text] = MARKS[status];
      return [{ text, style }, check, fix === null ? message : `${message} ${fix}`];
    }),
    empty: "",
  });
  const bad = findings.filter(({ status }) => status === "fail").length;
  say(output, bad === 0 ? "Ready." : `${bad} ${bad === 1 ? "thing" : "things"} to mend.`);
};
