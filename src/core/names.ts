/** Names that speak for the orchestrator (seed 002); no other role and no agent may bear them. */
export const ORCHESTRATOR_NAMES: readonly string[] = ["orchestrator", "lango-orchestrator", "system"];

/** Names are compared as people read them: letter case, outer blanks and look-alike widths make no difference. */
export const foldedName = (name: string): string => name.normalize("NFKC").trim().toLowerCase();

export const isReservedName = (name: string): boolean => ORCHESTRATOR_NAMES.includes(foldedName(name));

/** Behind the name of whoever answers at the terminal; no key is given out under such a name. */
const TERMINAL = "@terminal";

/** What whoever answers at the terminal is called. */
export type TerminalName = `${string}${typeof TERMINAL}`;

export const isTerminalName = (name: string): boolean => foldedName(name).endsWith(TERMINAL);

/** Who somebody is to the rules: at the terminal, over the web or by a key the same person. */
const personName = (name: string): string => {
  const folded = foldedName(name);
  return folded.endsWith(TERMINAL) ? folded.slice(0, -TERMINAL.length).trim() : folded;
};

export const isSamePerson = (one: string, other: string): boolean => personName(one) === personName(other);
