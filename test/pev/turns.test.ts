import { expect, it } from "vitest";
import { inTurns } from "../../src/pev/turns.js";
import { gate } from "../helpers/driving.js";

it("works on so many at once and no more, in the order of asking, and goes on after one that failed", async () => {
  const turns = inTurns(2);
  const gates = Array.from({ length: 5 }, () => gate());
  const begun: number[] = [];
  const works = gates.map(({ opened }, at) =>
    turns(async () => {
      begun.push(at);
      await opened;
      if (at === 0) throw new Error("broken");
      return at;
    }),
  );
  const ends = Promise.allSettled(works);
  expect(begun).toEqual([0, 1]);
  gates[1]?.open();
  await works[1];
  gates[0]?.open();
  await works[0]?.catch(() => undefined);
  gates[2]?.open();
  await works[2];
  expect(begun.slice(0, 4)).toEqual([0, 1, 2, 3]);
  for (const { open } of gates) open();
  expect((await ends).map(({ status }) => status)).toEqual([
    "rejected",
    ...Array.from({ length: 4 }, () => "fulfilled"),
  ]);
  // All turns are free again.
  await Promise.all([turns(async () => 1), turns(async () => 2)]);
});
