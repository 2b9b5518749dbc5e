// Draws a Markdown file as a comment on GitHub. `look.sh` prepares what it needs and starts it in a folder beside
// node_modules/ and browser/:
//
//   node look.mjs look REPORT.md OUT_FOLDER      eight pictures: light or dark, wide or narrow, folded or open
//   node look.mjs readme REPORT.md OUT_FOLDER    two: comment-light.png, comment-dark.png
import fs from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import puppeteer from "puppeteer-core";
import { rehypeGithubAlerts } from "rehype-github-alerts";
import rehypeRaw from "rehype-raw";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkBreaks from "remark-breaks";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import sharp from "sharp";
import { unified } from "unified";

const here = path.dirname(fileURLToPath(import.meta.url));
const modules = path.join(here, "../node_modules");
const browser = path.join(here, "../browser");

/** A README is read in a column of this width. */
const README = 830;
const README_BYTES = 150_000;
/** GitHub refuses a longer comment. */
const LONGEST = 65_536;

const [task, report, out] = process.argv.slice(2);
const markdown = await fs.readFile(report, "utf8");
const { html, dropped } = await render(markdown);
console.log(`${[...markdown].length.toLocaleString("en")} characters of ${LONGEST.toLocaleString("en")}`);
if (dropped.length) console.log(`GitHub takes away: ${dropped.join(", ")}`);

await fs.mkdir(out, { recursive: true });
await page();
const chromium = await puppeteer.launch({
  executablePath: path.join(browser, "chromium"),
  headless: "shell",
  // No sandbox, since a container has none to give: the one page it opens is ours, without scripts or the network.
  args: [
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--font-render-hinting=none",
    "--host-resolver-rules=MAP * ~NOTFOUND",
  ],
  env: {
    ...process.env,
    LD_LIBRARY_PATH: path.join(browser, "al2023/lib"),
    FONTCONFIG_FILE: path.join(here, "fonts.conf"),
  },
});
try {
  await (task === "readme" ? readme() : look());
} finally {
  await chromium.close();
}

/**
 * The HTML that GitHub makes of it, and what of its own HTML GitHub does not let through. The allow-list is that of
 * hast-util-sanitize, which follows GitHub's. In a comment a line's end is a break.
 */
async function render(markdown) {
  const before = new Set();
  const after = new Set();
  const html = await unified()
    .use(remarkParse)
    .use(remarkGfm)
    .use(remarkBreaks)
    .use(remarkRehype, { allowDangerousHtml: true })
    .use(rehypeRaw)
    .use(() => (tree) => vocabulary(tree, before))
    .use(rehypeSanitize)
    .use(() => (tree) => vocabulary(tree, after))
    .use(() => unbroken)
    .use(rehypeGithubAlerts)
    .use(rehypeStringify)
    .process(markdown);
  return { html: String(html), dropped: [...before].filter((word) => !after.has(word)) };
}

/** An alert's first line, `[!WARNING]`, is no line of its own to the plugin that draws it. */
function unbroken(node) {
  const [first, second] = node.children ?? [];
  if (node.tagName === "p" && /^\[!\w+\]$/.test(first?.value) && second?.tagName === "br") node.children.splice(1, 1);
  for (const child of node.children ?? []) unbroken(child);
}

/** Adds each element's name, and each attribute's beside its element's. */
function vocabulary(node, words) {
  if (node.type === "element") {
    words.add(`<${node.tagName}>`);
    for (const name of Object.keys(node.properties)) words.add(`<${node.tagName} ${name}>`);
  }
  for (const child of node.children ?? []) vocabulary(child, words);
}

/** The page, and what its style sheets name: the fonts, as a system would have them. */
async function page() {
  const families = ["noto-sans", "noto-sans-mono", "noto-sans-symbols-2", "noto-color-emoji"];
  const folders = families.map((family) => `<dir>${path.join(modules, "@expo-google-fonts", family)}</dir>`);
  const prefer = (alias, family) =>
    `<alias><family>${alias}</family><prefer><family>${family}</family></prefer></alias>`;
  await fs.writeFile(
    path.join(here, "fonts.conf"),
    `<?xml version="1.0"?>
<fontconfig>
${folders.join("\n")}
<cachedir>${path.join(browser, "fontconfig")}</cachedir>
${prefer("sans-serif", "Noto Sans")}
${prefer("monospace", "Noto Sans Mono")}
</fontconfig>
`,
  );
  const css = pathToFileURL(path.join(modules, "github-markdown-css/github-markdown.css"));
  await fs.writeFile(
    path.join(here, "comment.html"),
    `<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="${css}">
<link rel="stylesheet" href="comment.css">
<div class="timeline">
  <div class="avatar"></div>
  <div class="box">
    <div class="head"><b>github-actions</b> <span>bot</span> commented 2 minutes ago</div>
    <div class="markdown-body">${html}</div>
  </div>
</div>
`,
  );
}

/** The page as somebody sees it. */
async function open({ width, theme, name, unfolded }) {
  const tab = await chromium.newPage();
  await tab.setViewport({ width, height: 800, deviceScaleFactor: 2 });
  await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await tab.goto(pathToFileURL(path.join(here, "comment.html")).href);
  await tab.evaluate(
    (name, unfolded) => {
      document.body.className = name;
      for (const details of document.querySelectorAll("details")) details.open = unfolded;
    },
    name,
    unfolded,
  );
  return tab;
}

async function look() {
  for (const [name, width] of [["wide", 900], ["narrow", 390]]) {
    for (const unfolded of [false, true]) {
      for (const theme of ["light", "dark"]) {
        const tab = await open({ width, theme, name, unfolded });
        const file = path.join(out, `${theme}-${name}-${unfolded ? "open" : "folded"}.png`);
        await (await tab.$("body")).screenshot({ path: file });
        if (theme === "light") await measure(tab, name, unfolded ? "open" : "folded");
        console.log(file);
        await tab.close();
      }
    }
  }
}

/** What a picture does not say in numbers: how tall it is, and what one must scroll sideways to read. */
async function measure(tab, name, state) {
  const { height, body, wide } = await tab.evaluate(() => {
    const body = document.querySelector(".markdown-body");
    const wide = [...body.querySelectorAll("table, pre")]
      .filter((element) => element.scrollWidth > element.clientWidth && !element.closest("details:not([open])"))
      .map((element) => {
        const head = element.innerText.trim().split("\n")[0].replaceAll("\t", " | ");
        return [head, element.scrollWidth, element.clientWidth];
      });
    return { height: Math.round(body.getBoundingClientRect().height), body: body.clientWidth, wide };
  });
  console.log(`${name}, ${state}: ${body} × ${height} px`);
  for (const [head, needed, had] of wide) console.log(`  scrolls: needs ${needed} px of ${had}: ${head}`);
}

/** Transparent around the box, so that it stands on any page; few colours, since it is loaded with the README. */
async function readme() {
  for (const theme of ["light", "dark"]) {
    const tab = await open({ width: README, theme, name: "readme", unfolded: false });
    const picture = await (await tab.$("body")).screenshot({ omitBackground: true });
    await tab.close();
    const file = path.join(out, `comment-${theme}.png`);
    const written = await sharp(picture).png({ palette: true, colours: 64, effort: 10, dither: 0 }).toFile(file);
    console.log(`${file}: ${written.width / 2} × ${written.height / 2} px, ${Math.round(written.size / 1000)} KB`);
    if (written.size > README_BYTES) {
      console.error(`error: ${file} is larger than ${README_BYTES / 1000} KB\n  hint: a shorter report`);
      process.exitCode = 1;
    }
  }
}
