import { exactSize } from "../core/size.js";
import type { Limits } from "../core/walls.js";
import { closed } from "../core/wire.js";
import { size, wholeNumber } from "./kinds.js";

/** Below this not even a shell starts; above it nobody has a machine to try. */
const MEMORY = { minBytes: 16 * 1024 ** 2, maxBytes: 16 * 1024 ** 4 };
const STORAGE = { minBytes: 1024 ** 2, maxBytes: 16 * 1024 ** 4 };
/** A shell with a helper or two; Linux numbers no more. */
const PROCESSES = { min: 8, max: 4_194_304 };
/** A tree of its own has that many; what large file systems hold. */
const FILES = { min: 100, max: 1_000_000_000 };

/**
 * The defaults stop what runs away, not what is large: about what one job gets from the hosts of public build services,
 * and so many threads and files as the largest builds and dependency folders were seen with.
 */
export const LimitsKeys = closed({
  memory: size(
    { title: "Memory", description: "What the processes of one command may hold in memory together." },
    MEMORY,
  ).prefault("8GiB"),
  processes: wholeNumber(
    { title: "Processes", description: "Processes and threads that one command may have at the same time." },
    { ...PROCESSES, byDefault: 4_096 },
  ),
  disk: size(
    { title: "Disk", description: "What may lie below the folder that a command works in." },
    STORAGE,
  ).prefault("20GiB"),
  files: wholeNumber(
    { title: "Files", description: "Files and folders that may lie below the folder of a command." },
    { ...FILES, byDefault: 1_000_000 },
  ),
  output: size(
    { title: "Output", description: "What one command may print; only its beginning and end are kept." },
    STORAGE,
  ).prefault("4GiB"),
}).transform(
  ({ memory, processes, disk, files, output }): Limits => ({
    memoryBytes: memory,
    processes,
    diskBytes: disk,
    files,
    outputBytes: output,
  }),
);

export const limitsWire = ({ memoryBytes, processes, diskBytes, files, outputBytes }: Limits) => ({
  memory: exactSize(memoryBytes),
  processes,
  disk: exactSize(diskBytes),
  files,
  output: exactSize(outputBytes),
});
