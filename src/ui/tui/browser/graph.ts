/** What a graph needs to know of a step. */
export type Node = { readonly id: string; readonly dependsOn: readonly string[] };

/** One step a row: what is drawn before its mark, and behind it. */
export type Row = { readonly id: string; readonly before: string; readonly behind: string };

export type Graph = {
  readonly rows: readonly Row[];
  /** Columns that `before`, the mark and `behind` take together, in every row. */
  readonly width: number;
};

/** The run itself, from which steps hang that wait for nothing, when there are several. */
const START = "";

// Null when more lines than `columnsMax` would run side by side. Dependencies as lines from above: a step hangs from the step over it in its own column, or from those it is joined to by a line.
// A column belongs to a step for as long as somebody below waits for it.
export const graphOf = (steps: readonly Node[], columnsMax: number): Graph | null => {
  const ordered = inOrder(steps);
  const known = new Set(steps.map(({ id }) => id));
  const several = ordered.filter(({ dependsOn }) => !dependsOn.some((id) => known.has(id))).length > 1;
  const nodes = ordered.map(({ id, dependsOn }) => {
    const needs = dependsOn.filter((need) => known.has(need));
    return { id, dependsOn: needs.length === 0 && several ? [START] : needs };
  });
  const drawn = drawRows(nodes, several, columnsMax);
  if (drawn === null) return null;
  const columns = Math.max(1, ...drawn.map(({ cells }) => cells.length));
  return { rows: drawn.map((row) => rowOf(row, columns)), width: columns * 2 - 1 };
};

/** As the plan has them, but each behind what it waits for. */
const inOrder = (steps: readonly Node[]): readonly Node[] => {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const ordered = new Set<Node>();
  // Plans may be a thousand steps deep, so no function calls itself here.
  for (const step of steps) {
    const waiting = [step];
    while (waiting.length > 0) {
      const next = waiting.at(-1) as Node;
      const missing = next.dependsOn
        .map((id) => byId.get(id))
        .find((need) => need !== undefined && !ordered.has(need) && !waiting.includes(need));
      if (missing !== undefined) waiting.push(missing);
      else {
        ordered.add(next);
        waiting.pop();
      }
    }
  }
  return [...ordered];
};

type Cell = { readonly glyph: string; readonly line: boolean };
type Drawn = { readonly id: string; readonly at: number; readonly cells: readonly Cell[] };

const drawRows = (nodes: readonly Node[], several: boolean, columnsMax: number): readonly Drawn[] | null => {
  const dependents = new Map<string, number>();
  for (const { dependsOn } of nodes)
    for (const id of dependsOn) dependents.set(id, (dependents.get(id) ?? 0) + 1);
  const waitedFor = new Map(dependents);
  const columns: (string | undefined)[] = several ? [START] : [];
  const drawn: Drawn[] = [];
  for (const [index, { id, dependsOn }] of nodes.entries()) {
    const from = columns.flatMap((owner, at) =>
      owner !== undefined && dependsOn.includes(owner) ? [at] : [],
    );
    const ends = new Set<number>();
    for (const at of from) {
      const owner = columns[at] ?? START;
      const left = (waitedFor.get(owner) ?? 1) - 1;
      waitedFor.set(owner, left);
      if (left === 0) ends.add(at);
    }
    const at = placeOf(
      columns,
      from,
      (column) => ends.has(column) && dependents.get(columns[column] ?? "") === 1,
    );
    if (at >= columnsMax) return null;
    const cells = cellsOf({ columns, from, ends, at, first: index === 0 && several });
    for (const end of ends) columns[end] = undefined;
    columns[at] = (waitedFor.get(id) ?? 0) > 0 ? id : undefined;
    while (columns.length > 0 && columns.at(-1) === undefined) columns.pop();
    drawn.push({ id, at, cells });
  }
  return drawn;
};

/** The column of a step that nobody else waits for, or one that is free, to the right of what it hangs from. */
const placeOf = (
  columns: readonly (string | undefined)[],
  from: readonly number[],
  isOnly: (column: number) => boolean,
): number => {
  const [leftmost = -1] = from;
  const taken = from.find(isOnly);
  if (taken !== undefined) return taken;
  let at = leftmost + 1;
  while (columns[at] !== undefined) at += 1;
  return at;
};

const cellsOf = (row: {
  columns: readonly (string | undefined)[];
  from: readonly number[];
  ends: ReadonlySet<number>;
  at: number;
  first: boolean;
}): readonly Cell[] => {
  const { columns, from, ends, at, first } = row;
  const low = Math.min(at, ...from);
  const high = Math.max(at, ...from);
  return Array.from({ length: Math.max(columns.length, high + 1) }, (_, column) => {
    const line = column >= low && column < high;
    if (column === at) return { glyph: "", line };
    if (from.includes(column)) return { glyph: joint(column, low, high, ends.has(column), first), line };
    if (columns[column] !== undefined) return { glyph: "│", line };
    return { glyph: column > low && column < high ? "─" : " ", line };
  });
};

const joint = (column: number, low: number, high: number, ends: boolean, first: boolean): string => {
  if (column === low) return first ? (ends ? "─" : "┌") : ends ? "╰" : "├";
  if (column === high) return ends ? "╯" : "┤";
  return ends ? "┴" : "┼";
};

const rowOf = ({ id, at, cells }: Drawn, columns: number): Row => {
  const text = (from: number, to: number): string =>
    Array.from({ length: Math.max(0, to - from) }, (_, index) => {
      const { glyph = " ", line = false } = cells[from + index] ?? {};
      const last = from + index === columns - 1;
      return glyph + (last ? "" : line ? "─" : " ");
    }).join("");
  return { id, before: text(0, at), behind: text(at, columns) };
};
