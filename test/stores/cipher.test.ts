import { randomBytes } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyIdOf, newKey, openBytes, sealBytes } from "../../src/stores/cipher.js";

const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");

describe("The cipher", () => {
  it("gives the bytes of the published example", () => {
    const key = bytesOf("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const nonce = bytesOf("404142434445464748494a4b4c4d4e4f5051525354555657");
    const words =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const sealed = sealBytes(key, bytesOf("50515253c0c1c2c3c4c5c6c7"), Buffer.from(words), nonce);
    expect(sealed.toString("hex")).toBe(
      [
        "404142434445464748494a4b4c4d4e4f5051525354555657",
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
        "21f9664c97637da9768812f615c68b13b52e",
        "c0875924c1c7987947deafd8780acf49",
      ].join(""),
    );
  });

  it("seals as another program of the same name does, and opens what that sealed", () => {
    const some = fc.uint8Array({ maxLength: 300 });
    const samples = fc.record({
      key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      nonce: fc.uint8Array({ minLength: 24, maxLength: 24 }),
      bound: fc.string({ unit: "binary", maxLength: 100 }),
      bytes: some,
    });
    fc.assert(
      fc.property(samples, ({ key, nonce, bound, bytes }) => {
        const theirs = xchacha20poly1305(key, nonce, Buffer.from(bound)).encrypt(bytes);
        expect(sealBytes(key, bound, bytes, nonce).subarray(24).equals(theirs)).toBe(true);
        const opened = openBytes(key, bound, Buffer.concat([nonce, theirs]));
        expect(opened?.equals(bytes)).toBe(true);
      }),
    );
  });

  it("opens nothing of which one bit is another, nor under another key or with something else bound to it", () => {
    const key = newKey();
    const sealed = sealBytes(key, "place", Buffer.from("what was said"));
    expect(openBytes(key, "place", sealed)?.toString()).toBe("what was said");
    for (let bit = 0; bit < sealed.byteLength * 8; bit += 1) {
      const other = Buffer.from(sealed);
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openBytes(key, "place", other), `bit ${bit}`).toBeUndefined();
    }
    for (let length = 0; length < sealed.byteLength; length += 1)
      expect(openBytes(key, "place", sealed.subarray(0, length))).toBeUndefined();
    expect(openBytes(key, "places", sealed)).toBeUndefined();
    expect(openBytes(randomBytes(32), "place", sealed)).toBeUndefined();
  });

  it("never uses a nonce twice", () => {
    const key = newKey();
    const nonces = new Set<string>();
    for (let at = 0; at < 20_000; at += 1)
      nonces.add(sealBytes(key, "", Buffer.alloc(0)).toString("hex", 0, 24));
    expect(nonces.size).toBe(20_000);
  });

  it("counts behind random bytes that are drawn anew: for each key that is opened, and after so many", () => {
    const key = newKey();
    const prefixOf = (of: Uint8Array): string => sealBytes(of, "", Buffer.alloc(0)).toString("hex", 0, 16);
    const counts = new Map<string, number>();
    for (let at = 0; at < 1_000; at += 1) {
      const prefix = prefixOf(key);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([128, 128, 128, 128, 128, 128, 128, 104]);
    // Another process opens the same key and knows nothing of the first one's count.
    expect(counts).not.toContain(prefixOf(Buffer.from(key)));
  });

  it("opens what was sealed in turn under several series of one key", () => {
    const key = newKey();
    const elsewhere = Buffer.from(key);
    const sealed = Array.from({ length: 300 }, (_, at) =>
      sealBytes(at % 3 === 0 ? elsewhere : key, "place", Buffer.from(`${at}`)),
    );
    const opened = sealed.map((one) => openBytes(key, "place", one)?.toString());
    expect(opened).toEqual(sealed.map((_, at) => `${at}`));
  });

  it("tells keys apart by names that are not the keys", () => {
    const [one, other] = [newKey(), newKey()];
    expect(keyIdOf(one)).toMatch(/^[0-9a-f]{16}$/);
    expect(keyIdOf(one)).not.toBe(keyIdOf(other));
    expect(one.toString("hex")).not.toContain(keyIdOf(one));
  });
});
