/** What Git LFS leaves in a commit instead of a file; its own bound on the size of one. */
export const POINTER_BYTES_MAX = 1_024;

export const isPointer = (bytes: Buffer): boolean =>
  bytes.length <= POINTER_BYTES_MAX && bytes.subarray(0, POINTER_START.length).equals(POINTER_START);

const POINTER_START = Buffer.from("version https://git-lfs.github.com/spec/v1\n");

/** Whether a .gitattributes hands files over to it. */
export const asksForLargeFiles = (attributes: string): boolean =>
  /^[^#\n].*\sfilter=lfs(\s|$)/m.test(attributes);
