import * as z from "zod";

/** What can be told by its form alone. Names, birthdays and illnesses cannot. */
export const PersonalData = z.enum(["email", "phone", "card", "iban", "ssn"]);
export type PersonalData = z.infer<typeof PersonalData>;

/** The first of these kinds that one of the texts holds. */
export const personalDataIn = (
  kinds: readonly PersonalData[],
  views: readonly string[],
): PersonalData | undefined => {
  const read = views.map((view) => view.normalize("NFKC").replace(/\p{Default_Ignorable_Code_Point}/gu, ""));
  return kinds.find((kind) => read.some((view) => finders[kind](view)));
};

const finders: { readonly [K in PersonalData]: (text: string) => boolean } = {
  email: (text) => EMAIL.test(text),
  phone: (text) => PHONE.test(text),
  card: (text) => [...text.matchAll(CARD)].some(([, found = ""]) => holdsCard(found)),
  iban: (text) => [...text.matchAll(IBAN)].some(([, found = ""]) => holdsIban(found)),
  ssn: (text) => SSN.test(text),
};

const EMAIL = /[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/i;
/** International with its plus, or American in brackets. */
const PHONE = /\+\d(?:[ ().-]{0,2}\d){7,14}(?!\d)|(?<!\d)\(\d{3}\)[ .-]?\d{3}[ .-]?\d{4}(?!\d)/;
/** Looked for at each place, with the digit behind the longest one: a date or a check value may stand right behind the number. */
const CARD = /(?<!\d)(?=([2-6]\d{3}(?:[ -]?\d){9,15}\d?))/g;
/** Looked for at each place, since words behind what is none may run into the next one. */
const IBAN = /(?<![a-z0-9])(?=([a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}))/gi;
const SSN = /(?<!\d)(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?!\d)/;

/** Each beginning of 13 to 19 digits that no further digit follows at once. */
const holdsCard = (found: string): boolean =>
  [...found.matchAll(/\d(?!\d)/g)].some(({ index }) => {
    const digits = found.slice(0, index + 1).replace(/\D/g, "");
    return digits.length >= 13 && digits.length <= 19 && holdsLuhn(digits);
  });

/** The check digit of card numbers (ISO/IEC 7812-1). */
const holdsLuhn = (digits: string): boolean => {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const value = Number(digit) * (at % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
};

/** By the length that its country gives it (ISO 13616), since words behind it may look like more of it. */
const holdsIban = (found: string): boolean => {
  const text = found.replaceAll(" ", "").toUpperCase();
  const length = IBAN_LENGTHS.get(text.slice(0, 2)) ?? text.length;
  return text.length >= length && remainder97(text.slice(4, length) + text.slice(0, 4)) === 1;
};

const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  [
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 HR21 LI21 LV21",
    "BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 AE23 GI23 IL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24",
    "SK24 TN24 VG24 PT25 IS26 TR26 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 CY28 DO28 GT28 HU28 LB28 PL28",
    "BR29 PS29 QA29 UA29 JO30 KW30 MU30 MT31 LC32 SC31",
  ]
    .join(" ")
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const remainder97 = (text: string): number => {
  let rest = 0;
  for (const char of text)
    for (const digit of String(Number.parseInt(char, 36))) rest = (rest * 10 + Number(digit)) % 97;
  return rest;
};
