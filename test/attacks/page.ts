import { type Attack, type Calling, promises } from "./attack.js";
import { families } from "./catalogue.js";
import { defects } from "./planted/defects.js";
import { projects } from "./projects.js";

const TITLES: Readonly<Record<string, string>> = {
  gaming: "Gaming the tests",
  git: "Git",
  paths: "Paths and artifacts",
  processes: "Processes and resources",
  secrets: "Secrets",
  roles: "Roles",
};

/** `docs/attacks.md`, written from the attacks themselves. */
export const attacksPage = (): string =>
  `${[
    "# What is tried against it",
    opening(),
    ...section("Promises", promiseTable()),
    ...Object.entries(families).flatMap(([family, attacks]) =>
      section(TITLES[family] ?? family, attackTable(attacks)),
    ),
    ...section("Planted defects", plantedTable()),
  ].join("\n\n")}\n`;

const opening = (): string => {
  const count = Object.values(families).flat().length;
  return [
    `${count} attacks, each a small program or a few files, are carried out against real runs at every level that the machine offers: a`,
    "slice with `npm run test:slow`, all of them, again and again, with `npm run test:full`. After every attack all promises below are looked",
    "at, not only the one it goes for. This page is written from the attacks by `test/attacks-page.test.ts`.",
    "",
    "_From_ is the isolation level from which the promise holds. Below it the attack does its harm, which is checked too; it still must",
    "not be verified. _Only_ stands for an attack that would harm the machine at lower levels and is not tried there.",
    "The kind is the row of the list of threats it was made from: A gaming the tests, B files and paths, C git, D processes, resources and",
    "secrets, E journal and roles.",
  ].join("\n");
};

const section = (title: string, body: string): readonly string[] => [`## ${title}`, body];

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;").slice(0, 200);

const promiseTable = (): string => table(["promise", "says"], Object.entries(promises));

const attackTable = (attacks: readonly Attack[]): string =>
  table(
    ["an attacker", "goes for", "ends as", "from", "kind", "needs"],
    attacks.map((attack) => [
      attack.name,
      attack.breaks,
      "call" in attack ? refusalOf(attack) : attack.ends.join(", "),
      attack.runsFrom === undefined ? String(attack.holdsFrom ?? 1) : `only ${attack.runsFrom}`,
      attack.row,
      needsOf(attack).join(", "),
    ]),
  );

const refusalOf = ({ refused }: Calling): string =>
  refused.length === 0 ? "nothing" : `refused: ${refused.join(", ")}`;

/** Programs without which an attack cannot be tried. */
export const needsOf = (attack: Attack): readonly string[] => {
  const project = "call" in attack ? "shop" : (attack.project ?? "shop");
  return [...(attack.needs ?? []), ...(projects[project]?.needs ?? [])];
};

const plantedTable = (): string =>
  [
    "Our own verifier is made wrong in one line, and at least one of the attacks named must say that a promise does not hold.",
    table(
      ["defect", "file", "noticed by"],
      defects.map(({ name, file, caughtBy }) => [name, `\`${file}\``, caughtBy.join("; ")]),
    ),
  ].join("\n\n");
