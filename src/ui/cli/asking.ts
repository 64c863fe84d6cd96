import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import type { Tty } from "./program.js";

/** Whether a person says yes to what they were shown; whoever leaves, or says anything else, does not. */
export const saysYes = async (
  { input, output }: Tty,
  question: string,
  interrupted: AbortSignal,
): Promise<boolean> => {
  await dropTypedAhead(input);
  return input.readableEnded ? false : answered({ input, output }, question, interrupted);
};

/** What was typed before the question answers something else. */
const dropTypedAhead = async (input: Tty["input"]): Promise<void> => {
  let isQuiet = false;
  const hear = (): void => {
    isQuiet = false;
  };
  input.on("data", hear);
  while (!isQuiet) {
    isQuiet = true;
    // Reading begins in the first turn of the loop; what waits has come by the end of the second.
    await setImmediate();
    await setImmediate();
  }
  input.off("data", hear).pause();
};

const answered = ({ input, output }: Tty, question: string, interrupted: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    // Lines as the terminal hands them on: so Ctrl-C stays a signal to this program.
    const lines = createInterface({ input, terminal: false });
    let yes = false;
    const leave = (): void => lines.close();
    lines.once("line", (line) => {
      yes = /^y(es)?$/i.test(line.trim());
      leave();
    });
    lines.once("close", () => {
      interrupted.removeEventListener("abort", leave);
      resolve(yes && !interrupted.aborted);
    });
    interrupted.addEventListener("abort", leave, { once: true });
    output.write(`${question} [y/N] `);
    if (interrupted.aborted) leave();
  });
