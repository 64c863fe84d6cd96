export const invoice = () => {
  throw new Error("not written yet");
};
