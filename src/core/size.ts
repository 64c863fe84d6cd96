const UNIT_BYTES = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
} as const;
type Unit = keyof typeof UNIT_BYTES;

const WHOLE = /^(\d+(?:\.\d+)?) ?(B|[KMGT]I?B|[KMGT])$/i;

/** What `parseSize` reads, as a pattern for other programs, which know no flags. */
export const SIZE_PATTERN = "^\\s*\\d+(?:\\.\\d+)? ?(?:[Bb]|[KMGTkmgt][Ii]?[Bb]|[KMGTkmgt])\\s*$";

/** Bytes of `4GiB`, `512 MB`, `1.5g`; undefined when the text is no size. A letter alone means what programs mean by it: 1024. */
export const parseSize = (text: string): number | undefined => {
  const [, amount, letters = ""] = WHOLE.exec(text.trim()) ?? [];
  if (amount === undefined) return undefined;
  const name = letters.toUpperCase();
  const unit = name in UNIT_BYTES ? name : `${name}IB`;
  return Math.round(Number(amount) * UNIT_BYTES[unit as Unit]);
};

const SPELLINGS: readonly (readonly [string, Unit])[] = [
  ["TiB", "TIB"],
  ["TB", "TB"],
  ["GiB", "GIB"],
  ["GB", "GB"],
  ["MiB", "MIB"],
  ["MB", "MB"],
  ["KiB", "KIB"],
  ["KB", "KB"],
];

/** The shortest spelling that `parseSize` reads back as the same number of bytes. */
export const exactSize = (bytes: number): string => {
  const whole = SPELLINGS.find(([, unit]) => bytes > 0 && bytes % UNIT_BYTES[unit] === 0);
  return whole === undefined ? `${bytes}B` : `${bytes / UNIT_BYTES[whole[1]]}${whole[0]}`;
};

const STEPS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** For people, to a tenth: `512 B`, `3.2 MiB`, `120 MiB`. */
export const formatSize = (bytes: number): string => {
  const step = bytes < 1 ? 0 : Math.min(STEPS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const amount = bytes / 1024 ** step;
  return `${step === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${STEPS[step]}`;
};
