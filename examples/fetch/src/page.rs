//! What a page says and where it leads.

use std::collections::HashSet;

use cjm_guest::{Job, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::tree::{Step, Tree};

/// A page, as far as it can be read without seeing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Its title, where it has one.
    pub title: Option<String>,
    /// What it says, a line for each block of text.
    pub text: String,
    /// Where it leads, each place once, in the order of the page.
    pub links: Vec<Link>,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Link {
    /// Where it leads.
    pub url: String,
    /// What it is called on the page.
    pub text: String,
}

/// Elements whose content is not text of the page.
const SILENT: &[&str] = &["script", "style", "title", "iframe", "object", "svg", "datalist"];

/// Elements that begin and end a line.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "caption",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "table",
    "tbody",
    "tfoot",
    "thead",
    "tr",
    "ul",
];

/// Elements that are apart from what is beside them on their line.
const CELLS: &[&str] = &["button", "input", "select", "td", "textarea", "th"];

impl Page {
    /// Reads a page of HTML that was found at `url`. There is no text that it cannot read.
    ///
    /// # Errors
    ///
    /// `cancelled`, where the job is: a page that is nested without end takes long.
    pub fn read(html: &str, url: &Url, job: &Job) -> Result<Self> {
        let tree = Tree::parse(html, || job.check_cancelled())?;
        let mut reader = Reader {
            base: base(&tree, url),
            url: url.clone(),
            page: Page::default(),
            text: Lines::default(),
            title: None,
            link: None,
            seen: HashSet::new(),
            silent: 0,
            preformatted: 0,
        };
        for step in tree.walk() {
            reader.step(step);
        }
        Ok(Page { text: reader.text.done, ..reader.page })
    }
}

/// What relative links of a page begin at.
fn base(tree: &Tree, url: &Url) -> Url {
    let declared =
        tree.elements().filter(|element| element.is("base")).find_map(|base| base.attribute("href"));
    declared.and_then(|href| url.join(href).ok()).unwrap_or_else(|| url.clone())
}

struct Reader {
    url: Url,
    base: Url,
    page: Page,
    text: Lines,
    /// The title that is being read.
    title: Option<Lines>,
    /// The link that is being read.
    link: Option<(String, Lines)>,
    seen: HashSet<String>,
    silent: usize,
    preformatted: usize,
}

impl Reader {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Enter(element) => {
                let name = element.name().unwrap_or("svg");
                match name {
                    "title" if self.page.title.is_none() => self.title = Some(Lines::default()),
                    "a" | "area" => self.link = self.target(element.attribute("href")),
                    "pre" | "textarea" => self.preformatted += 1,
                    "img" => self.picture(element.attribute("alt")),
                    _ => {}
                }
                self.part(name);
                self.silent += usize::from(SILENT.contains(&name));
            }
            Step::Leave(element) => {
                let name = element.name().unwrap_or("svg");
                self.silent -= usize::from(SILENT.contains(&name));
                self.part(name);
                match name {
                    "title" => {
                        let title = self.title.take().map(|title| title.done);
                        self.page.title = self.page.title.take().or(title.filter(|title| !title.is_empty()));
                    }
                    "a" | "area" => self.end_link(),
                    "pre" | "textarea" => self.preformatted -= 1,
                    _ => {}
                }
            }
            Step::Text(text) => {
                if let Some(title) = &mut self.title {
                    title.push(text, false);
                }
                if self.silent == 0 {
                    if let Some((_, words)) = &mut self.link {
                        words.push(text, false);
                    }
                    self.text.push(text, self.preformatted > 0);
                }
            }
        }
    }

    /// Begins a line or a cell where this element does.
    fn part(&mut self, name: &str) {
        let gap = match name {
            _ if BLOCKS.contains(&name) => Gap::Line,
            _ if CELLS.contains(&name) => Gap::Space,
            _ => return,
        };
        self.text.gap(gap);
        if let Some((_, words)) = &mut self.link {
            words.gap(Gap::Space);
        }
    }

    /// A link that shows a picture is called what the picture is called.
    fn picture(&mut self, alt: Option<&str>) {
        if let (Some((_, words)), Some(alt)) = (&mut self.link, alt) {
            words.push(alt, false);
        }
    }

    /// Where a link leads: to another page, if that is on the web.
    fn target(&self, href: Option<&str>) -> Option<(String, Lines)> {
        let mut url = self.base.join(href?.trim()).ok()?;
        url.set_fragment(None);
        let elsewhere = matches!(url.scheme(), "http" | "https") && url != self.url;
        elsewhere.then(|| (url.into(), Lines::default()))
    }

    fn end_link(&mut self) {
        if let Some((url, words)) = self.link.take()
            && self.seen.insert(url.clone())
        {
            self.page.links.push(Link { url, text: words.done });
        }
    }
}

/// Text as it comes out of a page: white space is one space, and lines are as the blocks are.
#[derive(Default)]
struct Lines {
    done: String,
    gap: Gap,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

impl Lines {
    fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    fn push(&mut self, text: &str, preformatted: bool) {
        if preformatted {
            if !text.trim().is_empty() {
                self.close_gap();
            }
            self.done.push_str(text);
            return;
        }
        let space = |c: char| c.is_ascii_whitespace();
        if text.starts_with(space) {
            self.gap(Gap::Space);
        }
        for word in text.split_ascii_whitespace() {
            self.close_gap();
            self.done.push_str(word);
            self.gap = Gap::Space;
        }
        if !text.trim_ascii().is_empty() && !text.ends_with(space) {
            self.gap = Gap::None;
        }
    }

    fn close_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if !self.done.is_empty() {
            match gap {
                Gap::None => {}
                Gap::Space => self.done.push(' '),
                Gap::Line => self.done.push('\n'),
            }
        }
    }
}
