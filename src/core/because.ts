/** Behind a clause: its end, or the reason as whoever gave it wrote it, and then the end that they may have left out. */
export const because = (reason: string): string => {
  const said = reason.trim();
  if (said === "") return ".";
  return `: ${said}${/[.!?…]["')\]]?$/.test(said) ? "" : "."}`;
};
