import type { ErrorKind, Run } from "../../index.js";

/** 130 and 143 are the shell's own, for Ctrl-C and SIGTERM. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  waiting: 3,
  notFound: 4,
  conflict: 5,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;

/** What each means wherever a command says nothing more particular. */
export const EXIT_WORDS: { readonly [N in ExitName]: string } = {
  done: "done",
  failed: "the run failed, or the machine, the project or the ledger is not as it must be",
  usage: "arguments, a plan or settings that cannot be understood",
  waiting: "the run waits for a person or a time",
  notFound: "no such run, step, file or folder",
  conflict: "refused in this state, or another worker holds the run",
  interrupted: "stopped by Ctrl-C; what was recorded is kept",
  terminated: "stopped by SIGTERM; what was recorded is kept",
};

export const exitOfError: { readonly [K in ErrorKind]: number } = {
  usage: EXIT.usage,
  refused: EXIT.conflict,
  not_found: EXIT.notFound,
  conflict: EXIT.conflict,
  environment: EXIT.failed,
  corrupt: EXIT.failed,
};

/** How a driven run ended, for scripts: a run that is not over waits for a person or a time. */
export const exitOfRun = (run: Run): number => {
  if (run.state.status === "completed") return EXIT.done;
  return run.state.status === "failed" ? EXIT.failed : EXIT.waiting;
};
