import { z } from "zod";
import { requireSession } from "../../src/core/decide/guards.js";
import * as limit from "../../src/core/limits.js";
import { defineTool } from "../tool.js";

export const runNote = defineTool({
  name: "run_note",
  title: "Read or write a note",
  role: "shared",
  readOnly: false,
  description: "Read a scratchpad note of a run, or write it when value is given (an empty value clears it).",
  input: z.strictObject({
    run_id: z.string().min(1),
    key: z.string().trim().min(1).max(limit.NOTE_KEY_CHARS),
    value: z.string().max(limit.NOTE_VALUE_CHARS).optional(),
  }),
  output: z.object({ run_id: z.string(), key: z.string(), value: z.string().nullable() }),
  handle: async ({ run_id, key, value }, caller, { ledger }) => {
    if (value === undefined) {
      const run = await ledger.load(run_id);
      requireSession(run, caller);
      return { run_id, key, value: run.notes[key] ?? null };
    }
    const { run } = await ledger.submit(run_id, { type: "write_note", key, value }, caller);
    return { run_id, key, value: run.notes[key] ?? null };
  },
});
