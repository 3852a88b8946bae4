// The checks find what they are for: a fault that each of them has to report.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const tool = (name) => join(checkout, "node_modules", ".bin", name);
mkdirSync(join(checkout, "build"), { recursive: true });
const folder = mkdtempSync(join(checkout, "build", "js-"));
after(() => rmSync(folder, { recursive: true }));

// What a tool prints about these lines, and "" where it accepts them.
function faults(lines, command, ...options) {
  writeFileSync(join(folder, "tried.js"), `${lines.join("\n")}\n`);
  try {
    execFileSync(tool(command), options, { cwd: folder, encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) { return error.stdout + error.stderr; }
}

test("an operation that is asked for with another body than it declares is a fault", () => {
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: join(checkout, "tsconfig.json"), include: ["tried.js"] }));
  const asking = (body) => faults([
    'import { askOperation } from "../../ui/components/shared/ask.js";', `export const asked = askOperation("albums/add", ${body});`,
  ], "tsc", "--project", folder);
  assert.equal(asking('{ name: "Lake", photo_ids: [1] }'), "");
  assert.match(asking('{ name: "Lake", photo_ids: ["1"] }'), /not assignable to type 'number'/);
  assert.match(asking('{ title: "Lake" }'), /'title' does not exist/);
});

test("an unused import is a fault", () => {
  writeFileSync(join(folder, "biome.json"), JSON.stringify({ extends: [join(checkout, "biome.jsonc")], root: true, files: { includes: ["*.js"] } }));
  const lint = (lines) => faults(lines, "biome", "lint", "--error-on-warnings", "tried.js");
  assert.equal(lint(['import { ask } from "../a.js";', "export const asked = ask();"]), "");
  assert.match(lint(['import { ask } from "../a.js";', "export const asked = 1;"]), /noUnusedImports/);
});
