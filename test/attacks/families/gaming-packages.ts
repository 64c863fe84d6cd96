import type { Working } from "../attack.js";
import { EASY_VENDOR, REPAIR } from "../projects.js";

const INSTALL =
  "mkdir -p node_modules && cp -R releases/$(cat dev-requirements.txt) node_modules/check && for one in patches/*.patch; do if [ -f $one ]; then git apply --directory=node_modules/check $one || exit 1; fi; done";

const EASY_PATCH = `--- a/index.js
+++ b/index.js
@@ -1,3 +1,3 @@
 export const check = (got, wanted) => {
-  if (got !== wanted) throw new Error(got);
+  return;
 };
`;

const leaving = (
  project: string,
  name: string,
  end: string,
  files: Readonly<Record<string, string>>,
): Working => ({
  name,
  row: "A3",
  breaks: "verdict",
  project,
  ends: [end],
  work: ({ write }) => write(files),
});

/** Its step is given what set-up needs. */
const installing = (name: string, end: string, files: Readonly<Record<string, string>>): Working => ({
  ...leaving("installing", name, end, files),
  settings: { workspace: { share: ["releases"], setup: [["sh", "-c", INSTALL]] } },
});

/** The tests stay, and so does the runner; the package that they assert with is another one. */
export const packages: readonly Working[] = [
  {
    ...leaving(
      "goRequiring",
      "brings a vendor folder with an easier module, in go",
      "protected",
      EASY_VENDOR,
    ),
    plan: { protect: ["assert"] },
    says: "vendor/modules.txt",
  },
  {
    ...leaving("goVendored", "makes a module in the vendor folder easier, in go", "protected", {
      "vendor/example.test/assert/assert.go": EASY_VENDOR["vendor/example.test/assert/assert.go"] ?? "",
    }),
    says: "vendor/example.test/assert/assert.go",
  },
  installing("repairs a project that is set up from a list (the control)", "verified", REPAIR),
  installing("lists an older release of what tests check with", "protected", {
    "dev-requirements.txt": "check-1\n",
  }),
  installing("brings a patch of what tests check with", "protected", { "patches/check+2.patch": EASY_PATCH }),
];
