//! JSON in and out, and input that is refused.

use anyhow::{Result, bail, ensure};
use cjm_host::{Category, Error};
use serde_json::json;

use crate::Stage;

pub(crate) async fn play(stage: &Stage) -> Result<String> {
    stage.screen.title("Numbers: the plugin `calculator`");
    let calculator = stage.host.load(stage.plugin("calculator")).await?;
    stage.screen.line(&format!("loaded {}", calculator.digest()));

    let expression = "2 * (3 + 4) ^ 2 / sqrt(49)";
    let result: f64 = calculator.execute("evaluate", json!({ "expression": expression })).await?.to()?;
    stage.screen.line(&format!("{expression} = {result}"));
    ensure!(result == 14.0, "{expression} is 14, not {result}");

    let Err(error) = calculator.execute("divide", json!({ "a": 1, "b": 0 })).await else {
        bail!("1 / 0 had a result");
    };
    stage.screen.line(&format!("1 / 0: {}: {}", error.category(), one_line(&error)));
    ensure!(error.category() == Category::InvalidInput, "1 / 0 was not told to be invalid input");

    let Err(error) = calculator.execute("add", json!({ "a": "one", "c": 2 })).await else {
        bail!("\"one\" was added to something");
    };
    for violation in error.violations() {
        stage.screen.line(&format!("add {{\"a\": \"one\", \"c\": 2}}: {violation}"));
    }
    let at_fault = |pointer| error.violations().iter().any(|violation| violation.pointer == pointer);
    ensure!(["/a", "/b", "/c"].into_iter().all(at_fault), "not every violation was told");
    Ok("an expression worked out; a division by zero and a wrong input refused, with the fields at fault"
        .into())
}

fn one_line(error: &Error) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
