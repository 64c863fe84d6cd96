import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { LedgerError } from "../../index.js";
import { boundConnections } from "./bounded.js";

export type Listening = {
  /** Where it is reached, without a path. */
  readonly url: string;
  /** Whoever connects from now on is refused. */
  readonly refuse: () => void;
  /** Until what was answered is sent, and no connection is open. */
  readonly close: () => Promise<void>;
};

export type Address = { readonly host: string; readonly port: number };

/** More clients at once than work on one project; each holds a file open. */
const CONNECTIONS_MAX = 256;
/** Whoever takes longer than this to say what they want takes a place from those who work: milliseconds. */
const HEADERS_MS = 5_000;
/** The same for the whole of a request, of 12 MB over a slow line at the most. */
const REQUEST_MS = 60_000;
/** How often it is looked who takes longer. */
const LOOK_MS = 1_000;
/** An answer that is written needs no longer to be sent; who reads slower than that finds it by asking again. */
const FLUSH_MS = 1_000;

const PATIENCE = {
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  connectionsCheckingInterval: LOOK_MS,
};

/** Throws `address_unavailable` where nobody can listen. */
export const listen = async (
  fetch: (request: Request) => Response | Promise<Response>,
  address: Address,
): Promise<Listening> => {
  const server = createAdaptorServer({ fetch, serverOptions: PATIENCE }) as Server;
  boundConnections(server, CONNECTIONS_MAX);
  await listening(server, address);
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    url: urlOf(server, address),
    refuse: () => void server.close(),
    close: async () => {
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), FLUSH_MS);
      await closed;
      clearTimeout(late);
    },
  };
};

const listening = (server: Server, { host, port }: Address): Promise<void> =>
  new Promise((resolve, reject) => {
    // For good: a connection that cannot be accepted later, for want of a file say, is no end of the server.
    server.on("error", (cause: NodeJS.ErrnoException) =>
      reject(
        new LedgerError(
          "address_unavailable",
          `Nobody can listen at port ${port} of ${host} (${cause.code}).`,
          {
            hint: "--port takes another one, and 0 any that is free.",
            cause,
          },
        ),
      ),
    );
    server.listen({ host, port }, resolve);
  });

const urlOf = (server: Server, { host }: Address): string => {
  const bound = server.address();
  const port = typeof bound === "object" ? bound?.port : undefined;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
};
