//! The tree of a page, as the HTML standard builds it of any text.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{Attribute, LocalName, Namespace, ParseOpts, QualName, ns, parse_document};

/// How much is parsed at once.
const PART_BYTES: usize = 16 << 10;

/// A tree. Nodes are named by their place in a list, so that it is dropped without recursion, however deep it is.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    children: Vec<usize>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Element(Element),
    Text(String),
    /// The document, or what is not looked at: comments, the content of templates.
    Other,
}

/// An element.
#[derive(Debug)]
pub(crate) struct Element {
    name: QualName,
    attributes: Vec<Attribute>,
    /// The root of what a `<template>` holds, which is no part of the page.
    template: Option<usize>,
}

/// What is met on a walk through a tree.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    Enter(&'a Element),
    Text(&'a str),
    Leave(&'a Element),
}

impl Element {
    /// Whether this is the element of HTML with that name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.ns == ns!(html) && &*self.name.local == name
    }

    /// Its name; none where it is not of HTML.
    pub(crate) fn name(&self) -> Option<&str> {
        (self.name.ns == ns!(html)).then_some(&*self.name.local)
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| &*attribute.name.local == name);
        found.map(|attribute| &*attribute.value)
    }
}

impl Tree {
    /// Builds the tree, and asks from time to time whether to go on.
    pub(crate) fn parse<E>(html: &str, mut go_on: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        // Without scripts, what is in `<noscript>` is part of the page.
        let tree_builder = TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() };
        let options = ParseOpts { tree_builder, ..ParseOpts::default() };
        let mut parser = parse_document(Builder::default(), options);
        let mut rest = html;
        while !rest.is_empty() {
            go_on()?;
            let (part, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES.min(rest.len())));
            parser.process(part.into());
            rest = after;
        }
        Ok(parser.finish())
    }

    /// The elements, in the order of the page.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.walk().filter_map(|step| match step {
            Step::Enter(element) => Some(element),
            _ => None,
        })
    }

    /// All elements and texts, in the order of the page.
    pub(crate) fn walk(&self) -> impl Iterator<Item = Step<'_>> {
        let mut ahead = vec![(DOCUMENT, false)];
        std::iter::from_fn(move || {
            loop {
                let (at, leaving) = ahead.pop()?;
                let node = self.nodes.get(at)?;
                if !leaving {
                    if matches!(node.kind, Kind::Element(_)) {
                        ahead.push((at, true));
                    }
                    ahead.extend(node.children.iter().rev().map(|child| (*child, false)));
                }
                match &node.kind {
                    Kind::Element(element) if leaving => return Some(Step::Leave(element)),
                    Kind::Element(element) => return Some(Step::Enter(element)),
                    Kind::Text(text) => return Some(Step::Text(text)),
                    Kind::Other => {}
                }
            }
        })
    }

    fn add(&mut self, kind: Kind) -> usize {
        self.nodes.push(Node { parent: None, children: Vec::new(), kind });
        self.nodes.len() - 1
    }

    fn parent(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.parent
    }

    fn element(&mut self, node: usize) -> Option<&mut Element> {
        match &mut self.nodes.get_mut(node)?.kind {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    fn detach(&mut self, node: usize) {
        let Some(parent) = self.nodes.get_mut(node).and_then(|node| node.parent.take()) else { return };
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.retain(|child| *child != node);
        }
    }

    /// Puts a node, or a text, in front of the child at `index`.
    fn insert(&mut self, parent: usize, index: usize, new: NodeOrText<usize>) {
        let before =
            index.checked_sub(1).and_then(|index| self.nodes.get(parent)?.children.get(index).copied());
        let node = match new {
            NodeOrText::AppendNode(node) => node,
            NodeOrText::AppendText(text) => {
                if let Some(Kind::Text(known)) =
                    before.and_then(|before| self.nodes.get_mut(before)).map(|node| &mut node.kind)
                {
                    known.push_str(&text);
                    return;
                }
                self.add(Kind::Text(text.to_string()))
            }
        };
        self.detach(node);
        if let Some(child) = self.nodes.get_mut(node) {
            child.parent = Some(parent);
        }
        if let Some(parent) = self.nodes.get_mut(parent) {
            let index = index.min(parent.children.len());
            parent.children.insert(index, node);
        }
    }

    fn append(&mut self, parent: usize, new: NodeOrText<usize>) {
        let end = self.nodes.get(parent).map_or(0, |parent| parent.children.len());
        self.insert(parent, end, new);
    }
}

/// The place of the document's node.
const DOCUMENT: usize = 0;

/// Builds a tree as the parser says.
struct Builder(RefCell<Tree>);

impl Default for Builder {
    fn default() -> Self {
        let mut tree = Tree { nodes: Vec::new() };
        tree.add(Kind::Other);
        Self(RefCell::new(tree))
    }
}

/// The name of an element, taken out of the tree, which goes on to change.
#[derive(Debug)]
struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl TreeSink for Builder {
    type Handle = usize;
    type Output = Tree;
    type ElemName<'a> = Name;

    fn finish(self) -> Tree {
        self.0.into_inner()
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> usize {
        DOCUMENT
    }

    fn elem_name(&self, target: &usize) -> Name {
        let name = self.0.borrow_mut().element(*target).map(|element| element.name.clone());
        Name(name.unwrap_or_else(|| QualName::new(None, ns!(), LocalName::default())))
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> usize {
        let mut tree = self.0.borrow_mut();
        let template = flags.template.then(|| tree.add(Kind::Other));
        tree.add(Kind::Element(Element { name, attributes, template }))
    }

    fn create_comment(&self, _text: StrTendril) -> usize {
        self.0.borrow_mut().add(Kind::Other)
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> usize {
        self.0.borrow_mut().add(Kind::Other)
    }

    fn append(&self, parent: &usize, child: NodeOrText<usize>) {
        self.0.borrow_mut().append(*parent, child);
    }

    fn append_based_on_parent_node(&self, element: &usize, previous: &usize, child: NodeOrText<usize>) {
        let has_parent = self.0.borrow().parent(*element).is_some();
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public_id: StrTendril, _system_id: StrTendril) {}

    fn get_template_contents(&self, target: &usize) -> usize {
        self.0.borrow_mut().element(*target).and_then(|element| element.template).unwrap_or(*target)
    }

    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &usize, new: NodeOrText<usize>) {
        let mut tree = self.0.borrow_mut();
        if let NodeOrText::AppendNode(node) = &new {
            tree.detach(*node);
        }
        let Some(parent) = tree.parent(*sibling) else { return };
        let children = tree.nodes.get(parent).map(|parent| parent.children.as_slice()).unwrap_or_default();
        let index = children.iter().position(|child| child == sibling).unwrap_or(children.len());
        tree.insert(parent, index, new);
    }

    fn add_attrs_if_missing(&self, target: &usize, attributes: Vec<Attribute>) {
        let mut tree = self.0.borrow_mut();
        let Some(element) = tree.element(*target) else { return };
        for attribute in attributes {
            if !element.attributes.iter().any(|known| known.name == attribute.name) {
                element.attributes.push(attribute);
            }
        }
    }

    fn remove_from_parent(&self, target: &usize) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &usize, new_parent: &usize) {
        let mut tree = self.0.borrow_mut();
        let children = tree.nodes.get_mut(*node).map(|node| std::mem::take(&mut node.children));
        for child in children.unwrap_or_default() {
            if let Some(child) = tree.nodes.get_mut(child) {
                child.parent = None;
            }
            tree.append(*new_parent, NodeOrText::AppendNode(child));
        }
    }
}
