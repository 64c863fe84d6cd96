/** What a piece of text means to the eye; a palette says how that looks. */
export type Tone = "plain" | "dim" | "faint" | "strong" | "key" | "good" | "bad" | "warn" | "busy";
/** What lies behind it. */
export type Ground = "none" | "bar" | "selected";

/** SGR parameters (ECMA-48), without the escape around them; empty for none. */
export type Palette = {
  readonly tones: Readonly<Record<Tone, string>>;
  readonly grounds: Readonly<Record<Ground, string>>;
};

export const themeNames = ["auto", "dark", "light"] as const;
export type ThemeName = (typeof themeNames)[number];

const colour = (index: number): string => `38;5;${index}`;
const ground = (index: number): string => `48;5;${index}`;

const dark: Palette = {
  tones: {
    plain: "",
    dim: colour(246),
    faint: colour(240),
    strong: "1",
    key: colour(110),
    good: colour(114),
    bad: colour(210),
    warn: colour(221),
    busy: colour(117),
  },
  grounds: { none: "", bar: ground(236), selected: ground(238) },
};

const light: Palette = {
  tones: {
    plain: "",
    dim: colour(242),
    faint: colour(249),
    strong: "1",
    key: colour(25),
    good: colour(28),
    bad: colour(160),
    warn: colour(130),
    busy: colour(26),
  },
  grounds: { none: "", bar: ground(254), selected: ground(252) },
};

/** Without colours only weight and inversion are left; words and marks say the rest anyway. */
const bare: Palette = {
  tones: { plain: "", dim: "", faint: "", strong: "1", key: "1", good: "", bad: "1", warn: "1", busy: "" },
  grounds: { none: "", bar: "", selected: "7" },
};

export const paletteOf = (
  theme: ThemeName,
  env: Readonly<Record<string, string | undefined>>,
  colours: boolean,
): Palette => {
  if (!colours) return bare;
  const chosen = theme === "auto" ? guessed(env.COLORFGBG) : theme;
  return chosen === "light" ? light : dark;
};

/** Some terminals tell the colours of text and background in it ("0;15"); the last one is the background. */
const guessed = (told: string | undefined): "dark" | "light" =>
  ["7", "15"].includes(told?.split(";").at(-1) ?? "") ? "light" : "dark";
