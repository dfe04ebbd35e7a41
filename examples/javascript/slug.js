// A plugin in JavaScript: makes slugs for URLs out of titles.
import { isCancelled, reportProgress } from "cjm:plugin/job@0.1.0";
import { log } from "wasi:logging/logging@0.1.0-draft";

const schema = JSON.stringify;
let config;

export const plugin = {
  describe() {
    return {
      name: "slug",
      version: "0.1.0",
      summary: "Makes slugs for URLs out of titles.",
      authors: [],
      category: "slug",
      domain: "text",
      platforms: [],
      secrets: [],
      configSchema: schema({
        type: "object",
        properties: { separator: { enum: ["-", "_"], default: "-", description: "What stands between words." } },
        additionalProperties: false,
      }),
      actions: [
        {
          name: "slug",
          description: "Makes one slug for each title.",
          inputSchema: schema({
            type: "object",
            properties: { titles: { type: "array", items: { type: "string" }, description: "The titles." } },
            required: ["titles"],
            additionalProperties: false,
          }),
          outputSchema: schema({ type: "array", items: { type: "string" } }),
          streams: false,
          idempotent: true,
        },
      ],
      instance: "exclusive",
    };
  },

  async initialize(json) {
    config = JSON.parse(json);
  },

  async execute(action, input) {
    const { titles } = JSON.parse(input.val);
    const slugs = [];
    for (const title of titles) {
      if (isCancelled()) throw { tag: "cancelled" };
      const slug = makeSlug(title);
      if (slug === "") {
        throw { tag: "invalid-input", val: { message: "a title without letters and digits", fields: [`/titles/${slugs.length}`] } };
      }
      slugs.push(slug);
      reportProgress(slugs.length / titles.length, title);
    }
    log("debug", "slug", `${slugs.length} slugs`);
    return { tag: "json", val: JSON.stringify(slugs) };
  },
};

function makeSlug(title) {
  const words = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[\p{L}\p{N}]+/gu);
  return (words ?? []).join(config.separator);
}
