import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { SWEEP_MS } from "../helpers/sweep.js";
import { capture, startWork } from "../pev/work.js";

it(
  "lists nothing that is ignored: 200,000 files; and where they are not, they are too many for one proposal",
  async () => {
    const work = await startWork({ ".gitignore": "cache/\n" });
    const cache = join(work.folder, "cache");
    mkdirSync(cache);
    writeFileSync(join(cache, "0"), "x");
    // More links than one file may have, and more entries than a capture accepts.
    for (let n = 1; n <= 210_000; n += 1) {
      if (n % 30_000 === 0) writeFileSync(join(cache, String(n)), "x");
      else linkSync(join(cache, String(n - (n % 30_000))), join(cache, String(n)));
    }
    expect((await capture(work)).changes).toEqual([]);
    renameSync(cache, join(work.folder, "source"));
    await expect(capture(work)).rejects.toMatchObject({
      code: "workspace_unfit",
      details: { path: "source", reason: expect.stringContaining("200000 entries") },
    });
  },
  SWEEP_MS,
);
