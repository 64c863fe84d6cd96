import { describe, expect, it } from "vitest";
import { type ResumeIntent, resumeIntent } from "../../src/core/resume-intent.js";

const said: { readonly [I in ResumeIntent]: readonly string[] } = {
  resume: [
    "resume",
    "Continue",
    "CONTINUE!!!",
    "continue.",
    "please continue",
    "Please resume the run",
    "ok, resume it now",
    "Yes, go on.",
    "carry on",
    "keep going",
    "let's continue",
    "Let’s continue",
    "Can you continue?",
    "could you please resume the paused run?",
    "I'd like to continue",
    "I want you to resume the last run",
    "resume run run_01a2022132aa757d83b98f6ed4c8a9a8",
    "pick up where you left off",
    "continue from where we stopped",
    "continue from the last checkpoint please",
    "continue with the remaining steps",
    "The key is fixed, please continue",
    "I topped up the account. You can proceed now.",
    "Don't stop, keep going",
    "never mind, continue",
    "no, continue",
    "pls continue 🙏",
    "resume my job",
    "resume the run 1",
    "resume the run last please",
    "continue with the last paused run #3 from the last checkpoint now",
    "ok great thanks, yes now please could you just continue it then",
    "계속",
    "계속해",
    "계속 진행해줘",
    "계속해 주세요",
    "계속하자",
    "계속해 줄래?",
    "네, 계속해 주세요.",
    "이어서",
    "이어서 해줘",
    "이어서 진행해 주세요",
    "이어하자",
    "재개",
    "재개해",
    "작업을 재개해 주세요",
    "런 재개",
    "다시 시작해줘",
    "마저 해줘",
    "마저 끝내 줘",
    "멈춘 데부터 이어서 해줘",
    "하던 거 계속해",
    "이제 계속해도 돼",
    "resume 해줘",
    "이어서 해줄 수 있어?",
  ],
  negated: [
    "don't resume",
    "Do not continue!",
    "please don't continue yet",
    "I don't want to continue",
    "you should not resume the run",
    "never resume it",
    "we can't continue like this",
    "stop it instead of resuming",
    "continue, no wait",
    "resume. Actually no.",
    "계속하지 마",
    "계속하지 마세요",
    "재개하지 말아줘",
    "이어서 하지 말고 기다려",
    "아직 재개하면 안 돼",
    "계속 안 해도 돼",
    "다시 시작할 필요 없어",
    "계속해, 아니",
  ],
  question: [
    "continue?",
    "resume the run?",
    "should I continue?",
    "Did the run resume?",
    "what happens when I resume it?",
    "when will it continue?",
    "is it safe to continue?",
    "계속?",
    "계속할까요?",
    "언제 재개해?",
    "재개했어?",
    "왜 계속 실패해?",
  ],
  later: [
    "resume tomorrow",
    "continue when the tests pass",
    "if it is safe, resume",
    "나중에 계속하자",
    "내일 이어서 하자",
  ],
  none: [
    "",
    "hello",
    "update my resume",
    "My resume is attached",
    "Resume, cover letter, references",
    "resume: John Smith, ten years of Go",
    "please review the résumé",
    "I'd like to continue eating",
    "continue reading the docs",
    "continue it it it it it",
    "the continue statement in C",
    "to be continued",
    "discontinue it",
    "he said continue",
    "continuous integration is red",
    "go on vacation",
    "the errors continue",
    "proceeds of the sale",
    `continue ${"x".repeat(1_000)}`,
    "계속 오류가 나",
    "재개발 소식 알려줘",
    "이어폰 사줘",
    "계속 잘 부탁드립니다",
    "이력서 써줘",
    "연속 배포가 뭐야?",
  ],
};

describe("a message to whoever has paused runs", () => {
  const cases = Object.entries(said).flatMap(([intent, messages]) =>
    messages.map((message) => [message, intent]),
  );

  it.each(cases)("%j is %s", (message, intent) => {
    expect(resumeIntent(message ?? "")).toBe(intent);
  });

  it("is tried in more than a hundred ways, and read in no time however it is made", () => {
    expect(cases.length).toBeGreaterThan(100);
    for (const piece of ["please ", "the ", "계속 ", "continue ", "not ", "run "])
      expect(typeof resumeIntent(piece.repeat(1_000 / piece.length))).toBe("string");
  });

  // Each can be read in more than one way. Before there were bounds, this did not end.
  it.each(["it ", "this ", "last ", "the last ", "the run 1 ", "run 1 ", "from there ", "please "])(
    "is no request however often it says %j, and that is known at once",
    (piece) => {
      const often = piece.repeat(900 / piece.length);
      expect(resumeIntent(`continue ${often}x`)).toBe("none");
      expect(resumeIntent(`${often}continue x`)).toBe("none");
    },
  );
});
