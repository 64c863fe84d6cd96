/** Written out, because reading the manifest would be the larger part of telling it; a test holds them together. */
export const VERSION = "0.1.0";
