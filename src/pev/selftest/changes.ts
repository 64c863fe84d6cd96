import type { Git } from "../git.js";
import { withScratch } from "../git.js";
import { RUNLEDGER, runRefs } from "../objects.js";

/** What a submission does to the base: text to write by path, null where a file goes. */
export type Changes = ReadonlyMap<string, string | null>;

/** A submission in the private store, as a proposal names it. */
export type Planted = { readonly commit: string; readonly tree: string };

/**
 * A submission needs no workspace: its commit is written straight into the private store, under the refs of the trial's own
 * run, so that all of it goes with them. Files keep the mode they have at the base.
 */
export const plant = async (input: {
  readonly store: Git;
  readonly runId: string;
  readonly base: string;
  /** Mode of each file of the base, by path. */
  readonly modes: ReadonlyMap<string, string>;
  readonly name: string;
  readonly changes: Changes;
}): Promise<Planted> => {
  const { store, runId, name } = input;
  const ref = `${runRefs(runId)}selftest/${name}`;
  await store.run(["fast-import", "--quiet", "--force"], { input: importOf(ref, input) });
  const { stdout } = await store.run(["rev-parse", `${ref}^{commit}`, `${ref}^{tree}`]);
  const [commit = "", tree = ""] = stdout.split("\n");
  return { commit, tree };
};

/** Who made it and when decides its name; nobody else ever asks. */
const importOf = (
  ref: string,
  { base, modes, changes }: { base: string; modes: ReadonlyMap<string, string>; changes: Changes },
): Buffer => {
  const words = (text: string): Buffer => Buffer.from(`data ${Buffer.byteLength(text)}\n${text}\n`);
  const head = `commit ${ref}\ncommitter ${RUNLEDGER.name} <${RUNLEDGER.email}> 0 +0000\n`;
  const parts = [Buffer.from(head), words("A submission of the self-test\n"), Buffer.from(`from ${base}\n`)];
  for (const [path, text] of changes) {
    const mode = modes.get(path) ?? (text?.startsWith("#!") ? "100755" : "100644");
    parts.push(Buffer.from(text === null ? `D ${quoted(path)}\n` : `M ${mode} inline ${quoted(path)}\n`));
    if (text !== null) parts.push(words(text));
  }
  return Buffer.concat(parts);
};

const quoted = (path: string): string => `"${path.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;

/** The tree that a patch makes of a commit; git says which line does not fit. */
export const treeOfPatch = (store: Git, base: string, patch: Uint8Array): Promise<string> =>
  withScratch(store, async (scratch) => {
    const call = { indexFile: `${scratch}/index` };
    await store.run(["read-tree", base], call);
    await store.run(["apply", "--cached", "--whitespace=nowarn", "-"], { ...call, input: patch });
    return (await store.run(["write-tree"], call)).stdout.trim();
  });
