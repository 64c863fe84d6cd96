import { describe, expect, it } from "vitest";
import type { ChangedFile } from "../../validators/room.js";
import { check, type Texts } from "./protect-fixtures.js";

describe("package.json", () => {
  const was = {
    name: "shop",
    version: "1.0.0",
    description: "a shop",
    type: "module",
    scripts: { test: "node --test" },
    dependencies: { zod: "^4.0.0" },
  };
  const edited = async (
    after: unknown,
    change: ChangedFile["change"] = "modified",
    path = "package.json",
  ) => {
    const texts: Texts = {
      before: JSON.stringify(was),
      ...(after === undefined ? {} : { after: typeof after === "string" ? after : JSON.stringify(after) }),
    };
    return (await check([{ path, change }], { texts })).protectedPaths;
  };

  it("may change in what does not decide how the project is built and judged", async () => {
    expect(await edited({ ...was, version: "1.0.1", description: "a better shop", files: ["dist"] })).toEqual(
      [],
    );
    expect(await edited(JSON.stringify({ ...was, private: true }, null, 8))).toEqual([]);
    expect(await edited({ ...was, keywords: [] }, "modified", "packages/a/package.json")).toEqual([]);
  });

  it.each([
    ...[
      "scripts",
      "type",
      "dependencies",
      "devDependencies",
      "optionalDependencies",
      "overrides",
      "resolutions",
    ],
    ...["packageManager", "workspaces", "engines", "jest", "vitest", "mocha", "ava", "c8", "babel", "pnpm"],
    // Under these a package finds itself, in the place of what it should load.
    ...["name", "exports", "imports", "main", "module", "bin", "browser"],
    "whatever a runner will ask for next",
  ])("may not change in %s: neither set, changed nor removed", async (key) => {
    expect(await edited({ ...was, [key]: "other" })).toEqual(["package.json"]);
    const { [key]: _gone, ...without } = was as Record<string, unknown>;
    expect(await edited(without)).toEqual(key in was ? ["package.json"] : []);
  });

  it("may be written in another order, but what it exports may not", async () => {
    const { name, ...rest } = was;
    expect(await edited({ ...rest, name })).toEqual([]);
    const conditions = { ...was, exports: { node: "./a.js", default: "./b.js" } };
    const swapped = { ...was, exports: { default: "./b.js", node: "./a.js" } };
    const texts = { before: JSON.stringify(conditions), after: JSON.stringify(swapped) };
    const { protectedPaths } = await check([{ path: "package.json", change: "modified" }], { texts });
    expect(protectedPaths).toEqual(["package.json"]);
  });

  it("may not become unreadable, vanish, or be no object", async () => {
    for (const after of ["{", "", "null", "[]", "5", undefined])
      expect(await edited(after), String(after)).toEqual(["package.json"]);
    expect(await edited(undefined, "deleted")).toEqual(["package.json"]);
  });

  it("may be added where it says nothing of that, in any folder", async () => {
    const added = async (text: string) =>
      (await check([{ path: "packages/b/package.json", change: "added" }], { texts: { after: text } }))
        .protectedPaths;
    expect(await added('{ "version": "1.0.0", "private": true }')).toEqual([]);
    expect(await added('{ "name": "vitest" }')).toEqual(["packages/b/package.json"]);
    expect(await added('{ "scripts": { "test": "true" } }')).toEqual(["packages/b/package.json"]);
    expect(await added("not json")).toEqual(["packages/b/package.json"]);
  });

  it("may not be added as a link or larger than can be read", async () => {
    const { protectedPaths } = await check([{ path: "packages/b/package.json", change: "added" }]);
    expect(protectedPaths).toEqual(["packages/b/package.json"]);
  });

  it("may change altogether where the step names it", async () => {
    const texts = { before: JSON.stringify(was), after: "{}" };
    expect(
      await check([{ path: "package.json", change: "modified" }], { texts, may: ["package.json"] }),
    ).toMatchObject({
      protectedPaths: [],
      outside: [],
    });
  });
});
