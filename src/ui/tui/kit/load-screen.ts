/** Ink, which is loaded for a screen alone. The bundle gives its script this in another way, since only a module can wait while it loads. */
export const loadScreen = () => import("./screen.js");
