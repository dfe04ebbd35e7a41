//! One method, understood as an action.

use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, ImplItemFn, Lit, LitBool, LitStr, Meta, Result, Type,
};

use crate::signature::{Parameter, Return};

pub(crate) struct Action {
    pub(crate) method: Ident,
    pub(crate) name: LitStr,
    pub(crate) description: String,
    pub(crate) idempotent: bool,
    /// In the order in which the method takes them.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) is_async: bool,
    pub(crate) gives: Return,
}

impl Action {
    /// Reads the method, and takes the attribute that is ours from it.
    pub(crate) fn of(method: &mut ImplItemFn) -> Result<Self> {
        let signature = &method.sig;
        if let Some(parameter) = signature.generics.params.first() {
            return Err(Error::new(
                parameter.span(),
                "an action has no generic parameters: hosts call it by name, with JSON",
            ));
        }
        check_receiver(method)?;
        let mut parameters = Vec::new();
        for argument in method.sig.inputs.iter().skip(1) {
            let FnArg::Typed(argument) = argument else { continue };
            let parameter = Parameter::of(&argument.ty)?;
            let twice = parameters
                .iter()
                .any(|other| std::mem::discriminant(other) == std::mem::discriminant(&parameter));
            if twice {
                let message = match parameter {
                    Parameter::Input(_) => "an action takes one input: put its arguments into a struct",
                    Parameter::Job => "an action takes the job once",
                    Parameter::Sender(_) => "an action takes one `Sender`",
                };
                return Err(Error::new(argument.span(), message));
            }
            parameters.push(parameter);
        }
        let signature = &method.sig;
        let gives = Return::of(&signature.output, &signature.ident)?;
        let is_async = signature.asyncness.is_some();
        let action = Self {
            method: signature.ident.clone(),
            name: LitStr::new(
                &syn::ext::IdentExt::unraw(&signature.ident).to_string(),
                signature.ident.span(),
            ),
            description: String::new(),
            idempotent: true,
            parameters,
            is_async,
            gives,
        };
        if action.sender().is_some() {
            if !is_async {
                return Err(Error::new(
                    signature.span(),
                    "an action that takes a `Sender` is an `async fn`: sending waits for the reader",
                ));
            }
            if !matches!(action.gives, Return::One(_)) {
                return Err(Error::new(
                    signature.output.span(),
                    "an action that takes a `Sender` returns `Result<()>`",
                ));
            }
        }
        action.with_attributes(&mut method.attrs)
    }

    fn with_attributes(mut self, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let ours: Vec<_> =
            attributes.extract_if(.., |attribute| attribute.path().is_ident("action")).collect();
        self.description = doc_comment(attributes);
        for attribute in ours {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    self.name = meta.value()?.parse()?;
                } else if meta.path.is_ident("description") {
                    self.description = meta.value()?.parse::<LitStr>()?.value();
                } else if meta.path.is_ident("idempotent") {
                    self.idempotent = meta.value()?.parse::<LitBool>()?.value();
                } else {
                    let expected = "expected `name = \"…\"`, `description = \"…\"` or `idempotent = false`";
                    return Err(meta.error(expected));
                }
                Ok(())
            })?;
        }
        let name = self.name.value();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(Error::new(
                self.name.span(),
                "an action's name is 1 to 64 characters of `[A-Za-z0-9_-]`",
            ));
        }
        Ok(self)
    }

    pub(crate) fn input(&self) -> Option<&Type> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Input(ty) => Some(ty),
            _ => None,
        })
    }

    pub(crate) fn sender(&self) -> Option<&Type> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Sender(item) => Some(item),
            _ => None,
        })
    }

    pub(crate) fn streams(&self) -> bool {
        self.sender().is_some() || !matches!(self.gives, Return::One(_))
    }

    /// Whether the action can only be run by awaiting.
    pub(crate) fn awaits(&self) -> bool {
        self.is_async || matches!(self.gives, Return::Stream(_))
    }
}

fn check_receiver(method: &ImplItemFn) -> Result<()> {
    let Some(FnArg::Receiver(receiver)) = method.sig.inputs.first() else {
        return Err(Error::new(
            method.sig.ident.span(),
            "an action takes `&self`; a function that is no action goes into an `impl` block of its own",
        ));
    };
    let borrowed = receiver.reference.is_some() && receiver.colon_token.is_none();
    if !borrowed {
        return Err(Error::new(receiver.span(), "an action takes `&self`: the plugin outlives the call"));
    }
    if receiver.mutability.is_some() {
        return Err(Error::new(
            receiver.span(),
            "an action takes `&self`, since calls can overlap: keep what changes in a `Cell` or a `RefCell`",
        ));
    }
    Ok(())
}

/// The lines of a doc comment, with the space after the slashes taken off.
fn doc_comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
            }
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
