import type { RunLedger } from "../../../index.js";
import { metricsText } from "../../metrics-text.js";
import { EXIT } from "../exit-codes.js";
import { type Output, printJson, printLine } from "../output.js";
import { VERSION } from "../version.js";

export const printMetrics = async (app: RunLedger, output: Output): Promise<number> => {
  const metrics = await app.metrics();
  if (output.json) printJson(output, metrics);
  else printLine(output, metricsText(metrics, VERSION).trimEnd());
  return EXIT.done;
};
