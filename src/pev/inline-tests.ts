// Rust and Vitest allow tests in the file they test: what belongs to them there is the judge's, the rest is the work.
export const inlineTests = (path: string, text: string): string => {
  if (/\.rs$/i.test(path)) return rustTests(text);
  if (/\.[cm]?[jt]sx?$/i.test(path)) return vitestTests(text);
  return "";
};

/** By convention the block stands last, so all from its first line to the end counts. */
const vitestTests = (text: string): string => {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => line.includes("import.meta.vitest"));
  return at < 0 ? "" : lines.slice(at).join("\n");
};

/**
 * Rust's tests stand last too. Only declarations (`#[cfg(test)] mod tests;`) stand anywhere; each counts with all of its
 * attributes. This reads lines, not Rust: it notices who edits a test, not who writes macros around it.
 */
const rustTests = (text: string): string => {
  const lines = text.split("\n");
  const declared: string[] = [];
  let start: number | undefined;
  for (const [at, line] of lines.entries()) {
    if (/^\s*#!\[\s*cfg\s*\(\s*test\b/.test(line)) return text;
    if (/^\s*#/.test(line)) start ??= at;
    const item = line.replace(/^\s*(#\[[^\]]*\]\s*)*/, "");
    if (start === undefined || item === "" || /^(#|\/\/)/.test(item)) continue;
    const whole = lines.slice(start, at + 1);
    const isTest = marksTest(whole.join(" "));
    if (isTest && !DECLARATION.test(item)) return [...declared, ...lines.slice(start)].join("\n");
    if (isTest) declared.push(...whole);
    start = undefined;
  }
  return declared.join("\n");
};

/** `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`; not `cfg(not(test))`, not `feature = "test"`. */
const marksTest = (item: string): boolean =>
  /#\[\s*(cfg\s*\([^\]]*\btest\b|(\w+::)*(test|test_case|rstest|bench)\b)/.test(
    item.replace(/"[^"]*"|not\s*\(\s*test\s*\)/g, ""),
  );

const DECLARATION = /^(pub(\([^)]*\))?\s+)?(mod\s+\w+\s*;|use\b|extern\s+crate\b)/;
