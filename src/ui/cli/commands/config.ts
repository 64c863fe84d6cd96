import { findProject, getSetting, loadSettings, setSetting } from "../../../index.js";
import { EXIT } from "../exit-codes.js";
import { printJson, printLine, say } from "../output.js";
import type { Bench } from "../program.js";
import { printTable } from "../table.js";

const load = async ({ directory, terminal }: Bench) =>
  loadSettings(await findProject(directory), terminal.env);

export const getConfig = async (bench: Bench, key: string): Promise<number> => {
  const value = getSetting((await load(bench)).settings, key);
  if (bench.output.json) printJson(bench.output, { key, value });
  else printLine(bench.output, worded(value));
  return EXIT.done;
};

export const setConfig = async (bench: Bench, key: string, value: string): Promise<number> => {
  const { file } = await load(bench);
  await setSetting({ file, key, value });
  const now = getSetting((await load(bench)).settings, key);
  if (bench.output.json) printJson(bench.output, { key, value: now, file });
  else say(bench.output, `${key} = ${worded(now)}  (${file})`);
  return EXIT.done;
};

export const listConfig = async (bench: Bench, showOrigin: boolean): Promise<number> => {
  const { settings, origins } = await load(bench);
  const rows = Object.entries(origins).map(([key, origin]) => ({
    key,
    value: getSetting(settings, key),
    origin,
  }));
  if (bench.output.json) printJson(bench.output, { settings: rows });
  else
    await printTable(bench.output, {
      head: ["KEY", "VALUE", ...(showOrigin ? ["ORIGIN"] : [])],
      rows: rows.map(({ key, value, origin }) => [key, worded(value), ...(showOrigin ? [origin] : [])]),
      empty: "",
    });
  return EXIT.done;
};

const worded = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
