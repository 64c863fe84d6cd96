import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

const installed = (path: string): string => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** Both checkers need a newer Node than we do. */
const NODE = installed("node/bin/node");
export const SUITE = installed("@modelcontextprotocol/conformance/dist/index.js");
export const INSPECTOR = installed("@modelcontextprotocol/inspector/clients/launcher/build/index.js");

/** Why the checkers cannot be run here; undefined when they can. */
export const missing = (): string | undefined =>
  [NODE, SUITE, INSPECTOR].every(existsSync)
    ? undefined
    : "npm install --prefix test/conformance was not run, or has no Node for this machine";

export type Ran = { readonly code: number; readonly out: string; readonly err: string };

export const run = (
  program: string,
  argv: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<Ran> =>
  new Promise((done) => {
    const options = { cwd, env: env as NodeJS.ProcessEnv, maxBuffer: OUTPUT_BYTES };
    execFile(NODE, [program, ...argv], options, (error, out, err) =>
      done({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });

const OUTPUT_BYTES = 64 * 1024 * 1024;

/** The suite knows no credentials: stands before the server and adds one to each request, which else stays as it was. */
export const doorman = async (to: URL, credential: string) => {
  const server = createServer((asked, answer) => {
    const headers = { ...asked.headers, authorization: `Bearer ${credential}` };
    const { hostname: host, port } = to;
    const { method, url: path } = asked;
    const passed = request({ host, port, path, method, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(to);
  url.port = String((server.address() as AddressInfo).port);
  const close = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url, close };
};
