//! What the types in an action's signature mean. A macro sees their names only, which is what the rules are made of.

use syn::spanned::Spanned;
use syn::{
    AssocType, Error, GenericArgument, PathArguments, PathSegment, Result, ReturnType, Type, TypeParamBound,
};

/// A parameter after `&self`.
pub(crate) enum Parameter {
    Job,
    Input(Type),
    /// Takes items of this type.
    Sender(Type),
}

impl Parameter {
    pub(crate) fn of(ty: &Type) -> Result<Self> {
        if let Type::Reference(reference) = ty {
            if last_segment(&reference.elem).is_some_and(|segment| segment.ident == "Job") {
                return match reference.mutability {
                    None => Ok(Self::Job),
                    Some(_) => Err(Error::new(ty.span(), "the job is taken as `&Job`")),
                };
            }
            return Err(Error::new(
                ty.span(),
                "an action owns its input: take it by value; only the job is a reference, `&Job`",
            ));
        }
        match last_segment(ty) {
            Some(segment) if segment.ident == "Job" => {
                Err(Error::new(ty.span(), "the job is taken by reference: `&Job`"))
            }
            Some(segment) if segment.ident == "Sender" => match first_type(segment) {
                Some(item) => Ok(Self::Sender(item.clone())),
                None => Err(Error::new(ty.span(), "say what is sent: `Sender<Item>`")),
            },
            _ => Ok(Self::Input(ty.clone())),
        }
    }
}

/// What an action returns.
pub(crate) enum Return {
    /// `Result<T>` or an alias of it, the whole type.
    One(Type),
    /// `impl Iterator<Item = …>`
    Iterator(Several),
    /// `impl Stream<Item = …>`
    Stream(Several),
}

pub(crate) struct Several {
    /// The type of an item, a `Result`.
    pub(crate) item: Type,
    /// Whether the whole is inside a `Result`.
    pub(crate) in_result: bool,
}

const RETURNS: &str =
    "an action returns `Result<T>`, `impl Iterator<Item = Result<T>>` or `impl Stream<Item = Result<T>>`";

impl Return {
    pub(crate) fn of(output: &ReturnType, name: &syn::Ident) -> Result<Self> {
        let ReturnType::Type(_, ty) = output else {
            return Err(Error::new(
                name.span(),
                format!("{RETURNS}; where there is nothing to give, `Result<()>`"),
            ));
        };
        if let Some(several) = Self::several(ty, false)? {
            return Ok(several);
        }
        // `Result`, or an alias of it: what is none is found out by the types.
        let inner = last_segment(ty).and_then(first_type);
        match inner.map(|inner| Self::several(inner, true)).transpose()?.flatten() {
            Some(several) => Ok(several),
            None => Ok(Self::One((**ty).clone())),
        }
    }

    fn several(ty: &Type, in_result: bool) -> Result<Option<Self>> {
        let Type::ImplTrait(opaque) = ty else {
            return Ok(None);
        };
        for bound in &opaque.bounds {
            let TypeParamBound::Trait(bound) = bound else { continue };
            let Some(segment) = bound.path.segments.last() else { continue };
            let streams = segment.ident == "Stream";
            if !streams && segment.ident != "Iterator" && segment.ident != "DoubleEndedIterator" {
                continue;
            }
            let Some(item) = item_type(segment) else {
                return Err(Error::new(
                    segment.span(),
                    format!("say what it gives: `{}<Item = Result<T>>`", segment.ident),
                ));
            };
            let several = Several { item: item.clone(), in_result };
            return Ok(Some(if streams { Self::Stream(several) } else { Self::Iterator(several) }));
        }
        Err(Error::new(ty.span(), RETURNS))
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Paren(inner) => last_segment(&inner.elem),
        Type::Group(inner) => last_segment(&inner.elem),
        _ => None,
    }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn item_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ident, ty, .. }) if ident == "Item" => Some(ty),
        _ => None,
    })
}
