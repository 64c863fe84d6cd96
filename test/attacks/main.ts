import type { Level } from "./attack.js";
import { families } from "./catalogue.js";
import { levels } from "./levels.js";
import { openRing } from "./ring.js";

/**
 * Carries out attacks by name, or whole families, at one level and says what did not hold, a line of JSON each:
 * `npx tsx test/attacks/main.ts [--level N] [NAME…]`. The verifier it tries is the one that lies beside it. A name or level that
 * there is not is said, and nothing is tried: exit code 2.
 */
const words = process.argv.slice(2);
const at = words.indexOf("--level");
const level = (at < 0 ? levels.at(-1) : Number(words.splice(at, 2)[1])) as Level;
const known = new Set(
  Object.entries(families).flatMap(([family, attacks]) => [family, ...attacks.map(({ name }) => name)]),
);
const unknown = [
  ...words.filter((word) => !known.has(word)).map((word) => `There is no attack or family "${word}".`),
  ...(levels.includes(level) ? [] : [`This machine offers the levels ${levels.join(", ")}.`]),
];
for (const sentence of unknown) console.error(sentence);
if (unknown.length > 0) process.exit(2);
const chosen = Object.entries(families).flatMap(([family, attacks]) =>
  attacks.filter(({ name }) => words.length === 0 || words.includes(name) || words.includes(family)),
);
const ring = openRing(level);
for (const attack of chosen) {
  if ((attack.runsFrom ?? 1) > level) continue;
  const started = performance.now();
  const breaches = await ring
    .breachesOf(attack)
    .catch((error: unknown) => [{ promise: "none", what: `it could not be tried: ${String(error)}` }]);
  const ms = Math.round(performance.now() - started);
  console.log(JSON.stringify({ attack: attack.name, ms, breaches }));
}
await ring.close();
