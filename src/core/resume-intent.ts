import * as limit from "./limits.js";

/** What a message says of going on with what was paused: it asks for it, speaks against it, asks about it, puts it off, or none of that. */
export type ResumeIntent = "resume" | "negated" | "question" | "later" | "none";

// A paused run goes on only when somebody asks for it. So a message counts when one of its clauses is such a request and
// nothing else: a word like "continue" anywhere in it is not enough (seed 002 looks for the word alone).
export const resumeIntent = (message: string): ResumeIntent => {
  if (message.length > limit.RESUME_MESSAGE_CHARS) return "none";
  const clauses = clausesOf(message);
  const judged = clauses.map(judge);
  const asked = judged.lastIndexOf("resume");
  if (judged.includes("negated")) return "negated";
  if (asked === -1) return judged.find((one) => one !== "none") ?? "none";
  if (clauses.slice(asked + 1).some(({ text }) => CALLED_OFF.test(text))) return "negated";
  if (clauses.some(({ text }) => CONDITION.test(text))) return "later";
  const words = clauses.map(({ text }) => text).join(", ");
  return ABOUT_A_CV.test(words) ? "none" : "resume";
};

type Clause = { readonly text: string; readonly isQuestion: boolean };

/** Without case, signs and ornaments; what stood between two signs is one clause. */
const clausesOf = (message: string): readonly Clause[] =>
  [
    ...message
      .normalize("NFC")
      .toLowerCase()
      .replaceAll("’", "'")
      .matchAll(/([^.!?;,\n。！？、，]+)([^\p{L}\p{N}'"]*)/gu),
  ]
    .map(([, words = "", signs = ""]) => ({
      text: words
        .replace(/(?:\p{Extended_Pictographic}|\u{fe0f}|[~…*^])+/gu, " ")
        .replace(/\s+/g, " ")
        .trim(),
      isQuestion: /[?？]/.test(signs),
    }))
    .filter(({ text }) => text !== "");

const judge = ({ text, isQuestion }: Clause): ResumeIntent => {
  if (NEGATED.test(text) || NEGATED_KO.test(text)) return "negated";
  const politely = POLITE.test(text) || POLITE_KO.test(text);
  if (REQUEST.test(text) || REQUEST_KO.test(text)) return isQuestion && !politely ? "question" : "resume";
  if (!NAMES_IT.test(text)) return "none";
  if (isQuestion || QUESTION.test(text)) return "question";
  return LATER.test(text) ? "later" : "none";
};

const any = (...words: readonly string[]): string => `(?:${words.join("|")})`;

const VERB = any(
  ...["resume", "continue", "unpause", "un-pause", "proceed", "carry on", "go on", "keep going", "keep on"],
  ...["pick (?:it |this |that )?up", "take it from there", "start again"],
);
const LEAD = any(
  ...[
    "please",
    "pls",
    "plz",
    "kindly",
    "ok",
    "okay",
    "yes",
    "yep",
    "yeah",
    "sure",
    "right",
    "alright",
    "all right",
  ],
  ...[
    "great",
    "good",
    "fine",
    "perfect",
    "thanks",
    "thank you",
    "now",
    "so",
    "and",
    "then",
    "just",
    "hey",
    "hi",
    "hello",
  ],
  ...[
    "no problem",
    "go ahead and",
    "let's",
    "lets",
    "let us",
    "you can",
    "you may",
    "you should",
    "we can",
    "we should",
  ],
  ...["can you", "could you", "would you", "will you", "can we", "could we", "would you mind to", "time to"],
  ...["feel free to", "i want you to", "i want to", "i'd like to", "i'd like you to", "i would like to"],
  ...[
    "i would like you to",
    "i need you to",
    "try to",
    "ready to",
    "i'm ready to",
    "we're ready to",
    "also",
    "again",
    "simply",
  ],
);
const NOUN = any(
  ...[
    "run",
    "runs",
    "task",
    "tasks",
    "job",
    "work",
    "plan",
    "session",
    "workflow",
    "process",
    "execution",
    "step",
    "steps",
  ],
  ...["rest", "others?", "remaining (?:steps|work|tasks)", "pipeline", "agent", "agents"],
);
const WHICH = any(
  ...[
    "the",
    "my",
    "our",
    "your",
    "this",
    "that",
    "last",
    "latest",
    "previous",
    "paused",
    "stopped",
    "interrupted",
  ],
  ...["suspended", "running", "same", "current", "old"],
);
const PLACE = any(
  "where (?:you|we|i|it|they|things) (?:left off|stopped|paused|were|was|left it|broke off)",
  "(?:there|here|the (?:last |latest )?checkpoint|the last turn|that point|this point)",
);
const RUN_ID = "(?:run_[0-9a-f]+|#?\\d+)";
const OBJECT = any(
  ...["(?:with )?(?:it|this|that)", "them"],
  // "the run 1" is the run, and then 1.
  `(?:with )?(?:${WHICH} ){1,4}${NOUN}`,
  `(?:with )?(?:${WHICH} ){0,4}${RUN_ID}`,
  `(?:with )?(?:${WHICH} ){0,4}last`,
  `(?:with )?run (?:${RUN_ID}|last)`,
  `working(?: on (?:it|this|that|(?:${WHICH} ){1,4}${NOUN}))?`,
  `(?:from )?${PLACE}`,
);
const TAIL = any(
  ...[
    "please",
    "pls",
    "now",
    "right now",
    "right away",
    "at once",
    "immediately",
    "again",
    "thanks",
    "thank you",
  ],
  ...[
    "then",
    "as planned",
    "as before",
    "for me",
    "today",
    "if you please",
    "will you",
    "ok",
    "okay",
    `from ${PLACE}`,
  ],
);

// Nothing is repeated without end: what can be read in two ways is read in 2^n ways before it fails, and any message comes here.
const REQUEST = new RegExp(`^(?:${LEAD} ){0,12}${VERB}(?: ${OBJECT}){0,4}(?: ${TAIL}){0,4}$`, "u");
/** Questions in form, requests in fact. */
const POLITE = /\b(?:can|could|would|will) (?:you|we)\b|\bplease\b|\bpls\b/;
/** Said of going on in whatever form. */
const NAMES_IT = new RegExp(
  `\\b(?:${VERB}|resum(?:es|ed|ing)|continu(?:es|ed|ing)|proceeding)\\b|계속|이어서|이어하|재개|다시 ?시작|마저`,
  "u",
);
const NOT = any(
  ...[
    "do not",
    "don't",
    "dont",
    "never(?! mind)",
    "not",
    "no need to",
    "cannot",
    "can't",
    "cant",
    "won't",
    "wont",
  ],
  ...[
    "shouldn't",
    "wouldn't",
    "couldn't",
    "mustn't",
    "without",
    "instead of",
    "rather than",
    "refuse to",
    "stop before you",
  ],
  ...["no longer", "nobody should", "nothing should", "avoid", "forbid", "unless i", "before (?:you|we|i)"],
);
const NEGATED = new RegExp(
  `\\b${NOT}\\b.*\\b(?:${VERB}|resuming|continuing|proceeding)\\b|^(?:${VERB})\\b.*\\bnot\\b`,
  "u",
);
const QUESTION =
  /^(?:what|why|when|how|where|who|which|did|does|do|is|are|was|were|will it|should|shall|may i|has|have)\b|언제|왜|어떻게|누가|무엇|뭐|까$|니$|나요$|습니까$/u;
const LATER =
  /\b(?:later|tomorrow|tonight|next|when|once|after|until|in an? |in \d+|on (?:mon|tues|wednes|thurs|fri|satur|sun)day|at \d+)\b|나중|내일|이따|다음에|있다가/u;
const CONDITION =
  /^(?:if|when|once|after|until|unless|before|as soon as|in case|provided)\b|(?:으면|하면|되면|나면|다면)$/u;
/** What takes back a request that stands before it. */
const CALLED_OFF =
  /^(?:no |oh )?(?:wait|stop|hold on|hold it|cancel(?: that)?|never mind|not yet|not now|later|actually no|no|on second thou?ghts?.*|scratch that)$|^(?:아니|아냐|아니야|잠깐|잠깐만|그만|멈춰|취소|나중에)$/u;
/** Who speaks of papers does not speak of a run. */
const ABOUT_A_CV =
  /\b(?:cv|curriculum|cover letter|recruiters?|hiring|applicants?|linkedin|interviews?|references?|portfolio|pdf|docx?|attached|job (?:application|search|hunt))\b|이력서/u;

const LEAD_KO = any(
  ...[
    "네",
    "예",
    "응",
    "어",
    "그래",
    "그래요",
    "좋아",
    "좋아요",
    "오케이",
    "ok",
    "okay",
    "그럼",
    "자",
    "이제",
    "지금",
    "제발",
    "좀",
    "바로",
    "다시",
  ],
  ...[
    "아까",
    "그",
    "이",
    "저",
    "저기",
    "부디",
    "얼른",
    "빨리",
    "please",
    "하던",
    "어서",
    "고마워",
    "감사합니다",
  ],
);
const OBJECT_KO = `(?:(?:(?:멈춘|멈췄던|중단된|중단했던|일시 ?정지된|정지된|하던|아까|지난|마지막|그|이|저) ?)?${any(
  ...[
    "작업",
    "실행",
    "런",
    "일",
    "거",
    "것",
    "그거",
    "이거",
    "데",
    "곳",
    "부분",
    "단계",
    "run",
    "run_[0-9a-f]+",
  ],
)} ?(?:을|를|은|는|부터|에서|에서부터)? ?)`;
const ROOT_KO = any(
  ...[
    "계속(?:해서)?",
    "이어서?",
    "재개",
    "다시 ?시작",
    "다시 ?이어서?",
    "마저(?= ?[해하진끝])",
    "resume",
    "continue",
  ],
);
const WORK_KO = "(?: ?(?:진행|작업|실행|처리|시작|재개|수행)(?:을|를)?)?";
/** Asks somebody for it. */
const ASK_KO = any(
  ...[
    "해 ?줄래(?:요)?",
    "해 ?주실래요",
    "해 ?주시겠어요",
    "해 ?줄 ?수 ?있(?:어|어요|나요|을까|을까요|니)",
    "해 ?줘(?:요)?",
    "해 ?주세요",
  ],
  ...["부탁(?:해|해요|드려요|드립니다|합니다)?"],
);
const END_KO = any(
  ASK_KO,
  ...[
    "해(?:라|요)?",
    "하자",
    "하죠",
    "하세요",
    "하십시오",
    "합시다",
    "해 ?봐(?:요)?",
    "해 ?보자",
    "해도 ?(?:돼|돼요|됩니다|좋아|좋아요)",
  ],
  ...[
    "할게(?:요)?",
    "가자",
    "가(?:요|세요|줘)?",
    "시켜(?: ?줘| ?주세요)?",
    "끝내(?: ?줘| ?주세요|자)?",
    "ㄱㄱ",
    "고고",
    "하면 ?돼(?:요)?",
    "하도록(?: ?해(?: ?줘)?)?",
  ],
);
const REQUEST_KO = new RegExp(
  `^(?:${LEAD_KO} ?){0,8}${OBJECT_KO}?${ROOT_KO}${WORK_KO}(?: ?${END_KO})?(?: (?:please|지금|바로|고마워|감사합니다)){0,4}$`,
  "u",
);
const POLITE_KO = new RegExp(`${ASK_KO}$`, "u");
const NEGATED_KO =
  /(?:계속|이어|재개|다시 ?시작|마저|resume|continue).*(?:지 ?(?:마|말|않)|말고|말아|안 ?(?:해|돼|되|할)|못 ?해|필요 ?없|그만|멈춰|취소|금지|싫어)|(?:아직|절대|더 ?이상).*(?:계속|이어|재개|다시 ?시작).*(?:마|말|않|안)/u;
