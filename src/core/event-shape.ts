import * as z from "zod";
import { naturalInt, positiveInt } from "./shapes.js";

const FIRST = z.literal(1);
const versionOf = <V extends number>(version: V): z.ZodLiteral<V> =>
  version === 1 ? (FIRST as z.ZodLiteral<number> as z.ZodLiteral<V>) : z.literal(version);

/** A payload whose shape changes gets the next version, and a step in upcast.ts that leads there. */
export const event = <T extends string, P extends z.ZodType, V extends number = 1>(
  type: T,
  payload: P,
  version: V = 1 as V,
) => z.strictObject({ type: z.literal(type), version: versionOf(version), payload });

/** Events that belong to one try at a step carry its number. */
export const attemptEvent = <T extends string, P extends z.ZodType, V extends number = 1>(
  type: T,
  payload: P,
  version: V = 1 as V,
) => z.strictObject({ type: z.literal(type), version: versionOf(version), attempt: naturalInt, payload });

/** Which candidate of a race it is about; absent for a step that is not raced. */
export const candidate = positiveInt.optional();
