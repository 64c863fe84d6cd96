import * as z from "zod";
import { requireSession } from "../../src/core/decide/guards.js";
import * as limit from "../../src/core/limits.js";
import type { Run } from "../../src/core/run.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool, idempotencyKey, keyed } from "../tool.js";

export const runNote = defineTool({
  name: "run_note",
  title: "Read or write a note",
  role: "shared",
  readOnly: false,
  description: "Read a scratchpad note of a run, or write it when value is given.",
  input: closed({
    run_id: someText,
    key: z.string().trim().min(1).max(limit.NOTE_KEY_CHARS),
    value: z
      .string()
      .max(limit.NOTE_VALUE_CHARS)
      .optional()
      .describe("What to write; left out, the note is read."),
    idempotency_key: idempotencyKey,
  }),
  output: z.object({ run_id: z.string(), key: z.string(), value: z.string().nullable() }),
  handle: async ({ run_id, key, value, idempotency_key }, caller, { ledger }) => {
    if (value === undefined) {
      const run = await ledger.load(run_id);
      requireSession(run, caller);
      return { run_id, key, value: noteOf(run, key) };
    }
    const command = { type: "write_note", key, value } as const;
    const { run } = await ledger.submit(run_id, command, caller, keyed(idempotency_key));
    return { run_id, key, value: noteOf(run, key) };
  },
});

/** A key may be a word such as "constructor", which every object seems to have. */
const noteOf = (run: Run, key: string): string | null =>
  Object.hasOwn(run.notes, key) ? (run.notes[key] ?? null) : null;
