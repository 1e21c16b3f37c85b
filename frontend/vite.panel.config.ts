import { defineConfig } from "vite";

// The panel in Home Assistant. It is loaded by its name and a version; the names of the other files
// contain a hash of their content, so browsers keep all of them.
export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    outDir: "../custom_components/wyoming_conductor/frontend",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    license: { fileName: "assets/licenses.md" },
    rollupOptions: {
      input: "src/panel/panel.ts",
      preserveEntrySignatures: "strict",
      output: {
        entryFileNames: "panel.js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
