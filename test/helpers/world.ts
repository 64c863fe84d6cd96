import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** One call as the other side sees it. */
export type WorldCall = { readonly name: string; readonly key: string };
/** What the other side does after it has counted a call, instead of answering: hang up, or keep the caller waiting for good. */
export type Reaction = "hang up" | "keep waiting" | undefined;

/**
 * A CRM, a bank, a webhook: everything outside, on loopback. It counts calls by name and key and knows no key twice by
 * itself, so that whatever happens twice is seen. Each is answered with a receipt that names it.
 */
export const openWorld = async (react: (call: WorldCall) => Reaction = () => undefined) => {
  const heard: WorldCall[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    const call = { name: request.url?.slice(1) ?? "", key: String(request.headers["idempotency-key"]) };
    heard.push(call);
    const reaction = react(call);
    if (reaction === "hang up") return void response.destroy();
    if (reaction === "keep waiting") return void response.flushHeaders();
    response.end(JSON.stringify({ receipt: `${call.name} ${heard.length}` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    /** Keys of the calls of that name, in their order. */
    keysOf: (name: string): string[] => heard.flatMap((call) => (call.name === name ? [call.key] : [])),
    close: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
