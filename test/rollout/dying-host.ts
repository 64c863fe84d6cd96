import { join } from "node:path";
import { createCredentials } from "../../src/ledger/credentials.js";
import { openLedger } from "../../src/ledger/ledger.js";
import { createRollout } from "../../src/rollout/rollout.js";
import type { Stage } from "../../src/rollout/stage.js";
import { openStore } from "../../src/stores/open.js";
import { hostStep } from "../helpers/cast.js";
import { rules } from "../helpers/given.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { fileTable } from "./file-table.js";
import { settingsOf } from "./hosts.js";

// Started by kills.test.ts as a process of its own: one host at one stage, which is killed within its second write.
const [folder = "", stage = "", operation = "", victim = "", when = ""] = process.argv.slice(2);

const die = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("the signal takes a moment");
};

let armed = false;
/** Ends this process right before or right after one method of one side. */
const deadly = <T extends object>(side: string, target: T): T =>
  new Proxy(target, {
    get: (object, name) => {
      const member: unknown = Reflect.get(object, name);
      if (typeof member !== "function" || `${side}.${String(name)}` !== victim) return member;
      return async (...given: unknown[]) => {
        if (armed && when === "before") die();
        const answer: unknown = await member.apply(object, given);
        if (armed) die();
        return answer;
      };
    },
  });

const store = deadly("store", await openStore(join(folder, "ledger")));
const { credentials, host } = createCredentials();
const ledger = openLedger({
  store,
  rules,
  credentials,
  redactor: NO_SECRETS,
  now: () => new Date().toISOString(),
});
const rollout = createRollout({
  ledger: { ledger: deadly("ledger", ledger), host },
  projection: deadly("table", await fileTable(join(folder, "table"))),
  settings: settingsOf(stage as Stage),
});
const run = (id: string) => ({
  id,
  kind: "background" as const,
  sessionKey: "session-1",
  name: id,
  request: "please",
  steps: [hostStep("a", { status: "running" })],
});
await rollout.create(run("r1"));
armed = true;
if (operation === "create") await rollout.create(run("r2"));
if (operation === "update")
  await rollout.update("r1", {
    kind: "step_status",
    stepId: "a",
    status: "completed",
    result: "",
    error: "",
  });
if (operation === "complete") await rollout.complete("r1", { status: "completed", result: "", error: "" });
console.log("it lives");
