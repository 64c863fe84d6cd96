import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ownerOfThisProcess } from "../../src/ledger/owner.js";
import { openPlaces } from "../../src/pev/places.js";
import { removeOrphans, shortLivedName } from "../../src/pev/short-lived.js";
import { tempFolder } from "../helpers/repositories.js";

const dead = ownerOfThisProcess().replace(/\d+$/, (start) => String(Number(start) + 1));
const nameOf = (owner: string): string => `draft-${encodeURIComponent(owner)}.1`;

it("removes what dead processes left, and nothing of the living, of strangers or of another kind", async () => {
  const folder = tempFolder();
  const kept = [
    `${shortLivedName("draft-")}1`,
    nameOf("elsewhere/4026:1:1"),
    "draft-%zz.1",
    "draft-",
    "drafty.1",
  ];
  for (const name of [...kept, nameOf(dead), nameOf(dead).replace("draft", "scratch")])
    writeFileSync(join(folder, name), "");
  mkdirSync(join(folder, `${nameOf(dead)}2`, "inner"), { recursive: true });
  await removeOrphans(folder, "draft-");
  expect(readdirSync(folder).sort()).toEqual([...kept, nameOf(dead).replace("draft", "scratch")].sort());
});

it("removes after a day what nobody here can tell the owner of", async () => {
  const folder = tempFolder();
  for (const [name, hours] of [["draft-old", 25] as const, ["draft-young", 23] as const]) {
    writeFileSync(join(folder, name), "");
    const then = Date.now() / 1_000 - hours * 3_600;
    utimesSync(join(folder, name), then, then);
  }
  await removeOrphans(folder, "draft-");
  expect(readdirSync(folder)).toEqual(["draft-young"]);
});

it("opening the register removes drafts of those who died while they wrote", async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, nameOf(dead)), '{"id":');
  writeFileSync(join(folder, `${shortLivedName("draft-")}1`), '{"id":');
  await openPlaces(folder);
  expect(readdirSync(folder)).toEqual([`${shortLivedName("draft-")}1`]);
});
