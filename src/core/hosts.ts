/** A host that code under test may reach: `example.com`, `*.example.com`, `example.com:8443`, `[::1]:3000`. */
export type HostRule = {
  /** As `canonicalHost` spells it. */
  readonly host: string;
  /** All below the host, and not the host itself. */
  readonly below: boolean;
  /** Null: those of the web. */
  readonly port: number | null;
};

export type Authority = { readonly host: string; readonly port: number };

const LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const NAME = `${LABEL}(?:\\.${LABEL})*`;
const LITERAL = "\\[[0-9A-Fa-f:.]{2,45}\\]";
const PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";

/** What a rule looks like, as a pattern for other programs too. */
export const HOST_RULE = new RegExp(`^(?:(\\*\\.)?(${NAME})|(${LITERAL}))(?::(${PORT}))?$`);
/** A name of the longest kind, with a port. */
export const HOST_RULE_CHARS = 262;

const AUTHORITY = new RegExp(`^(?:(${NAME})\\.?|(${LITERAL}))(?::(${PORT}))?$`);

const WEB_PORTS: readonly number[] = [80, 443];

/** Undefined when it is none. */
export const readHostRule = (text: string): HostRule | undefined => {
  const [, star, name, literal, port] = HOST_RULE.exec(text) ?? [];
  const host = canonicalHost(name ?? literal);
  if (host === undefined) return undefined;
  return { host, below: star !== undefined, port: port === undefined ? null : Number(port) };
};

/** `host:port` as a client asked for it; undefined when it is anything else, such as a name with a user before it. */
export const readAuthority = (text: string, portByDefault?: number): Authority | undefined => {
  const [, name, literal, port] = AUTHORITY.exec(text) ?? [];
  const host = canonicalHost(name ?? literal);
  const number = port === undefined ? portByDefault : Number(port);
  return host === undefined || number === undefined ? undefined : { host, port: number };
};

/** One spelling of each host: lower case, addresses in their usual form, no brackets, no dot at the end. */
const canonicalHost = (text: string | undefined): string | undefined => {
  if (text === undefined || !URL.canParse(`http://${text}/`)) return undefined;
  return new URL(`http://${text}/`).hostname.replace(/^\[|\]$/g, "");
};

/** The rule that lets it pass; one that names host and port outright comes first. */
export const ruleFor = (rules: readonly HostRule[], { host, port }: Authority): HostRule | undefined =>
  rules.find((rule) => isOutright(rule) && rule.host === host && rule.port === port) ??
  rules.find(
    (rule) =>
      (rule.below ? host.endsWith(`.${rule.host}`) : host === rule.host) &&
      (rule.port === null ? WEB_PORTS.includes(port) : rule.port === port),
  );

/** Only such a rule can mean a host of this machine or of its network. */
export const isOutright = ({ below, port }: HostRule): boolean => !below && port !== null;
