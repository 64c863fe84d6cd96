/** What sealed text begins with; what is kept plain is JSON. The number is that of the form. */
export const SEALED = "s1.";

const FORM = /^s1\.[0-9a-f]{16}\.[A-Za-z0-9_-]+$/;

export const isEncrypted = (text: string): boolean => text.startsWith(SEALED) && FORM.test(text);
