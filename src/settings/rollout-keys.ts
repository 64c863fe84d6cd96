import { closed } from "../core/wire.js";
import { type About, described, withWords } from "./kinds.js";
import { Word } from "./values.js";

const hostFile = (about: About) => described("text", about, Word.default(""));

const Keys = closed({
  tables: hostFile({
    title: "Workflow tables",
    description: "The SQLite file with the host's workflow tables, from the project's folder.",
  }),
  board: hostFile({
    title: "Markdown board",
    description: "The Markdown file the host keeps its runs in, from the project's folder.",
  }),
}).refine(
  ({ tables, board }) => tables === "" || board === "",
  "tables or board, not both: a host has one table",
);
const NAMED_BOTH = { tables: { minLength: 1 }, board: { minLength: 1 } };

/** The host's table of runs. */
export const RolloutKeys = withWords(Keys, () => ({
  not: { required: ["tables", "board"], properties: NAMED_BOTH },
}));
