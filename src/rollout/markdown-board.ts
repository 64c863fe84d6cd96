import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { LedgerError } from "../core/errors.js";
import type { HostRun } from "../core/reported.js";
import { loadDriver, openFile } from "../stores/sqlite-driver.js";
import { type BoardText, readBoard, writeBoard } from "./board-text.js";
import { newestFirst, noRecord, pageOf, recordAfter, recordExists, recordNow } from "./host-record.js";
import type { Projection } from "./projection.js";
import { untilFree } from "./until-free.js";

/** Each write reads and writes the whole of it; who has more runs than this holds wants tables. */
const BOARD_BYTES = 32 * 1024 * 1024;

/**
 * A Markdown file that people can read and commit: one section a run, one tick box a step, between two marks; text outside
 * of them is theirs. A status that a person edits there is the host's word: it counts where the host's table does. Throws LedgerError: `run_exists`,
 * `run_not_found`, `step_not_found`, `limit_exceeded`, and `store_unavailable` for a file that cannot be read or written.
 */
export const openMarkdownBoard = ({
  file,
  name = "markdown_board",
}: {
  readonly file: string;
  /** As the ledger knows it. */
  readonly name?: string;
}): Projection => {
  let last: Promise<unknown> = Promise.resolve();
  /** One writer at a time: in this process by waiting, among several by a lock that a crash gives back. */
  const writing = (change: (runs: readonly HostRun[]) => readonly HostRun[]): Promise<void> => {
    const turn = last.then(() =>
      withLock(file, async (place) => {
        const board = await boardIn(place, file);
        const runs = change(board.runs);
        if (runs !== board.runs) await replace(place, { ...board, runs });
      }),
    );
    last = turn.catch(() => undefined);
    return turn;
  };
  const runsNow = async (): Promise<readonly HostRun[]> => (await boardIn(await placeOf(file), file)).runs;
  return {
    name,
    create: async (run) => {
      const record = recordNow(run);
      await writing((runs) => {
        if (runs.some(({ id }) => id === record.id)) throw recordExists(record.id, file);
        return [...runs, record];
      });
      return record;
    },
    update: (id, change) =>
      writing((runs) => {
        const known = runs.find((run) => run.id === id);
        if (known === undefined) throw noRecord(id, file);
        return withRecord(runs, recordAfter(known, change));
      }),
    save: (run) => writing((runs) => withRecord(runs, run)),
    read: async (id) => (await runsNow()).find((run) => run.id === id),
    list: async (query) => pageOf([...(await runsNow())].sort(newestFirst), query, file),
  };
};

/** The very same list when nothing changes. */
const withRecord = (runs: readonly HostRun[], record: HostRun): readonly HostRun[] => {
  const known = runs.find(({ id }) => id === record.id);
  if (isDeepStrictEqual(known, record)) return runs;
  return [...runs.filter(({ id }) => id !== record.id), record];
};

/** A link is followed: the file it leads to is what people edit. */
const placeOf = (file: string): Promise<string> => realpath(file).catch(() => file);

const boardIn = async (place: string, file: string): Promise<BoardText> => {
  const bytes = await readFile(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return Buffer.alloc(0);
    throw unusable(file, "read", error);
  });
  requireSize(file, bytes.length);
  return readBoard(bytes.toString("utf8"), file);
};

const requireSize = (file: string, bytes: number): void => {
  if (bytes <= BOARD_BYTES) return;
  throw new LedgerError(
    "limit_exceeded",
    `The board ${file} would have ${bytes} bytes; at most ${BOARD_BYTES}.`,
    {
      hint: "Remove sections of finished runs, or mirror into SQL tables (rollout.tables).",
    },
  );
};

const withLock = async (file: string, work: (place: string) => Promise<void>): Promise<void> => {
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => {
    throw unusable(file, "written", error);
  });
  const place = await placeOf(file);
  const driver = await loadDriver();
  // The system itself gives such a lock back when its holder dies, so none can be left behind.
  const what = `The board ${file}`;
  const lock = await untilFree(what, () =>
    openFile(driver, join(dirname(place), `.${basename(place)}.lock`), { timeout: 0 }),
  );
  try {
    await untilFree(what, () => lock.exec("BEGIN EXCLUSIVE"));
    await work(place);
  } finally {
    lock.close();
  }
};

/** Whoever reads at the same time, or after a crash, sees the old board or the new one. */
const replace = async (place: string, board: BoardText): Promise<void> => {
  const text = writeBoard(board);
  requireSize(place, Buffer.byteLength(text));
  const folder = dirname(place);
  const draft = join(folder, `.${basename(place)}.${randomBytes(6).toString("hex")}.draft`);
  try {
    await removeDrafts(folder, basename(place));
    const mode = await stat(place).then(
      (facts) => facts.mode & 0o777,
      () => 0o644,
    );
    await writeDurably(draft, text, mode);
    await rename(draft, place);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw unusable(place, "written", error);
  }
};

/** Only who holds the lock writes one, so what is there was left by a crash. */
const removeDrafts = async (folder: string, name: string): Promise<void> => {
  for (const entry of await readdir(folder))
    if (entry.startsWith(`.${name}.`) && /\.[0-9a-f]{12}\.draft$/.test(entry)) await rm(join(folder, entry));
};

const writeDurably = async (file: string, text: string, mode: number): Promise<void> => {
  const handle = await open(file, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const unusable = (file: string, what: "read" | "written", error: unknown): LedgerError =>
  new LedgerError("store_unavailable", `The board ${file} cannot be ${what}.`, {
    hint: "Check the file, its folder and the disk.",
    cause: error,
  });
