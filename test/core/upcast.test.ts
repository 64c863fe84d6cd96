import { describe, expect, test } from "vitest";
import { EventBody, eventTypes, eventVersions } from "../../src/core/events.js";
import { isNewer, upcast } from "../../src/core/upcast.js";

describe("An event of an old version", () => {
  test("is read as today's: a run that was created before forks and hosts were has no other run's past and is driven here", () => {
    const payload = { goal: "g", originalRequest: "r", workspaceIsolation: true, base: "commit-0" };
    const read = EventBody.parse({
      type: "run_created",
      ...upcast({ type: "run_created", version: 1, payload }),
    });
    expect(read).toEqual({
      type: "run_created",
      version: 4,
      payload: { ...payload, forkedFrom: null, source: null, parent: null },
    });
  });

  test("is read as today's: a step that was started before there were races is nobody's candidate", () => {
    const written = {
      type: "step_started",
      version: 1,
      payload: { stepId: "a", agent: "coder", base: null },
    };
    const read = EventBody.parse({ type: "step_started", attempt: 1, ...upcast(written) });
    expect(read).toEqual({ ...written, version: 2, attempt: 1 });
    // What a race adds is a version of its own: a program of before says that it is too old for it.
    expect(eventVersions.step_started).toBe(2);
  });

  test.each(eventTypes)("of type %s leads from version 1 to today's, step by step", (type) => {
    expect(upcast({ type, version: 1, payload: {} }).version).toBe(eventVersions[type]);
  });

  test("of today's version, of none, or of a later one is left as it is", () => {
    const payload = { key: "k", value: "v" };
    for (const version of [0, -1, 1, 2, 99])
      expect(upcast({ type: "note_written", version, payload })).toEqual({ version, payload });
    expect(upcast({ type: "run_created", version: 4, payload })).toEqual({ version: 4, payload });
    expect(upcast({ type: "constructor", version: 1, payload })).toEqual({ version: 1, payload });
    expect(upcast({ type: "run_created", version: 1, payload: "text" })).toEqual({
      version: 1,
      payload: "text",
    });
  });
});

test("A later version, or a type that is unknown here, is known to be of a newer program", () => {
  expect(isNewer("run_created", 5)).toBe(true);
  expect(isNewer("run_created", 4)).toBe(false);
  expect(isNewer("run_teleported", 1)).toBe(true);
  expect(isNewer("toString", 1)).toBe(true);
});
