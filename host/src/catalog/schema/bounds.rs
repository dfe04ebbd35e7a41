//! What a schema may ask for.
//!
//! A schema is a program that a plugin's author wrote and the host runs: a kilobyte of references that fan out
//! runs for years, patterns take memory by the gigabyte, and neither can be interrupted. So what a schema costs is
//! worked out before it is compiled, and what reporting on a value costs before it is done.

use serde_json::Value;

use super::graph::{Graph, violation};
use super::refs::Anchors;
use crate::error::Violation;

/// Each of these is several times what large schemas in use have.
pub(super) const MAX_SCHEMAS: usize = 10_000;
const MAX_PATTERNS: usize = 256;
/// Schemas that apply to one and the same value, through references and combinations.
const MAX_AT_ONCE: u64 = 2_000;
/// How many of those may be within one another; with the depth of values this bounds the stack.
const MAX_CHAIN: usize = 32;

/// Values nested deeper than this are refused, as by `serde_json` where they are text.
pub(super) const MAX_DEPTH: usize = 128;

/// What was found out about a schema that may be compiled.
pub(super) struct Bounds {
    /// How many schemas are evaluated along one path through a value, by the value's depth. The last one holds for
    /// all greater depths.
    cost: Vec<u64>,
    /// Where the schemas are that have a name.
    pub(super) anchors: Anchors,
    /// Whether there is an `anyOf` or `oneOf`, all alternatives of which are reported on.
    pub(super) alternatives: bool,
}

impl Bounds {
    /// Works out what a schema costs; the violation points into the schema.
    pub(super) fn of(schema: &Value) -> Result<Self, Violation> {
        let graph = Graph::of(schema, MAX_SCHEMAS)?;
        check_patterns(&graph)?;
        let order = innermost_first(&graph)?;
        let cost = cost(&graph, &order)?;
        let alternatives = graph
            .nodes
            .iter()
            .any(|node| node.schema.contains_key("anyOf") || node.schema.contains_key("oneOf"));
        Ok(Self { cost, anchors: graph.anchors, alternatives })
    }

    /// How many schemas are evaluated along one path through a value of this depth.
    pub(super) fn cost(&self, depth: usize) -> u64 {
        self.cost.get(depth).or(self.cost.last()).copied().unwrap_or(u64::MAX)
    }
}

fn check_patterns(graph: &Graph<'_>) -> Result<(), Violation> {
    let patterns = graph.nodes.iter().map(|node| {
        let by_pattern = node.schema.get("patternProperties").and_then(Value::as_object);
        usize::from(node.schema.contains_key("pattern")) + by_pattern.map_or(0, serde_json::Map::len)
    });
    match patterns.sum::<usize>() {
        0..=MAX_PATTERNS => Ok(()),
        more => Err(violation("", format!("has {more} patterns; at most {MAX_PATTERNS} are allowed"))),
    }
}

/// Orders the schemas so that each comes after those that it applies to the same value.
fn innermost_first(graph: &Graph<'_>) -> Result<Vec<usize>, Violation> {
    #[derive(Clone, Copy)]
    enum State {
        New,
        Open,
        /// With how many schemas are within one another from here.
        Done(usize),
    }
    let mut states = vec![State::New; graph.nodes.len()];
    let mut order = Vec::with_capacity(graph.nodes.len());
    // Without recursion, since chains are what is to be bounded here.
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for start in 0..graph.nodes.len() {
        stack.push((start, 0));
        while let Some((index, child)) = stack.pop() {
            let (Some(node), Some(state)) = (graph.nodes.get(index), states.get_mut(index)) else { continue };
            if child == 0 {
                match state {
                    State::New => *state = State::Open,
                    State::Done(_) => continue,
                    State::Open => {
                        return Err(violation(&node.pointer, "refers to itself for one and the same value"));
                    }
                }
            }
            if let Some(next) = node.same.get(child) {
                stack.push((index, child + 1));
                stack.push((*next, 0));
                continue;
            }
            let below = node.same.iter().filter_map(|next| match states.get(*next) {
                Some(State::Done(chain)) => Some(*chain),
                _ => None,
            });
            let chain = 1 + below.max().unwrap_or(0);
            if chain > MAX_CHAIN {
                return Err(violation(
                    &node.pointer,
                    format!("leads through more than {MAX_CHAIN} references and combinations for one value"),
                ));
            }
            if let Some(state) = states.get_mut(index) {
                *state = State::Done(chain);
            }
            order.push(index);
        }
    }
    Ok(order)
}

/// See [`Bounds::cost`].
fn cost(graph: &Graph<'_>, order: &[usize]) -> Result<Vec<u64>, Violation> {
    let mut of_root = Vec::new();
    // What each schema costs on values of the depth before, and of this depth.
    let mut before = vec![0_u64; graph.nodes.len()];
    for depth in 0..=MAX_DEPTH {
        let mut now = before.clone();
        for index in order {
            let Some(node) = graph.nodes.get(*index) else { continue };
            let of = |costs: &[u64], schema: &usize| costs.get(*schema).copied().unwrap_or(0);
            let sum = |costs: &[u64], schemas: &[usize]| {
                schemas.iter().fold(0_u64, |sum, schema| sum.saturating_add(of(costs, schema)))
            };
            let mut same = sum(&now, &node.same);
            // To learn what was left over, everything is evaluated again.
            if node.leftovers {
                same = same.saturating_mul(2);
            }
            let one = node.one.iter().map(|schema| of(&before, schema)).max().unwrap_or(0);
            let total = same.saturating_add(sum(&before, &node.any)).saturating_add(one).saturating_add(1);
            if depth == 0 && total > MAX_AT_ONCE {
                return Err(violation(
                    &node.pointer,
                    format!("applies more than {MAX_AT_ONCE} schemas to one and the same value"),
                ));
            }
            if let Some(cost) = now.get_mut(*index) {
                *cost = total;
            }
        }
        of_root.push(now.first().copied().unwrap_or(0));
        if now == before {
            break;
        }
        before = now;
    }
    Ok(of_root)
}
