import { defineConfig } from "vitest/config";

// The page; names contain a hash of the content, so browsers keep the files.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../wyoming_servers/http/web",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: "assets/licenses.md" },
  },
  test: {
    include: ["test/**/*.test.ts"],
  },
});
