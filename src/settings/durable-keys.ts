import type * as z from "zod";
import { closed } from "../core/wire.js";
import { choice } from "./kinds.js";

export const DurableKeys = closed({
  paidAmbiguous: choice(
    {
      title: "Paid calls in doubt",
      description:
        "A paid call that a crash left open is made again; or it is skipped: the run pauses, and a person decides.",
    },
    ["rerun", "skip"],
  ).default("rerun"),
});

/** What a crash means where nobody said it. */
export type DurableSettings = Readonly<z.output<typeof DurableKeys>>;
