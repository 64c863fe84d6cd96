import * as z from "zod";
import { requireSession } from "../../src/core/decide/guards.js";
import { someText } from "../../src/core/shapes.js";
import { closed } from "../../src/core/wire.js";
import { defineTool } from "../tool.js";
import { runView } from "../views.js";

export const runRead = defineTool({
  name: "run_read",
  title: "Read a run",
  role: "shared",
  readOnly: true,
  description:
    "Read the current snapshot of a run: status, steps with verdicts, criteria, notes, what it waits for. Long plans come in pages: give next_after_step as after_step.",
  input: closed({
    run_id: someText,
    after_step: someText.optional().describe("next_after_step of the page before."),
  }),
  output: z.looseObject({ run_id: z.string(), status: z.string() }),
  handle: async ({ run_id, after_step }, caller, { ledger }) => {
    const run = await ledger.load(run_id);
    requireSession(run, caller);
    return runView(run, caller, ledger, after_step);
  },
});
