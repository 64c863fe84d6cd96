import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { processAlive, processIdentity } from "../../src/ledger/owner.js";

/** What else the user has at work: a process that knows secrets, and programs that listen. Nobody may reach or end them. */
export interface Neighbour {
  readonly pid: number;
  readonly socket: string;
  /** A socket that is in no file system; its name begins with a NUL. */
  readonly abstract: string;
  readonly port: number;
  /** Who knocked since the last time it was asked, and whether the process has gone. */
  troubles(): readonly string[];
  leave(): Promise<void>;
}

export const openNeighbour = async (
  place: string,
  secrets: Readonly<Record<string, string>>,
): Promise<Neighbour> => {
  const knocks: string[] = [];
  const listening = async (how: string | number): Promise<Server> => {
    const server = createServer((socket) => {
      knocks.push(`somebody connected to ${how === 0 ? "a port of the user's" : JSON.stringify(how)}`);
      socket.on("error", () => undefined).end("secret of the socket");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if (typeof how === "number") server.listen(how, "127.0.0.1", resolve);
      else server.listen(how, resolve);
    });
    return server;
  };
  const socket = join(place, "s");
  const abstract = `\0${randomUUID()}`;
  const ports = await listening(0);
  const servers = [ports, await listening(socket), await listening(abstract)];
  const address = ports.address();
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)", ...Object.values(secrets)], {
    cwd: "/",
    env: { ...secrets },
    stdio: "ignore",
  });
  const pid = child.pid ?? 0;
  const identity = processIdentity(pid);
  return {
    pid,
    socket,
    abstract,
    port: typeof address === "object" && address !== null ? address.port : 0,
    troubles: () => [
      ...knocks.splice(0),
      ...(identity !== undefined && processAlive(identity) ? [] : ["the user's other process was ended"]),
    ],
    leave: async () => {
      child.kill("SIGKILL");
      await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
    },
  };
};
