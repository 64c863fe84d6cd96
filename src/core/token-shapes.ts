/**
 * What well-known tokens look like, whoever they belong to. Each is bound to a beginning of its own, so that no digest, id or
 * word of prose is taken for one: a secret without such a beginning is known by its value or not at all.
 */
export type TokenShape = {
  /** What is told in its place. */
  readonly name: string;
  readonly starts: readonly string[];
  /**
   * Letters of the token, as inside the brackets of an expression. It begins only behind something else, so a run of them
   * is read once, however long it is and however often the beginning is repeated in it.
   */
  readonly chars: string;
  /** A whole one, read from where it begins. */
  readonly whole: RegExp;
  /** What could become a whole one with what is printed next; a beginning and its letters when not given. */
  readonly open?: RegExp;
  /** What may be the beginning of one that was cut off there, where a whole one has other letters than `open` lets through. */
  readonly cut?: RegExp;
  /** So many letters behind the beginning tell one that was cut off, where a whole one has too few for `CUT_TOKEN_CHARS`. */
  readonly cutChars?: number;
};

/** A beginning with so many letters behind it is none by chance. */
export const CUT_TOKEN_CHARS = 16;

/** No whole one is shorter: an AWS key is the shortest. */
export const TOKEN_CHARS_MIN = 20;

const WORD = "A-Za-z0-9_";
const DASHED = "A-Za-z0-9_-";
const DOTTED = "A-Za-z0-9_.-";

const keyBlock = "(?:[A-Za-z0-9+/=\\s\\\\:,]|-(?!----))";
/** Prose goes on in words; what follows a title is a line end, or the key itself where somebody took the line ends out. */
const keyLine = "(?=[ \\t]*(?:[\\r\\n]|\\\\[rn])| ?[A-Za-z0-9+/]{16})";
const keyTitle = "[A-Z0-9 ]{0,40}";
// Also as JSON prints it, with `\n` for line ends.
const privateKey = new RegExp(
  `-----BEGIN ${keyTitle}PRIVATE KEY(?: BLOCK)?-----${keyLine}${keyBlock}{16,16000}(?:-----END ${keyTitle}-----)?`,
  "y",
);

export const TOKEN_SHAPES: readonly TokenShape[] = [
  {
    name: "github_token",
    starts: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
    chars: WORD,
    whole: /gh[pousr]_[A-Za-z0-9_]{36,255}/y,
  },
  { name: "github_token", starts: ["github_pat_"], chars: WORD, whole: /github_pat_[A-Za-z0-9_]{50,255}/y },
  {
    name: "runledger_credential",
    starts: ["rlc1_"],
    chars: DOTTED,
    whole: /rlc1_[A-Za-z0-9_-]{40,2000}\.[A-Za-z0-9_-]{43}/y,
  },
  {
    name: "runledger_sdk_key",
    starts: ["rl_sk_"],
    chars: DASHED,
    whole: /rl_sk_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/y,
  },
  { name: "gitlab_token", starts: ["glpat-"], chars: DOTTED, whole: /glpat-[A-Za-z0-9_.-]{20,300}/y },
  {
    name: "npm_token",
    starts: ["npm_"],
    chars: WORD,
    whole: /npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])/y,
    cut: /npm_[A-Za-z0-9]{0,36}$/y,
  },
  {
    name: "aws_access_key",
    starts: ["AKIA", "ASIA"],
    chars: WORD,
    whole: /A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9_])/y,
    cut: /A[KS]IA[A-Z2-7]{0,16}$/y,
    cutChars: 8,
  },
  {
    name: "google_api_key",
    starts: ["AIza"],
    chars: DASHED,
    whole: /AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/y,
  },
  {
    name: "slack_token",
    starts: ["xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
    chars: DOTTED,
    whole: /(?:xox[abeoprs][-.]|xapp-)[A-Za-z0-9_.-]{20,400}/y,
  },
  // OpenAI, Anthropic and those who write theirs alike. Words with dashes between them are no key.
  {
    name: "api_key",
    starts: ["sk-"],
    chars: DASHED,
    whole:
      /sk-(?:(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{32,300}|(?:[a-z]{2,8}-v1-)?[0-9a-f]{32,64}(?![A-Za-z0-9_-]))/y,
    cut: /sk-(?:(?=[A-Za-z0-9_-]*[A-Z])(?=[A-Za-z0-9_-]*[0-9])[A-Za-z0-9_-]{0,300}|(?:[a-z]{2,8}-v1-)?[0-9a-f]{0,64})$/y,
  },
  {
    name: "stripe_key",
    starts: ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
    chars: WORD,
    whole: /(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,255}/y,
  },
  {
    name: "json_web_token",
    starts: ["eyJ"],
    chars: DOTTED,
    whole: /eyJ[A-Za-z0-9_-]{8,8000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,2000}/y,
  },
  {
    name: "bearer_token",
    starts: ["Bearer ", "bearer ", "BEARER "],
    chars: WORD,
    whole: /bearer {1,4}[A-Za-z0-9._~+/-]{20,8000}={0,2}/iy,
    open: /bearer {1,4}[A-Za-z0-9._~+/-]{0,8000}={0,2}$/iy,
  },
  {
    name: "private_key",
    starts: ["-----BEGIN "],
    chars: WORD,
    whole: privateKey,
    cut: privateKey,
    open: new RegExp(`-----BEGIN ${keyTitle}-{0,5}${keyBlock}{0,16000}(?:-----[A-Z0-9 ]{0,50}-{0,4})?$`, "y"),
  },
];
