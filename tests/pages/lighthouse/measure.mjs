// Measures pages with a browser that is there: PAGES is a list of {url, cookie}, PORT the browser's.
// Prints a line of JSON for each: its scores, and what takes points.
import lighthouse from "lighthouse";

const { PAGES, PORT } = process.env;
const ASKED = ["accessibility", "best-practices", "performance", "seo"];

for (const { url, cookie } of JSON.parse(PAGES)) {
  const { lhr } = await lighthouse(url, {
    port: Number(PORT),
    output: "json",
    onlyCategories: ASKED,
    extraHeaders: { cookie },
  });
  const scores = ASKED.map((name) => [name, Math.round((lhr.categories[name].score ?? 0) * 100)]);
  const lost = Object.values(lhr.audits)
    .filter(({ score }) => score !== null && score < 0.9)
    .map(({ id, displayValue }) => (displayValue ? `${id}: ${displayValue}` : id));
  const error = lhr.runtimeError?.message;
  console.log(JSON.stringify({ url, scores: Object.fromEntries(scores), lost, error }));
}
