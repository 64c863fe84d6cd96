import * as z from "zod";

/** A payload whose shape changes gets the next version, and a step in upcast.ts that leads there. */
export const event = <T extends string, P extends z.ZodType, V extends number = 1>(
  type: T,
  payload: P,
  version: V = 1 as V,
) => z.strictObject({ type: z.literal(type), version: z.literal(version), payload });

/** Events that belong to one try at a step carry its number. */
export const attemptEvent = <T extends string, P extends z.ZodType, V extends number = 1>(
  type: T,
  payload: P,
  version: V = 1 as V,
) => z.strictObject({ type: z.literal(type), version: z.literal(version), attempt: z.int().min(0), payload });

/** Which candidate of a race it is about; absent for a step that is not raced. */
export const candidate = z.int().min(1).optional();
