// Parts of an append by themselves, each against the barest thing that does the same.
import { EventBody } from "../../dist/src/core/events.js";
import { paired } from "../measure.mjs";

const TIMES = 50_000;

export async function* rows() {
  const event = {
    type: "effect_settled",
    version: 1,
    attempt: 1,
    payload: {
      stepId: "a",
      position: 7,
      call: null,
      outcome: { kind: "done", value: { kind: "inline", json: JSON.stringify("v".repeat(1_000)) } },
    },
  };
  const alone = EventBody.options.find((one) => one.safeParse(event).success);
  const micros = (schema) => () => {
    // Of the processor: nothing here waits for anything, and whoever else is at work must not count.
    const from = process.cpuUsage();
    for (let at = 0; at < TIMES; at += 1) schema.parse(event);
    return process.cpuUsage(from).user / TIMES;
  };
  for (let warm = 0; warm < 3; warm += 1) for (const schema of [EventBody, alone]) micros(schema)();
  yield await paired({
    name: `validating one of ${EventBody.options.length} kinds of event, over its own schema alone`,
    ours: micros(EventBody),
    floor: micros(alone),
    unit: "µs",
    goal: 16,
    aim: { max: 1.5 },
  });
}
