/**
 * What a JSON text says; undefined for none. Also for one that names a member twice: of those one reader takes the first and another
 * the last, and what was checked would not be what is read. A byte order mark before it, as some editors write one, is passed over.
 */
export const jsonIn = (text: string): unknown => {
  const bare = text.startsWith("\uFEFF") ? text.slice(1) : text;
  try {
    const value: unknown = JSON.parse(bare);
    return namesTwice(bare) ? undefined : value;
  } catch {
    return undefined;
  }
};

/** Of a text that is JSON: there only names have a colon behind them. */
const namesTwice = (json: string): boolean => {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at];
    if (char === "{" || char === "[") open.push(new Set());
    if (char === "}" || char === "]") open.pop();
    if (char !== '"') continue;
    const end = endOfString(json, at);
    if (isColon(json, end + 1)) {
      const name = String(JSON.parse(json.slice(at, end + 1)));
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
    at = end;
  }
  return false;
};

const endOfString = (json: string, start: number): number => {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = 0;
    while (json[end - 1 - escapes] === "\\") escapes += 1;
    if (escapes % 2 === 0) return end;
  }
};

const isColon = (json: string, from: number): boolean => {
  let at = from;
  while (/\s/.test(json[at] ?? "")) at += 1;
  return json[at] === ":";
};
