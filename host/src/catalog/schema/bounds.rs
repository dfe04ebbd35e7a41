//! What a schema may ask for.
//!
//! A schema is a program that its author wrote and the host runs: references that fan out make a kilobyte of it
//! take years, patterns take memory by the gigabyte, and neither can be interrupted. So its cost is worked out
//! before it is compiled. See [`Bounds`].

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::refs::{self, Anchors};
use crate::error::Violation;

/// Each of these is several times what large schemas in use have.
const MAX_NODES: usize = 10_000;
const MAX_PATTERNS: usize = 256;
/// Schemas that apply to one and the same value, through references and combinations.
const MAX_AT_ONCE: u64 = 2_000;
/// Of those, how many within one another; with the depth of values this bounds the stack.
const MAX_CHAIN: usize = 32;

/// Values nested deeper than this are not looked at; `serde_json` reads none that are.
pub(super) const MAX_DEPTH: usize = 128;

/// What was found out about a schema that may be compiled.
#[derive(Debug)]
pub(super) struct Bounds {
    /// How many schemas are evaluated along one path through a value, by the value's depth; the last one holds for
    /// all greater depths.
    cost: Vec<u64>,
    /// The schemas that have a name of their own.
    pub(super) anchors: Anchors,
    /// Whether it has `anyOf` or `oneOf`, of which every alternative is reported on.
    pub(super) alternatives: bool,
}

impl Bounds {
    /// How many schemas are evaluated along one path through a value of this depth.
    pub(super) fn cost(&self, depth: usize) -> u64 {
        self.cost.get(depth).or(self.cost.last()).copied().unwrap_or(u64::MAX)
    }

    /// Works out what a schema costs; the violations point into the schema.
    pub(super) fn of(root: &Value) -> Result<Self, Vec<Violation>> {
        let mut graph = Graph { root, nodes: Vec::new(), by_address: HashMap::new() };
        graph.add(root, String::new());
        // References can lead to schemas at places where no keyword has one, and these to others.
        let mut done = 0;
        while done < graph.nodes.len() {
            graph.follow(done)?;
            done += 1;
        }
        graph.check()?;
        let order = graph.order()?;
        let anchors = graph.anchors();
        let graph = graph.linked(&anchors)?;
        let order = if anchors.is_empty() { order } else { graph.order()? };
        Ok(Self { cost: graph.cost(&order)?, alternatives: graph.has_alternatives(), anchors })
    }
}

/// Where the value is that a schema within a schema applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the value itself.
    Same,
    /// Any child of the value.
    Any,
    /// One certain child of the value.
    One,
    /// None, unless something refers to the schema.
    Nowhere,
}

struct Node<'a> {
    schema: &'a Map<String, Value>,
    pointer: String,
    same: Vec<usize>,
    any: Vec<usize>,
    one: Vec<usize>,
}
