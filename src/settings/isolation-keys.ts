import * as z from "zod";
import { IsolationLevel } from "../core/verdict.js";
import { closed } from "../core/wire.js";
import { type About, described, list } from "./kinds.js";
import { ENTRIES_MAX, ReachableHost, VisiblePath } from "./values.js";

/** How safe rooms are, and must be. */
export type IsolationSettings = {
  /** What every verdict must be made at. */
  readonly minimum: IsolationLevel;
  /** What is used at most. */
  readonly maximum: IsolationLevel;
  /** Absolute paths that sandboxed rooms may read. */
  readonly visible: readonly string[];
  /** Hosts that sandboxed rooms may reach. */
  readonly network: readonly string[];
};

const isolationLevel = (about: About, min: IsolationLevel) =>
  described("number", about, z.int().min(min).max(ISOLATION_MAX).pipe(IsolationLevel));
const ISOLATION_MAX = 3;

export const IsolationKeys = closed({
  minimum: isolationLevel(
    {
      title: "Lowest level",
      description:
        "Runs are refused where rooms are less safe: 0 shared folder, 1 clean room, 2 walls, 3 sandbox.",
    },
    0,
  ).default(0),
  maximum: isolationLevel(
    {
      title: "Highest level",
      description: "Rooms are as safe as the machine can make them, up to this level.",
    },
    1,
  ).default(3),
  visible: list(
    "words",
    {
      title: "Visible paths",
      description: "Absolute paths that sandboxed rooms and agents may read, besides what tools need.",
    },
    VisiblePath,
    ENTRIES_MAX,
  ).default([]),
  network: list(
    "words",
    {
      title: "Network",
      description: "Hosts that sandboxed rooms may reach: example.com, *.example.com, host:port; else none.",
    },
    ReachableHost,
    ENTRIES_MAX,
  ).default([]),
});
