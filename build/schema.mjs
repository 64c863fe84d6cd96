// Writes dist/settings.schema.json, which editors read, from the schema that settings are checked with.
import { writeFile } from "node:fs/promises";
import { settingsJsonSchema } from "../dist/src/index.js";

const file = new URL("../dist/settings.schema.json", import.meta.url);
await writeFile(file, `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`);
