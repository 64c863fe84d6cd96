import { once } from "node:events";
import { connect, Server, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Listening, listen } from "../../../src/ui/http/listen.js";

/** As many as are open at once. */
const PLACES = 256;

let server: Listening;
const sockets: Socket[] = [];
let letAnswer = (): void => undefined;
afterEach(async () => {
  letAnswer();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.refuse();
  await server.close();
});

/** Answers what is read whole at once, and `/slow` when it is told to. */
const opened = async () => {
  const goOn = new Promise<void>((resolve) => {
    letAnswer = resolve;
  });
  let slow = 0;
  const answer = async (request: Request): Promise<Response> => {
    await request.text();
    if (!request.url.endsWith("/slow")) return new Response("at once");
    slow += 1;
    await goOn;
    return new Response("in the end");
  };
  server = await listen(answer, { host: "127.0.0.1", port: 0 });
  const asked = async (path: string): Promise<string> => (await fetch(`${server.url}${path}`)).text();
  /** Asks, and comes back when the request is there. */
  const begun = async (count: number): Promise<readonly Promise<string>[]> => {
    const answers = Array.from({ length: count }, () => asked("/slow"));
    for (const one of answers) one.catch(() => undefined);
    while (slow < count) await new Promise(setImmediate);
    return answers;
  };
  const connected = async (said = ""): Promise<Socket> => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    sockets.push(socket.on("error", () => undefined));
    await once(socket, "connect");
    if (said !== "") await new Promise((resolve) => socket.write(said, resolve));
    return socket;
  };
  const silent = async (count: number): Promise<readonly Socket[]> => {
    for (let made = 0; made < count; made += 1) await connected();
    return sockets.slice(-count);
  };
  return { asked, begun, connected, silent };
};

describe("when as many are connected as may be, and somebody else comes", () => {
  it("whoever has been silent longest has to go, and nobody else", async () => {
    const { asked, silent } = await opened();
    const [first, ...others] = await silent(PLACES);
    const closed = once(first ?? expect.unreachable(), "close");
    expect(await asked("/")).toBe("at once");
    await closed;
    expect(others.filter(({ destroyed, readyState }) => destroyed || readyState !== "open")).toEqual([]);
  });

  it("so has whoever began a request and does not end it", async () => {
    const { asked, connected, silent } = await opened();
    const half = await connected("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf");
    const closed = once(half, "close");
    await silent(PLACES - 1);
    expect(await asked("/")).toBe("at once");
    await closed;
  });

  it("whoever is being answered is answered, and somebody else goes", async () => {
    const { asked, begun, silent } = await opened();
    const [answer] = await begun(1);
    await silent(PLACES - 1);
    expect(await asked("/")).toBe("at once");
    letAnswer();
    expect(await answer).toBe("in the end");
  });

  it("the new one is refused where each is being answered", async () => {
    const { asked, begun } = await opened();
    const answers = await begun(PLACES);
    await expect(asked("/")).rejects.toThrow();
    letAnswer();
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["in the end"]));
    expect(await asked("/")).toBe("at once");
  });
});

it("a server goes on when connections could not be accepted, as where no file is left", async () => {
  const listened = vi.spyOn(Server.prototype, "listen");
  const { asked } = await opened();
  const [heard] = listened.mock.contexts as readonly Server[];
  listened.mockRestore();
  for (const _time of [1, 2]) heard?.emit("error", new Error("accept EMFILE"));
  expect(await asked("/")).toBe("at once");
});
