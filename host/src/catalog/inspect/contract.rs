//! Which version of the contract a component was built for, and whether this host speaks it.

use semver::{Comparator, Op, Version};

use crate::error::{Error, Result};

/// The package that plugins and hosts share.
const PACKAGE: &str = "cjm:plugin";

/// The interface and version in a name such as `cjm:plugin/job@0.1.0`; none for names of other packages.
pub(super) fn interface(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

/// Refuses what was built for a version that a host with version `supported` does not speak.
///
/// A host speaks its own version and those before it that semantic versioning calls compatible with it: the same
/// major version, or below 1.0 the same minor. Newer ones are refused even if compatible, for they may import
/// what this host lacks.
pub(super) fn check(file: &str, built_for: &Version, supported: &Version) -> Result<()> {
    if built_for == supported {
        return Ok(());
    }
    let (advice, word) = if built_for > supported {
        ("update the host, or build the plugin for an older version of the package", "newer than")
    } else if compatible(built_for, supported) {
        return Ok(());
    } else {
        ("build the plugin anew with a current SDK, or run it on an older host", "too old for")
    };
    Err(Error::invalid(format!(
        "`{file}` was built for {PACKAGE} {built_for}, which is {word} the {PACKAGE} {supported} of this host: {advice}"
    )))
}

fn compatible(older: &Version, newer: &Version) -> bool {
    let caret = Comparator {
        op: Op::Caret,
        major: older.major,
        minor: Some(older.minor),
        patch: Some(older.patch),
        pre: older.pre.clone(),
    };
    caret.matches(newer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(built_for: &str, supported: &str) -> std::result::Result<(), String> {
        check("a.wasm", &built_for.parse().unwrap(), &supported.parse().unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn speaks_its_own_version_and_compatible_ones_before_it() {
        for (built_for, supported) in [
            ("0.1.0", "0.1.0"),
            ("0.1.0", "0.1.5"),
            ("1.2.0", "1.3.1"),
            ("1.0.0", "1.9.0"),
            ("0.2.0-rc.1", "0.2.0-rc.1"),
        ] {
            assert_eq!(outcome(built_for, supported), Ok(()), "{built_for} on {supported}");
        }
    }

    #[test]
    fn names_both_versions_and_a_way_out() {
        assert_eq!(
            outcome("0.2.0", "0.1.0").unwrap_err(),
            "`a.wasm` was built for cjm:plugin 0.2.0, which is newer than the cjm:plugin 0.1.0 of this host: update \
             the host, or build the plugin for an older version of the package"
        );
        assert!(outcome("0.1.1", "0.1.0").unwrap_err().contains("newer than"));
        assert!(outcome("0.1.9", "0.2.0").unwrap_err().contains("too old for"));
        assert!(outcome("1.4.0", "2.0.0").unwrap_err().contains("build the plugin anew"));
        assert!(outcome("0.2.0-rc.1", "0.2.0-rc.2").is_ok());
        assert!(outcome("0.2.0", "0.2.0-rc.2").is_err());
    }

    #[test]
    fn reads_interface_and_version_out_of_a_name() {
        assert_eq!(interface("cjm:plugin/job@0.1.0"), Some(("job", "0.1.0")));
        assert_eq!(interface("cjm:plugin/job"), Some(("job", "")));
        assert_eq!(interface("cjm:plugins/job@0.1.0"), None);
        assert_eq!(interface("wasi:cli/run@0.2.0"), None);
    }
}
