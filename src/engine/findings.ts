import { formatDuration } from "../core/duration.js";
import { SECRET_CHARS_MIN } from "../core/secrets.js";

export type Finding = {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  readonly fix: string | null;
  /** Mends it without taking anything from anybody, and says what it did; only where that is possible. */
  readonly mend?: () => Promise<string>;
};

export const ok = (check: string, message: string): Finding => ({ check, status: "ok", message, fix: null });
export const warn = (check: string, message: string, fix: string): Finding => ({
  check,
  status: "warn",
  message,
  fix,
});
export const fail = (check: string, message: string, fix: string): Finding => ({
  check,
  status: "fail",
  message,
  fix,
});

export type Waits = {
  readonly validatorTimeoutMs: number;
  /** How long a tool call waits for a verdict. */
  readonly toolWaitMs: number;
};

/** A tool that stops waiting before its validator may stop working answers without a verdict. */
export const waitFindings = ({ validatorTimeoutMs, toolWaitMs }: Waits): readonly Finding[] => {
  if (validatorTimeoutMs < toolWaitMs) return [];
  const [may, waits] = [formatDuration(validatorTimeoutMs), formatDuration(toolWaitMs)];
  return [
    warn(
      "timeouts",
      `A validator may work for ${may}, and a tool call waits ${waits}: agents will be told "verifying".`,
      `Set runLedger.validatorTimeout below ${waits}, or let agents ask again with run_read.`,
    ),
  ];
};

export type Stages = {
  readonly enabled: boolean;
  readonly shadow: boolean;
  readonly writeThrough: boolean;
  readonly authoritativeRead: boolean;
  readonly projectionRetired: boolean;
};

const STAGES = ["shadow", "writeThrough", "authoritativeRead", "projectionRetired"] as const;

/** What is allowed and does nothing; what contradicts itself is refused when it is loaded. */
export const stageFindings = (stages: Stages): readonly Finding[] => {
  const { enabled } = stages;
  const set = STAGES.filter((stage) => stages[stage]);
  const findings: Finding[] = [];
  if (set.length > 0 && !enabled)
    findings.push(
      warn(
        "rollout",
        `${set.join(", ")} ${set.length === 1 ? "does" : "do"} nothing while runLedger.enabled is off.`,
        "runledger config set runLedger.enabled true",
      ),
    );
  if (enabled && set.length === 0)
    findings.push(
      warn(
        "rollout",
        "It is enabled without a stage, so a host that asks is at the stage off.",
        "runledger config set runLedger.shadow true",
      ),
    );
  if (stages.shadow && stages.writeThrough)
    findings.push(
      warn(
        "rollout",
        "shadow says nothing beside writeThrough: the later stage counts.",
        "runledger config unset runLedger.shadow",
      ),
    );
  return findings;
};

type Variables = {
  readonly agents: Readonly<Record<string, { readonly kind: string; readonly env?: readonly string[] }>>;
  readonly workspace: { readonly passEnv: readonly string[] };
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** A name that is passed on and has no value is often one that was forgotten. */
export const variableFindings = ({ agents, workspace, environment }: Variables): readonly Finding[] => {
  const asked = [
    ...Object.entries(agents).map(([name, { env = [] }]) => [`agents.${name}.env`, env] as const),
    ["workspace.passEnv", workspace.passEnv] as const,
  ];
  return asked.flatMap(([key, names]) =>
    names
      .filter((name) => environment[name] === undefined)
      .map((name) =>
        warn(`variable ${name}`, `is named by ${key} and not set.`, `Set it, or take it out of ${key}.`),
      ),
  );
};

/** What would be redacted if it were longer stands as it is in whatever an agent or a validator prints. */
export const shortSecretFindings = (names: readonly string[]): readonly Finding[] =>
  names.map((name) =>
    warn(
      `variable ${name}`,
      `has a value of less than ${SECRET_CHARS_MIN} characters, which is too short to be redacted.`,
      "Give it a longer one, or do not pass it on.",
    ),
  );
