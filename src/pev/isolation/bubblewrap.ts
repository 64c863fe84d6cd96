/** A bubblewrap that was tried on this machine. */
export type Bubblewrap = {
  /** Absolute. */
  readonly program: string;
  /** Older ones do not know how to forbid user namespaces inside. */
  readonly disablesUserns: boolean;
  /** Still older ones do not know how to bound a folder in memory. */
  readonly boundsScratch: boolean;
};

/** One thing that a process finds in its file system, at an absolute path; a later one lies over an earlier one. */
export type Mount =
  /** What the machine has there, or has at `source`; nobody inside can write to it. */
  | { readonly kind: "read"; readonly path: string; readonly source?: string }
  | { readonly kind: "write"; readonly path: string }
  /** A symbolic link, which need not lead anywhere. */
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  /** An empty folder in memory, private to this one process; more than so many bytes do not fit in. */
  | { readonly kind: "scratch"; readonly path: string; readonly bytes: number }
  /** Empty and not to be filled, whatever the machine has there. */
  | { readonly kind: "hidden file" | "hidden folder"; readonly path: string };

/** Who they are inside: nobody, whoever started us. */
const NOBODY = "65534";

/** On the first bubblewrap says which process it made and how the program ended; on the second it is told more options. */
export const [STATUS_FD, OPTIONS_FD] = [3, 4] as const;

/**
 * Options for OPTIONS_FD that set what the program sees. Bubblewrap itself is started without any of it: what a loader obeys
 * would be obeyed outside, and what is secret would stand on a command line.
 */
export const environmentOptions = (env: Readonly<Record<string, string>>): string => {
  const options = Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]);
  if (options.some((option) => option.includes("\0"))) throw new Error("A variable holds a NUL character.");
  return options.map((option) => `${option}\0`).join("");
};

/**
 * The command line that holds a program: no capability, no way to another user, own processes, network (loopback only),
 * names and memory segments, nothing of the file system but these mounts, and it dies with us. Root is no exception: it
 * is nobody inside, for a root with capabilities would mount what is read-only anew.
 */
export const bubblewrapArgv = (
  { program, disablesUserns, boundsScratch }: Bubblewrap,
  mounts: readonly Mount[],
  cwd: string,
  argv: readonly string[],
): readonly string[] => [
  program,
  ...["--unshare-user", "--uid", NOBODY, "--gid", NOBODY, ...(disablesUserns ? ["--disable-userns"] : [])],
  ...["--cap-drop", "ALL", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"],
  ...["--unshare-cgroup-try", "--hostname", "room", "--die-with-parent", "--new-session"],
  ...[
    "--json-status-fd",
    String(STATUS_FD),
    "--args",
    String(OPTIONS_FD),
    "--proc",
    "/proc",
    "--dev",
    "/dev",
  ],
  ...mounts.flatMap((mount) => mountArgs(mount, boundsScratch)),
  // Last, because what lies in them had to be laid there; the root is bubblewrap's own, in memory.
  ...[...hiddenFolders(mounts), "/dev", "/"].flatMap((path) => ["--remount-ro", path]),
  ...["--chdir", cwd, "--", ...argv],
];

const mountArgs = (mount: Mount, boundsScratch: boolean): readonly string[] => {
  const { kind, path } = mount;
  if (kind === "read") return ["--ro-bind", mount.source ?? path, path];
  if (kind === "write") return ["--bind", path, path];
  if (kind === "link") return ["--symlink", mount.target, path];
  if (kind === "scratch" && boundsScratch) return ["--size", String(mount.bytes), "--tmpfs", path];
  return kind === "hidden file" ? ["--ro-bind", "/dev/null", path] : ["--tmpfs", path];
};

const hiddenFolders = (mounts: readonly Mount[]): readonly string[] =>
  mounts.flatMap(({ kind, path }) => (kind === "hidden folder" ? [path] : []));
