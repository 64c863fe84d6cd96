/**
 * Why a message may not go to whom it names; undefined when all are allowed. Recipients are what stands under `to`, `cc`, `bcc`,
 * `recipient` and `recipients`, wherever in the payload: a message inside a message is sent too.
 */
export const recipientProblem = (
  allowed: readonly string[],
  payload: unknown,
): "none named" | "unreadable" | "not allowed" | undefined => {
  const found = recipientsIn(payload);
  if (found.length === 0) return "none named";
  if (found.some((one) => one === undefined)) return "unreadable";
  const holds = allowed.map(plain);
  return found.every((one) => one !== undefined && holds.some((entry) => covers(entry, plain(one))))
    ? undefined
    : "not allowed";
};

const NAMES: ReadonlySet<string> = new Set(["to", "cc", "bcc", "recipient", "recipients"]);

/** Of each recipient the address; undefined for what is none. */
const recipientsIn = (payload: unknown): readonly (string | undefined)[] => {
  const found: (string | undefined)[] = [];
  const open: unknown[] = [payload];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    for (const [key, member] of Object.entries(value)) {
      if (!Array.isArray(value) && NAMES.has(plain(key.trim()))) found.push(...addressesOf(member));
      else open.push(member);
    }
  }
  return found;
};

const addressesOf = (member: unknown): readonly (string | undefined)[] =>
  (Array.isArray(member) ? member : [member])
    .filter((one) => one !== null && one !== "")
    .map((one: unknown) => (typeof one === "string" && ADDRESS.test(one) ? one : undefined));

/** One address without a name beside it: a mail program may read two into anything else. */
const ADDRESS = /^[^\s<>,;:"'()\\]{1,320}$/;

const covers = (entry: string, address: string): boolean => {
  if (!entry.startsWith("*@")) return entry === address;
  const [, domain, more] = address.split("@");
  return more === undefined && domain === entry.slice(2);
};

/** Only Latin capitals are folded: other letters that turn into Latin ones are another address. */
const plain = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
