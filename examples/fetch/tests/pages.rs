//! What is read out of a page: its text, its title, its links, whatever it is written in.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use cjm_guest::{Error, Job};
use fetch::{Link, Page, decode};
use url::Url;

fn read(html: &str) -> Page {
    Page::read(html, &Url::parse("https://example.org/a/b?c").unwrap(), &Job::for_test()).unwrap()
}

fn links(html: &str) -> Vec<(String, String)> {
    read(html).links.into_iter().map(|Link { url, text }| (url, text)).collect()
}

#[test]
fn a_page_is_its_title_its_lines_and_its_links() {
    let page = read(
        "<!doctype html><html><head><title> A &amp;\n B </title><style>p { color: red }</style></head>
         <body><script>document.write('<p>no</p>')</script><h1>Head<em>ing</em></h1>
         <p>One,   two&nbsp;three.<br>Next &lt;line&gt;.</p><ul><li>first<li>second</ul>
         <table><tr><td>1<td>2</table><pre>a\n  b</pre><!-- no -->
         <p>See <a href=\"/more\">more <b>of it</b></a>!</body></html>",
    );
    assert_eq!(page.title.as_deref(), Some("A & B"));
    assert_eq!(
        page.text,
        "Heading\nOne, two\u{a0}three.\nNext <line>.\nfirst\nsecond\n1 2\na\n  b\nSee more of it!"
    );
    let more = Link { url: "https://example.org/more".into(), text: "more of it".into() };
    assert_eq!(page.links, [more]);
}

#[test]
fn what_is_not_shown_is_not_read() {
    let page = read(
        "<svg><title>drawing</title><text>no</text></svg><template><p>no <a href=/no>no</a></template>
         <noscript>without scripts</noscript><textarea>typed</textarea><iframe>no</iframe>",
    );
    assert_eq!((page.title, page.text.as_str()), (None, "without scripts typed"));
    assert!(page.links.is_empty());
}

#[test]
fn links_are_whole_and_there_once() {
    let found = links(
        r##"<base href="/base/"><a href="one">1</a> <a href="one#part">again</a> <a href=" ../two ">2</a>
        <a href="//other.org">3</a> <area href="map"> <a href="/a/b?c#here">no</a>
        <a href="mailto:a@b.c">no</a> <a href="javascript:void(0)">no</a> <a href="https://[bad">no</a> <a>no</a>
        <a href="picture"><img alt="a cat" src=x></a>"##,
    );
    let expected = [
        ("https://example.org/base/one", "1"),
        ("https://example.org/two", "2"),
        ("https://other.org/", "3"),
        ("https://example.org/base/map", ""),
        ("https://example.org/base/picture", "a cat"),
    ];
    assert_eq!(found, expected.map(|(url, text)| (url.to_owned(), text.to_owned())));
    assert!(links("<a href='#top'>top</a><a href='?c'>this very page</a>").is_empty());
}

#[test]
fn there_is_no_text_that_is_not_a_page() {
    for (html, text) in [
        ("", ""),
        ("plain", "plain"),
        ("<p>unclosed <b>bold<p>next", "unclosed bold\nnext"),
        ("<table>stray<tr><td>cell", "stray\ncell"),
        ("</p></div><a href=x", ""),
        ("<a><a><b><table><a>b</a></table>", "b"),
        ("\u{0}\u{fffd}<x-y>z", "\u{fffd}z"),
    ] {
        assert_eq!(read(html).text, text, "{html}");
    }
}

#[test]
fn a_page_that_is_nested_without_end_is_read_and_dropped() {
    let deep = "<div>".repeat(5_000) + "bottom";
    assert_eq!(read(&deep).text, "bottom");
}

#[test]
fn reading_a_page_can_be_cancelled() {
    let job = Job::for_test();
    job.cancel_after(3);
    let url = Url::parse("https://example.org").unwrap();
    assert_eq!(Page::read(&"<p>word".repeat(100_000), &url, &job), Err(Error::Cancelled));
}

#[test]
fn text_is_decoded_as_the_page_or_its_server_says() {
    let latin = b"caf\xe9 \x80";
    let cyrillic = b"\xcf\xf0\xe8\xe2\xe5\xf2";
    assert_eq!(decode("grün".as_bytes(), None), "grün");
    assert_eq!(decode(latin, None), "café €");
    assert_eq!(decode(latin, Some("text/html; charset=ISO-8859-1")), "café €");
    assert_eq!(decode(cyrillic, Some("text/html;Charset=\"windows-1251\"")), "Привет");
    assert_eq!(decode(b"\xff\xfea\0b\0", Some("text/html; charset=utf-8")), "ab");
    assert_eq!(decode(b"\xef\xbb\xbfa\xc3\xa9", Some("text/html; charset=windows-1252")), "aé");
    assert_eq!(decode(b"a\xffb", Some("text/plain; charset=utf-8")), "a\u{fffd}b");
    for meta in [
        "<meta charset=windows-1251>",
        "<META http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1251\">",
    ] {
        let page = [b"<html><head>", meta.as_bytes(), cyrillic].concat();
        assert!(decode(&page, Some("text/html")).ends_with("Привет"), "{meta}");
    }
    assert!(decode(b"<meta charset=utf-16>\xc3\xa9", None).ends_with('é'));
}
