import { writeFile } from "node:fs/promises";
import type { AgentFunction, EffectContext, RunLedger } from "../../src/index.js";
import { planOfSteps, sample, stepBy } from "./bench.js";
import { began, eventsOf } from "./driving.js";

const PLAN = planOfSteps(stepBy("a", "true", { max_retries: 1 }));
export const CHILD = {
  ...planOfSteps(stepBy("sub", "test -f made.txt", { owner_agent: "reviewer" })),
  acceptance_criteria: [
    { description: "it is made", validator: { type: "command_pass", target: "test -f made.txt" } },
  ],
};

/** What the child's criterion asks for. */
export const made = async ({ workspace }: Parameters<AgentFunction>[0]): Promise<string> => {
  await writeFile(`${workspace}/made.txt`, "made\n");
  return "made";
};

type Work = (effects: EffectContext, life: number, task: Parameters<AgentFunction>[0]) => Promise<string>;

/** A parent whose agent is told which life it lives, and a child whose agent makes a file. */
export const familyOf = async (parent: Work, child?: Work, now?: () => string) => {
  const shop = await sample({ "a.txt": "1\n" });
  let [life, childLife] = [0, 0];
  const open = () =>
    shop.open(
      {
        coder: (task, effects) => {
          life += 1;
          return parent(effects, life, task);
        },
        reviewer: async (task, effects) => {
          childLife += 1;
          if (child !== undefined) return child(effects, childLife, task);
          return made(task);
        },
      },
      now,
    );
  const app = await open();
  return { app, open, runId: await began(app, PLAN), lives: () => [life, childLife] };
};

export const childIn = async (app: RunLedger, runId: string): Promise<string> => {
  const started = (await eventsOf(app, runId)).find(({ type }) => type === "child_started");
  if (started?.type !== "child_started") throw new Error("it has started nothing");
  return started.payload.childId;
};
