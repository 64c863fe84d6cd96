import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "../../src/core/shell-word.js";
import { signingFindings } from "../../src/engine/signing-findings.js";

const WORDS = ["/srv/shop ünï app/.runledger", "it's", "$HOME", "a;b", "*", "plain/path-1.key", ""];

it("a shell takes each word as it was meant", () => {
  const told = execFileSync("sh", ["-c", `printf '%s\\n' ${WORDS.map(shellWord).join(" ")}`], {
    encoding: "utf8",
  });
  expect(told.split("\n").slice(0, -1)).toEqual(WORDS);
  expect(shellWord("plain/path-1.key")).toBe("plain/path-1.key");
});

it("the command that protects a signing key can be typed as it stands", async () => {
  const mode = async () => ({ file: "/srv/my shop/signing.key", mode: 0o644 });
  const [finding] = await signingFindings({ mode, protect: async () => undefined });
  expect(finding).toMatchObject({ fix: expect.stringMatching(/^chmod 600 '\/srv\/my shop\/signing\.key';/) });
});
