import type { RunLedger } from "../../../index.js";
import { progressLine } from "../describe.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, say } from "../output.js";

export const work = async (
  app: RunLedger,
  output: Output,
  { once, runs }: { once: boolean; runs: number },
  interrupted: AbortSignal,
): Promise<number> => {
  const stop = app.ledger.observe((events) => {
    for (const event of events) {
      if (output.json) printJson(output, event);
      else {
        const line = progressLine(output, event);
        if (line !== null) say(output, `${event.runId.slice(-6)} ${line}`);
      }
    }
  });
  let troubles = 0;
  const worker = app.worker({
    maxRuns: runs,
    onTrouble: (runId, error) => {
      troubles += 1;
      output.err.write(
        `${output.redact(`${runId}: ${error instanceof Error ? error.message : String(error)}`)}\n`,
      );
    },
  });
  try {
    await (once ? worker.drain(interrupted) : worker.run(interrupted));
  } finally {
    stop();
  }
  if (interrupted.aborted) return EXIT.interrupted;
  return troubles === 0 ? EXIT.done : EXIT.failed;
};
