#!/usr/bin/env node
import { VERSION } from "./version.js";

const words = process.argv.slice(2);
// Scripts ask for the version to see whether we are here; that must cost no more than Node itself.
if (words.length === 1 && ["--version", "-V"].includes(words[0] ?? "")) process.stdout.write(`${VERSION}\n`);
else {
  const { start } = await import("./start.js");
  await start(words);
}
