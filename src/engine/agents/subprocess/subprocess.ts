import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { answerQuestion, credentialUseFor, readQuestion } from "../../../../tools/asked.js";
import { toolsFor } from "../../../../tools/index.js";
import type { Claim, ToolHost } from "../../../../tools/tool.js";
import type { Caller } from "../../../core/commands.js";
import { WORKER_VARIABLE } from "../../../core/effect-wire.js";
import { isLedgerError, LedgerError } from "../../../core/errors.js";
import { CREDENTIAL_MAX_MS } from "../../../core/limits.js";
import { named } from "../../../core/race.js";
import type { Redactor } from "../../../core/redact.js";
import type { SignedCredentials } from "../../../ledger/signed.js";
import type { ProcessEnd } from "../../../pev/sandbox.js";
import { type Host, type Oracle, openHost, quotedWord } from "../../host.js";
import type { Agent, AgentOutcome, AgentTask } from "../agent.js";
import { type CommandAgentOptions, endOf, resolveProgram, startProgram } from "../command.js";
import { homeFor } from "./own-home.js";
import { type Preset, type PresetName, presetOf } from "./presets.js";
import { promptFor } from "./prompt.js";

export type SubprocessAgentOptions = CommandAgentOptions & {
  readonly preset: PresetName;
  readonly model: string | null;
  readonly tools: ToolHost;
  readonly credentials: SignedCredentials;
};

/** After its claim a program may take leave. One that stays longer has something else in mind, and its claim stands. */
const LEAVE_MS = 60_000;
/** Its last call may come late. */
const CREDENTIAL_MARGIN_MS = 60_000;

/**
 * An agent CLI of somebody else: it works through its MCP client, with a credential of this attempt alone, and claims by
 * `run_propose_step_result`. What it claims is proposed when it has ended; ending is no claim.
 */
export const subprocessAgent = (options: SubprocessAgentOptions): Agent => ({
  work: async (task, { keyed }) => {
    const leave = new AbortController();
    const attempt = openAttempt(options, task);
    const host = await openHost(keyed, options.cli, attempt.oracle);
    let leaving: NodeJS.Timeout | undefined;
    attempt.onClaim(async () => {
      leaving ??= setTimeout(() => leave.abort(), LEAVE_MS);
      await writeFile(join(host.folder, CLAIMED), "");
    });
    try {
      const { argv, run, env } = await lineOf(options, task, host);
      const signal = AbortSignal.any([task.signal, leave.signal]);
      const ended = await startProgram(options, task, { host, run, argv, env, signal });
      return outcomeOf(options, task, attempt.claim(), { argv, ended });
    } finally {
      clearTimeout(leaving);
      await host.close();
    }
  },
});

const outcomeOf = (
  options: SubprocessAgentOptions,
  task: AgentTask,
  claim: Claim | undefined,
  { argv, ended }: { readonly argv: readonly string[]; readonly ended: ProcessEnd },
): AgentOutcome => {
  if (ended.cancelled && task.signal.aborted) return { kind: "stopped" };
  if (claim !== undefined) return { kind: "done", ...claim };
  const reason =
    ended.exitCode === 0
      ? "The agent ended without a claim: it never called run_propose_step_result."
      : endOf(options, task, argv, ended);
  return { kind: "failed", reason, tail: ended.tail };
};

type Attempt = {
  readonly oracle: Oracle;
  readonly claim: () => Claim | undefined;
  /** Called with each claim before it is answered; the last one counts. */
  readonly onClaim: (heard: () => Promise<void>) => void;
};

/** What its program may ask of the ledger: as the agent of this very attempt, and nobody else. */
const openAttempt = ({ tools, credentials }: SubprocessAgentOptions, task: AgentTask): Attempt => {
  let claim: Claim | undefined;
  let hear = async (): Promise<void> => undefined;
  const keepClaim = async (said: Claim): Promise<void> => {
    claim = said;
    await hear();
  };
  const { ledger } = tools;
  const { redactor } = ledger;
  return {
    claim: () => claim,
    onClaim: (heard) => {
      hear = heard;
    },
    oracle: async (credential, said) => {
      try {
        const question = readQuestion(said);
        const use = credentialUseFor(question);
        const caller = await credentials.openCredential(credential, use);
        if (!isOf(task, caller)) {
          const error = anothers();
          await tools.noteRefusal({ error, tool: use.tool, by: caller, runId: task.runId });
          throw error;
        }
        const app = {
          ledger,
          noteRefusal: tools.noteRefusal,
          toolsFor: (of: Caller, { waitMs = tools.settleMs } = {}) =>
            toolsFor(of, { ...tools, settleMs: waitMs, keepClaim }),
        };
        return redactor.deep(await answerQuestion(app, caller, question));
      } catch (error) {
        throw redacted(error, redactor);
      }
    },
  };
};

/** Whoever comes here with another's credential is not the program that was started here. */
const isOf = (task: AgentTask, { runId, stepId, attempt, candidate }: Caller): boolean =>
  runId === task.runId &&
  stepId === task.stepId &&
  attempt === task.attempt &&
  (candidate ?? null) === task.candidate;

const anothers = (): LedgerError =>
  new LedgerError("access_denied", "This credential is not of the attempt that is at work here.", {
    hint: "Use the server that the agent was started with.",
  });

const redacted = (error: unknown, redactor: Redactor): Error => {
  const redact = (text: string): string => redactor.text(text);
  if (!isLedgerError(error)) return new Error(redact(error instanceof Error ? error.message : String(error)));
  const { code, message, hint, details } = error;
  return new LedgerError(code, redact(message), {
    details: redactor.deep(details),
    ...(hint === undefined ? {} : { hint: redact(hint) }),
  });
};

/** Beside the socket: there as soon as the program has claimed. */
const CLAIMED = "claimed";

type Line = {
  readonly argv: readonly string[];
  readonly run: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

// All that the program is told lies beside the socket: outside of the tree that is captured, and gone with the attempt.
const lineOf = async (options: SubprocessAgentOptions, task: AgentTask, host: Host): Promise<Line> => {
  const { run, projectDir, cli, credentials } = options;
  const { runId, stepId, agent: name, timeoutMs } = task;
  const lifetimeMs = Math.min(timeoutMs + LEAVE_MS + CREDENTIAL_MARGIN_MS, CREDENTIAL_MAX_MS);
  const asked = { name, role: "executor", runId, stepId, lifetimeMs } as const;
  const of = named({ candidate: task.candidate ?? undefined });
  const { credential } = await credentials.signCredential({ ...asked, ...of });
  const at = (file: string): string => join(host.folder, file);
  await writeFile(at("credential"), credential, { mode: 0o600 });
  await writeFile(at("mcp"), serverScript(host, cli, at("credential")), { mode: 0o700 });
  await writeFile(at("gate"), gateScript(at(CLAIMED)), { mode: 0o700 });
  const preset = presetFor(options, task, {
    server: at("mcp"),
    gate: quotedWord(at("gate")),
    folder: at("client"),
  });
  await mkdir(at("client"), { mode: 0o700 });
  for (const [file, text] of Object.entries(preset.files))
    await writeFile(join(at("client"), file), text, { mode: 0o600 });
  const { words } = preset;
  const isSandboxed = options.isolation !== null;
  const home =
    preset.home === undefined
      ? {}
      : await homeFor({ ...options, isSandboxed }, task, preset.home, at("client"));
  const env = { ...preset.env, ...home };
  return { argv: [...resolveProgram(run, projectDir), ...words], run: [...run, ...words], env };
};

const presetFor = (
  { preset, model, isolation, environment, passEnv, tools }: SubprocessAgentOptions,
  task: AgentTask,
  files: { readonly server: string; readonly gate: string; readonly folder: string },
): Preset =>
  presetOf(preset, {
    ...{ ...files, model, sandboxed: isolation !== null },
    prompt: promptFor(task, tools.ledger.rules.agents),
    environment: Object.fromEntries(passEnv.map((name) => [name, environment[name]])),
  });

/** Clients give their servers what they like of the environment, so that this one needs none. */
const serverScript = ({ socketFile }: Host, cli: readonly string[], credential: string): string =>
  `#!/bin/sh\n${WORKER_VARIABLE}=${quotedWord(socketFile)} exec ${[...cli, "--quiet", "mcp", "--credential-file", credential].map(quotedWord).join(" ")}\n`;

/**
 * A hook of the client: it is told on its input whether it was sent back once already, and then it may go. Its words are for
 * the model.
 */
const gateScript = (claimed: string): string => `#!/bin/sh
[ -e ${quotedWord(claimed)} ] && exit 0
grep -q '"stop_hook_active": *true' && exit 0
echo 'The step is not proposed yet. Do what is missing and call run_propose_step_result; when the step cannot be done, say why and end.' >&2
exit 2
`;
