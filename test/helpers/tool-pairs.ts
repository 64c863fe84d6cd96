import { expect } from "vitest";
import type { Asked } from "./model-server.js";

type Part = Readonly<Record<string, unknown>>;
type Message = {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly { readonly id: string }[];
  readonly tool_call_id?: string;
};

/** In either format: behind each call, at once, its result, and no result without its call. Providers refuse anything else. */
export const expectPairs = ({ path, body }: Asked): void => {
  const messages = body.messages as readonly Message[];
  const said = path.endsWith("/messages") ? inParts(messages) : inMessages(messages);
  for (const { calls, results } of said) expect(results).toEqual(calls);
  expect(messages.at(path.endsWith("/messages") ? 0 : 1)).toMatchObject({ role: "user" });
};

type Pairs = readonly { readonly calls: readonly unknown[]; readonly results: readonly unknown[] }[];

const idsOf = (message: Message | undefined, type: string, key: string): readonly unknown[] =>
  Array.isArray(message?.content)
    ? (message.content as readonly Part[]).filter((part) => part.type === type).map((part) => part[key])
    : [];

const inParts = (messages: readonly Message[]): Pairs =>
  messages.map((message, at) => ({
    calls: idsOf(message, "tool_use", "id"),
    results: idsOf(messages[at + 1], "tool_result", "tool_use_id"),
  }));

const inMessages = (messages: readonly Message[]): Pairs => [
  ...messages.flatMap((message, at) => {
    if (message.role !== "assistant") return [];
    const next = messages.findIndex((one, place) => place > at && one.role !== "tool");
    const results = messages.slice(at + 1, next === -1 ? undefined : next);
    return [
      {
        calls: (message.tool_calls ?? []).map(({ id }) => id),
        results: results.map((one) => one.tool_call_id),
      },
    ];
  }),
  // Results that stand behind no answer at all.
  {
    calls: [],
    results: messages.filter(
      ({ role }, at) => role === "tool" && !["tool", "assistant"].includes(messages[at - 1]?.role ?? ""),
    ),
  },
];
