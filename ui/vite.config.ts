import { defineConfig } from "vite";

// The pages lie below /ui/ of the gateway, which serves what is built from within its package.
export default defineConfig({
  base: "/ui/",
  build: {
    outDir: "../engine/penstock/gateway/ui_dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy has no data: addresses
    modulePreload: { polyfill: false },
    license: { fileName: "licences.txt" }, // the texts of what is built in
  },
  server: {
    proxy: {
      "/v1": {
        target: process.env.PENSTOCK_URL ?? "http://127.0.0.1:7070",
        changeOrigin: false, // a server without credentials wants to see that page and host are one
      },
    },
  },
});
