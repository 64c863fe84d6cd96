import {
  type Finding,
  findProject,
  isLedgerError,
  type LedgerError,
  migrateSettings,
  openRunLedger,
} from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

/** A finding, and what became of it. */
type Told = Omit<Finding, "mend"> & { readonly mended: string | null };

export const doctor = async (bench: Bench, { fix }: { readonly fix: boolean }): Promise<number> => {
  const findings = await look(bench, fix);
  await report(bench.output, findings, fix);
  return findings.some(({ status, mended }) => status === "fail" && mended === null)
    ? EXIT.failed
    : EXIT.done;
};

// A ledger that does not open is a finding too: that is when people call the doctor.
const look = async (bench: Bench, fix: boolean): Promise<readonly Told[]> => {
  const { directory, terminal } = bench;
  try {
    const app = await openRunLedger({ projectDir: directory, env: terminal.env });
    try {
      const told: Told[] = [{ check: "ledger", status: "ok", message: app.dataDir, fix: null, mended: null }];
      for (const { mend, ...finding } of await app.examine())
        told.push({ ...finding, mended: fix && mend !== undefined ? await mend() : null });
      return told;
    } finally {
      await app.close();
    }
  } catch (error) {
    if (!isLedgerError(error)) throw error;
    return fix ? mendOpening(bench, error) : [closed(error)];
  }
};

const closed = (error: LedgerError): Told => ({
  check: "ledger",
  status: "fail",
  message: error.message,
  fix: error.hint ?? null,
  mended: null,
});

/** Settings of before are brought up to date, once; sections of other programs are for a person to leave out. */
const mendOpening = async (bench: Bench, error: LedgerError): Promise<readonly Told[]> => {
  const projectDir = await findProject(bench.directory).catch(() => undefined);
  if (error.code !== "settings_invalid" || projectDir === undefined) return [closed(error)];
  for (const target of ["project", "user"] as const) {
    const { env } = bench.terminal;
    const done = await migrateSettings({ projectDir, env, target }).catch((reason: unknown) => {
      if (isLedgerError(reason)) return undefined;
      throw reason;
    });
    if (done === undefined || done.backup === undefined) continue;
    const mended = `${done.file} is of today; the old text is in ${done.backup}.`;
    return [{ ...closed(error), check: "settings", mended }, ...(await look(bench, true))];
  }
  return [closed(error)];
};

const MARKS = { ok: ["green", "✔"], warn: ["yellow", "!"], fail: ["red", "✘"] } as const;

const report = async (output: Output, findings: readonly Told[], fixed: boolean): Promise<void> => {
  if (output.json) {
    printJson(output, { findings });
    return;
  }
  await printTable(output, {
    rows: findings.map(({ check, status, message, fix, mended }) => {
      const [style, text] = mended === null ? MARKS[status] : MARKS.ok;
      return [{ text, style }, check, [message, mended ?? fix].filter((said) => said !== null).join(" ")];
    }),
    empty: "",
    wrap: true,
  });
  const bad = findings.filter(({ status, mended }) => status === "fail" && mended === null).length;
  const mended = findings.filter((finding) => finding.mended !== null).length;
  const things = bad === 0 ? "Ready." : `${bad} ${bad === 1 ? "thing" : "things"} to mend.`;
  say(output, fixed ? `${mended} mended. ${things}` : things);
};
