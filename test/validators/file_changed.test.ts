import { afterAll, describe, expect, test } from "vitest";
import { judge } from "../../validators/index.js";
import type { ChangedFile, Room } from "../../validators/room.js";
import { closeLocalRooms, localRoom } from "../helpers/local-room.js";

const changes: readonly ChangedFile[] = [
  { path: "src/deep/in/a.ts", change: "modified" },
  { path: ".github/ci.yml", change: "added" },
  { path: "docs/gone.md", change: "deleted" },
  { path: "lib/new.ts", from: "old/name.ts", change: "renamed" },
  { path: "app/[id]/ünï code\n.tsx", change: "modified" },
];

const judged = (target: string, changed: readonly ChangedFile[]) =>
  judge({ type: "file_changed", target, params: {} }, {
    changedFiles: async () => changed,
  } as Partial<Room> as Room);

afterAll(closeLocalRooms);

describe("file_changed", () => {
  test.each([
    "src/**",
    "src/**/a.ts",
    "**/*.yml",
    ".github/*",
    "src",
    "src/deep/",
    "./src/deep/in/a.ts",
    "docs/gone.md",
    "old/**",
    "lib/new.ts",
    "!src/**",
    "app/[id]",
    "{docs,other}/*",
  ])("passes for %s", async (target) => {
    expect(await judged(target, changes)).toMatchObject({ outcome: "passed", reason: "ok", missing: [] });
  });

  test.each(["sr", "rc/deep", "a.ts", "src/*.ts", "src/deep/in/a", "SRC/**", "*", "lib/new", "nowhere"])(
    "does not pass for %s, which is no path, folder or glob of a change",
    async (target) => {
      expect(await judged(target, changes)).toMatchObject({
        outcome: "failed",
        reason: "no_match",
        missing: [target],
      });
    },
  );

  test("takes a leading ! for everything else", async () => {
    expect((await judged("!src/**", [{ path: "src/a", change: "added" }])).reason).toBe("no_match");
  });

  test("says when nothing changed at all", async () => {
    expect(await judged("**", [])).toMatchObject({ outcome: "failed", reason: "nothing_changed" });
  });

  test("does not count what was there before", async () => {
    const room = await localRoom({ both: { "old.txt": "1" }, change: { "new.txt": "1" } });
    expect((await judge({ type: "file_changed", target: "old.txt", params: {} }, room)).reason).toBe(
      "no_match",
    );
    expect((await judge({ type: "file_changed", target: "new.txt", params: {} }, room)).outcome).toBe(
      "passed",
    );
  });
});
