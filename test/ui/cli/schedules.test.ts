import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Desk, openDesk, shop, step } from "../../helpers/cli.js";

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk({
    ...shop,
    "nightly.json": JSON.stringify({ goal: "tidy", steps: [step("a", "maker")] }),
    "runledger.yaml": `${shop["runledger.yaml"]}schedules:
  nightly: { cron: "30 2 * * *", timeZone: Europe/Berlin, plan: nightly.json }
  off: { cron: "@daily", plan: nightly.json, enabled: false }
  sick: { cron: "99 * * * *", plan: none.json }
`,
  });
});
afterAll(() => desk.dispose());

describe("schedules", () => {
  it("are listed with what keeps them from beginning", async () => {
    const { code, out } = await desk.type("schedules");
    expect(code).toBe(0);
    const [head, nightly, off, sick] = out.split("\n");
    expect(head).toMatch(/^SCHEDULE +WHEN +ZONE +NEXT +LAST RUN +STATUS +PLAN/);
    expect(nightly).toMatch(
      /^nightly +30 2 \* \* \* +Europe\/Berlin +\d{4}-\d\d-\d\d 0[0-3]:30:00\.000Z +– +– +nightly\.json$/,
    );
    expect(off).toMatch(/^off +@daily +UTC +– +– +– +nightly\.json \(not enabled\)$/);
    expect(sick).toMatch(/^sick .*none\.json: The cron expression "99 \* \* \* \*" cannot be read: .*99/);
    const { schedules } = (await desk.json("schedules")) as { schedules: readonly object[] };
    expect(schedules).toMatchObject([
      { name: "nightly", catchUp: "once", lastRun: null, problem: null },
      { name: "off", enabled: false, nextAt: null, problem: null },
      { name: "sick", nextAt: null, problem: expect.stringContaining("cron") },
    ]);
  });

  it("that cannot begin are named by a worker, which does the rest", async () => {
    const { code, err } = await desk.type("worker", "--once");
    expect(code).toBe(1);
    expect(err).toContain("schedule sick: ");
    expect(err).not.toContain("schedule nightly");
    expect((await desk.type("doctor")).out).toMatch(/schedule sick.*cannot be read/);
  });
});
