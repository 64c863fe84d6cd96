import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { HostRule } from "../../core/hosts.js";
import type { Mount } from "../isolation/bubblewrap.js";
import { openPrivateRoot } from "../private-folder.js";
import { removeOrphans, shortLivedName } from "../short-lived.js";
import { becoming, SHELL } from "../walls/doors.js";
import { openProxy } from "./proxy.js";

/** How one sandboxed process reaches the hosts that it may. */
export type WayOut = {
  readonly mount: Mount;
  /** What is started inside instead of `argv`. */
  around(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Hears of what was refused, from now on. */
  onRefused(listener: (sentence: string) => void): void;
  close(): Promise<void>;
};

/** Inside nothing else is there. */
const SOCKET_INSIDE = "/run/runledger-network.sock";
/** In a network of its own every port is free. */
const PORT_INSIDE = 3128;

const SOCKET = "network-";

export const openWayOut = async (rules: readonly HostRule[]): Promise<WayOut> => {
  const root = await openPrivateRoot();
  await removeOrphans(root, SOCKET);
  // The name of a socket may not be long, so it lies at the top.
  const socketFile = join(root, `${shortLivedName(SOCKET)}${randomUUID().slice(0, 8)}`);
  let listener = (_sentence: string): void => undefined;
  const proxy = await openProxy(socketFile, rules, (sentence) => listener(sentence));
  return {
    mount: { kind: "read", path: SOCKET_INSIDE, source: socketFile },
    around: (argv, env) => [
      ...[SHELL, "-c", `${FORWARD}; ${becoming(argv, env)}`, SHELL],
      ...[process.execPath, FORWARDER, SOCKET_INSIDE, String(PORT_INSIDE), ...argv],
    ],
    environment: PROXY_VARIABLES,
    onRefused: (next) => {
      listener = next;
    },
    close: proxy.close,
  };
};

const ADDRESS = `http://127.0.0.1:${PORT_INSIDE}`;
const LOCAL = "localhost,127.0.0.1,::1";
/** Programs read either case. */
const PROXY_VARIABLES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ["HTTP_PROXY", ADDRESS],
    ["HTTPS_PROXY", ADDRESS],
    ["ALL_PROXY", ADDRESS],
    ["NO_PROXY", LOCAL],
  ].flatMap(([name = "", value = ""]) => [
    [name, value],
    [name.toLowerCase(), value],
  ]),
);

/**
 * Waits until the forwarder listens, and then gives way to the program: how that ends is for nobody inside to tell but
 * itself. Who has no way out although he should must not run.
 */
const FORWARD =
  '[ "$(/usr/bin/env -i "$1" -e "$2" "$3" "$4" 3>&1 </dev/null >/dev/null 2>&1 &)" = up ] || kill -KILL $$; shift 4';

/**
 * Runs inside, beside the program: listens where its proxy variables point and hands everything to the socket. A text and
 * no file, so that there is nothing to be found and changed. No signal but SIGKILL ends it: when all are asked to end, the
 * program may still want to say goodbye; and Node would open an inspector at SIGUSR1.
 */
const FORWARDER = `
for (const name of ["SIGUSR1", "SIGTERM", "SIGINT", "SIGHUP"]) process.on(name, () => {});
const { closeSync, writeSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const [socket, port] = process.argv.slice(1);
const server = createServer({ allowHalfOpen: true }, (client) => {
  const proxy = connect({ path: socket, allowHalfOpen: true });
  for (const [one, other] of [[client, proxy], [proxy, client]]) {
    one.on("error", () => other.destroy());
    one.once("close", () => other.end());
    one.pipe(other);
  }
});
server.listen(Number(port), "127.0.0.1", () => {
  writeSync(3, "up");
  closeSync(3);
});
`;
