import { afterAll, describe, expect, test } from "vitest";
import { sha256 } from "../../src/core/canonical.js";
import type { ArtifactExistsSpec } from "../../src/core/spec.js";
import { judge } from "../../validators/index.js";
import { closeLocalRooms, localRoom, type Sample } from "../helpers/local-room.js";

const run = async (sample: Sample, target: string, params: ArtifactExistsSpec["params"] = {}) =>
  judge({ type: "artifact_exists", target, params }, await localRoom(sample));

const fresh = { change: { "out/report.txt": "total: 3\n" } };

afterAll(closeLocalRooms);

describe("artifact_exists", () => {
  test("passes for a new file", async () => {
    expect(await run(fresh, "out/report.txt")).toMatchObject({
      outcome: "passed",
      reason: "ok",
      command: null,
    });
    expect(await run(fresh, "./out/report.txt")).toMatchObject({ outcome: "passed" });
  });

  test("names what is missing", async () => {
    const judgement = await run(fresh, "out/other.txt");
    expect(judgement).toMatchObject({
      outcome: "failed",
      reason: "artifact_missing",
      missing: ["out/other.txt"],
    });
  });

  test("takes neither a folder nor a link for a file", async () => {
    const folder = await run(fresh, "out");
    expect(folder).toMatchObject({ outcome: "failed", reason: "artifact_missing" });
    expect(folder.message).toContain("is a folder");
    const linked = { ...fresh, links: { link: "/etc/hostname" } };
    const link = await run(linked, "link");
    expect(link).toMatchObject({ outcome: "failed", reason: "artifact_missing" });
    expect(link.message).toContain("is a link");
  });

  test("does not pass for a file that was the same at the base, unless the plan says so", async () => {
    const old = { both: { "report.txt": "total: 3\n" } };
    expect(await run(old, "report.txt")).toMatchObject({ outcome: "failed", reason: "artifact_unfit" });
    expect(await run(old, "report.txt", { changed: false })).toMatchObject({ outcome: "passed" });
    expect(await run({ ...old, noBase: true }, "report.txt")).toMatchObject({ outcome: "passed" });
    const edited = { ...old, change: { "report.txt": "total: 4\n" } };
    expect(await run(edited, "report.txt")).toMatchObject({ outcome: "passed" });
  });

  test.each<[ArtifactExistsSpec["params"], string]>([
    [{ minBytes: 9 }, "passed"],
    [{ minBytes: 10 }, "failed"],
    [{ contains: "total: 3" }, "passed"],
    [{ contains: "total: 4" }, "failed"],
    [{ sha256: sha256("total: 3\n") }, "passed"],
    [{ sha256: sha256("total: 3\n").toUpperCase() }, "passed"],
    [{ sha256: sha256("total: 4\n") }, "failed"],
  ])("with %j is %s", async (params, outcome) => {
    const judgement = await run(fresh, "out/report.txt", params);
    expect(judgement).toMatchObject({ outcome, reason: outcome === "passed" ? "ok" : "artifact_unfit" });
  });
});
