import type { Cone } from "./cone.js";
import type { Disposal, RegisteredFolder } from "./disposal.js";
import type { Git } from "./git.js";
import type { RoomAhead } from "./lay-ahead.js";
import type { Places } from "./places.js";
import type { LaidTree } from "./room-tree.js";

/**
 * Rooms whose files are laid out while agents work, each for one verdict: no code has ever run in one. Agents are the same
 * user as we are, so one that looks for such a room can find it; a room that was touched in the meantime is not used.
 */
export interface RoomsAhead {
  /**
   * Begins one for the run's next verdict, at a commit that is near it; not when there is one already. Answers when it is
   * laid out, for whoever wants to know.
   */
  prepare(runId: string, commit: string): Promise<void>;
  /** The run's room, waited for while it is laid out; undefined when there is none that can be trusted. */
  take(runId: string): Promise<TakenRoom | undefined>;
  /** Nobody drives the run here any more. Waits until its room is handed over to be deleted. */
  drop(runId: string): Promise<void>;
  /** Drops all, and waits until nothing is being laid out. */
  close(): Promise<void>;
}

export type TakenRoom = { readonly folder: RegisteredFolder; readonly laid: LaidTree };

/** More runs than that at once keep a machine busy enough; each room takes the disk space of a checkout. */
const ROOMS_AHEAD_MAX = 4;

export const createRoomsAhead = (
  store: Git,
  surroundings: { readonly places: Places; readonly disposal: Disposal; readonly cone: Cone },
): RoomsAhead => {
  const { disposal } = surroundings;
  const ahead = new Map<string, Promise<RoomAhead | undefined>>();
  const dropping = new Set<Promise<void>>();
  let closed = false;

  /** Loaded with the first one: commands that only read the journal start without it. */
  const lay = async (runId: string, commit: string): Promise<RoomAhead | undefined> => {
    const { layAhead } = await import("./lay-ahead.js");
    return layAhead(store, surroundings, runId, commit);
  };
  /** One that cannot be handed over stays registered, and goes with the next start. */
  const discard = async (room: RoomAhead | undefined): Promise<void> => {
    if (room !== undefined) await disposal.later(room.folder).catch(() => undefined);
  };
  const drop: RoomsAhead["drop"] = (runId) => {
    const laid = ahead.get(runId);
    ahead.delete(runId);
    const dropped = Promise.resolve(laid).then(discard);
    dropping.add(dropped);
    return dropped.finally(() => dropping.delete(dropped));
  };
  return {
    prepare: async (runId, commit) => {
      if (closed || ahead.has(runId) || ahead.size >= ROOMS_AHEAD_MAX) return;
      // Whatever went wrong goes wrong again when the verdict makes its own room, and is told then.
      const laid = lay(runId, commit).catch(() => undefined);
      ahead.set(runId, laid);
      await laid;
    },
    take: async (runId) => {
      const laying = ahead.get(runId);
      ahead.delete(runId);
      const room = await laying;
      const laid = await room?.untouched().catch(() => undefined);
      if (room !== undefined && laid !== undefined) return { folder: room.folder, laid };
      await discard(room);
      return undefined;
    },
    drop,
    close: async () => {
      closed = true;
      await Promise.all([...[...ahead.keys()].map(drop), ...dropping]);
    },
  };
};
