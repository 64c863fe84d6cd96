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
  card: (text) => [...text.matchAll(CARD)].some(([found]) => holdsLuhn(found.replace(/\D/g, ""))),
  iban: (text) => [...text.matchAll(IBAN)].some(([found]) => holdsIban(found)),
  ssn: (text) => SSN.test(text),
};

const EMAIL = /[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/i;
/** International with its plus, or American in brackets. */
const PHONE = /\+\d(?:[ ().-]{0,2}\d){7,14}(?!\d)|(?<!\d)\(\d{3}\)[ .-]?\d{3}[ .-]?\d{4}(?!\d)/;
const CARD = /(?<!\d)[2-6]\d{3}(?:[ -]?\d){9,15}(?!\d)/g;
const IBAN = /(?<![a-z0-9])[a-z]{2}\d{2}(?: ?[a-z0-9]){11,30}/gi;
const SSN = /(?<!\d)(?!000|666|9)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?!\d)/;

/** The check digit of card numbers (ISO/IEC 7812-1). */
const holdsLuhn = (digits: string): boolean => {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const value = Number(digit) * (at % 2 === 1 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
};

/** Words behind it may look like more of it, so each shorter beginning counts too (ISO 13616). */
const holdsIban = (found: string): boolean => {
  const text = found.replaceAll(" ", "").toUpperCase();
  for (let length = text.length; length >= IBAN_MIN; length -= 1)
    if (remainder97(text.slice(4, length) + text.slice(0, 4)) === 1) return true;
  return false;
};

const IBAN_MIN = 15;

const remainder97 = (text: string): number => {
  let rest = 0;
  for (const char of text)
    for (const digit of String(Number.parseInt(char, 36))) rest = (rest * 10 + Number(digit)) % 97;
  return rest;
};
