/** A shape, checked and typed at once. Members that nobody here knows are passed over, as in-toto asks. */
export type Shape<T> = (value: unknown) => value is T;
export type Of<S> = S extends Shape<infer T> ? T : never;

export const text: Shape<string> = (value): value is string => typeof value === "string";
export const count: Shape<number> = (value): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;
export const flag: Shape<boolean> = (value): value is boolean => typeof value === "boolean";
export const whole: Shape<number> = (value): value is number => Number.isSafeInteger(value);

export const orNull =
  <T>(shape: Shape<T>): Shape<T | null> =>
  (value): value is T | null =>
    value === null || shape(value);

export const oneOf =
  <const T extends string>(...words: readonly T[]): Shape<T> =>
  (value): value is T =>
    words.some((word) => word === value);

export const list =
  <T>(shape: Shape<T>): Shape<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.every(shape);

/** What receipts of before did not say. */
export const optional =
  <T>(shape: Shape<T>): Shape<T | undefined> =>
  (value): value is T | undefined =>
    value === undefined || shape(value);

type Members = Readonly<Record<string, Shape<unknown>>>;
type Optional<M extends Members> = { [K in keyof M]: undefined extends Of<M[K]> ? K : never }[keyof M];
type Recorded<M extends Members> = { readonly [K in Exclude<keyof M, Optional<M>>]: Of<M[K]> } & {
  readonly [K in Optional<M>]?: Of<M[K]>;
};

export const record =
  <M extends Members>(members: M): Shape<Recorded<M>> =>
  (value): value is Recorded<M> =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(members).every(([name, shape]) => shape((value as Record<string, unknown>)[name]));

export const named: Shape<Readonly<Record<string, string>>> = (
  value,
): value is Readonly<Record<string, string>> =>
  typeof value === "object" && value !== null && Object.values(value).every(text);
