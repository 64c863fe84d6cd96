import { typingIn } from "../helpers/cli.js";
import type { Unpacked } from "../helpers/data-folder.js";
import type { Arena } from "./arena.js";

/** What the commands that look at a run print of it, for people and for programs. */
export const printedOf = async (arena: Arena, runId: string): Promise<readonly Unpacked[]> => {
  const type = typingIn(arena);
  const { steps } = await arena.app.ledger.load(runId);
  const commands = [
    ...["show", "why", "journal"].map((command) => [command, runId]),
    ...steps.filter(({ attempt }) => attempt > 0).map(({ spec }) => ["logs", runId, spec.id]),
  ];
  const printed: Unpacked[] = [];
  for (const words of commands)
    for (const argv of [words, [...words, "--json"]]) {
      const { code, out, err } = await type({}, ...argv);
      const where = `what \`${argv.join(" ")}\` prints`;
      if (code !== 0) throw new Error(`${where} is an error: ${err}`);
      printed.push({ where, text: out + err });
    }
  return printed;
};
