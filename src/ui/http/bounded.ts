import type { IncomingMessage, Server, ServerResponse } from "node:http";

type Socket = IncomingMessage["socket"];

/**
 * Keeps so many connections open at once. Where one more comes, that one goes which has waited longest for a whole request; where
 * each has one that is being answered, the new one is refused. To connect and say nothing costs nothing, and would keep out everybody
 * who has something to say.
 */
export const boundConnections = (server: Server, most: number): void => {
  /** What is asked on each and not answered yet; first those without a whole request for longest. */
  const open = new Map<Socket, Set<ServerResponse>>();
  const silentLongest = (): Socket | undefined => {
    for (const [socket, answers] of open) if ([...answers].every(isUnsaid)) return socket;
    return undefined;
  };
  const makeRoom = (): boolean => {
    if (open.size < most) return true;
    const silent = silentLongest();
    if (silent === undefined) return false;
    open.delete(silent);
    silent.destroy();
    return true;
  };
  server.on("connection", (socket: Socket) => {
    if (!makeRoom()) return void socket.destroy();
    open.set(socket, new Set());
    socket.once("close", () => open.delete(socket));
  });
  server.on("request", ({ socket }: IncomingMessage, answer: ServerResponse) => {
    const answers = open.get(socket);
    if (answers === undefined) return;
    answers.add(answer);
    answer.once("close", () => {
      answers.delete(answer);
      // From now on it waits for the next request, as one does that has just come.
      if (open.delete(socket)) open.set(socket, answers);
    });
  });
};

const isUnsaid = ({ req, headersSent }: ServerResponse): boolean => !req.complete && !headersSent;
