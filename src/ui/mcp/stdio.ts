import type { Readable, Writable } from "node:stream";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { type McpOptions, mcpServer } from "./server.js";

export type Wire = { readonly input: Readable; readonly out: Writable; readonly interrupted: AbortSignal };

/** Serves one client, in whichever era of the protocol it opens, until it hangs up or we are stopped. */
export const serveClient = async (wire: Wire, options: McpOptions): Promise<void> => {
  const transport = new StdioServerTransport(wire.input, wire.out);
  const ended = new Promise<void>((resolve) => {
    wire.input.once("end", resolve).once("close", resolve);
    wire.interrupted.addEventListener("abort", () => resolve());
  });
  if (wire.interrupted.aborted) return;
  const onerror = ({ message }: Error): void => options.remark(message);
  const handle = serveStdio(() => mcpServer(options), { transport, onerror });
  await ended;
  await handle.close();
};
