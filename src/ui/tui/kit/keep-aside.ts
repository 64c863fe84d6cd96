/** What is said to stderr while a screen is shown; more than this is no help to anybody. */
const KEPT_MAX = 200;

/** Warnings and the like would be written into the middle of a screen: they are kept, and said when it is gone. */
export const keepAside = (): (() => void) => {
  const { stderr } = process;
  const kept: string[] = [];
  const keep = (text: string): void => void (kept.length < KEPT_MAX && kept.push(text));
  const write = stderr.write;
  const listeners = process.listeners("warning");
  const onWarning = (warning: Error): void => keep(`${warning.name}: ${warning.message}\n`);
  stderr.write = (chunk: string | Uint8Array, ...more: readonly unknown[]): boolean => {
    keep(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    // Whoever waits for it to be written has waited long enough.
    const written = more.at(-1);
    if (typeof written === "function") queueMicrotask(() => written());
    return true;
  };
  // Node's own listener does not write through the stream.
  process.removeAllListeners("warning");
  process.on("warning", onWarning);
  return () => {
    stderr.write = write;
    process.off("warning", onWarning);
    for (const listener of listeners) process.on("warning", listener);
    for (const text of kept.splice(0)) stderr.write(text);
  };
};
