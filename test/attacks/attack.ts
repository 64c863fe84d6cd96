import type { Caller, Run, RunLedger } from "../../src/index.js";
import type { Scene as AgentsScene } from "../helpers/suspects.js";

/** What must hold whoever attacks; every one of them is looked at after every attack, not only the one it goes for. */
export const promises = {
  verdict: "Work that does not deserve it is never verified, and the run's head stays where it was.",
  checkout: "The user's checkout and its .git stay byte for byte what they were.",
  outside:
    "Nothing outside of workspace and room is written, reached or ended: home, temporary folders, other workspaces, sockets, other processes.",
  execution: "What an agent plants is run by nobody but itself.",
  record: "Journal and private store hold what the ledger wrote, whole and in its order, and nothing else.",
  processes: "No process is left 500 ms after the end.",
  secrets: "No secret is in the ledger's folder, in logs or in what commands print.",
  roles: "Nobody does what the role of its credential does not open.",
} as const satisfies Readonly<Record<string, string>>;
export type PromiseId = keyof typeof promises;

/** See docs/verification.md. At level 0 agents work in the user's own folder, so nothing is promised and nothing tried. */
export type Level = 1 | 2 | 3;

/** How a run of one step may end: the reason of its last verdict, or one of these two. */
export type Ending = string;

/** What an attacker can lay its hands on. */
export type Scene = AgentsScene & {
  /** In the text of every program of this attack, so that its processes are found wherever they hide. */
  readonly token: string;
  readonly stepId: string;
  readonly repo: string;
  readonly home: string;
  readonly tmp: string;
  readonly dataDir: string;
  /** Where another agent's work lies. */
  readonly otherWorkspace: string;
  /** A process of the user's, with secrets in its environment, and where the user's programs listen. */
  readonly neighbour: {
    readonly pid: number;
    readonly socket: string;
    readonly abstract: string;
    readonly port: number;
  };
};

/** Whoever calls tools instead of working in a folder. */
export type Desk = {
  readonly app: RunLedger;
  /** The value of a secret variable. */
  readonly secret: string;
  /** A run that an executor has been given a step of, and that waits for approval of another one. */
  readonly run: Run;
  /** Calls the tools that this caller is given. */
  as(caller: Caller): (tool: string, input: Readonly<Record<string, unknown>>) => Promise<unknown>;
  /** A credential; by default an executor's. */
  issue(over?: Partial<Caller>): Caller;
};

type Common = {
  /** Unique; says what the attacker does. */
  readonly name: string;
  /** What it goes for. */
  readonly breaks: PromiseId;
  /** Row of the list of threats it comes from. */
  readonly row: string;
  /** From which level on the promise holds. Below it is known to break, which must still verify nothing. Default 1. */
  readonly holdsFrom?: Level;
  /** Below this level it would harm the machine it is tried on. */
  readonly runsFrom?: Level;
  /** Programs without which it cannot be tried. */
  readonly needs?: readonly string[];
};

/** An agent that works on a step, in one of three ways or several of them. */
export type Working = Common & {
  readonly project?: string;
  /** Keys of the settings file, beside those of every attack. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Keys of the step and the plan in their wire form. */
  readonly step?: Readonly<Record<string, unknown>>;
  readonly plan?: Readonly<Record<string, unknown>>;
  /** Any of these; "verified" where the work itself is right and only what comes with it is not. */
  readonly ends: readonly Ending[];
  /** Part of what the last verdict says. */
  readonly says?: string;
  /** The step is right by its own judge; it is the run that must not be. */
  readonly moves?: true;
  /** What the agent leaves in its workspace. */
  readonly work?: (scene: Scene) => unknown;
  /** Code in front of the faulty code under test, run by its tests in the room. */
  readonly code?: (scene: Scene) => string;
  /** A shell program that is the agent, in a process of its own. */
  readonly program?: (scene: Scene) => string;
};

/** Somebody who calls tools, and must be refused with one of these codes; where there is none, nothing may come of it. */
export type Calling = Common & {
  readonly refused: readonly string[];
  /** What it may do, before what it may not. */
  readonly first?: (desk: Desk) => Promise<unknown>;
  readonly call: (desk: Desk) => Promise<unknown>;
};

export type Attack = Working | Calling;
