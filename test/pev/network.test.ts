import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readHostRule } from "../../src/core/hosts.js";
import { addressOf } from "../../src/pev/network/addresses.js";
import { type HostProxy, openProxy } from "../../src/pev/network/proxy.js";
import { openPlaces, type Places } from "../../src/pev/places.js";
import { roomEnvironment } from "../../src/pev/room-environment.js";
import { runProcess } from "../../src/pev/sandbox.js";
import { isolationOf, NO_SANDBOX } from "../helpers/isolation.js";
import { NO_SECRETS } from "../helpers/no-secrets.js";
import { wideWalls } from "../helpers/walls.js";
import { removeTemp, tempFolder } from "./room-fixtures.js";

const folder = tempFolder();
const socketFile = join(folder, "proxy.sock");
let refused: string[] = [];
let proxy: HostProxy;
let heard: string[] = [];

/** One listed and one not, both on this machine. */
const web = createServer((asked, response) => {
  heard.push(`${asked.method} ${asked.headers.host} ${asked.url}`);
  asked.resume().on("end", () => response.end("hello from the listed one"));
});
const other = createServer((_asked, response) => {
  heard.push("the other one");
  response.end("never");
});
const echo = createTcp((socket) => socket.pipe(socket));
const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  for (const server of [web, other, echo]) await once(server.listen(0, "127.0.0.1"), "listening");
  const rules = [`127.0.0.1:${portOf(web)}`, `localhost:${portOf(echo)}`, "*.example.com", "localhost"].map(
    (text) => readHostRule(text) ?? expect.unreachable(text),
  );
  proxy = await openProxy(socketFile, rules, (sentence) => refused.push(sentence));
});
beforeEach(() => {
  refused = [];
  heard = [];
});
afterAll(async () => {
  await proxy.close();
  for (const server of [web, other, echo]) server.close();
  removeTemp(folder);
});

type Answer = { readonly status: number; readonly body: string };

/** As a client speaks to a proxy: the whole address in the request line. */
const ask = (
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
  socketPath = socketFile,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers, method }, async (answer) => {
      let body = "";
      for await (const chunk of answer) body += chunk;
      resolve({ status: answer.statusCode ?? 0, body });
    });
    asked.once("error", reject).end(method === "POST" ? "work" : undefined);
  });

/** What comes back for these raw bytes until the other side ends. */
const raw = async (text: string, path = socketFile): Promise<string> => {
  const client = connect(path);
  client.end(text);
  let answer = "";
  for await (const chunk of client) answer += chunk;
  return answer;
};
const tunnelTo = (authority: string, sent = ""): Promise<string> =>
  raw(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n${sent}`);

describe("the proxy", () => {
  it("passes requests on to a host that is listed, and its answers back", async () => {
    const at = `127.0.0.1:${portOf(web)}`;
    expect(await ask(`http://${at}/a?b=c`)).toEqual({ status: 200, body: "hello from the listed one" });
    expect(await ask(`http://${at}`, {}, "POST")).toMatchObject({ status: 200 });
    expect(heard).toEqual([`GET ${at} /a?b=c`, `POST ${at} /`]);
    expect(refused).toEqual([]);
  });

  it("opens a tunnel to a host that is listed", async () => {
    const answer = await tunnelTo(`localhost:${portOf(echo)}`, "any bytes");
    expect(answer).toBe("HTTP/1.1 200 Connection established\r\n\r\nany bytes");
  });

  it("goes by the address that is asked for, not by the header", async () => {
    const at = `127.0.0.1:${portOf(web)}`;
    await ask(`http://${at}/`, { host: `127.0.0.1:${portOf(other)}` });
    expect(heard).toEqual([`GET ${at} /`]);
    expect(await ask(`http://127.0.0.1:${portOf(other)}/`, { host: at })).toMatchObject({ status: 403 });
    expect(await ask("/", { host: at })).toMatchObject({ status: 403 });
    expect(heard).toHaveLength(1);
  });

  it("does not go where a backslash would lead", async () => {
    const answer = await ask(`http://a.example.com\\@127.0.0.1:${portOf(web)}/`).catch(() => undefined);
    expect([answer?.status ?? 403, heard]).toEqual([403, []]);
  });

  it("says once of each host that it is refused, and why", async () => {
    const at = `http://127.0.0.1:${portOf(other)}/`;
    const sentence = `RunLedger refused "127.0.0.1:${portOf(other)}": the settings do not list it under network.`;
    const own = join(folder, "own.sock");
    const said: string[] = [];
    const second = await openProxy(own, [], (one) => said.push(one));
    onTestFinished(() => second.close());
    for (const path of ["a", "b"])
      expect(await ask(`${at}${path}`, {}, "GET", own)).toEqual({ status: 403, body: `${sentence}\n` });
    expect(said).toEqual([sentence]);
  });

  it.each([
    ["a user before the host", (port: number) => `http://127.0.0.1:${port}@127.0.0.1:1/`],
    ["a listed name as the user", (port: number) => `http://a.example.com@127.0.0.1:${port}/`],
    ["another scheme", (port: number) => `https://127.0.0.1:${port}/`],
    ["another spelling of the machine", (port: number) => `http://[::ffff:127.0.0.1]:${port}/`],
    ["no host", () => "http:///"],
  ])("refuses %s", async (_name, at) => {
    expect(await ask(at(portOf(web)))).toMatchObject({ status: 403 });
    expect(heard).toEqual([]);
  });

  it.each([
    (port: number) => `127.0.0.1:${port}`,
    () => "a.example.com@127.0.0.1:443",
    () => "a.example.com",
    () => "[::1]:443",
    () => "127.0.0.1.:80",
  ])("refuses a tunnel elsewhere", async (to) => {
    expect(await tunnelTo(to(portOf(other)))).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  });

  it("does not let a listed name mean this machine unless it is listed with its port", async () => {
    const { status, body } = await ask("http://localhost/");
    expect(status).toBe(403);
    expect(body).toMatch(/must be listed with its port/);
  });

  it("turns no connection into another kind", async () => {
    const at = `http://127.0.0.1:${portOf(web)}/`;
    const answer = await raw(
      `GET ${at} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });

  /** A proxy of its own, with one listed host; and who connects to that. */
  const opened = async (host: Server, answerMs?: number) => {
    await once(host.listen(0, "127.0.0.1"), "listening");
    const at = `127.0.0.1:${portOf(host)}`;
    const own = join(folder, `own-${portOf(host)}.sock`);
    const rule = readHostRule(at) ?? expect.unreachable(at);
    const proxy = await openProxy(own, [rule], () => undefined, answerMs);
    onTestFinished(() => proxy.close());
    return { at, own, proxy };
  };

  it("says of a host that does not answer that it was not reached", async () => {
    const silent = createTcp(() => undefined);
    const { at, own } = await opened(silent, 50);
    expect(await ask(`http://${at}/`, {}, "GET", own)).toMatchObject({ status: 502 });
    silent.close();
  });

  it("says it of one that nobody listens for, asked for a tunnel too", async () => {
    const gone = createTcp();
    const { at, own } = await opened(gone);
    gone.close();
    expect(await ask(`http://${at}/`, {}, "GET", own)).toMatchObject({ status: 502 });
    expect(await raw(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, own)).toMatch(/^HTTP\/1\.1 502 /);
  });

  it.each(["its client leaves", "it is closed"])("lets go of a host that stays when %s", async (why) => {
    const staying = createTcp({ allowHalfOpen: true });
    const { at, own, proxy } = await opened(staying);
    const client = connect(own);
    client.write(`CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    const [[host]] = (await Promise.all([once(staying, "connection"), once(client, "data")])) as [
      [Socket],
      unknown,
    ];
    host.resume().on("error", () => undefined);
    const speak = (): unknown => host.write("more", (error) => (error ? undefined : setImmediate(speak)));
    host.once("end", speak);
    const left = new Promise((done) => host.once("close", done));
    if (why === "it is closed") await proxy.close();
    else client.destroy();
    await left;
    staying.close();
  });

  it("survives what is no request", async () => {
    expect(await raw("\0\0\0\r\n\r\n")).toBe("");
    expect(await ask(`http://127.0.0.1:${portOf(web)}/`)).toMatchObject({ status: 200 });
  });
});

describe("addresses of this machine and its network", () => {
  it.each([
    ...["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"],
    ...["224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1"],
    ...["64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"],
  ])("%s is none of the world", async (address) => {
    expect(await addressOf(address, false)).toBeUndefined();
  });

  it.each(["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111"])("%s is one", async (address) => {
    expect(await addressOf(address, false)).toBe(address);
  });
});

describe.skipIf(NO_SANDBOX)(`a sandboxed program (${NO_SANDBOX || "bubblewrap"})`, () => {
  let places: Places;
  const room = join(folder, "room");
  beforeAll(async () => {
    for (const part of ["home", "tmp"]) mkdirSync(join(room, part), { recursive: true });
    places = await openPlaces(join(folder, "places"));
  });

  const run = async (
    script: string,
    network: readonly string[],
    argv = ["sh", "-c", script],
    timeoutMs = 20_000,
  ) => {
    const isolation = isolationOf(folder, { network });
    const env = roomEnvironment({ outer: process.env, scratch: room, passEnv: [], online: isolation.online });
    return runProcess({
      argv,
      cwd: room,
      env,
      timeoutMs,
      walls: wideWalls,
      redactor: NO_SECRETS,
      place: { places, folder: room, runId: "run-1" },
      confinement: await isolation.confine({ environment: env, folders: [room], reads: [] }),
    });
  };
  const get = (url: string): string =>
    `node -e 'const [host, port] = process.env.http_proxy.slice(7).split(":");
      require("http").get({ host, port, path: "${url}" }, (a) => { a.pipe(process.stdout); });'`;

  it("reaches what is listed through its proxy variables, and is told of what is not", async () => {
    const [good, bad] = [web, other].map((server) => `http://127.0.0.1:${portOf(server)}/`);
    const end = await run(`${get(good ?? "")}; echo; ${get(bad ?? "")}; exit 5`, [
      `127.0.0.1:${portOf(web)}`,
    ]);
    expect(end).toMatchObject({ exitCode: 5, notFound: false });
    expect(end.tail).toMatch(/^hello from the listed one\n/);
    expect(end.log?.toString().match(/RunLedger refused/g)?.length).toBe(2);
    expect(heard).toHaveLength(1);
  });

  it("has no other way out", async () => {
    const direct = `node -e 'require("net").connect(${portOf(web)}, "127.0.0.1").on("connect", () => process.exit(0)).on("error", () => process.exit(7))'`;
    expect(await run(direct, [`127.0.0.1:${portOf(web)}`])).toMatchObject({ exitCode: 7 });
    expect(heard).toEqual([]);
  });

  it("ends as it would without, by code, by signal and by its time", async () => {
    const network = ["example.com"];
    expect(await run("exit 42", network)).toMatchObject({ exitCode: 42 });
    expect(await run("kill -9 $$", network)).toMatchObject({ exitCode: null, signal: "SIGKILL" });
    expect(await run("", network, ["no-such-program"])).toMatchObject({ notFound: true });
    // Outside it is there.
    const hidden = join(folder, "hidden");
    writeFileSync(hidden, "#!/bin/sh\n", { mode: 0o755 });
    expect(await run("", network, [hidden])).toMatchObject({ notFound: true, exitCode: null, tail: "" });
    expect(await run("exit 127", network)).toMatchObject({ notFound: false, exitCode: 127 });
    const deaf = "trap 'echo asked > asked; exit 0' TERM; while :; do sleep 0.05; done";
    expect(await run(deaf, network, undefined, 1_000)).toMatchObject({ timedOut: true, exitCode: null });
    expect(readFileSync(join(room, "asked"), "utf8")).toBe("asked\n");
  });

  it("sees the same environment as without, but for the proxy variables", async () => {
    const seen = async (network: readonly string[]) => {
      const end = await run("", network, [process.execPath, "-p", "JSON.stringify(process.env)"]);
      const { RUNLEDGER_PROCESS, ...env } = JSON.parse(end.tail) as Record<string, string>;
      expect(RUNLEDGER_PROCESS).toEqual(expect.any(String));
      return Object.keys(env).filter((name) => !/proxy$/i.test(name));
    };
    const [online, offline] = [await seen(["example.com"]), await seen([])];
    expect(offline).toEqual(expect.arrayContaining(online));
    expect(online).not.toContain("SHLVL");
  });

  it("alone says how it ended, whatever it does to what stands beside it", async () => {
    expect(await run(TAKES_OVER, ["example.com"])).toMatchObject({ exitCode: 3, signal: null });
    const killer = `for at in /proc/[0-9]*; do pid=\${at#/proc/}; [ $pid = $$ ] || kill -9 $pid; done 2>/dev/null; exit 4`;
    expect(await run(killer.replaceAll("\\", ""), ["example.com"])).toMatchObject({ exitCode: 4 });
  });

  it("is told to stay offline where nothing is listed", async () => {
    const offline = await run("echo $npm_config_offline-$HTTP_PROXY", []);
    expect(offline.tail).toBe("true-\n");
    const online = await run("echo $npm_config_offline-$HTTP_PROXY-$npm_config_cache", ["example.com"]);
    expect(online.tail).toBe("-http://127.0.0.1:3128-\n");
  });
});

/** Has every Node of its user open an inspector and end well, and then fails. */
const TAKES_OVER = `
for at in /proc/[0-9]*; do [ "\${at#/proc/}" = $$ ] || kill -USR1 "\${at#/proc/}" 2>/dev/null; done
node -e '
  const end = () => process.exit(0);
  setTimeout(end, 3_000);
  fetch("http://127.0.0.1:9229/json").then((answer) => answer.json()).then(([{ webSocketDebuggerUrl: url }]) => {
    const { createHash, randomBytes } = require("node:crypto");
    const { pathname, port } = new URL(url);
    const asked = require("node:http").request({ host: "127.0.0.1", port, path: pathname, headers: {
      Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": randomBytes(16).toString("base64") } });
    asked.on("upgrade", (_answer, socket) => {
      const text = Buffer.from(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression: "process.reallyExit(0)" } }));
      socket.on("close", end).write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
    }).end();
  }).catch(end);'
exit 3`;

describe("a list of hosts", () => {
  it("is refused where nothing keeps it", async () => {
    const isolation = isolationOf(folder, { network: ["example.com"], maximum: 2 });
    await expect(isolation.level(true)).rejects.toMatchObject({
      code: "isolation_unmet",
      message: expect.stringMatching(/isolation\.network can only be kept at level 3/),
    });
    await expect(isolation.level(false)).rejects.toMatchObject({ code: "isolation_unmet" });
  });
});
