import { isRecord } from "../core/defects.js";

/**
 * What package.json may say anew without leave. All else may decide how the project is built and judged: even a name is
 * one under which a package finds itself, in the place of a test runner.
 */
export const FREE_PACKAGE_KEYS: ReadonlySet<string> = new Set([
  "version",
  "description",
  "keywords",
  "author",
  "contributors",
  "maintainers",
  "license",
  "repository",
  "bugs",
  "homepage",
  "funding",
  "private",
  "files",
]);

/** Top-level keys that differ; null for what cannot be read as an object (no file, too large, no JSON), which counts as changed. */
export const changedKeys = (
  before: string | undefined,
  after: string | undefined,
): readonly string[] | null => {
  const [was, is] = [objectIn(before), objectIn(after)];
  if (was === undefined || is === undefined) return null;
  const keys = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return keys.filter((key) => JSON.stringify(was[key]) !== JSON.stringify(is[key]));
};

const objectIn = (text: string | undefined): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
};
