//! Written arithmetic, by the usual precedence: `^` binds tighter than a sign, a sign tighter than `*` and `/`, those
//! tighter than `+` and `-`; only `^` groups from the right.

use winnow::ascii::{alpha1, digit0, digit1, multispace0};
use winnow::combinator::{Infix, Prefix, alt, cut_err, delimited, expression, fail, opt, preceded};
use winnow::error::{ErrMode, ModalResult, ParserError};
use winnow::prelude::*;
use winnow::stream::Stateful;
use winnow::token::{any, one_of};

/// How many parentheses may be open, with the signs and powers so far: each can take a level of the stack.
const MAX_DEPTH: u32 = 100;

/// The text, and the depth so far.
type Input<'a> = Stateful<&'a str, u32>;

type Parsed<T> = ModalResult<T, Mistake>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    Syntax,
    UnknownName,
    DivisionByZero,
    TooDeep,
}

impl<'a> ParserError<Input<'a>> for Mistake {
    type Inner = Self;

    fn from_input(_: &Input<'a>) -> Self {
        Self::Syntax
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// The value of an expression, or what is wrong with it. The value may be infinite or no number.
pub(crate) fn evaluate(text: &str) -> Result<f64, String> {
    let input = Stateful { input: text, state: 0 };
    sum.parse(input).map_err(|error| {
        let (before, rest) = text.split_at_checked(error.offset()).unwrap_or((text, ""));
        let place = before.chars().count() + 1;
        match (error.inner(), rest.chars().next()) {
            (Mistake::DivisionByZero, _) => "division by zero".to_owned(),
            (Mistake::TooDeep, _) => format!("nested more than {MAX_DEPTH} levels deep"),
            (Mistake::UnknownName, _) => {
                format!("unknown name at character {place}: there are sqrt, abs, pi and e")
            }
            (Mistake::Syntax, Some(found)) => format!("did not expect `{found}` at character {place}"),
            (Mistake::Syntax, None) => "the expression ends too early".to_owned(),
        }
    })
}

fn sum(input: &mut Input<'_>) -> Parsed<f64> {
    delimited(multispace0, expression(operand).prefix(sign).infix(operator), multispace0).parse_next(input)
}

fn operand(input: &mut Input<'_>) -> Parsed<f64> {
    preceded(multispace0, alt((number, parentheses, named))).parse_next(input)
}

fn number(input: &mut Input<'_>) -> Parsed<f64> {
    let fraction = ('.', digit1).void();
    let mantissa = alt(((digit1, opt(('.', digit0))).void(), fraction));
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit1);
    (mantissa, opt(exponent)).take().parse_to().parse_next(input)
}

fn parentheses(input: &mut Input<'_>) -> Parsed<f64> {
    '('.parse_next(input)?;
    deeper(input)?;
    let value = cut_err(sum).parse_next(input)?;
    cut_err(')').parse_next(input)?;
    input.state -= 1;
    Ok(value)
}

fn named(input: &mut Input<'_>) -> Parsed<f64> {
    let name: &str = alpha1.parse_next(input)?;
    let function: fn(f64) -> f64 = match name.to_ascii_lowercase().as_str() {
        "pi" => return Ok(std::f64::consts::PI),
        "e" => return Ok(std::f64::consts::E),
        "sqrt" => f64::sqrt,
        "abs" => f64::abs,
        _ => return Err(ErrMode::Cut(Mistake::UnknownName)),
    };
    preceded(multispace0, cut_err(parentheses)).map(function).parse_next(input)
}

fn sign<'a>(input: &mut Input<'a>) -> Parsed<Prefix<Input<'a>, f64, ErrMode<Mistake>>> {
    let sign = preceded(multispace0, one_of(['+', '-'])).parse_next(input)?;
    deeper(input)?;
    Ok(if sign == '-' { Prefix(5, |_, a| Ok(-a)) } else { Prefix(5, |_, a| Ok(a)) })
}

fn operator<'a>(input: &mut Input<'a>) -> Parsed<Infix<Input<'a>, f64, ErrMode<Mistake>>> {
    match preceded(multispace0, any).parse_next(input)? {
        '+' => Ok(Infix::Left(1, |_, a, b| Ok(a + b))),
        '-' => Ok(Infix::Left(1, |_, a, b| Ok(a - b))),
        '*' => Ok(Infix::Left(3, |_, a, b| Ok(a * b))),
        '/' => {
            Ok(Infix::Left(
                3,
                |_, a, b| {
                    if b == 0.0 { Err(ErrMode::Cut(Mistake::DivisionByZero)) } else { Ok(a / b) }
                },
            ))
        }
        '^' => {
            deeper(input)?;
            Ok(Infix::Right(7, |_, a, b| {
                // Zero to a negative power divides by zero too.
                if a == 0.0 && b < 0.0 { Err(ErrMode::Cut(Mistake::DivisionByZero)) } else { Ok(a.powf(b)) }
            }))
        }
        _ => fail.parse_next(input),
    }
}

fn deeper(input: &mut Input<'_>) -> Parsed<()> {
    input.state += 1;
    if input.state > MAX_DEPTH { Err(ErrMode::Cut(Mistake::TooDeep)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn follows_precedence() {
        for (text, value) in [
            ("2*(3+4)", 14.0),
            (" 1 + 2 * 3 ", 7.0),
            ("2-3-4", -5.0),
            ("2^3^2", 512.0),
            ("-2^2", -4.0),
            ("2^-1", 0.5),
            ("2*-3", -6.0),
            ("--3", 3.0),
            ("1.5e3 + .5", 1500.5),
            ("sqrt(16) + abs(-1)", 5.0),
            ("8/4/2", 1.0),
        ] {
            assert_eq!(evaluate(text), Ok(value), "{text}");
        }
        assert_eq!(evaluate("2*PI"), Ok(std::f64::consts::TAU));
    }

    #[test]
    fn says_what_it_did_not_understand() {
        for (text, message) in [
            ("1+", "the expression ends too early"),
            ("(1", "the expression ends too early"),
            ("1 + * 2", "did not expect `*` at character 5"),
            ("1 2", "did not expect `2` at character 3"),
            ("ä", "did not expect `ä` at character 1"),
            ("rm(1)", "unknown name"),
        ] {
            let error = evaluate(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn division_by_zero_is_found_wherever_it_is() {
        for text in ["1/0", "1/(2-2)", "1/(1/0)", "0^-1"] {
            assert_eq!(evaluate(text), Err("division by zero".to_owned()), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        for text in ["(".repeat(1000), "-".repeat(1000), "2^".repeat(500)] {
            assert_eq!(evaluate(&text), Err("nested more than 100 levels deep".to_owned()));
        }
        let wide = vec!["(1)"; 300].join("+");
        assert_eq!(evaluate(&wide), Ok(300.0));
    }
}
