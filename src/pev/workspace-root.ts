import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

// Work that was never proposed must outlive a reboot, so workspaces are no temporary files.
export const workspaceRoot = (env: Readonly<Record<string, string | undefined>>): string => {
  const state = env.XDG_STATE_HOME;
  const home = env.HOME ?? homedir();
  const base = state !== undefined && isAbsolute(state) ? state : join(home, ".local", "state");
  return join(base, "runledger", "workspaces");
};
