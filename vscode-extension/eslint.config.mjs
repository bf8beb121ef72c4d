import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["out", "node_modules", "src/protocol.ts", "scripts", "*.mjs"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "no-console": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "no-restricted-imports": [
        "error",
        {
          paths: ["child_process", "node:child_process"].map((name) => ({
            name,
            message: "The language client runs the server, VS Code runs the tasks.",
          })),
        },
      ],
    },
  },
  // node:test returns promises that its runner awaits
  { files: ["test/**"], rules: { "@typescript-eslint/no-floating-promises": "off" } },
);
