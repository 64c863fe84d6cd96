import { existsSync } from "node:fs";
import { createRedactor, type Redactor } from "../core/redact.js";
import { type SortedVariables, secretsIn } from "../core/secrets.js";
import { providerKeys, startedAgents } from "./agent-keys.js";
import { notifySecrets } from "./notify-keys.js";
import type { Settings } from "./schema.js";

type Env = Readonly<Record<string, string | undefined>>;

/** Which variables of an environment hold secrets, by these settings. */
export const secretVariables = (
  { agents, notify, workspace, secrets }: Settings,
  environment: Env,
): SortedVariables =>
  secretsIn({
    environment,
    passed: [
      ...workspace.passEnv,
      ...[...Object.values(startedAgents(agents)), ...Object.values(notify)].flatMap(({ env }) => env),
    ],
    names: [...secrets.names, ...providerKeys(agents), ...notifySecrets(notify)],
    except: secrets.except,
    exists: existsSync,
  });

export const redactorFor = (settings: Settings, environment: Env): Redactor =>
  createRedactor(secretVariables(settings, environment).secrets);

/** Before any settings are read: what the names of variables say. */
export const redactorOf = (environment: Env): Redactor =>
  createRedactor(secretsIn({ environment, passed: [], names: [], except: [], exists: existsSync }).secrets);
