//! From values to an action's types and back.

use crate::error::{Error, Result};
use crate::value::{Input, Output, Value};

/// What an action returns, taken apart: the macro knows the type only by its name.
#[diagnostic::on_unimplemented(
    message = "an action gives a `Result`, not `{Self}`",
    label = "not a `Result`",
    note = "the error is `cjm_guest::Error`, or a type that is `Into<cjm_guest::Error>`; see also `ResultExt`"
)]
pub trait ActionResult {
    /// The good case.
    type Output;

    /// The result with the SDK's error.
    fn into_result(self) -> Result<Self::Output>;
}

impl<T, E: Into<Error>> ActionResult for Result<T, E> {
    type Output = T;

    fn into_result(self) -> Result<T> {
        self.map_err(Into::into)
    }
}

/// Makes an action's input.
pub fn decode<T: Input>(input: Value) -> Result<T> {
    T::from_value(input)
}

/// Makes a value of what an action gave.
pub fn encode<R>(result: R) -> Result<Value>
where
    R: ActionResult,
    R::Output: Output,
{
    result.into_result()?.into_value()
}

/// The answer to a call of an action that there is none of.
#[cold]
pub fn unknown_action(name: &str, known: &[&str]) -> Error {
    if known.is_empty() {
        return Error::invalid(format!("there is no action `{name}`: this plugin has none"));
    }
    Error::invalid(format!("there is no action `{name}`; there are: {}", known.join(", ")))
}
