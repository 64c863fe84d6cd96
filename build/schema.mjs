// Writes dist/settings.schema.json and dist/policy.schema.json, which editors read, from the schemas that files are checked with.
import { writeFile } from "node:fs/promises";
import { policyJsonSchema, settingsJsonSchema } from "../dist/src/index.js";

const write = (name, schema) =>
  writeFile(new URL(`../dist/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);

await write("settings.schema.json", settingsJsonSchema());
await write("policy.schema.json", policyJsonSchema());
