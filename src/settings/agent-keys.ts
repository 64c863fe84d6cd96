import * as z from "zod";
import { exactDuration } from "../core/duration.js";
import { MODEL_CHARS } from "../core/limits.js";
import type { Price } from "../core/spent.js";
import { closed, textUpTo } from "../core/wire.js";
import { choice, described, duration, list, toggle, withWords } from "./kinds.js";
import { LIMIT_BOUNDS } from "./run-ledger-keys.js";
import { Argv, ENTRIES_MAX, ReachableHost, VariableName, variableNames } from "./values.js";

/** What every agent has that works in a workspace. */
type Working = {
  /** Names of variables that its programs see. */
  readonly env: readonly string[];
  /** Its programs are held as rooms are at isolation level 3; never started where that cannot be. */
  readonly sandbox: boolean;
  /** Hosts that its programs reach out of the sandbox; see core/hosts.ts. */
  readonly network: readonly string[];
  /** Its own limit, or else `agentTimeout`. */
  readonly timeoutMs: number;
};

/** An agent that is a program: it is told what to do by RUNLEDGER_* variables, its work is what it leaves in the workspace. */
type CommandAgentSettings = Working & { readonly kind: "command"; readonly run: readonly string[] };

/** An agent CLI of somebody else: it is told what to do by its prompt, and claims through its MCP client. */
type SubprocessAgentSettings = Working & {
  readonly kind: "subprocess";
  readonly preset: PresetName;
  /** What starts it: the preset's own name where nothing else is said. */
  readonly run: readonly string[];
  /** Its own choice where it is null. */
  readonly model: string | null;
};

/** An agent that is a language model: it works by the tools that its step's profile opens. */
export type LlmAgentSettings = Working & {
  readonly kind: "llm";
  readonly provider: Provider;
  readonly model: string;
  /** Of the provider itself where it is null. */
  readonly baseUrl: string | null;
  /** The variable with its key; null where none is sent. */
  readonly apiKeyEnv: string | null;
  /** Longest answer; the provider's own limit where it is null. */
  readonly outputTokens: number | null;
  /** What its model takes at once; null where nobody says. */
  readonly contextTokens: number | null;
  readonly callTimeoutMs: number;
  /** Null: what its calls cost is not known. */
  readonly price: Price | null;
};

/** An agent program that somebody else starts: it works through the run_* tools alone, such as a client of `runledger mcp`. */
type ToolsAgentSettings = { readonly kind: "tools" };

/** Agents that are started for their steps. */
export type StartedAgentSettings = CommandAgentSettings | SubprocessAgentSettings | LlmAgentSettings;

export type AgentSettings = StartedAgentSettings | ToolsAgentSettings;

const PRESETS = ["claude", "codex", "opencode", "gemini"] as const;
type PresetName = (typeof PRESETS)[number];

const PROVIDERS = ["openai-compatible", "anthropic", "openai"] as const;
type Provider = (typeof PROVIDERS)[number];

/** The variables that their own programs read too. */
const USUAL_KEYS: { readonly [P in Provider]: string | null } = {
  "openai-compatible": null,
  anthropic: "ANTHROPIC_API_KEY",
  openai: "OPENAI_API_KEY",
};

const URL_CHARS = 2_000;
/** A password in it would stand in the settings. */
const URL_SHAPE = /^https?:\/\/[^\s@]+$/;
/** Above what any model answers at once. */
const OUTPUT_TOKENS_MAX = 1_000_000;
/** Less has no room for a task and its tools; far more than any model takes. */
const CONTEXT_TOKENS_MIN = 1_000;
const CONTEXT_TOKENS_MAX = 100_000_000;
/** Node waits no longer for the first byte of an answer. */
const CALL_MAX_MS = 300_000;
/** A hundred times what the dearest model costs. */
const PRICE_MAX = 100_000;

const price = (title: string, description: string) =>
  described(
    "number",
    { title, description: `Of an llm agent: US dollars for a million tokens ${description}` },
    z.number().min(0).max(PRICE_MAX),
  ).optional();

const KINDS = ["command", "subprocess", "llm", "tools"] as const;

const Keys = closed({
  kind: choice(
    {
      title: "Kind",
      description:
        "A program started for its steps (command), an agent CLI (subprocess), a language model (llm), or a client of the tools (tools).",
    },
    KINDS,
  ),
  run: described(
    "words",
    { title: "Program", description: "The program and its arguments; it may be a script of this project." },
    Argv,
  ).optional(),
  preset: choice(
    {
      title: "Preset",
      description: "Of a subprocess agent: which agent CLI it is; it is started by that name.",
    },
    PRESETS,
  ).optional(),
  provider: choice(
    { title: "Provider", description: "Of an llm agent: whose interface its model is asked through." },
    PROVIDERS,
  ).optional(),
  model: described(
    "text",
    {
      title: "Model",
      description:
        "Of an llm agent the model, as its provider calls it; of a subprocess agent as its CLI does.",
    },
    withWords(textUpTo(MODEL_CHARS).regex(/\S/, "the name of a model"), () => ({
      maxLength: MODEL_CHARS,
      pattern: "^[^\\x00]*\\S[^\\x00]*$",
    })),
  ).optional(),
  baseUrl: described(
    "text",
    {
      title: "Address",
      description: "Of an llm agent: where its provider answers, such as http://127.0.0.1:11434/v1.",
    },
    withWords(textUpTo(URL_CHARS).regex(URL_SHAPE, 'an address such as "https://example.com/v1"'), () => ({
      maxLength: URL_CHARS,
      pattern: "^https?:\\/\\/[^\\s@\\x00]+$",
    })),
  ).optional(),
  apiKeyEnv: described(
    "text",
    {
      title: "Key",
      description: "Of an llm agent: the name of the variable that holds the key for its provider.",
    },
    VariableName,
  ).optional(),
  outputTokens: described(
    "number",
    {
      title: "Longest answer",
      description: "Of an llm agent: so many tokens one answer may have, instead of the provider's limit.",
    },
    z.int().min(1).max(OUTPUT_TOKENS_MAX),
  ).optional(),
  contextTokens: described(
    "number",
    {
      title: "Context",
      description:
        "Of an llm agent: so many tokens its model takes at once; near them older turns are compacted. Else 200000.",
    },
    z.int().min(CONTEXT_TOKENS_MIN).max(CONTEXT_TOKENS_MAX),
  ).optional(),
  callTimeout: duration(
    { title: "Time for an answer", description: "Of an llm agent: how long one answer may take; else 5m." },
    { minMs: 1, maxMs: CALL_MAX_MS },
  ).optional(),
  inputPrice: price("Price of input", "of what its model reads; without prices, cost is not known."),
  outputPrice: price("Price of output", "of what its model writes, thoughts included."),
  cacheReadPrice: price("Price of cached input", "read from its provider's cache; else as other input."),
  cacheWritePrice: price("Price of caching", "written to its provider's cache; else as other input."),
  env: variableNames({
    title: "Variables",
    description: "Names of environment variables that are passed through to its programs.",
  }),
  sandbox: toggle(
    {
      title: "Sandbox",
      description:
        "Its programs see its own clone and the tools of the machine: no other file of yours, no other network.",
    },
    false,
  ),
  network: list(
    "words",
    {
      title: "Network",
      description: "Hosts that its programs reach out of their sandbox, such as that of a model; else none.",
    },
    ReachableHost,
    ENTRIES_MAX,
  ).default([]),
  timeout: duration(
    { title: "Time limit", description: "How long it may work on a step, instead of agentTimeout." },
    LIMIT_BOUNDS,
  ).optional(),
});
type Keys = z.output<typeof Keys>;

/** What only one that is asked here has. */
const OF_MODELS = [
  ...(["provider", "baseUrl", "apiKeyEnv", "outputTokens", "contextTokens", "callTimeout"] as const),
  ...(["inputPrice", "outputPrice", "cacheReadPrice", "cacheWritePrice"] as const),
] as const;

/** What an agent of each kind must say, and what only other kinds say. */
const OF_KIND = {
  command: {
    needs: ["run"],
    refuses: ["preset", "model", ...OF_MODELS],
  },
  subprocess: {
    needs: ["preset"],
    refuses: OF_MODELS,
  },
  llm: { needs: ["provider", "model"], refuses: ["run", "preset"] },
  tools: {
    needs: [],
    refuses: ["run", "preset", "model", "timeout", ...OF_MODELS],
  },
} as const satisfies Record<Keys["kind"], Record<"needs" | "refuses", readonly (keyof Keys)[]>>;

/** What only means something to an agent that is started here; it says nothing as long as it is as it would be unsaid. */
const OF_STARTED = ["env", "sandbox", "network"] as const;

const NEED_WORDS = {
  run: "the program and its arguments, as a list",
  preset: "which agent CLI it is",
  provider: "who answers",
  model: "the name its provider has for it",
} as const;

const PRICE_NEEDS = [
  ["inputPrice", "outputPrice"],
  ["outputPrice", "inputPrice"],
  ["cacheReadPrice", "inputPrice"],
  ["cacheWritePrice", "inputPrice"],
] as const;

const kindWords = () => ({
  allOf: [
    {
      anyOf: KINDS.map((kind) => ({
        properties: {
          kind: { const: kind },
          ...Object.fromEntries(OF_KIND[kind].needs.map((key) => [key, true])),
          ...(kind === "tools"
            ? { env: { maxItems: 0 }, network: { maxItems: 0 }, sandbox: { const: false } }
            : {}),
        },
        required: [...OF_KIND[kind].needs],
        not: {
          anyOf: OF_KIND[kind].refuses.map((key) => ({ properties: { [key]: true }, required: [key] })),
        },
      })),
    },
    {
      anyOf: [
        { not: { required: ["provider"], properties: { provider: { const: "openai-compatible" } } } },
        { properties: { baseUrl: true }, required: ["baseUrl"] },
      ],
    },
    // Half a price is none.
    ...PRICE_NEEDS.map(([key, needed]) => ({
      anyOf: [
        { not: { properties: { [key]: true }, required: [key] } },
        { properties: { [needed]: true }, required: [needed] },
      ],
    })),
    // Without a sandbox nothing would keep it from all the other hosts.
    {
      anyOf: [
        { properties: { network: { maxItems: 0 } } },
        { required: ["sandbox"], properties: { sandbox: { const: true } } },
      ],
    },
  ],
});

export const AgentKeys = withWords(
  Keys.superRefine((agent, context) => {
    const tell = (path: readonly string[], message: string): void =>
      context.addIssue({ code: "custom", path: [...path], message });
    const { needs, refuses } = OF_KIND[agent.kind];
    for (const key of needs) if (agent[key] === undefined) tell([key], NEED_WORDS[key]);
    for (const key of refuses)
      if (agent[key] !== undefined) tell([key], `no ${key} for an agent of kind "${agent.kind}"`);
    for (const key of agent.kind === "tools" ? OF_STARTED : [])
      if (agent[key] === true || (Array.isArray(agent[key]) && agent[key].length > 0))
        tell([key], `no ${key} for an agent of kind "tools": nobody here starts it`);
    if (agent.provider === "openai-compatible" && agent.baseUrl === undefined)
      tell(["baseUrl"], "the address of an openai-compatible provider");
    for (const [key, needed] of PRICE_NEEDS)
      if (agent[key] !== undefined && agent[needed] === undefined)
        tell([needed], `the other price beside ${key}`);
    if (!agent.sandbox && agent.network.length > 0) tell([], "sandbox: true where network names hosts");
  }),
  kindWords,
);

/** Whether an agent of that kind may have that key; of an unknown kind nobody can tell. */
export const isKeyOf = (kind: unknown, key: string): boolean =>
  !KINDS.some((one) => one === kind && OF_KIND[one].refuses.some((refused) => refused === key)) &&
  !(kind === "tools" && OF_STARTED.some((one) => one === key));

/** As the program uses it, every default filled in. */
export const agentSettings = (agent: Keys, agentTimeoutMs: number): AgentSettings => {
  const { kind, run, provider, model, env, sandbox, network, timeout = agentTimeoutMs } = agent;
  const working = { env, sandbox, network, timeoutMs: timeout };
  if (kind === "tools") return { kind };
  if (kind === "command") return { kind, run: run ?? [], ...working };
  if (kind === "subprocess") {
    const { preset = "claude" } = agent;
    return { kind, preset, run: run ?? [preset], model: model ?? null, ...working };
  }
  const of = provider ?? "openai-compatible";
  return {
    ...{ kind, provider: of, model: model ?? "", baseUrl: agent.baseUrl ?? null },
    apiKeyEnv: agent.apiKeyEnv ?? USUAL_KEYS[of],
    outputTokens: agent.outputTokens ?? null,
    contextTokens: agent.contextTokens ?? null,
    callTimeoutMs: agent.callTimeout ?? CALL_MAX_MS,
    price: priceOf(agent),
    ...working,
  };
};

const priceOf = ({ inputPrice, outputPrice, cacheReadPrice, cacheWritePrice }: Keys): Price | null => {
  if (inputPrice === undefined || outputPrice === undefined) return null;
  const cached = { cacheRead: cacheReadPrice ?? inputPrice, cacheWrite: cacheWritePrice ?? inputPrice };
  return { input: inputPrice, output: outputPrice, ...cached };
};

const priceWire = (given: Price | null) =>
  given === null
    ? {}
    : {
        inputPrice: given.input,
        outputPrice: given.output,
        cacheReadPrice: given.cacheRead,
        cacheWritePrice: given.cacheWrite,
      };

/** Back to the keys and words of the file. */
export const agentWire = (agent: AgentSettings): Record<string, unknown> =>
  agent.kind === "tools" ? { ...agent } : startedWire(agent);

const startedWire = ({ timeoutMs, ...agent }: StartedAgentSettings): Record<string, unknown> => {
  const timeout = exactDuration(timeoutMs);
  if (agent.kind === "command") return { ...agent, timeout };
  if (agent.kind === "subprocess") {
    const { model, ...said } = agent;
    return { ...said, ...(model === null ? {} : { model }), timeout };
  }
  const { callTimeoutMs, price: given, ...said } = agent;
  return {
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null)),
    ...priceWire(given),
    callTimeout: exactDuration(callTimeoutMs),
    timeout,
  };
};

/** Those whose programs or models are started for their steps, by name. */
export const startedAgents = (
  agents: Readonly<Record<string, AgentSettings>>,
): Readonly<Record<string, StartedAgentSettings>> =>
  Object.fromEntries(
    Object.entries(agents).flatMap(([name, agent]) => (agent.kind === "tools" ? [] : [[name, agent]])),
  );

/** Variables with keys of providers: secret whatever they are called. */
export const providerKeys = (agents: Readonly<Record<string, AgentSettings>>): readonly string[] =>
  Object.values(agents).flatMap((agent) =>
    agent.kind === "llm" && agent.apiKeyEnv !== null ? [agent.apiKeyEnv] : [],
  );
