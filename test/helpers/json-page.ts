import * as z from "zod";
import { EventBody } from "../../src/core/events.js";
import { ErrorLine, EventHeader, jsonShapes, type Shape } from "./json-shapes.js";

/** docs/json.md, written from the schemas that real output is checked against. */
export const jsonPage = (): string => {
  const shared = new Map<string, Node>();
  const shown = (schema: z.ZodType): string => {
    const { $defs = {}, ...node } = z.toJSONSchema(schema) as Node;
    for (const [name, def] of Object.entries($defs)) shared.set(name, def);
    const words = worded(node, 0);
    return node.$ref === undefined ? code(words) : `[${words}](#${words.toLowerCase()})`;
  };
  const commands = Object.entries(jsonShapes).map(
    ([path, shape]) => `### \`runledger ${path}\`\n\n${answerOf(shape, shown)}`,
  );
  const error = shown(ErrorLine);
  const header = shown(EventHeader);
  const events = EventBody.options.map((body) => {
    const { type, version, payload, ...rest } = body.shape;
    const attempt = "attempt" in rest ? ", `attempt`" : "";
    return `### \`${type.value}\` (version ${version.value}${attempt})\n\n${shown(payload)}`;
  });
  const types = [...shared].sort(([a], [b]) => a.localeCompare(b));
  return [
    HEAD,
    "## Errors\n\nOne line on stderr; the exit code says of which kind it is ([cli.md](cli.md)).",
    error,
    "## Commands",
    ...commands,
    "## Events\n\nLines of `run`, `resume`, `worker` and `journal`. Each has, beside `schemaVersion`, `type`, `version`, `payload` and (those of a step) `attempt`:",
    header,
    "Their payloads:",
    ...events,
    "## Types",
    ...types.map(([name, node]) => `### ${name}\n\n${code(worded(node, 0))}`),
    "",
  ].join("\n\n");
};

const HEAD = `# JSON

Every command takes \`--json\`: one document in one line on stdout, or one line for each event of a stream. Fields are only
added; one that changes its meaning raises \`schemaVersion\`. This page is written by \`test/ui/cli/json.test.ts\` from the
schemas that it checks real output against.`;

const code = (body: string): string => `\`\`\`ts\n${body}\n\`\`\``;

const answerOf = (shape: Shape, shown: (schema: z.ZodType) => string): string => {
  if (shape.kind === "text") return `No JSON: ${shape.why}.`;
  if (shape.kind === "document") return shown(shape.schema);
  const lines = "JSON Lines: [events](#events)";
  return shape.last === undefined ? `${lines}.` : `${lines}, then one ${shown(shape.last)}.`;
};

type Node = {
  readonly $defs?: Readonly<Record<string, Node>>;
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
};

const worded = (node: Node, depth: number): string => {
  const either = node.anyOf ?? node.oneOf;
  if (node.$ref !== undefined) return node.$ref.split("/").at(-1) ?? "";
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (either !== undefined) return either.map((one) => worded(one, depth)).join(" | ");
  if (node.type === "array") {
    const item = worded(node.items ?? {}, depth);
    return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
  }
  if (node.type === "object") return objectWords(node, depth);
  const types = node.type === undefined ? ["unknown"] : [node.type].flat();
  return types.map((type) => (type === "integer" ? "number" : type)).join(" | ");
};

const objectWords = (node: Node, depth: number): string => {
  const { properties, required = [], additionalProperties } = node;
  if (properties === undefined || Object.keys(properties).length === 0)
    return typeof additionalProperties === "object"
      ? `{ [name: string]: ${worded(additionalProperties, depth)} }`
      : "{}";
  const indent = "  ".repeat(depth + 1);
  const lines = Object.entries(properties).map(([name, inner]) => {
    const said = inner.description === undefined ? "" : ` // ${inner.description}`;
    const mark = required.includes(name) ? "" : "?";
    return `${indent}${name}${mark}: ${worded(inner, depth + 1)};${said}`;
  });
  return `{\n${lines.join("\n")}\n${"  ".repeat(depth)}}`;
};
