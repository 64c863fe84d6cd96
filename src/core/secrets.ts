/** A value that must not be stored or printed, and the name of the variable it came from. */
export type Secret = { readonly name: string; readonly value: string };

/**
 * Shorter ones are not looked for: a password of seven letters stands in half of all words, and a `1` or a `true` in every
 * file. Eight is what most services demand of a password.
 */
export const SECRET_CHARS_MIN = 8;

/** Lines of a secret of many lines (a key file) count too, where they cannot be prose. */
const SECRET_LINE = /^\S{24,}$/;

export type KnownVariables = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names that the settings pass through to agents and validators. */
  readonly passed: readonly string[];
  /** Names that the settings call secret, and names that they say are none. */
  readonly names: readonly string[];
  readonly except: readonly string[];
  /** Whether something lies at a path: a variable that says where a key lies is no key. */
  readonly exists: (path: string) => boolean;
};

export type SortedVariables = {
  readonly secrets: readonly Secret[];
  /** Variables that agents and validators see, and that would be secret but for the length of their values. */
  readonly tooShort: readonly string[];
};

/**
 * Which variables hold secrets: those with a name that says so, those that the settings call secret, and whatever else
 * the settings pass through, unless it is plainly something ordinary. Variables of RunLedger itself are none.
 */
export const secretsIn = (known: KnownVariables): SortedVariables => {
  const secrets: Secret[] = [];
  const tooShort: string[] = [];
  for (const [name, raw = ""] of Object.entries(known.environment)) {
    const value = raw.trim();
    if (value === "" || !isSecret(name, value, known)) continue;
    if (isLong(value)) secrets.push({ name, value });
    else if (known.passed.includes(name) || known.names.includes(name)) tooShort.push(name);
    for (const part of partsOf(value)) secrets.push({ name, value: part });
  }
  return { secrets, tooShort };
};

const isSecret = (name: string, value: string, known: KnownVariables): boolean => {
  if (known.except.includes(name)) return false;
  if (known.names.includes(name)) return true;
  if (OUR_SECRETS.test(name)) return true;
  if (name.startsWith("RUNLEDGER_") || isPath(value, known)) return false;
  if (SECRET_NAMES.test(name)) return !/^(true|false|enabled|disabled)$/i.test(value);
  // An address is secret when it has a password in it, or a name that says so.
  if (known.passed.includes(name)) return passwordIn(value) !== undefined || !isOrdinary(name, value);
  return false;
};

/** Of our own variables; all others say where, how much and whether. */
const OUR_SECRETS =
  /^RUNLEDGER_(KEY|NEW_KEY|SDK_KEY|CREDENTIAL|HOOK_SECRET|(PROMISE|EXECUTION|SOCKET)_TOKEN)$/;

const SECRET_NAMES =
  /TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|WEBHOOK|API_?KEY|(^|_)(KEY|KEYS|PASS|PAT|AUTH|DSN)(_|$)|_PWD$/i;

/** What lies there is not told by where it lies. A key of random letters may begin with a slash. */
const isPath = (value: string, { exists }: KnownVariables): boolean =>
  /^[~.]{0,2}\//.test(value) && value.split(":").every((path) => exists(path));

/** Settings of programs, places, words and numbers: redacting those would hide everything and protect nothing. */
const isOrdinary = (name: string, value: string): boolean =>
  ORDINARY_NAMES.test(name) ||
  /^[~.]{0,2}\/[\w.@+~:/-]*$/.test(value) ||
  /^[a-z][\w+.-]*:\/\/[^\s@]*$/i.test(value) ||
  /^[A-Za-z]{1,12}$/.test(value) ||
  /^[\d.,:+-]+$/.test(value);

const ORDINARY_NAMES =
  /^(PATH|HOME|USER|LOGNAME|SHELL|OLDPWD|TERM|COLORTERM|LANG|LANGUAGE|LC_.*|TZ|EDITOR|VISUAL|PAGER|TMPDIR|HOSTNAME|DISPLAY|CI|XDG_.*|SOURCE_DATE_EPOCH|(.*_)?(ENV|REGION|ZONE|HOME|DIR|PATH|ROOT|FILE|HOST|PORT|USER|USERNAME|EMAIL|VERSION|MODE|LEVEL|TIMEOUT|FLAGS|OPTS|OPTIONS|ARGS))$/i;

/** Secrets inside a secret: the password of an address, the lines of a key file. */
const partsOf = (value: string): readonly string[] => {
  const password = passwordIn(value);
  const lines = value.split(/\r?\n/);
  return [
    ...(password === undefined ? [] : [password, decoded(password)]).filter(isLong),
    ...(lines.length === 1 ? [] : lines.map((line) => line.trim()).filter((line) => SECRET_LINE.test(line))),
  ];
};

const isLong = (value: string): boolean => value.length >= SECRET_CHARS_MIN;

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const passwordIn = (value: string): string | undefined => {
  const [, password] = /^[a-z][\w+.-]*:\/\/[^\s/:@]*:([^\s/@]+)@/i.exec(value) ?? [];
  return password;
};
