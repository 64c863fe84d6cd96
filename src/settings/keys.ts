import type * as z from "zod";
import { isRecord } from "../core/defects.js";
import { settingGroups } from "./groups.js";
import { jsonSchemaOf, type Kind } from "./kinds.js";
import { SettingsFile } from "./schema.js";

type JsonSchema = z.core.JSONSchema.BaseSchema;
export type SettingGroup = keyof typeof settingGroups;

/** What is known about one key; of agents the name is `NAME`. */
export type SettingKey = {
  /** Dotted. */
  readonly key: string;
  readonly title: string;
  readonly description: string;
  readonly group: SettingGroup;
  readonly kind: Kind;
  /** As it would stand in the file; undefined where leaving it out means something else. */
  readonly default: unknown;
  /** What a choice can be. */
  readonly options: readonly string[];
  /** Limits in words; empty where there are none to tell. */
  readonly bounds: string;
};

/** The part of a key that stands for any name. */
export const ANY_NAME = "NAME";

/** JSON Schema of a settings file that stands alone, for editors. */
export const settingsJsonSchema = (): Readonly<Record<string, unknown>> => ({
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "RunLedger settings",
  description:
    "runledger.yaml, standing alone: what a user file or the environment adds is checked when runs start.",
  ...published(jsonSchemaOf(SettingsFile)),
});

let known: readonly SettingKey[] | undefined;

/** Every key there is, in the order of the file; put together when it is first asked for, since most commands never do. */
export const settingKeys = (): readonly SettingKey[] => {
  known ??= keysBelow(jsonSchemaOf(SettingsFile), [], undefined);
  return known;
};

/** Words of ours that the world's validators do not know; what they tell people goes into the description. */
const published = ({ kind, group: _group, bounds, ...words }: JsonSchema): Record<string, unknown> => ({
  ...words,
  ...(typeof bounds === "string" ? { description: `${words.description} A ${kind} ${bounds}.` } : {}),
  ...(words.properties === undefined ? {} : { properties: publishedEach(words.properties) }),
  ...(isSchema(words.additionalProperties)
    ? { additionalProperties: published(words.additionalProperties) }
    : {}),
});

const publishedEach = (properties: NonNullable<JsonSchema["properties"]>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(properties).map(([name, one]) => [name, isSchema(one) ? published(one) : one]),
  );

const keysBelow = (
  schema: JsonSchema,
  at: readonly string[],
  group: SettingGroup | undefined,
): readonly SettingKey[] => {
  if (schema.kind !== undefined && typeof schema.kind !== "object") return [keyOf(schema, at, group)];
  const named = Object.entries(schema.properties ?? {});
  const any = isSchema(schema.additionalProperties) ? [[ANY_NAME, schema.additionalProperties] as const] : [];
  return [...named, ...any].flatMap(([name, below]) =>
    // The form of the file is told by the file, not chosen.
    !isSchema(below) || (at.length === 0 && name === "version")
      ? []
      : keysBelow(below, [...at, name], group ?? groupOf(name, below)),
  );
};

const groupOf = (name: string, { group }: JsonSchema): SettingGroup | undefined =>
  [group, name].find((one): one is SettingGroup => typeof one === "string" && one in settingGroups);

const keyOf = (schema: JsonSchema, at: readonly string[], group: SettingGroup | undefined): SettingKey => {
  const { title, description, kind } = schema;
  const key = at.join(".");
  if (title === undefined || description === undefined || group === undefined)
    throw new TypeError(`The setting ${key} lacks a title, a description or a group.`);
  return {
    key,
    title,
    description,
    group,
    kind: kind as Kind,
    default: schema.default,
    options: (schema.enum ?? []).map(String),
    bounds: boundsOf(schema),
  };
};

const boundsOf = ({ bounds, minimum, maximum, maxItems }: JsonSchema): string => {
  if (typeof bounds === "string") return bounds;
  if (minimum !== undefined) return `from ${minimum} to ${maximum}`;
  return maxItems === undefined ? "" : `at most ${maxItems} entries`;
};

const isSchema = (value: unknown): value is JsonSchema => isRecord(value);
