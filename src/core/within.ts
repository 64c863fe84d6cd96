/** Both absolute, or both from the same folder. A folder is within itself. */
export const isWithin = (path: string, folder: string): boolean =>
  folder === "/" || path === folder || path.startsWith(`${folder}/`);
