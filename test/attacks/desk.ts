import { type Caller, LedgerError, type RunLedger } from "../../src/index.js";
import { orchestrator, SESSION } from "../helpers/project.js";
import type { Arena } from "./arena.js";
import type { Desk } from "./attack.js";
import { journalOf } from "./traces.js";

const PLAN = {
  goal: "Ship it",
  steps: [
    {
      id: "work",
      goal: "Write the answer",
      owner_agent: "coder",
      validator: { type: "artifact_exists", target: "out/answer.txt" },
    },
    {
      id: "sign",
      goal: "Have it signed",
      owner_agent: "coder",
      validator: { type: "orchestrator_approval" },
    },
    {
      id: "later",
      goal: "Something else",
      owner_agent: "outlaw",
      depends_on: ["work"],
      validator: { type: "file_changed", target: "**" },
    },
  ],
};

/** Desks that nobody has changed since, and how long the journal was then. */
const untouched = new WeakMap<Arena, { readonly desk: Desk; readonly events: number }>();

/** A run that waits: its first step for work, its second one for approval. */
export const deskIn = async (arena: Arena): Promise<Desk> => {
  const known = untouched.get(arena);
  if (known !== undefined && known.events === journalOf(arena.app.dataDir).length) return known.desk;
  const desk = await makeDesk(arena);
  untouched.set(arena, { desk, events: journalOf(arena.app.dataDir).length });
  return desk;
};

const makeDesk = async ({ app, inside, secrets: [secret = ""] }: Arena): Promise<Desk> => {
  const issue: Desk["issue"] = (over = {}) =>
    app.issue({ name: "coder", role: "executor", sessionKey: SESSION, ...over });
  const as = toolsOfApp(app);
  return inside(async () => {
    const { runId } = await app.createRun(orchestrator(app), {
      plan: PLAN,
      sessionKey: SESSION,
      originalRequest: "ship it",
    });
    const coder = as(issue());
    await coder("run_start_step", { run_id: runId, step_id: "sign" });
    await coder("run_propose_step_result", { run_id: runId, step_id: "sign", result: "please sign" });
    return { app, secret, run: await app.ledger.load(runId), as, issue };
  });
};

const toolsOfApp =
  (app: RunLedger) =>
  (caller: Caller): ReturnType<Desk["as"]> =>
  (name, input) => {
    const tool = app.toolsFor(caller).find((one) => one.name === name);
    if (tool === undefined) throw new LedgerError("access_denied", `There is no ${name} for ${caller.role}.`);
    return tool.call(input);
  };
