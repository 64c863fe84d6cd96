import { openMarkdownBoard } from "../../src/rollout/markdown-board.js";
import { hostRun } from "./projection-suite.js";

// A process of its own that writes its runs to a board: FILE NAME COUNT.
const [file = "", name = "", count = "0"] = process.argv.slice(2);
const board = openMarkdownBoard({ file });
for (let at = 0; at < Number(count); at += 1) {
  await board.save(hostRun(`${name}-${at}`));
  await board.update(`${name}-${at}`, { kind: "run_status", status: "completed", result: "ok", error: "" });
  process.stdout.write(".");
}
