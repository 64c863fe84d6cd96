import { LedgerError } from "../../index.js";

/** Names of this machine for those who work on it, whatever port they say. */
export const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Two colons at least, and no brackets; whether it is one, the parser of addresses says. */
const BARE_IPV6 = /^[\da-f.]*:[\da-f.]*:[\da-f:.]*(%.*)?$/i;

/**
 * A host name or address as requests are compared to it: lower case, IPv6 short and in brackets. Throws `invalid_input` for
 * what would never match: one with a port, a scheme or a path.
 */
export const hostNameOf = (said: string): string => {
  // The zone of an address is known on its own machine alone; no client sends it.
  const name = BARE_IPV6.test(said) ? `[${said.replace(/%.*$/, "")}]` : said;
  const site = siteOf(`http://${name}`);
  if (site !== undefined && /^(\[[^\]]+\]|[^:/?#@\\\s]+)$/.test(name)) return site.hostname;
  throw new LedgerError("invalid_input", `"${said}" is no host name.`, {
    hint: "Give the name or address alone, without http:// and without a port, such as ledger.example.",
  });
};

/**
 * Refuses what a page of somebody else makes a browser send. A name that was made to lead here is no name of ours, and a page
 * says in `Origin` where it is from. Programs send no `Origin`.
 */
export const requireOwnSite = (headers: Headers, names: readonly string[]): void => {
  const site = siteOf(`http://${headers.get("host") ?? ""}`);
  if (site === undefined || !names.includes(site.hostname))
    throw new LedgerError("access_denied", "This server does not go by the name that was asked for.", {
      hint: `Ask for ${names.join(" or ")}; --allow-host adds a name.`,
    });
  const origin = headers.get("origin");
  if (origin === null) return;
  const from = siteOf(origin);
  if (from !== undefined && /^https?:$/.test(from.protocol) && from.host === site.host) return;
  throw new LedgerError("access_denied", "Pages of other sites are not answered.", {
    hint: "Programs leave the header Origin out.",
  });
};

const siteOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);
