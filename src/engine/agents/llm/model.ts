import { setTimeout as delay } from "node:timers/promises";
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3Usage,
} from "@ai-sdk/provider";
import { LedgerError } from "../../../core/errors.js";
import type { Redactor } from "../../../core/redact.js";
import { costOf } from "../../../core/spent.js";
import type { SpentTokens } from "../../effects/spending.js";
import type { ModelSetting } from "./model-setting.js";
import { pauseAsked } from "./pauses.js";

/** Tokens as the provider counts them; null where it does not say. */
export type Usage = {
  readonly tokensIn: number | null;
  /** Of `tokensIn`: read from the provider's cache, and written to it. */
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly tokensOut: number | null;
  /** Of `tokensOut`: thought, and not said. */
  readonly reasoning: number | null;
};

/** What one call of a model came to, as it is recorded. */
export type Answer =
  | {
      readonly kind: "answer";
      readonly content: readonly LanguageModelV3Content[];
      readonly finish: string;
      readonly usage: Usage;
      /** Tries before this one that may have been charged, and nobody knows how much. */
      readonly uncounted: number;
      readonly ms: number;
    }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** The provider says that the conversation is longer than the model takes. */
      readonly tooLong?: boolean;
      readonly uncounted: number;
      readonly ms: number;
    };

type Environment = Readonly<Record<string, string | undefined>>;

/** Tries after the first: with the pauses in between about half a minute, which most hiccups are over in. */
const RETRIES = 4;
const BACKOFF_MS = 1_000;
/** A provider that asks for a longer pause has no more for us now. */
const PAUSE_MAX_MS = 300_000;
/** A provider may answer with a whole page. */
const REASON_CHARS = 1_000;

// Loaded with the first agent that asks: nothing else waits for them.
const providers = {
  anthropic: () => import("@ai-sdk/anthropic"),
  openai: () => import("@ai-sdk/openai"),
  "openai-compatible": () => import("@ai-sdk/openai-compatible"),
} as const;

/** Throws `model_unavailable` where the provider's package or the key is missing. */
export const openModel = async (
  setting: ModelSetting,
  environment: Environment,
): Promise<LanguageModelV3> => {
  requireKey(setting, environment);
  const apiKey = keyOf(setting, environment);
  const options = {
    ...(setting.baseUrl === null ? {} : { baseURL: setting.baseUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
  switch (setting.provider) {
    case "anthropic":
      return (await packageOf(setting.provider)).createAnthropic(options)(setting.model);
    case "openai":
      return (await packageOf(setting.provider)).createOpenAI(options)(setting.model);
    case "openai-compatible":
      return (await packageOf(setting.provider)).createOpenAICompatible({
        ...options,
        name: "openai-compatible",
        baseURL: setting.baseUrl ?? "",
      })(setting.model);
  }
};

/** Throws `model_unavailable` where it could not be asked at all. */
export const requireModel = async (setting: ModelSetting, environment: Environment): Promise<void> => {
  requireKey(setting, environment);
  await packageOf(setting.provider);
};

const requireKey = (setting: Pick<ModelSetting, "apiKeyEnv">, environment: Environment): void => {
  if (setting.apiKeyEnv === null || keyOf(setting, environment) !== undefined) return;
  throw new LedgerError("model_unavailable", `The variable ${setting.apiKeyEnv} is not set.`, {
    hint: `It holds the key for the agent's model: export ${setting.apiKeyEnv}=…`,
  });
};

const packageOf = async <P extends ModelSetting["provider"]>(
  provider: P,
): Promise<Awaited<ReturnType<(typeof providers)[P]>>> => {
  try {
    return (await providers[provider]()) as Awaited<ReturnType<(typeof providers)[P]>>;
  } catch (error) {
    throw new LedgerError("model_unavailable", `The package @ai-sdk/${provider} is not installed.`, {
      hint: `npm install @ai-sdk/${provider}`,
      cause: error,
    });
  }
};

const keyOf = (
  { apiKeyEnv }: Pick<ModelSetting, "apiKeyEnv">,
  environment: Environment,
): string | undefined => {
  const key = apiKeyEnv === null ? undefined : environment[apiKeyEnv]?.trim();
  return key === "" ? undefined : key;
};

/** OpenAI would keep the conversation and be told of its parts by name; what it needs to go on is sent along instead. */
const KEPT_NOWHERE = { openai: { store: false } };

type Asking = Pick<ModelSetting, "callTimeoutMs" | "outputTokens"> & {
  /** When it is a time limit that ends it, that is recorded, with what may have been charged by then. */
  readonly signal: AbortSignal;
  readonly redactor: Pick<Redactor, "text">;
};
type Question = Pick<LanguageModelV3CallOptions, "prompt" | "tools">;

/**
 * Asks, and again after a pause where that may help: too many requests, trouble of the server, silence. Rejects only when
 * the attempt itself is stopped; a model that cannot be asked, and an attempt whose time is over, is an answer.
 */
export const askModel = async (
  model: LanguageModelV3,
  question: Question,
  { callTimeoutMs, outputTokens, signal, redactor }: Asking,
): Promise<Answer> => {
  const startedAt = performance.now();
  const spent = (): number => Math.round(performance.now() - startedAt);
  let uncounted = 0;
  for (let tried = 0; ; tried += 1) {
    const limit = AbortSignal.timeout(callTimeoutMs);
    try {
      const { content, finishReason, usage } = await model.doGenerate({
        ...question,
        ...(outputTokens === null ? {} : { maxOutputTokens: outputTokens }),
        providerOptions: KEPT_NOWHERE,
        abortSignal: AbortSignal.any([signal, limit]),
      });
      const told = usageOf(usage);
      return { kind: "answer", content, finish: finishReason.unified, usage: told, uncounted, ms: spent() };
    } catch (error) {
      requireNotStopped(signal);
      const trouble = limit.aborted ? silence(callTimeoutMs) : troubleOf(error, redactor);
      if (signal.aborted || trouble.mayBeCharged) uncounted += 1;
      const pause = tried < RETRIES ? pauseOf(trouble, tried) : null;
      if (pause !== null) await delay(pause, undefined, { signal }).catch(() => requireNotStopped(signal));
      if (signal.aborted) return { kind: "failed", reason: OUT_OF_TIME, uncounted, ms: spent() };
      if (pause !== null) continue;
      const { reason, isTooLong } = trouble;
      return { kind: "failed", reason, ...(isTooLong ? { tooLong: true } : {}), uncounted, ms: spent() };
    }
  }
};

const OUT_OF_TIME = "The time of the attempt was over before the model answered.";

/** Whoever goes on with a stopped attempt asks anew; one whose time is over has ended, and nobody does. */
const requireNotStopped = (signal: AbortSignal): void => {
  const isTimeLimit = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  if (!isTimeLimit) signal.throwIfAborted();
};

type Trouble = {
  readonly reason: string;
  readonly mayPass: boolean;
  /** It was sent, and no answer says that it was refused. */
  readonly mayBeCharged: boolean;
  readonly isTooLong: boolean;
  readonly pauseMs?: number;
};

const silence = (afterMs: number): Trouble => ({
  reason: `The model did not answer within ${Math.round(afterMs / 1_000)} s.`,
  mayPass: true,
  mayBeCharged: true,
  isTooLong: false,
});

const REDIRECTED = 300;
const TOO_MANY = 429;
const REQUEST_TIMEOUT = 408;
const SERVER_TROUBLE = 500;

/** Bad request, content too large, unprocessable. */
const REFUSED_AS_LONG: ReadonlySet<number> = new Set([400, 413, 422]);
/** Codes of OpenAI and of those that copy it, of llama.cpp, of Anthropic; then how these and others put it, for not all have a code. */
const TOO_LONG =
  /context_length_exceeded|exceed_context_size|request_too_large|prompt is too long|input is too long|exceeds? (the )?(context limit|context size|available context|context window|maximum (context|number of tokens))|(maximum|model's|max) context (length|window|size)|too large for model/i;

/** Redacted before it is cut, because half of a secret is not found any more. */
const troubleOf = (error: unknown, redactor: Asking["redactor"]): Trouble => {
  const {
    statusCode: status,
    responseHeaders: headers = {},
    responseBody = "",
    isRetryable,
  } = factsOf(error);
  const whole = redactor.text(error instanceof Error ? error.message : String(error));
  const said = whole.slice(0, REASON_CHARS);
  if (status === undefined)
    return {
      reason: `The model could not be asked: ${said}`,
      mayPass: isRetryable === true,
      mayBeCharged: true,
      isTooLong: false,
    };
  const isAnswer = status < REDIRECTED;
  const pauseMs = pauseAsked(headers, Date.now());
  return {
    reason: `The model's provider answered ${status}: ${said}`,
    // Of an answer the SDK says so where the connection broke in its middle.
    mayPass:
      status === TOO_MANY ||
      status === REQUEST_TIMEOUT ||
      status >= SERVER_TROUBLE ||
      (isAnswer && isRetryable === true),
    // An answer that came and could not be read was paid for; whoever stands between may lose one that was given.
    mayBeCharged: isAnswer || status >= SERVER_TROUBLE,
    isTooLong: REFUSED_AS_LONG.has(status) && TOO_LONG.test(`${whole}\n${responseBody}`),
    ...(pauseMs === undefined ? {} : { pauseMs }),
  };
};

/** What the SDK says of a call that failed; it has no class that holds across copies of its packages. */
type CallFacts = {
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly responseBody?: string;
  readonly isRetryable?: boolean;
};
const factsOf = (error: unknown): CallFacts => (typeof error === "object" && error !== null ? error : {});

/** Null where another try would not help. */
const pauseOf = ({ mayPass, pauseMs }: Trouble, tried: number): number | null => {
  const pause = pauseMs ?? BACKOFF_MS * 2 ** tried;
  return mayPass && pause <= PAUSE_MAX_MS ? pause : null;
};

const usageOf = ({ inputTokens, outputTokens }: LanguageModelV3Usage): Usage => ({
  tokensIn: inputTokens.total ?? null,
  cacheRead: inputTokens.cacheRead ?? null,
  cacheWrite: inputTokens.cacheWrite ?? null,
  tokensOut: outputTokens.total ?? null,
  reasoning: outputTokens.reasoning ?? null,
});

/** Of one that failed nobody knows more than how many tries of it may have been charged. */
const NOTHING: Usage = { tokensIn: 0, cacheRead: null, cacheWrite: null, tokensOut: 0, reasoning: null };

/** What it used and cost, for the books of the run. */
export const spentFor = (
  answer: Answer,
  { model, price }: Pick<ModelSetting, "model" | "price">,
): SpentTokens => {
  const usage = answer.kind === "answer" ? answer.usage : NOTHING;
  return { model, ...usage, uncounted: answer.uncounted, nanoUsd: costOf(usage, price) };
};

/**
 * What one call may use at most: no tokenizer makes more tokens of a text than it has bytes, and no answer is longer than its
 * agent lets it be. Null where the agent does not say that.
 */
export const mostOf = (
  question: unknown,
  { outputTokens, price }: Pick<ModelSetting, "outputTokens" | "price">,
): { readonly tokens: number; readonly nanoUsd: number | null } | null => {
  if (outputTokens === null) return null;
  const tokensIn = Buffer.byteLength(JSON.stringify(question));
  const dearest = price === null ? null : { ...price, input: Math.max(price.input, price.cacheWrite) };
  const tokens = { tokensIn, tokensOut: outputTokens, cacheRead: null, cacheWrite: null };
  return { tokens: tokensIn + outputTokens, nanoUsd: costOf(tokens, dearest) };
};
