// A program as an agent: it lies first, then edits the test, then repairs; in the next step it builds on the repair.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const { RUNLEDGER_STEP_ID, RUNLEDGER_ATTEMPT, RUNLEDGER_FEEDBACK } = process.env;
const { repair, cheat, extension } = JSON.parse(readFileSync(process.argv[2], "utf8"));

const edit = ({ file, from, to }) => {
  const parts = readFileSync(file, "utf8").split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
  writeFileSync(file, parts.join(to));
};

const extend = ({ files, edit: last }) => {
  if (!readFileSync(repair.file, "utf8").includes(repair.to))
    throw new Error(`${repair.file} is not repaired`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  if (last !== undefined) edit(last);
};

if (RUNLEDGER_STEP_ID === "extend") extend(extension);
else if (RUNLEDGER_ATTEMPT === "2") edit(cheat);
else if (RUNLEDGER_ATTEMPT === "3") {
  execFileSync("git", ["checkout", "--", ...JSON.parse(RUNLEDGER_FEEDBACK).protectedPaths]);
  edit(repair);
}
console.log("All done, tests pass!");
