import { InvalidArgumentError } from "commander";
import { parseDuration, parseSize } from "../../index.js";

export const milliseconds = (text: string): number => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError('It must be a duration such as "30d" or "12h".');
};

export const bytes = (text: string): number => {
  const amount = parseSize(text);
  if (amount !== undefined) return amount;
  throw new InvalidArgumentError('It must be a size such as "1GiB" or "500MB".');
};
