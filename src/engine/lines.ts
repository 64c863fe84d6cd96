import type { Socket } from "node:net";
import { SOCKET_LINE_BYTES } from "../core/limits.js";

/** Calls with each whole line, one after the other; whoever sends a line without end is hung up on. */
export const readLines = (socket: Socket, hear: (line: string) => Promise<void> | void): void => {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let before: Promise<unknown> = Promise.resolve();
  socket.on("data", (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n")) {
      const line = Buffer.concat([...waiting, rest.subarray(0, end)]).toString("utf8");
      [waiting, bytes] = [[], 0];
      before = before.then(() => hear(line));
      rest = rest.subarray(end + 1);
    }
    waiting.push(rest);
    bytes += rest.length;
    if (bytes > SOCKET_LINE_BYTES) socket.destroy();
  });
};
