// The process that is killed, or whose writes are refused: tells the story and says after each line that it was acknowledged.
import { writeSync } from "node:fs";
import { isLedgerError } from "../../../src/core/errors.js";
import { STORY } from "./story.js";
import { openTeller, type Teller, tellStory } from "./telling.js";

const [folder = "", how = ""] = process.argv.slice(2);
const say = (what: object): void => void writeSync(1, `${JSON.stringify(what)}\n`);

const refusalOf = (error: unknown) =>
  isLedgerError(error)
    ? {
        code: error.code,
        hint: error.hint ?? "",
        sqlite: error.details.sqlite ?? null,
        message: error.message,
      }
    : { code: "untyped", hint: "", sqlite: null, message: String(error) };

/** So often with what is open, then with what is opened again; nobody tries for ever. */
const TRIES = 3;
const TRIES_MAX = 100;

/** Each opening and closing moves the log into the database. */
const LINES_PER_OPENING = 12;

/** Opens again when it has to, as whoever starts it again would. */
const tellWhateverHappens = async (): Promise<void> => {
  let teller: Teller | undefined;
  for (const [index, line] of STORY.entries())
    for (let attempt = 0; ; attempt += 1) {
      try {
        teller ??= await openTeller(folder);
        await teller.tell(line);
        say({ acknowledged: index });
        break;
      } catch (error) {
        say({ refused: index, opening: teller === undefined, ...refusalOf(error) });
        if (attempt + 1 < TRIES) continue;
        say({ reopening: index });
        await teller?.close();
        teller = undefined;
        if (attempt > TRIES_MAX) throw error;
      }
    }
  await teller?.close();
};

if (how === "whatever happens") await tellWhateverHappens();
else if (how === "open") await (await openTeller(folder)).close();
else
  await tellStory(
    folder,
    (line) => say({ acknowledged: line }),
    how === "opening often" ? LINES_PER_OPENING : undefined,
  );
