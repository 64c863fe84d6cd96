// Shapes that many others are made of. Making a schema takes longer than checking a value by it, and each start makes all there are.
import * as z from "zod";

/** From 0 up. */
export const naturalInt = z.int().min(0);

/** From 1 up. */
export const positiveInt = z.int().min(1);

export const someText = z.string().min(1);
