import { afterEach, beforeEach, describe, it } from "vitest";
import type { Store } from "../../src/stores/store.js";
import { appends, groups, reads } from "./conformance/journal.js";
import {
  blobs,
  closing,
  quarantines,
  removals,
  scheduleMarks,
  sdkKeyTexts,
  snapshots,
  words,
} from "./conformance/keeping.js";
import { leases } from "./conformance/leases.js";
import { keys, lists } from "./conformance/lists.js";
import { mirrors } from "./conformance/mirrors.js";
import type { Implementation, Opened, Suite } from "./conformance/suite.js";

/** Every promise of `Store`, once for all that claim to be one. */
export const storeConformance = (name: string, implementation: Implementation): void => {
  describe(`the store "${name}"`, () => {
    let opened: Opened;
    let store: Store;
    const others: Store[] = [];
    beforeEach(async () => {
      opened = await implementation.open();
      store = opened.store;
    });
    afterEach(async () => {
      for (const each of [store, ...others.splice(0)]) await each.close();
      await opened.remove();
    });
    const suite: Suite = {
      store: () => store,
      opened: () => opened,
      another: async () => {
        const other = await opened.another();
        others.push(other);
        return other;
      },
      itNeeding: (need, title, test) => {
        const reason = implementation.skip[need];
        it.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (skipped: ${reason})`, test);
      },
    };
    describe("appends", () => appends(suite));
    describe("groups of appends", () => groups(suite));
    describe("reads", () => reads(suite));
    describe("lists", () => lists(suite));
    describe("keys", () => keys(suite));
    describe("leases", () => leases(suite));
    describe("snapshots", () => snapshots(suite));
    describe("blobs", () => blobs(suite));
    describe("quarantines", () => quarantines(suite));
    describe("marks of schedules", () => scheduleMarks(suite));
    describe("words", () => words(suite));
    describe("texts of SDK keys", () => sdkKeyTexts(suite));
    describe("removals", () => removals(suite));
    describe("mirrors", () => mirrors(suite));
    describe("closing", () => closing(suite));
  });
};
