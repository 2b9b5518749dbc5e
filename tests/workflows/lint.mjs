// GitHub's own checks of workflow and action files, from @actions/languageservice, without its editor.
//
//   node lint.mjs ACTION.yml FILE…    findings, one a line; exit 1 if there are any
//
// The first is the action.yml that `uses: mlgate/mlgate@…` is held to: with inputs that it lacks, a step is wrong.
// Other actions are not looked up: this works offline.
import { readFile } from "node:fs/promises";
import { register } from "node:module";

// The packages import JSON without saying that it is JSON, which bundlers allow and Node does not.
const json = `
  import { readFile } from "node:fs/promises";
  export const load = async (url, context, next) => url.endsWith(".json")
    ? { format: "module", shortCircuit: true, source: "export default " + await readFile(new URL(url), "utf8") }
    : next(url, context);`;
register("data:text/javascript," + encodeURIComponent(json));

const { validate } = await import("@actions/languageservice/validate");
const { validateAction } = await import("@actions/languageservice/validate-action");
const { TextDocument } = await import("vscode-languageserver-textdocument");
const { parse } = await import("yaml");

const [action, ...files] = process.argv.slice(2);
const known = parse(await readFile(action, "utf8"));

const others = {}; // no inputs known, so none is wrong
const settings = {
  actionsMetadataProvider: {
    fetchActionMetadata: async ({ owner, name }) => (`${owner}/${name}` === "mlgate/mlgate" ? known : others),
  },
};
for (const file of files) {
  const document = TextDocument.create(`file:///${file}`, "yaml", 1, await readFile(file, "utf8"));
  const judge = /(^|\/)action\.yml$/.test(file) ? validateAction : validate;
  for (const { range, message } of await judge(document, settings)) {
    fail(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
}

function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
