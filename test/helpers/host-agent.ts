/** What programs of any language say to their host, in a few lines of Node: a file for sample projects. */
export const HOST_CLIENT = `import { connect } from "node:net";
import { once } from "node:events";
import { createInterface } from "node:readline";
export const open = async () => {
  const socket = connect({ path: process.env.RUNLEDGER_SOCKET });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const hear = async () => {
    const { value = '{"type":"hung up"}' } = await lines.next().catch(() => ({}));
    return JSON.parse(value);
  };
  return { raw: (text) => { socket.write(text + "\\n"); return hear(); }, hangUp: () => socket.destroy() };
};
const token = process.env.RUNLEDGER_SOCKET_TOKEN;
export const begin = async (said) => {
  const line = await open();
  const answer = await line.raw(JSON.stringify({ type: "begin", token, class: "guarded", onAmbiguous: "fail", name: "charge", ...said }));
  return { ...line, answer, say: (message) => line.raw(JSON.stringify(message)) };
};
`;
