import {
  type GateMethod,
  gateRoutes,
  isWithin,
  LedgerError,
  type OpenedSdkKey,
  ReadElsewhere,
  type RunLedger,
  runOfIntent,
} from "../../index.js";

type Facts = Readonly<Record<string, unknown>>;

/** A call of the gate, as it comes from a server's front to the ledger's own process. */
export type GateQuestion = {
  readonly kind: "gate";
  readonly method: GateMethod;
  readonly input: Facts;
  /** Of this call: asked again under it, nothing is done a second time. */
  readonly callKey: string;
};

type Desk = Pick<RunLedger, "openSdkKey" | "noteRefusal" | "gate">;
type Gate = ReturnType<RunLedger["gate"]>;
type Opens = NonNullable<NonNullable<Parameters<RunLedger["gate"]>[1]>["opens"]>;

/** Who a key is of. */
export const answerWho = async (app: Desk, sdkKey: string): Promise<Facts> =>
  (await app.openSdkKey(sdkKey)).key;

// The key is opened anew for each call, so that one which is revoked opens nothing from then on.
export const answerGate = async (
  app: Desk,
  sdkKey: string,
  question: GateQuestion,
  gone: AbortSignal,
): Promise<Facts> => {
  const { method, input } = question;
  const runId = runIdIn(input);
  const use = { tool: method, runId };
  const opened = await app.openSdkKey(sdkKey, use);
  try {
    requireKind(opened, method);
    requireName(opened, question);
    requireItsWord(opened, question);
    const opens: Opens = ({ destination, policy }) => isOpen(opened.key, destination, policy);
    const opensKey = (sideEffectKey: string): boolean => isOpenKey(opened.key, sideEffectKey);
    const gate = app.gate(opened.caller, { callKey: question.callKey, gone, opens, opensKey });
    await requireWithin(opened, question, gate);
    const answer = await called(gate, question);
    // A key that was revoked while this waited is told nothing.
    if (method === "waitForDecision") await app.openSdkKey(sdkKey);
    return onTheLine(answer, opened);
  } catch (error) {
    await app.noteRefusal({ error, tool: method, by: opened.caller, runId });
    throw error;
  }
};

/** Whatever is asked for; what is no text there the gate itself refuses. */
const runIdIn = ({ runId, intentId }: Facts): string | undefined => {
  if (typeof runId === "string") return runId;
  return typeof intentId === "string" ? runOfIntent(intentId) : undefined;
};

const requireKind = ({ key }: OpenedSdkKey, method: GateMethod): void => {
  const kinds: readonly string[] = gateRoutes[method].kinds;
  if (kinds.includes(key.kind)) return;
  throw new LedgerError("access_denied", `The SDK key of an ${key.kind} does not open ${method}.`, {
    hint: `It takes one of kind ${kinds.join(" or ")}.`,
  });
};

/** Whose run it is the key says. */
const requireName = ({ key }: OpenedSdkKey, { method, input }: GateQuestion): void => {
  if (method !== "startRun" || input.agentId === undefined || input.agentId === key.name) return;
  throw new LedgerError(
    "access_denied",
    `This SDK key is of "${key.name}", and starts no run of somebody else.`,
    {
      hint: `Give agentId "${key.name}", or a key of that agent.`,
    },
  );
};

/** Whoever executed it has its token. An approver executes nothing: they say what a person has found out. */
const requireItsWord = ({ key }: OpenedSdkKey, { method, input }: GateQuestion): void => {
  if (method !== "report" || key.kind !== "approver" || input.executionToken === undefined) return;
  throw new LedgerError("access_denied", "The SDK key of an approver reports no execution of its own.", {
    hint: "Leave executionToken out to say what became of an intent that nobody could tell of.",
  });
};

/** What a proposal names itself, and of an intent that is there what it was proposed with. */
const requireWithin = async (
  { key }: OpenedSdkKey,
  { method, input }: GateQuestion,
  gate: Gate,
): Promise<void> => {
  if (key.destinations === null && key.policies === null) return;
  if (method === "propose") return requireOpen(key, textOf(input.destination), textOf(input.policy));
  if (typeof input.intentId !== "string") return;
  const { destination, policy } = await gate.getIntent({ intentId: input.intentId });
  requireOpen(key, destination, policy.id);
};

/** Recorded, it would keep for good whoever may propose it from doing it. A name may hold colons, so any part before one counts. */
const isOpenKey = ({ destinations }: OpenedSdkKey["key"], sideEffectKey: string): boolean => {
  const parts = sideEffectKey.split(":");
  const names = parts.slice(1).map((_, end) => parts.slice(0, end + 1).join(":"));
  return names.length === 0 || names.some((name) => isWithin(destinations, name));
};

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

const requireOpen = (key: OpenedSdkKey["key"], destination: string | null, policy: string | null): void => {
  if (isOpen(key, destination, policy)) return;
  throw new LedgerError(
    "access_denied",
    "This SDK key does not open that destination, or not under that policy.",
    { hint: "`runledger sdk-key list` tells what it opens." },
  );
};

const isOpen = (key: OpenedSdkKey["key"], destination: string | null, policy: string | null): boolean =>
  isWithin(key.destinations, destination) && isWithin(key.policies, policy);

/** Calls that take their key among their inputs; that of the call itself where its program has given none. */
const OWN_KEY: ReadonlySet<GateMethod> = new Set(["startRun", "recordEvent", "recordArtifact"]);

const called = (gate: Gate, { method, input, callKey }: GateQuestion): Promise<object> => {
  const given = {
    ...input,
    ...(OWN_KEY.has(method) ? { idempotencyKey: input.idempotencyKey ?? callKey } : {}),
  };
  // Whoever sends a payload has read it: what looks like a path is no file of this machine.
  if (method === "propose") Object.assign(given, { payload: new ReadElsewhere(input.payload) });
  if (method === "listPolicies") requireNothing(input);
  return (gate[method] as (given: Facts) => Promise<object>)(given);
};

const requireNothing = (input: Facts): void => {
  const [name] = Object.keys(input);
  if (name === undefined) return;
  throw new LedgerError("invalid_input", `The list of policies knows no "${name}".`, {
    hint: "Ask for all of them.",
  });
};

/** Lists and sets as JSON knows them. Of policies, those that the key opens. */
const onTheLine = (answer: object, { key }: OpenedSdkKey): Facts => {
  if (Array.isArray(answer)) return { intents: answer };
  if ("policies" in answer && Array.isArray(answer.policies))
    return { ...answer, policies: answer.policies.filter(({ name }) => isWithin(key.policies, name)) };
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [name, value instanceof Set ? [...value] : value]),
  );
};
