/** Names that speak for the orchestrator (seed 002); no other role and no agent may bear them. */
export const ORCHESTRATOR_NAMES: readonly string[] = ["orchestrator", "lango-orchestrator", "system"];

/** Names are compared as people read them: letter case, outer blanks and look-alike widths make no difference. */
export const foldedName = (name: string): string => name.normalize("NFKC").trim().toLowerCase();

export const isReservedName = (name: string): boolean => ORCHESTRATOR_NAMES.includes(foldedName(name));
