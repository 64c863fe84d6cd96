import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import { type Bubblewrap, bubblewrapArgv, OPTIONS_FD, STATUS_FD } from "./bubblewrap.js";
import { systemMounts } from "./system-mounts.js";

/** What this machine can do, found out by doing it. */
export type Probe =
  | { readonly bubblewrap: Bubblewrap }
  | { readonly bubblewrap: null; readonly because: string; readonly fix: string };

const probes = new Map<string, Promise<Probe>>();

/** Once for each PATH in the life of this process. */
export const probeIsolation = (path: string): Promise<Probe> => {
  const known = probes.get(path) ?? probe(path);
  probes.set(path, known);
  return known;
};

/** What sandboxes are made by here, in its own words; null where none can be made. */
export const sandboxVersion = async (path: string): Promise<string | null> => {
  const { bubblewrap } = await probeIsolation(path);
  if (bubblewrap === null) return null;
  const asked = promisify(execFile)(bubblewrap.program, ["--version"], { timeout: PROBE_MS });
  return asked.then(
    ({ stdout }) => stdout.trim(),
    () => "bubblewrap",
  );
};

const probe = async (path: string): Promise<Probe> => {
  if (process.platform !== "linux")
    return lacking(
      "Sandboxes are made by bubblewrap, which only Linux has.",
      "Nothing to do on this system.",
    );
  const program = findProgram("bwrap", path);
  if (program === undefined) return lacking("bubblewrap (bwrap) is not installed.", "Install bubblewrap.");
  const failures: string[] = [];
  for (const can of SKILLS) {
    const failure = await trySandbox({ program, ...can });
    if (failure === undefined) return { bubblewrap: { program, ...can } };
    failures.push(failure);
  }
  return lacking(`bubblewrap cannot make a sandbox here: ${failures.at(-1)}`, NAMESPACES_FIX);
};

/** What versions can, from the newest to the oldest. */
const SKILLS = [
  { disablesUserns: true, boundsScratch: true },
  { disablesUserns: false, boundsScratch: true },
  { disablesUserns: false, boundsScratch: false },
] as const;

const lacking = (because: string, fix: string): Probe => ({ bubblewrap: null, because, fix });

const NAMESPACES_FIX =
  "Allow user namespaces: sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container, a profile that lets them be made and /proc be mounted.";

/** The trusted side's own search; relative entries of PATH would lead into the project. */
const findProgram = (name: string, path: string): string | undefined =>
  path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** It takes some milliseconds; a machine that thrashes is given time. */
const PROBE_MS = 20_000;

/** What went wrong; undefined when nothing did. Nobody reads its status, and it is told no more options. */
const trySandbox = async (bubblewrap: Bubblewrap): Promise<string | undefined> => {
  const [program = "", ...args] = bubblewrapArgv(
    bubblewrap,
    [...(await systemMounts()), { kind: "scratch", path: "/tmp", bytes: 1 }],
    "/",
    ["true"],
  );
  const child = spawn(program, args, {
    timeout: PROBE_MS,
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
  });
  try {
    const ended = once(child, "close");
    let stderr = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    (child.stdio[STATUS_FD] as Readable).resume();
    (child.stdio[OPTIONS_FD] as Writable).on("error", () => undefined).end();
    const [code, signal] = await ended;
    if (code === 0) return undefined;
    const said = stderr.split("\n").filter((line) => line.startsWith("bwrap: "));
    return said.at(-1)?.slice("bwrap: ".length) ?? `it ended with ${signal ?? code}`;
  } catch (error) {
    return String(error);
  }
};
