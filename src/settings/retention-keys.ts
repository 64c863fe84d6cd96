import type * as z from "zod";
import { exactDuration } from "../core/duration.js";
import { exactSize } from "../core/size.js";
import { closed } from "../core/wire.js";
import { duration, durationOr, sizeOr } from "./kinds.js";

/** How long, and within how many bytes, finished runs stay; beside `runLedger.maxRunHistory`, how many of them. */
export type RetentionSettings = {
  /** Null: for ever. */
  readonly completedForMs: number | null;
  readonly failedForMs: number | null;
  /** Null: unlimited. */
  readonly maxBytes: number | null;
  /** How often a worker looks. */
  readonly everyMs: number;
};

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
/** Runs stay for an hour after their end, whatever the settings say. */
const KEPT = { minMs: 60 * MINUTE_MS, maxMs: 3_650 * DAY_MS };
const EVERY = { minMs: MINUTE_MS, maxMs: 7 * DAY_MS };
/** An empty ledger takes a tenth of it; above it nobody has a disk to try. */
const SIZE = { minBytes: 1024 ** 2, maxBytes: 16 * 1024 ** 4 };

export const RetentionKeys = closed({
  completedFor: durationOr(
    "forever",
    { title: "Completed runs", description: "How long they stay after their end; then they are archived." },
    KEPT,
  ).prefault("forever"),
  failedFor: durationOr(
    "forever",
    {
      title: "Failed runs",
      description: "How long they stay after their end, those that were cancelled too.",
    },
    KEPT,
  ).prefault("forever"),
  maxBytes: sizeOr(
    "unlimited",
    {
      title: "Size of the ledger",
      description: "Of its rows and its output; above it the oldest finished runs are archived.",
    },
    SIZE,
  ).prefault("unlimited"),
  every: duration(
    { title: "Looked up every", description: "How often a worker looks for runs that are to be archived." },
    EVERY,
  ).prefault("1h"),
}).transform(
  ({ completedFor, failedFor, maxBytes, every }): RetentionSettings => ({
    completedForMs: completedFor,
    failedForMs: failedFor,
    maxBytes,
    everyMs: every,
  }),
);

export const retentionWire = ({
  completedForMs,
  failedForMs,
  maxBytes,
  everyMs,
}: RetentionSettings): z.input<typeof RetentionKeys> => ({
  completedFor: kept(completedForMs),
  failedFor: kept(failedForMs),
  maxBytes: maxBytes === null ? "unlimited" : exactSize(maxBytes),
  every: exactDuration(everyMs),
});

const kept = (ms: number | null): string => (ms === null ? "forever" : exactDuration(ms));
