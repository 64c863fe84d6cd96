import { basename } from "node:path";
import { readCargoReport } from "../reports/cargo.js";
import type { Room } from "../room.js";
import { cargoCanary, copyWith } from "./canary-files.js";
import { REPORT_BYTES_MAX, type ToolchainAdapter } from "./command.js";

// The target folder lies in scratch: one in the tree could bring binaries that were built from something else.
export const rust: ToolchainAdapter = {
  marks: ["Cargo.toml"],
  build: async (target, room) => ({
    program: "cargo",
    argv: ["cargo", "build", ...((await crateIn(target, room)) ?? (target ? [`--package=${target}`] : []))],
    env: environment(room),
  }),
  test: async (target, room, only) => {
    const crate = await crateIn(target, room);
    const filter = crate === undefined && target !== "" ? ["--", target] : [];
    const binaries = only.map((file) => `--test=${basename(file, ".rs")}`);
    return {
      program: "cargo",
      argv: ["sh", "-c", joined, "sh", ...(crate ?? []), ...binaries, ...filter],
      env: environment(room),
      stdoutBytesMax: REPORT_BYTES_MAX,
      readReport: async ({ stdout }) => readCargoReport(stdout),
      isSource: isIntegrationTest,
      canaryFor: async (file, token) => {
        const [, source] = /^\S+ (tests\/[^/]+\.rs)$/.exec(file) ?? [];
        return source === undefined ? undefined : copyWith(room, source, token, cargoCanary);
      },
    };
  },
};

/** Reports name a crate and its source. Tests below src stand in the code they test: to change it is the work. */
const isIntegrationTest = (path: string, file: string): boolean => {
  const source = file.slice(file.indexOf(" ") + 1);
  return !source.startsWith("src/") && `/${path}`.endsWith(`/${source}`);
};

/** Cargo names the test binaries on stderr only; without the names equal tests of two crates would be one. */
const joined = 'exec cargo test --no-fail-fast "$@" 2>&1';

/** A target that is a folder with a manifest names that crate; any other is a package or a filter. */
const crateIn = async (target: string, room: Room): Promise<string[] | undefined> => {
  const manifest = `${target.replace(/\/+$/, "")}/Cargo.toml`;
  const found = target !== "" && (await room.stat(manifest)) !== undefined;
  return found ? [`--manifest-path=${manifest}`] : undefined;
};

const environment = (room: Room) => ({
  CARGO_TARGET_DIR: `${room.scratch}/target`,
  CARGO_TERM_COLOR: "never",
});
