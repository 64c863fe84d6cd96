import type { Scripted } from "./model-server.js";

/** The fourth format, for the one program that speaks it: what its client needs, in pieces or whole the same. */
export const isGemini = (path: string): boolean => path.includes("enerateContent");

export const geminiAnswer = ({ text, calls = [], usage }: Scripted) => {
  const [read, written] = usage ?? [100, 10];
  const parts = [
    ...(text === undefined ? [] : [{ text }]),
    ...calls.map(([name, args]) => ({ functionCall: { name, args } })),
  ];
  return {
    candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
    usageMetadata: { promptTokenCount: read, candidatesTokenCount: written, totalTokenCount: read + written },
    modelVersion: "scripted",
  };
};
