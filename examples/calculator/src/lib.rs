//! A calculator: the smallest of the example plugins.

use cjm_guest::{Error, NoConfig, Plugin, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod expression;

/// The plugin. It keeps nothing between calls.
#[derive(Debug)]
pub struct Calculator;

/// Two numbers to calculate with.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operands {
    /// The number on the left.
    pub a: f64,
    /// The number on the right.
    pub b: f64,
}

/// A calculation as one writes it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expression {
    /// Numbers, `+ - * / ^`, parentheses, `sqrt(…)`, `abs(…)`, `pi` and `e`, for example `2*(3+4)`.
    #[schemars(length(min = 1, max = 1000))]
    pub expression: String,
}

impl Plugin for Calculator {
    type Config = NoConfig;
    const CATEGORY: Option<&'static str> = Some("calculation");
    const DOMAIN: Option<&'static str> = Some("mathematics");

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

#[cjm_guest::actions]
impl Calculator {
    /// Adds two numbers: a + b.
    fn add(&self, Operands { a, b }: Operands) -> Result<f64> {
        finite(a + b, &["/a", "/b"])
    }

    /// Subtracts the second number from the first: a - b.
    fn subtract(&self, Operands { a, b }: Operands) -> Result<f64> {
        finite(a - b, &["/a", "/b"])
    }

    /// Multiplies two numbers: a * b.
    fn multiply(&self, Operands { a, b }: Operands) -> Result<f64> {
        finite(a * b, &["/a", "/b"])
    }

    /// Divides the first number by the second: a / b. Dividing by zero is an error.
    fn divide(&self, Operands { a, b }: Operands) -> Result<f64> {
        if b == 0.0 {
            return Err(Error::invalid_field("/b", "division by zero"));
        }
        finite(a / b, &["/a", "/b"])
    }

    /// Works out a written expression, for example "2*(3+4)".
    fn evaluate(&self, input: Expression) -> Result<f64> {
        let result = expression::evaluate(&input.expression)
            .map_err(|message| Error::invalid_field("/expression", message))?;
        finite(result, &["/expression"])
    }
}

/// JSON has no infinity and no "not a number".
fn finite(result: f64, fields: &[&str]) -> Result<f64> {
    if result.is_finite() {
        Ok(result)
    } else {
        Err(Error::invalid_fields(fields.iter().copied(), "the result is not a finite number"))
    }
}
