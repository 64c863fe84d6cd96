import type { StoredEvent } from "../../index.js";
import type { EventTold } from "./describe.js";

/** How the run itself stands from then on. */
type StatusType = "run_paused" | "run_resumed" | "run_completed" | "run_failed";

export const statusTold = (event: Extract<StoredEvent, { type: StatusType }>): EventTold => {
  switch (event.type) {
    case "run_paused":
      return { style: "yellow", mark: "‖", text: `paused: ${event.payload.message}` };
    case "run_resumed":
      return { style: "blue", mark: "▶", text: "resumed" };
    case "run_completed":
      return { style: "green", mark: "■", text: `completed: ${event.payload.summary}` };
    case "run_failed":
      return { style: "red", mark: "■", text: `failed: ${event.payload.message}` };
  }
};

const LAST_REFUSAL = {
  of_minute: "; more of them in that minute are not recorded",
  of_run: "; no more of them are recorded of this run",
} as const;

/** A call that was refused to whoever made it. */
export const refusalTold = ({
  tool,
  code,
  by,
  last,
}: Extract<StoredEvent, { type: "access_refused" }>["payload"]): EventTold => {
  const who = by === null ? "somebody" : `${by.name} (${by.role})`;
  const text = `refused: ${who} called ${tool ?? "nothing"}: ${code}${last === null ? "" : LAST_REFUSAL[last]}`;
  return { style: "yellow", mark: "!", text };
};
