import { createHmac } from "node:crypto";
import dns from "node:dns/promises";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { LedgerError } from "../../src/core/errors.js";
import { createDeliveries, type Target } from "../../src/engine/notify/deliveries.js";
import { openNotifying } from "../../src/engine/notify/notifying.js";
import { callWebhook } from "../../src/engine/notify/webhook.js";
import type { RunLedger } from "../../src/index.js";
import type { Ledger } from "../../src/ledger/ledger.js";
import { stepBy } from "../helpers/bench.js";
import { onLoopback } from "../helpers/on-loopback.js";
import { makeSample, person, SESSION } from "../helpers/project.js";

const SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0LTEyMzQ=";
const never = new AbortController().signal;

type Heard = { readonly headers: IncomingHttpHeaders; readonly body: string };
type Answer = (response: ServerResponse, count: number) => void;
const well: Answer = (response) => void response.writeHead(204).end();

/** A receiver on this machine; `answer` says what becomes of each request. */
const receiver = async (answer: Answer = well) => {
  const heard: Heard[] = [];
  let told = (): void => undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    told();
    answer(response, heard.length);
  });
  const endpoint = await onLoopback(server);
  const first = new Promise<void>((resolve) => {
    told = resolve;
  });
  return { heard, first, url: `${endpoint}/hook/path-token` };
};

/** A project whose people are told so, and a clock that stands until the test moves it. */
const projectOf = async (notify: Readonly<Record<string, object>>, env: Record<string, string> = {}) => {
  const settings = { notify, isolation: { maximum: 1 }, runLedger: { workspaceIsolation: false } };
  const shop = await makeSample(
    { "runledger.yaml": `${JSON.stringify(settings)}\n` },
    { HOOK_SECRET: SECRET, ...env },
  );
  onTestFinished(() => shop.dispose());
  let ms = Date.parse("2026-03-01T00:00:00.000Z");
  const open = () =>
    shop.open({ coder: () => "done, and my token is s3cr3t" }, () => new Date(ms).toISOString());
  return {
    shop,
    open,
    move: (byMs: number) => {
      ms += byMs;
    },
    /** What another process does that has just been started. */
    work: async () => {
      const app = await open();
      await app
        .worker({ maxRuns: 1, onTrouble: (_, error) => expect.unreachable(String(error)) })
        .drain(never);
      await app.close();
    },
  };
};

const webhook = (url: string, more: object = {}) => ({
  url,
  secretEnv: "HOOK_SECRET",
  privateNetwork: true,
  ...more,
});

/** Driven until a person is asked to approve its step; who is told has been by then. */
const waiting = async (app: RunLedger, validator: object = { type: "orchestrator_approval" }) => {
  const plan = { goal: "Ask ada", steps: [{ ...stepBy("ship", "true"), validator, max_retries: 0 }] };
  const run = await app.createRun(person(app), { plan, sessionKey: SESSION, originalRequest: "try" });
  return (await app.drive(run.runId)).run;
};

describe("a webhook", () => {
  it("is told once, signed, of what a run asks, and nothing of what was done or said", async () => {
    const { url, heard } = await receiver();
    const { open, work } = await projectOf({ phone: webhook(url) });
    const app = await open();
    const { runId } = await waiting(app);
    await app.close();
    await work();
    expect(heard).toHaveLength(1);
    const { headers, body } = heard[0] as Heard;
    const id = headers["webhook-id"] as string;
    const timestamp = headers["webhook-timestamp"] as string;
    const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(timestamp).toBe(String(Date.parse("2026-03-01T00:00:00Z") / 1_000));
    expect(JSON.parse(body)).toEqual({
      type: "step_approval",
      timestamp: "2026-03-01T00:00:00.000Z",
      data: {
        project: "repo",
        runId,
        seq: expect.any(Number),
        stepId: "ship",
        sentence: 'Step "ship" waits for approval.',
        hint: `runledger why ${runId}`,
      },
    });
    expect(JSON.stringify(heard)).not.toMatch(/s3cr3t|Ask ada|whsec_/);
  });

  it("is tried again under the same id, by whatever process, until it has heard", async () => {
    const { url, heard } = await receiver(
      (response, count) => void response.writeHead(count < 3 ? 503 : 200).end(),
    );
    const { open, work, move } = await projectOf({ phone: webhook(url) });
    const app = await open();
    await waiting(app);
    await app.close();
    await work();
    expect(heard).toHaveLength(1);
    move(5_000);
    await work();
    expect(heard).toHaveLength(2);
    expect((await (await open()).targets())[0]).toMatchObject({
      error: "it answered 503",
      nextTryAt: "2026-03-01T00:00:35.000Z",
    });
    move(30_000);
    await work();
    move(3_600_000);
    await work();
    expect(heard).toHaveLength(3);
    expect(new Set(heard.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect((await (await open()).targets())[0]).toMatchObject({ error: null, nextTryAt: null, givenUp: 0 });
  });

  it("is told by one of several workers", async () => {
    const { url, heard } = await receiver();
    const { open, work } = await projectOf({ phone: webhook(url), desk: webhook(url) });
    const app = await open();
    await waiting(app);
    await Promise.all([app.close(), work(), work(), work()]);
    expect(heard).toHaveLength(2);
    expect(new Set(heard.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
  });

  it("that never answers keeps no run waiting, and is told again once its time is over", async () => {
    let release = (): void => undefined;
    const hanging: Answer = (response, count) => {
      if (count > 1) return well(response, count);
      release = () => void response.destroy();
    };
    const { url, heard, first } = await receiver(hanging);
    const { open, work, move } = await projectOf({ phone: webhook(url, { timeout: "120s" }) });
    const app = await open();
    await waiting(app);
    await first;
    const { state } = await waiting(app, { type: "command_pass", target: "true" });
    expect(state.status).toBe("completed");
    await work();
    expect(heard).toHaveLength(1);
    move(126_000);
    await work();
    expect(heard).toHaveLength(2);
    release();
  });

  it("is not told what was answered before it could be", async () => {
    const { url, heard } = await receiver((response) => void response.writeHead(500).end());
    const { open, work, move } = await projectOf({ phone: webhook(url) });
    const app = await open();
    const { runId } = await waiting(app);
    await app.ledger.submit(runId, { type: "approve_step", stepId: "ship", reason: "good" }, person(app));
    await app.close();
    move(5_000);
    await work();
    expect(heard).toHaveLength(1);
  });

  it("that refuses it is not asked again, and hears of what comes next", async () => {
    const { url, heard } = await receiver(
      (response, count) => void response.writeHead(count === 1 ? 410 : 200).end(),
    );
    const { open, work } = await projectOf({ phone: webhook(url) });
    const app = await open();
    await waiting(app);
    await waiting(app);
    await app.close();
    await work();
    expect(heard.map(({ body }) => JSON.parse(body).type)).toEqual(["step_approval", "step_approval"]);
    expect((await (await open()).targets())[0]).toMatchObject({ givenUp: 1, error: null });
  });

  it("is given up after its last try, and the queue goes on", async () => {
    const { url, heard } = await receiver((response) => void response.writeHead(502).end());
    const { open, work, move } = await projectOf({ phone: webhook(url) });
    const app = await open();
    await waiting(app);
    await app.close();
    for (let day = 0; day < 8; day += 1) {
      await work();
      move(86_400_000);
    }
    expect(heard).toHaveLength(8);
    expect((await (await open()).targets())[0]).toMatchObject({ givenUp: 1, nextTryAt: null });
  });

  it("follows no redirect", async () => {
    const other = await receiver();
    const { url } = await receiver((response) => void response.writeHead(307, { location: other.url }).end());
    const { open } = await projectOf({ phone: webhook(url) });
    const app = await open();
    expect(await app.testTargets()).toEqual([{ name: "phone", told: false, error: "it answered 307" }]);
    expect(other.heard).toEqual([]);
  });

  it.each(["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "10.0.0.1", "169.254.169.254"])(
    "of this machine or its network (%s) is not called unless the settings say so",
    async (host) => {
      const { url, heard } = await receiver();
      const at = `https://${host}:${new URL(url).port}/`;
      const { open } = await projectOf({ phone: webhook(at, { privateNetwork: false }) });
      const [tried] = await (await open()).testTargets("phone");
      expect(tried).toMatchObject({ told: false, error: expect.stringContaining("private network") });
      expect(heard).toEqual([]);
    },
  );

  it.each([
    [
      "whose name nobody answers for is called off in time",
      () => new Promise<never>(() => undefined),
      /^it took too long$/,
    ],
    ["whose name is unknown says so", () => Promise.reject(new Error("ENOTFOUND")), /cannot be resolved$/],
  ])("%s", async (_what, answer, why) => {
    const names = vi.spyOn(dns, "lookup").mockImplementation(answer);
    syncBuiltinESMExports();
    onTestFinished(() => {
      names.mockRestore();
      syncBuiltinESMExports();
    });
    const sent = { id: "msg_1", body: "{}", now: "2026-03-01T00:00:00.000Z", secret: SECRET };
    const asked = { url: "https://hooks.example.com/", privateNetwork: false, timeoutMs: 50, signal: never };
    expect(await callWebhook({ ...asked, ...sent })).toEqual({
      kind: "failed",
      error: expect.stringMatching(why),
    });
  });

  it("without its secret is not called, and doctor says so", async () => {
    const { url, heard } = await receiver();
    const { open } = await projectOf({ phone: webhook(url) }, { HOOK_SECRET: "" });
    const app = await open();
    expect(await app.testTargets()).toMatchObject([{ told: false, error: "its secret is not set" }]);
    const findings = await app.examine();
    expect(findings.find(({ check }) => check === "notify phone")).toMatchObject({ status: "fail" });
    expect(heard).toEqual([]);
  });
});

describe("a program", () => {
  it("reads what happened, and nothing of it is a word of its command", async () => {
    const script = 'cat > "$OUT"; printf "%s" "$*" > "$OUT.words"';
    const { shop, open } = await projectOf(
      { desk: { run: ["sh", "-c", script, "sh"], env: ["OUT"] } },
      { OUT: "told.json" },
    );
    const app = await open();
    await waiting(app);
    await app.close();
    expect(JSON.parse(await readFile(join(shop.repo, "told.json"), "utf8"))).toMatchObject({
      type: "step_approval",
      data: { stepId: "ship" },
    });
    expect(await readFile(join(shop.repo, "told.json.words"), "utf8")).toBe("");
  });

  it("that fails is tried again", async () => {
    const { open } = await projectOf({ desk: { run: ["sh", "-c", "exit 7"] } });
    const app = await open();
    await waiting(app);
    await app.close();
    expect((await (await open()).targets())[0]).toMatchObject({
      error: "it ended with exit code 7",
      nextTryAt: "2026-03-01T00:00:05.000Z",
    });
  });
});

describe("a target", () => {
  it("hears only what it asked for, and nothing from before it was named", async () => {
    const { url, heard } = await receiver();
    const { open, shop, work } = await projectOf({
      phone: webhook(url, { events: ["run_failed", "escalated"] }),
    });
    const app = await open();
    await waiting(app);
    await waiting(app, { type: "command_pass", target: "false" });
    await app.close();
    expect(heard.map(({ body }) => JSON.parse(body).type)).toEqual(["escalated"]);
    const notify = { phone: webhook(url), later: webhook(url, { events: ["escalated"] }) };
    await shop.write({ "runledger.yaml": `${JSON.stringify({ notify })}\n` });
    await work();
    expect(heard).toHaveLength(1);
  });
});

describe("an event that is added to a target", () => {
  it("has no past, however far behind the target is, and is told from then on", async () => {
    const { url, heard } = await receiver();
    const { open, shop, work } = await projectOf({ phone: webhook(url, { events: ["run_failed"] }) });
    const app = await open();
    await waiting(app);
    await waiting(app);
    await app.close();
    const told = (events: readonly string[]) =>
      shop.write({
        "runledger.yaml": `${JSON.stringify({ notify: { phone: webhook(url, { events }) } })}\n`,
      });
    await told(["run_failed", "step_approval"]);
    await work();
    expect(heard).toEqual([]);
    const later = await open();
    const { runId } = await waiting(later);
    await later.close();
    expect(heard.map(({ body }) => JSON.parse(body).data.runId)).toEqual([runId]);
    // Taken away and added again, it is new again.
    await told(["run_failed"]);
    const silent = await open();
    await waiting(silent);
    await silent.close();
    await told(["run_failed", "step_approval"]);
    await work();
    expect(heard).toHaveLength(1);
  });

  it("was heard of before by a target of an earlier version, which is told what it was not told yet", async () => {
    const { ledger, heard, phone, runId } = await asked();
    const settled = { position: 0, tries: 0, nextMs: 0, busyUntilMs: 0 };
    const before = { ...settled, toldMs: null, error: null, givenUp: 0 };
    await ledger.store.swapWord("notify:phone", undefined, JSON.stringify(before));
    await createDeliveries(ledger).pass([phone], await ledger.store.position(), never);
    expect(heard).toEqual([runId]);
  });
});

describe("processes whose settings differ", () => {
  it("leave what is due to the newest of them, whoever tells it", async () => {
    const { ledger, nowMs, move, heard, phone } = await asked();
    move(1_000);
    const older: Target = { ...phone, events: ["run_failed"], settingsMs: nowMs };
    const failing: Target = {
      ...phone,
      events: ["run_failed", "step_approval"],
      settingsMs: nowMs + 1_000,
      tell: async () => ({ kind: "failed", error: "it is away" }),
    };
    const [one, other] = [createDeliveries(ledger), createDeliveries(ledger)];
    const position = await ledger.store.position();
    await one.pass([older], 0, never);
    await other.pass([failing], 0, never);
    expect(await one.pass([older], position, never)).toBe(nowMs + 6_000);
    expect(heard).toEqual([]);
    move(5_000);
    await one.pass([older], position, never);
    expect(heard).toHaveLength(1);
    // The other way round, what was taken away is not told any more.
    move(1_000);
    await one.pass([{ ...older, settingsMs: nowMs + 7_000 }], position, never);
    await other.pass([failing], 0, never);
    expect(Object.keys((await one.standingOf("phone"))?.heardFrom ?? {})).toEqual(["run_failed"]);
  });

  it("tell nothing twice for what is heard from now on", async () => {
    const { ledger, nowMs, move, heard, phone } = await asked();
    const newer: Target = { ...phone, events: ["run_failed", "step_approval"], settingsMs: nowMs };
    const telling: Target["tell"] = async (notice, signal) => {
      await createDeliveries(ledger).pass([newer], 0, never);
      return phone.tell(notice, signal);
    };
    await createDeliveries(ledger).pass([{ ...phone, tell: telling }], 0, never);
    move(60_000);
    await createDeliveries(ledger).pass([newer], 0, never);
    expect(heard).toHaveLength(1);
  });
});

/** A ledger that has a run waiting, and somebody who hears of it. */
const asked = async () => {
  const { open, move } = await projectOf({});
  const app = await open();
  const { runId } = await waiting(app);
  const nowMs = Date.parse(app.ledger.now());
  const heard: string[] = [];
  const tell: Target["tell"] = async (notice) => {
    heard.push(notice.runId);
    return { kind: "told" };
  };
  const phone: Target = {
    ...{ name: "phone", events: ["step_approval"], settingsMs: nowMs, timeoutMs: 1_000, tell },
  };
  return { app, ledger: app.ledger, nowMs, move, runId, heard, phone };
};

/** One that cannot be asked about runs. */
const failing = (ledger: Ledger, code: ErrorCode): Ledger => {
  const load = () => Promise.reject(new LedgerError(code, "It is not to be had."));
  return { ...ledger, load };
};

describe("What happened", () => {
  it.each(["store_unavailable", "no_space"] as const)(
    "is not passed over for an error of the moment (%s)",
    async (code) => {
      const { ledger, runId, heard, phone } = await asked();
      await expect(createDeliveries(failing(ledger, code)).pass([phone], 0, never)).rejects.toMatchObject({
        code,
      });
      await createDeliveries(ledger).pass([phone], 0, never);
      expect(heard).toEqual([runId]);
    },
  );

  it("to a sealed run is left to a process that has its key", async () => {
    const { ledger, nowMs, runId, heard, phone } = await asked();
    const blind = createDeliveries(failing(ledger, "key_unavailable"));
    expect(await blind.pass([phone], 0, never)).toBe(nowMs + 60_000);
    expect(await blind.standingOf("phone")).toMatchObject({ position: 0 });
    await createDeliveries(ledger).pass([phone], 0, never);
    expect(heard).toEqual([runId]);
  });

  it("to a run that is damaged or gone keeps nobody up", async () => {
    const { ledger, heard, phone } = await asked();
    for (const code of ["run_not_found", "run_erased", "journal_tampered"] as const)
      expect(await createDeliveries(failing(ledger, code)).pass([phone], 0, never)).toBeNull();
    expect(heard).toEqual([]);
  });

  it("is looked at again by whoever lost the claim", async () => {
    const { ledger, nowMs, heard, phone } = await asked();
    const { store } = ledger;
    const late = { ...ledger, store: Object.assign(Object.create(store), { swapWord: async () => false }) };
    expect(await createDeliveries(late).pass([phone], 0, never)).toBe(nowMs + 1_000);
    expect(heard).toEqual([]);
  });

  it("is looked at again after a round that the ledger broke off", async () => {
    const { url, heard } = await receiver();
    const { ledger } = await asked();
    let isBroken = true;
    const load: Ledger["load"] = (runId) => (isBroken ? failing(ledger, "no_space") : ledger).load(runId);
    await ledger.store.swapWord(
      "notify:phone",
      undefined,
      JSON.stringify({
        position: 0,
        tries: 0,
        nextMs: 0,
        busyUntilMs: 0,
        toldMs: null,
        error: null,
        givenUp: 0,
      }),
    );
    const phone = { ...webhook(url), run: [], env: [], events: ["step_approval"] as const, timeoutMs: 1_000 };
    const notifying = openNotifying({
      ...{ ledger: { ...ledger, load }, settings: { notify: { phone } } },
      ...{ environment: { HOOK_SECRET: SECRET }, projectDir: "shop" },
      ...{ project: {} as never, redactor: {} as never },
    });
    const warned = once(process, "warning");
    await notifying.tell();
    await warned;
    isBroken = false;
    await notifying.tell();
    await notifying.close();
    expect(heard).toHaveLength(1);
  });
});
