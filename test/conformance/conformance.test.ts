import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPackage } from "../helpers/built.js";
import { began } from "../helpers/driving.js";
import { makeSample, onePlan, type Sample } from "../helpers/project.js";
import { type Served, serving, stopped } from "../helpers/serving.js";
import { notOurs } from "./not-ours.js";
import { doorman, INSPECTOR, missing, run, SUITE } from "./tools.js";

/** The protocol's own checkers, installed by `npm install --prefix test/conformance`, against real processes of ours. */

const why = missing();
/** A build, and two programs that start. */
const SETUP_MS = 180_000;
let built: ReturnType<typeof buildPackage>;
let shop: Sample;
let server: Served;
let credential: string;
let runId: string;
beforeAll(async () => {
  if (why !== undefined) return;
  built = buildPackage();
  shop = await makeSample({ "README.md": "# A shop\n" });
  const app = await shop.open();
  runId = await began(app, onePlan({ validator: { type: "command_pass", target: "true" } }));
  const who = { name: "lead", role: "orchestrator", sessionKey: "test", lifetimeMs: 3_600_000 } as const;
  ({ credential } = await app.signCredential(who));
  server = await serving(built.bin, shop, "--port", "0");
}, SETUP_MS);
afterAll(async () => {
  if (why !== undefined) return;
  await stopped(server, "SIGTERM");
  await shop.dispose();
  built.remove();
});

describe.skipIf(why !== undefined)(`the conformance suite (${why ?? "installed"})`, () => {
  it.each(["2025-11-25", "2026-07-28"] as const)("finds %s as it must be", async (revision) => {
    const door = await doorman(server.url, credential);
    try {
      const [known, results] = [join(shop.place, `${revision}.yaml`), join(shop.place, revision)];
      writeFileSync(
        known,
        `server:\n${Object.keys(notOurs[revision])
          .map((one) => `  - ${one}\n`)
          .join("")}`,
      );
      const asked = ["--url", door.url.href, "--suite", "all", "--spec-version", revision];
      const ran = await run(SUITE, ["server", ...asked, "--expected-failures", known, "-o", results], {
        ...{ cwd: shop.place, env: shop.env },
      });
      // It fails for what fails and is not named, and for what is named and passes.
      expect(ran.code, ran.out.slice(ran.out.indexOf("=== SUMMARY"))).toBe(0);
      const passed = checksIn(results).filter(({ status }) => status === "SUCCESS");
      expect(passed.length).toBeGreaterThan(35);
    } finally {
      await door.close();
    }
  });
});

type Check = { readonly id: string; readonly status: string };

const checksIn = (results: string): readonly Check[] =>
  readdirSync(results).flatMap(
    (scenario) => JSON.parse(readFileSync(join(results, scenario, "checks.json"), "utf8")) as Check[],
  );

describe.skipIf(why !== undefined)(`the inspector (${why ?? "installed"})`, () => {
  const ask = (how: "stdio" | "http", ...words: readonly string[]) => {
    const bearer = `Authorization: Bearer ${credential}`;
    // It hands on nothing else of its environment.
    const given = [
      `RUNLEDGER_CREDENTIAL=${credential}`,
      ...["RUNLEDGER_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"].map((name) => `${name}=${shop.env[name]}`),
    ];
    const target =
      how === "stdio"
        ? [process.execPath, built.bin, "mcp", ...given.flatMap((one) => ["-e", one])]
        : [server.url.href, "--transport", "http", "--header", bearer];
    const env = { ...shop.env, HOME: shop.place };
    return run(INSPECTOR, ["--cli", ...target, ...words], { cwd: shop.repo, env });
  };

  it.each(["stdio", "http"] as const)("works with tools, resources and prompts over %s", async (how) => {
    const tools = await ask(how, "--method", "tools/list", "--strict");
    expect(tools, tools.err).toMatchObject({ code: 0 });
    expect(tools.out).toContain("run_create");
    const read = await ask(
      how,
      ...["--method", "tools/call", "--tool-name", "run_read"],
      "--tool-arg",
      `run_id=${runId}`,
    );
    expect(JSON.parse(read.out)).toMatchObject({ structuredContent: { run_id: runId, status: "running" } });
    const refused = await ask(
      how,
      ...["--method", "tools/call", "--tool-name", "run_read"],
      "--tool-arg",
      "run_id=no",
    );
    // What an older client would make of it is told in test/ui/mcp/server.test.ts.
    expect(refused.out + refused.err).toContain("error [run_not_found]");
    const resources = await ask(how, "--method", "resources/list");
    expect(resources.out).toContain(`runledger://runs/${runId}`);
    const prompts = await ask(how, "--method", "prompts/list");
    expect(prompts.out).toContain("planner");
  });
});
